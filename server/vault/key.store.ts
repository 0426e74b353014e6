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
