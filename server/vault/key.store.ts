import { table } from '../database/table.ts'

/** A key of the deployment (directory, lookup, pepper …), sealed under the master key. */
export interface VaultKey {
  name: string
  keyWrapped: Buffer
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
