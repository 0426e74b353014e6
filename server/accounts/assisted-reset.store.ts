/**
 * Help with a sign-in that was lost altogether: asked → approved → (the person is told, a time passes) → ready → a code → used; or cancelled, or
 * lapsed. Every step is one update that is guarded by the step before it, so that of many at once one is the first.
 */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { TOKEN } from '../lib/token.ts'
import { linkToken, lookupDigest, sealField, unsealField } from '../vault/vault.ts'

export interface AssistedReset {
  id: string
  accountId: string
  askedBy: string
  askedAt: Date
  /** As the member of staff who asked wrote it. */
  reason: string
  approvedBy: string | null
  approvedAt: Date | null
  readyAt: Date | null
  noticeFailedAt: Date | null
  cancelledAt: Date | null
  cancelledBy: string | null
  lapsedAt: Date | null
  codesMade: number
  codeExpiresAt: Date | null
  usedAt: Date | null
}

interface AssistedResetRow extends Omit<AssistedReset, 'reason'> {
  reasonSealed: Buffer
  cancelDigest: Buffer
  codeDigest: Buffer | null
  codeMadeBy: string | null
  attemptId: string | null
}

const assistedResets = table<AssistedResetRow>('assisted_resets', {
  id: 'uuid key',
  accountId: 'uuid',
  askedBy: 'uuid',
  askedAt: 'timestamptz',
  reasonSealed: 'bytea',
  approvedBy: 'uuid',
  approvedAt: 'timestamptz',
  readyAt: 'timestamptz',
  noticeFailedAt: 'timestamptz',
  cancelDigest: 'bytea',
  cancelledAt: 'timestamptz',
  cancelledBy: 'uuid',
  lapsedAt: 'timestamptz',
  codesMade: 'integer',
  codeDigest: 'bytea',
  codeMadeBy: 'uuid',
  codeExpiresAt: 'timestamptz',
  attemptId: 'uuid',
  usedAt: 'timestamptz',
})

/** How many codes a request is good for. */
export const MOST_CODES = 3
const DAY = 24 * 60 * 60 * 1000
/** A request that nobody goes on with ends this long after its last step: after the wait, the approval or the asking. */
const LAPSES_AFTER = 7 * DAY

const UNENDED = 'cancelled_at IS NULL AND used_at IS NULL AND lapsed_at IS NULL'
const LAST_STEP = 'coalesce(ready_at, approved_at, asked_at)'
/** $1 is the moment before which a last step is too old. */
const OPEN = `${UNENDED} AND ${LAST_STEP} > $1`
const tooOld = (now: Date) => new Date(now.getTime() - LAPSES_AFTER)

/** The token in the link that stops a request; made from its id, so that the mail's job needs nothing stored. */
export function cancelToken(resetId: string): string {
  return linkToken('help-cancel', resetId)
}

/** @throws a unique violation of `assisted_resets_one_open` when there is an open request for this account */
export async function insertReset(
  reset: Pick<AssistedReset, 'id' | 'accountId' | 'askedBy' | 'reason'>,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const { reason, ...plain } = reset
  await assistedResets.insert(
    {
      ...plain,
      askedAt: now,
      reasonSealed: sealField(`assisted-reset/${reset.id}/reason`, reason),
      approvedBy: null,
      approvedAt: null,
      readyAt: null,
      noticeFailedAt: null,
      cancelDigest: lookupDigest('link', cancelToken(reset.id)),
      cancelledAt: null,
      cancelledBy: null,
      lapsedAt: null,
      codesMade: 0,
      codeDigest: null,
      codeMadeBy: null,
      codeExpiresAt: null,
      attemptId: null,
      usedAt: null,
    },
    transaction,
  )
}

export async function findReset(id: string, transaction?: Transaction): Promise<AssistedReset | undefined> {
  const row = await assistedResets.find({ id }, transaction)
  return row && toReset(row)
}

/** @returns undefined for everything that is not, letter by letter, a token that we made */
export async function findResetByToken(token: string): Promise<AssistedReset | undefined> {
  if (!TOKEN.test(token)) return undefined
  const row = await assistedResets.find({ cancelDigest: lookupDigest('link', token) })
  return row && toReset(row)
}

/** The request for this account that has not ended. */
export async function findOpenReset(accountId: string, now: Date): Promise<AssistedReset | undefined> {
  const [row] = await ask<AssistedResetRow>(`SELECT * FROM assisted_resets WHERE ${OPEN} AND account_id = $2`, [
    tooOld(now),
    accountId,
  ])
  return row && toReset(row)
}

/** Every open request, and those of the last 30 days that `staffId` asked for or approved. Newest first. */
export async function listResetsFor(staffId: string, now: Date): Promise<AssistedReset[]> {
  const rows = await ask<AssistedResetRow>(
    `SELECT * FROM assisted_resets WHERE (${OPEN}) OR ($2 IN (asked_by, approved_by) AND asked_at > $3) ORDER BY id DESC LIMIT 200`,
    [tooOld(now), staffId, new Date(now.getTime() - 30 * DAY)],
  )
  return rows.map(toReset)
}

