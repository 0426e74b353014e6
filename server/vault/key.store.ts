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

/** The version of the master key that new seals are made under: the one that the deployment's own keys rest under. Undefined before the first start. */
export async function findWrittenVersion(transaction?: Transaction): Promise<number | undefined> {
  const [row] = await ask<{ head: Buffer }>(
    'SELECT substring(key_wrapped from 1 for 4) AS head FROM vault_keys WHERE key_wrapped IS NOT NULL ORDER BY 1 DESC LIMIT 1',
    [],
    transaction,
  )
  return row?.head.readUInt32BE(0)
}
