import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'
import type { StoredPassword } from './password.ts'

/** What an active account signs in with, beside its passkeys (passkey.store.ts): every account has a row, also without any of these. */
export interface Credential {
  accountId: string
  password: StoredPassword | undefined
  totpSecret: string | undefined
  totpLastStep: number
}

interface CredentialRow {
  accountId: string
  passwordSalt: Buffer | null
  passwordParameters: string | null
  passwordVerifier: Buffer | null
  totpSecretSealed: Buffer | null
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
  const { accountId, password, totpSecret, totpLastStep } = credential
  await credentials.insert(
    {
      accountId,
      passwordSalt: password?.passwordSalt ?? null,
      passwordParameters: password?.passwordParameters ?? null,
      passwordVerifier: password?.passwordVerifier ?? null,
      totpSecretSealed: totpSecret ? sealField(`account/${accountId}/totp`, totpSecret) : null,
      totpLastStep,
      changedAt: now,
    },
    transaction,
  )
}

export async function findCredential(accountId: string, transaction?: Transaction): Promise<Credential | undefined> {
  const row = await credentials.find({ accountId }, transaction)
  if (!row) return undefined
  const { passwordSalt, passwordParameters, passwordVerifier, totpSecretSealed } = row
  const password =
    passwordSalt && passwordParameters && passwordVerifier
      ? { passwordSalt, passwordParameters, passwordVerifier }
      : undefined
  return {
    accountId,
    password,
    totpLastStep: Number(row.totpLastStep),
    totpSecret: totpSecretSealed ? unsealField(`account/${accountId}/totp`, totpSecretSealed) : undefined,
  }
}

/** Whoever changes what an account signs in with waits here for another who does. */
export async function holdCredential(accountId: string, transaction: Transaction): Promise<void> {
  await ask('SELECT FROM credentials WHERE account_id = $1 FOR UPDATE', [accountId], transaction)
}

export async function storePassword(
  accountId: string,
  stored: StoredPassword,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await credentials.update({ ...stored, changedAt: now }, { accountId }, transaction)
}

/** Holds the row until the transaction ends, if this is still its password. @returns when it was chosen */
export async function holdPassword(
  accountId: string,
  stored: StoredPassword,
  transaction: Transaction,
): Promise<Date | undefined> {
  const [row] = await ask<{ changedAt: Date }>(
    'SELECT changed_at FROM credentials WHERE account_id = $1 AND password_verifier = $2 FOR UPDATE',
    [accountId, stored.passwordVerifier],
    transaction,
  )
  return row?.changedAt
}

/** Holds the row until the transaction ends, if there is no password. @returns whether there is none */
export async function holdNoPassword(accountId: string, transaction: Transaction): Promise<boolean> {
  const rows = await ask<{ accountId: string }>(
    'SELECT account_id FROM credentials WHERE account_id = $1 AND password_verifier IS NULL FOR UPDATE',
    [accountId],
    transaction,
  )
  return rows.length === 1
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

/** The code app that somebody signs in with, and the bytes that stand for it, to be compared when it is replaced. */
export async function findCodeApp(accountId: string): Promise<{ secret: string; sealed: Buffer } | undefined> {
  const sealed = (await credentials.find({ accountId }))?.totpSecretSealed
  return sealed ? { secret: unsealField(`account/${accountId}/totp`, sealed), sealed } : undefined
}

/** Another code app, if the one from `before` is still there. @returns whether this call put it there */
export async function replaceCodeApp(
  accountId: string,
  before: { sealed: Buffer } | undefined,
  app: { secret: string; step: number },
  transaction: Transaction,
): Promise<boolean> {
  const rows = await ask(
    `UPDATE credentials SET totp_secret_sealed = $3, totp_last_step = $4
     WHERE account_id = $1 AND totp_secret_sealed IS NOT DISTINCT FROM $2 RETURNING account_id`,
    [accountId, before?.sealed ?? null, sealField(`account/${accountId}/totp`, app.secret), app.step],
    transaction,
  )
  return rows.length === 1
}

/** Another code app, whichever there was. @param app with the step of the code that was typed to set it up: it is used up with it */
export async function storeCodeApp(
  accountId: string,
  app: { secret: string; step: number },
  transaction: Transaction,
): Promise<void> {
  const totpSecretSealed = sealField(`account/${accountId}/totp`, app.secret)
  await credentials.update({ totpSecretSealed, totpLastStep: app.step }, { accountId }, transaction)
}

/** Everything that somebody signs in with beside passkeys and what opens their mailbox. */
export async function removeCredential(accountId: string, transaction: Transaction): Promise<void> {
  await credentials.remove({ accountId }, transaction)
}

/** When the password was set last; undefined for those who have none. */
export async function findPasswordChange(accountId: string): Promise<Date | undefined> {
  const row = await credentials.find({ accountId })
  return row?.passwordVerifier ? row.changedAt : undefined
}
