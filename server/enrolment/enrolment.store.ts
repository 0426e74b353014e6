import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'
import type { NewPasskey } from '../sign-in/passkey.store.ts'
import type { StoredPassword } from '../sign-in/password.ts'

/**
 * One attempt at making a sign-in: password set → second factor pending → (the account is active, and all its attempts are gone); or a passkey
 * that does not open the mailbox is set → (with a password: the same).
 * Attempts for one account do not see each other, so a stranger's half-made one cannot keep the right person out.
 */
export interface Enrolment {
  id: string
  accountId: string
  state: 'password-set' | 'second-factor-pending' | 'passkey-set'
  password: (StoredPassword & { openerEnvelope: Buffer }) | undefined
  totpSecret: string | undefined
  passkey: NewPasskey | undefined
  expiresAt: Date
}

interface EnrolmentRow {
  id: string
  accountId: string
  state: Enrolment['state']
  passwordSalt: Buffer | null
  passwordParameters: string | null
  passwordVerifier: Buffer | null
  openerEnvelope: Buffer | null
  totpSecretSealed: Buffer | null
  passkeySealed: Buffer | null
  expiresAt: Date
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
  passkeySealed: 'bytea',
  expiresAt: 'timestamptz',
})

export async function insertEnrolment(
  enrolment: Pick<Enrolment, 'id' | 'accountId' | 'expiresAt'> &
    ({ password: NonNullable<Enrolment['password']> } | { passkey: NewPasskey }),
  transaction: Transaction,
): Promise<void> {
  const { id, accountId, expiresAt } = enrolment
  const nothing = { passwordSalt: null, passwordParameters: null, passwordVerifier: null, openerEnvelope: null }
  const step =
    'password' in enrolment
      ? { state: 'password-set' as const, ...enrolment.password, passkeySealed: null }
      : { state: 'passkey-set' as const, ...nothing, passkeySealed: sealPasskey(id, enrolment.passkey) }
  await enrolments.insert({ id, accountId, expiresAt, totpSecretSealed: null, ...step }, transaction)
}

/** Ends all attempts of an account but the `count` newest; ids rise with time. */
export async function keepNewestEnrolments(accountId: string, count: number, transaction: Transaction): Promise<void> {
  await ask(
    'DELETE FROM enrolments WHERE account_id = $1 AND id NOT IN (SELECT id FROM enrolments WHERE account_id = $1 ORDER BY id DESC LIMIT $2)',
    [accountId, count],
    transaction,
  )
}

/** Which attempt, and whose it was when it began: the session knows both, so that a row that was put in another's name is none. */
export type EnrolmentKey = Pick<Enrolment, 'id' | 'accountId'>

/** An attempt that has not ended. */
export async function findEnrolment({ id, accountId }: EnrolmentKey, now: Date): Promise<Enrolment | undefined> {
  const row = await enrolments.find({ id, accountId })
  if (!row || row.expiresAt <= now) return undefined
  const { passwordSalt, passwordParameters, passwordVerifier, openerEnvelope, totpSecretSealed, passkeySealed } = row
  return {
    id,
    accountId,
    state: row.state,
    expiresAt: row.expiresAt,
    password:
      passwordSalt && passwordParameters && passwordVerifier && openerEnvelope
        ? { passwordSalt, passwordParameters, passwordVerifier, openerEnvelope }
        : undefined,
    totpSecret: totpSecretSealed ? unsealField(`enrolment/${id}/totp`, totpSecretSealed) : undefined,
    passkey: passkeySealed ? unsealPasskey(id, passkeySealed) : undefined,
  }
}

function sealPasskey(id: string, { publicKey, ...plain }: NewPasskey) {
  return sealField(`enrolment/${id}/passkey`, JSON.stringify({ ...plain, publicKey: publicKey.toString('base64url') }))
}

function unsealPasskey(id: string, sealed: Buffer): NewPasskey {
  const { publicKey, ...plain } = JSON.parse(unsealField(`enrolment/${id}/passkey`, sealed)) as Omit<
    NewPasskey,
    'publicKey'
  > & { publicKey: string }
  return { ...plain, publicKey: Buffer.from(publicKey, 'base64url') }
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
