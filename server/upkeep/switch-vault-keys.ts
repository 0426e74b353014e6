/** The moment from which new seals are under another version: the deployment's own keys, all of them in one transaction. */
import { ask, type Transaction } from '../database/connection.ts'
import { VAULT_KEYS } from './columns-under-master.ts'

/** @throws EnvelopeRefused, MasterKeyProblem, and then nothing has changed */
export async function switchVaultKeys(version: number, transaction: Transaction): Promise<void> {
  const rows = await ask<{ name: string; keyWrapped: Buffer }>(
    'SELECT name, key_wrapped FROM vault_keys WHERE key_wrapped IS NOT NULL FOR UPDATE',
    [],
    transaction,
  )
  for (const { name, keyWrapped } of rows)
    await ask(
      'UPDATE vault_keys SET key_wrapped = $2 WHERE name = $1 RETURNING name',
      [name, VAULT_KEYS.reseal({ name }, keyWrapped, version)],
      transaction,
    )
}