/** asked → approved, by somebody else than who asked. */
export async function approveReset(id: string, by: string, now: Date, transaction: Transaction): Promise<boolean> {
  return changed(
    `UPDATE assisted_resets SET approved_by = $3, approved_at = $4 WHERE ${OPEN} AND id = $2 AND approved_at IS NULL AND $3 NOT IN (asked_by, account_id)`,
    [tooOld(now), id, by, now],
    transaction,
  )
}

/** The person was told: from now on it takes until `readyAt`. */
export async function beginWait(id: string, readyAt: Date, now: Date, transaction: Transaction): Promise<boolean> {
  return changed(
    `UPDATE assisted_resets SET ready_at = $3 WHERE ${OPEN} AND id = $2 AND approved_at IS NOT NULL AND ready_at IS NULL`,
    [tooOld(now), id, readyAt],
    transaction,
  )
}

/** The person could not be told, and so the wait does not begin. */
export async function noteNoticeFailed(id: string, now: Date, transaction: Transaction): Promise<void> {
  await assistedResets.update({ noticeFailedAt: now }, { id, readyAt: null }, transaction)
}

/** Whatever it stood at → cancelled. @param by NULL: whoever holds the link */
export async function cancelReset(
  id: string,
  by: string | null,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  return changed(
    `UPDATE assisted_resets SET cancelled_at = $3, cancelled_by = $4, code_digest = NULL, attempt_id = NULL WHERE ${OPEN} AND id = $2`,
    [tooOld(now), id, now, by],
    transaction,
  )
}

/** ready → a code in place of every earlier one, and of what an earlier one began; by one of the two, three times at most. */
export async function storeHelpCode(
  id: string,
  code: { digest: Buffer; by: string; expiresAt: Date },
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  return changed(
    `UPDATE assisted_resets SET code_digest = $3, code_made_by = $4, code_expires_at = $5, codes_made = codes_made + 1, attempt_id = NULL
     WHERE ${OPEN} AND id = $2 AND ready_at <= $6 AND codes_made < ${MOST_CODES} AND $4 IN (asked_by, approved_by)`,
    [tooOld(now), id, code.digest, code.by, code.expiresAt, now],
    transaction,
  )
}

/** Uses up the code of this account and begins `attemptId`. @returns the request's id when the code was good */
export async function takeHelpCode(
  accountId: string,
  digest: Buffer,
  attemptId: string,
  now: Date,
  transaction: Transaction,
): Promise<string | undefined> {
  const [row] = await ask<{ id: string }>(
    `UPDATE assisted_resets SET code_digest = NULL, attempt_id = $4 WHERE ${OPEN} AND account_id = $2 AND code_digest = $3 AND code_expires_at > $5 RETURNING id`,
    [tooOld(now), accountId, digest, attemptId, now],
    transaction,
  )
  return row?.id
}

/** Whether what a code began can still be completed. */
export async function isAttemptOpen(attemptId: string, now: Date): Promise<boolean> {
  const rows = await ask(`SELECT id FROM assisted_resets WHERE ${OPEN} AND attempt_id = $2`, [tooOld(now), attemptId])
  return rows.length === 1
}

/** a code was taken → used, once. @returns the request, to the one caller who was first */
export async function completeReset(
  attemptId: string,
  now: Date,
  transaction: Transaction,
): Promise<{ id: string; accountId: string } | undefined> {
  const [row] = await ask<{ id: string; accountId: string }>(
    `UPDATE assisted_resets SET used_at = $3, attempt_id = NULL WHERE ${OPEN} AND attempt_id = $2 RETURNING id, account_id`,
    [tooOld(now), attemptId, now],
    transaction,
  )
  return row
}

/** Requests that nobody went on with → lapsed. @returns their accounts */
export async function lapseResets(now: Date, transaction: Transaction): Promise<{ accountId: string }[]> {
  return ask<{ accountId: string }>(
    `UPDATE assisted_resets SET lapsed_at = $2, code_digest = NULL, attempt_id = NULL WHERE ${UNENDED} AND ${LAST_STEP} <= $1 RETURNING account_id`,
    [tooOld(now), now],
    transaction,
  )
}

/** What came of a request stands in the access log; the row is of no use once its time is long over. */
export async function removeOldResets(before: Date): Promise<void> {
  await ask(`DELETE FROM assisted_resets WHERE asked_at < least($1::timestamptz, now()) AND NOT (${UNENDED})`, [before])
}

async function changed(sql: string, values: readonly unknown[], transaction: Transaction): Promise<boolean> {
  return (await ask(`${sql} RETURNING id`, values, transaction)).length === 1
}

function toReset(row: AssistedResetRow): AssistedReset {
  const { id, accountId, askedBy, askedAt, approvedBy, approvedAt, readyAt, noticeFailedAt } = row
  const { cancelledAt, cancelledBy, lapsedAt, codesMade, codeExpiresAt, usedAt } = row
  const asked = {
    id,
    accountId,
    askedBy,
    askedAt,
    reason: unsealField(`assisted-reset/${id}/reason`, row.reasonSealed),
  }
  const ended = { cancelledAt, cancelledBy, lapsedAt, usedAt }
  return { ...asked, approvedBy, approvedAt, readyAt, noticeFailedAt, codesMade, codeExpiresAt, ...ended }
}
