import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'
import type { StoredPassword } from './password.ts'

/** What an active account signs in with. */
export interface Credential extends StoredPassword {
  accountId: string
  totpSecret: string
  totpLastStep: number
}

interface CredentialRow extends StoredPassword {
  accountId: string
  totpSecretSealed: Buffer
  totpLastStep: number
  changedAt: Date
}

const credentials = table<CredentialRow>('credentials', {
  accountId: 'uuid key',
  passwordSalt: 'bytea',
  passwordParameters: 'text',
  passwordVerifier: 'bytea',
  totpSecretSealed: 'bytea',
  totpLastStep: 'bigint',
  changedAt: 'timestamptz',
})

export async function insertCredential(credential: Credential, now: Date, transaction: Transaction): Promise<void> {
  const { totpSecret, ...rest } = credential
  await credentials.insert(
    { ...rest, totpSecretSealed: sealField(`account/${rest.accountId}/totp`, totpSecret), changedAt: now },
    transaction,
  )
}

export async function findCredential(accountId: string): Promise<Credential | undefined> {
  const row = await credentials.find({ accountId })
  if (!row) return undefined
  const { totpSecretSealed, changedAt: _, ...rest } = row
  return {
    ...rest,
    totpLastStep: Number(row.totpLastStep),
    totpSecret: unsealField(`account/${accountId}/totp`, totpSecretSealed),
  }
}

export async function storePassword(
  accountId: string,
  stored: StoredPassword,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await credentials.update({ ...stored, changedAt: now }, { accountId }, transaction)
}

/** Uses up a step: a compare-and-set, so that of any number of requests with one code, on any number of processes, one wins. */
export async function spendStep(accountId: string, step: number, transaction: Transaction): Promise<boolean> {
  const rows = await ask<{ accountId: string }>(
    'UPDATE credentials SET totp_last_step = $2 WHERE account_id = $1 AND totp_last_step < $2 RETURNING account_id',
    [accountId, step],
    transaction,
  )
  return rows.length === 1
}
