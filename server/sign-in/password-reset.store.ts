/** Links by which a forgotten password is replaced. The table holds the digest of a link's token, which only the mail has. */
import { boundRows } from '../audit/bound-rows.ts'
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { TOKEN } from '../lib/token.ts'
import { lookupDigest } from '../vault/vault.ts'

export interface PasswordReset {
  digest: Buffer
  accountId: string
  askedAt: Date
  expiresAt: Date
  usedAt: Date | null
}

type PasswordResetRow = PasswordReset & { mac: Buffer | null }

const passwordResets = table<PasswordResetRow>('password_resets', {
  digest: 'bytea key',
  accountId: 'uuid',
  askedAt: 'timestamptz',
  expiresAt: 'timestamptz',
  usedAt: 'timestamptz',
  mac: 'bytea',
})
const bound = boundRows<PasswordResetRow>(
  'password_resets',
  ['digest', 'accountId', 'askedAt', 'expiresAt'],
  'a link for a new password',
)

/** A new link in place of all earlier ones of the account. */
export async function replaceReset(
  token: string,
  reset: Pick<PasswordReset, 'accountId' | 'askedAt' | 'expiresAt'>,
  transaction: Transaction,
): Promise<void> {
  await passwordResets.remove({ accountId: reset.accountId }, transaction)
  const row = { digest: digestOf(token), ...reset, usedAt: null }
  await passwordResets.insert({ ...row, mac: bound.macOf(row) }, transaction)
}

// By both clocks: setting the application's back does not bring a link to life again.
const ALIVE = 'used_at IS NULL AND asked_at <= $2 AND expires_at > $2 AND expires_at > now()'

/** The account of a link that can still be used. */
export async function findReset(token: string, now: Date): Promise<string | undefined> {
  if (!TOKEN.test(token)) return undefined
  const rows = await ask<PasswordResetRow>(`SELECT * FROM password_resets WHERE digest = $1 AND ${ALIVE}`, [
    digestOf(token),
    now,
  ])
  return (await bound.onlyTrue(rows))[0]?.accountId
}

/** Uses a link up. Of fifty requests with one link, one gets `true`. */
export async function useReset(token: string, now: Date, transaction: Transaction): Promise<boolean> {
  const rows = await ask<PasswordResetRow>(
    `UPDATE password_resets SET used_at = $2 WHERE digest = $1 AND ${ALIVE} RETURNING *`,
    [digestOf(token), now],
    transaction,
  )
  return (await bound.onlyTrue(rows)).length === 1
}

/** Makes every link of an account dead: what it stood for is no longer what it was. */
export async function forgetResetsOf(accountId: string, transaction: Transaction): Promise<void> {
  await passwordResets.remove({ accountId }, transaction)
}

/** Links that were used or have expired. */
export async function removeLapsedResets(now: Date): Promise<void> {
  await ask('DELETE FROM password_resets WHERE used_at IS NOT NULL OR expires_at <= $1', [now])
}

function digestOf(token: string) {
  return lookupDigest('password-reset', token)
}
