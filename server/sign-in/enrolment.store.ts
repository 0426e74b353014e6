import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'
import type { StoredPassword } from './password.ts'

/**
 * One attempt at making a sign-in: password set → second factor pending → (the account is active, and all its attempts are gone).
 * Attempts for one account do not see each other, so a stranger's half-made one cannot keep the right person out.
 */
export interface Enrolment extends StoredPassword {
  id: string
  accountId: string
  state: 'password-set' | 'second-factor-pending'
  openerEnvelope: Buffer
  totpSecret: string | undefined
  expiresAt: Date
}

interface EnrolmentRow extends Omit<Enrolment, 'totpSecret'> {
  totpSecretSealed: Buffer | null
}

const enrolments = table<EnrolmentRow>('enrolments', {
  id: 'uuid key',
  accountId: 'uuid',
  state: 'text',
  passwordSalt: 'bytea',
  passwordParameters: 'text',
  passwordVerifier: 'bytea',
  openerEnvelope: 'bytea',
  totpSecretSealed: 'bytea',
  expiresAt: 'timestamptz',
})

export async function insertEnrolment(
  enrolment: Omit<Enrolment, 'state' | 'totpSecret'>,
  transaction: Transaction,
): Promise<void> {
  await enrolments.insert({ ...enrolment, state: 'password-set', totpSecretSealed: null }, transaction)
}

/** Ends all attempts of an account but the `count` newest; ids rise with time. */
export async function keepNewestEnrolments(accountId: string, count: number, transaction: Transaction): Promise<void> {
  await ask(
    'DELETE FROM enrolments WHERE account_id = $1 AND id NOT IN (SELECT id FROM enrolments WHERE account_id = $1 ORDER BY id DESC LIMIT $2)',
    [accountId, count],
    transaction,
  )
}

/** An attempt that has not ended. */
export async function findEnrolment(id: string, now: Date, transaction?: Transaction): Promise<Enrolment | undefined> {
  const row = await enrolments.find({ id }, transaction)
  if (!row || row.expiresAt <= now) return undefined
  const { totpSecretSealed, ...rest } = row
  return { ...rest, totpSecret: totpSecretSealed ? unsealField(`enrolment/${id}/totp`, totpSecretSealed) : undefined }
}

/** password set → second factor pending, once. @returns whether this call did it */
export async function setEnrolmentSecret(id: string, secret: string): Promise<boolean> {
  const sealed = sealField(`enrolment/${id}/totp`, secret)
  return (
    (await enrolments.update(
      { totpSecretSealed: sealed, state: 'second-factor-pending' },
      { id, state: 'password-set' },
    )) === 1
  )
}

export async function removeEnrolments(accountId: string, transaction: Transaction): Promise<void> {
  await enrolments.remove({ accountId }, transaction)
}

/** Half-made sign-ins that have ended; their password openers go with them. */
export async function removeLapsedEnrolments(now: Date): Promise<void> {
  await ask('DELETE FROM enrolments WHERE expires_at <= $1', [now])
}
