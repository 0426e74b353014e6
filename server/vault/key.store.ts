import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

/** A key of the deployment (directory, lookup, pepper …), sealed under the master key; null once it was taken off the server. */
export interface VaultKey {
  name: string
  keyWrapped: Buffer | null
  publicHalf: Buffer | null
  publicMac: Buffer | null
  createdAt: Date
}

export const vaultKeys = table<VaultKey>('vault_keys', {
  name: 'text key',
  keyWrapped: 'bytea',
  publicHalf: 'bytea',
  publicMac: 'bytea',
  createdAt: 'timestamptz',
})

/** One of the deployment's own keys, of those that rest under the newest version. */
export interface WrittenKey {
  name: string
  keyWrapped: Buffer
  version: number
}

/** Undefined before the first start. */
export async function findWrittenKey(transaction?: Transaction): Promise<WrittenKey | undefined> {
  const [row] = await ask<{ name: string; keyWrapped: Buffer }>(
    'SELECT name, key_wrapped FROM vault_keys WHERE key_wrapped IS NOT NULL ORDER BY substring(key_wrapped from 1 for 4) DESC, name LIMIT 1',
    [],
    transaction,
  )
  return row && { ...row, version: row.keyWrapped.readUInt32BE(0) }
}

/** The version of the master key that new seals are made under: the one that the deployment's own keys rest under. Undefined before the first start. */
export async function findWrittenVersion(transaction?: Transaction): Promise<number | undefined> {
  return (await findWrittenKey(transaction))?.version
}
