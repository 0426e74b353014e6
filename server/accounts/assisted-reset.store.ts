/**
 * Help with a sign-in that was lost altogether: asked → approved → (the person is told, a time passes) → ready → a code → used; or cancelled, or
 * lapsed. Every step holds its row and is guarded by the step before it, so that of many at once one is the first.
 */
import type { Role } from './account.store.ts'
import { boundRows } from '../audit/bound-rows.ts'
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
  mac: Buffer | null
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
  mac: 'bytea',
})
// All that a step asks for: a request that nobody made, or that was brought further than its people brought it, is none.
const bound = boundRows<AssistedResetRow>(
  'assisted_resets',
  [
    'id',
    'accountId',
    'askedBy',
    'askedAt',
    'approvedBy',
    'approvedAt',
    'readyAt',
    'cancelledAt',
    'lapsedAt',
    'codesMade',
    'codeDigest',
    'codeMadeBy',
    'codeExpiresAt',
    'attemptId',
    'usedAt',
  ],
  'a request for a new sign-in',
)

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
  const row = {
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
  }
  await assistedResets.insert({ ...row, mac: bound.macOf(row) }, transaction)
}

export async function findReset(id: string, transaction?: Transaction): Promise<AssistedReset | undefined> {
  return (await toResets(await assistedResets.list({ id }, transaction)))[0]
}

/** @returns undefined for everything that is not, letter by letter, a token that we made */
export async function findResetByToken(token: string): Promise<AssistedReset | undefined> {
  if (!TOKEN.test(token)) return undefined
  return (await toResets(await assistedResets.list({ cancelDigest: lookupDigest('link', token) })))[0]
}

/** The request for this account that has not ended. */
export async function findOpenReset(accountId: string, now: Date): Promise<AssistedReset | undefined> {
  const rows = await ask<AssistedResetRow>(`SELECT * FROM assisted_resets WHERE ${OPEN} AND account_id = $2`, [
    tooOld(now),
    accountId,
  ])
  return (await toResets(rows))[0]
}

/** How many wait for somebody to agree, of people in these roles and not of `staffId`, who did not ask for them either. */
export async function countResetsToApprove(staffId: string, roles: readonly Role[], now: Date): Promise<number> {
  const [row] = await ask<{ many: number }>(
    `SELECT count(*)::int AS many FROM assisted_resets WHERE ${OPEN} AND approved_at IS NULL AND $2 NOT IN (asked_by, account_id)
     AND account_id IN (SELECT id FROM accounts WHERE role = ANY($3) AND state = 'active')`,
    [tooOld(now), staffId, roles],
  )
  return row!.many
}

/** Every open request, and those of the last 30 days that `staffId` asked for or approved. Newest first. */
export async function listResetsFor(staffId: string, now: Date): Promise<AssistedReset[]> {
  const rows = await ask<AssistedResetRow>(
    `SELECT * FROM assisted_resets WHERE (${OPEN}) OR ($2 IN (asked_by, approved_by) AND asked_at > $3) ORDER BY id DESC LIMIT 200`,
    [tooOld(now), staffId, new Date(now.getTime() - 30 * DAY)],
  )
  return toResets(rows)
}

/** asked → approved, by somebody else than who asked. */
export async function approveReset(id: string, by: string, now: Date, transaction: Transaction): Promise<boolean> {
  const where = `${OPEN} AND id = $2 AND approved_at IS NULL AND $3 NOT IN (asked_by, account_id)`
  const approved = () => ({ approvedBy: by, approvedAt: now })
  return (await step(where, [tooOld(now), id, by], approved, transaction)) !== undefined
}

/** The person was told: from now on it takes until `readyAt`. */
export async function beginWait(id: string, readyAt: Date, now: Date, transaction: Transaction): Promise<boolean> {
  const where = `${OPEN} AND id = $2 AND approved_at IS NOT NULL AND ready_at IS NULL`
  return (await step(where, [tooOld(now), id], () => ({ readyAt }), transaction)) !== undefined
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
  const cancelled = () => ({ cancelledAt: now, cancelledBy: by, codeDigest: null, attemptId: null })
  return (await step(`${OPEN} AND id = $2`, [tooOld(now), id], cancelled, transaction)) !== undefined
}

/** ready → a code in place of every earlier one, and of what an earlier one began; by one of the two, three times at most. */
export async function storeHelpCode(
  id: string,
  code: { digest: Buffer; by: string; expiresAt: Date },
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const where = `${OPEN} AND id = $2 AND ready_at <= $3 AND codes_made < ${MOST_CODES} AND $4 IN (asked_by, approved_by)`
  const made = ({ codesMade }: AssistedResetRow) => ({
    codeDigest: code.digest,
    codeMadeBy: code.by,
    codeExpiresAt: code.expiresAt,
    codesMade: codesMade + 1,
    attemptId: null,
  })
  return (await step(where, [tooOld(now), id, now, code.by], made, transaction)) !== undefined
}

/** Uses up the code of this account and begins `attemptId`. @returns the request's id when the code was good */
export async function takeHelpCode(
  accountId: string,
  digest: Buffer,
  attemptId: string,
  now: Date,
  transaction: Transaction,
): Promise<string | undefined> {
  const where = `${OPEN} AND account_id = $2 AND code_digest = $3 AND code_expires_at > $4`
  const taken = () => ({ codeDigest: null, attemptId })
  return (await step(where, [tooOld(now), accountId, digest, now], taken, transaction))?.id
}

/** Whether what a code began can still be completed. */
export async function isAttemptOpen(attemptId: string, now: Date): Promise<boolean> {
  const where = `${OPEN} AND attempt_id = $2`
  const rows = await ask<AssistedResetRow>(`SELECT * FROM assisted_resets WHERE ${where}`, [tooOld(now), attemptId])
  return (await bound.onlyTrue(rows)).length === 1
}

/** a code was taken → used, once. @returns the request, to the one caller who was first */
export async function completeReset(
  attemptId: string,
  now: Date,
  transaction: Transaction,
): Promise<{ id: string; accountId: string } | undefined> {
  const used = () => ({ usedAt: now, attemptId: null })
  return step(`${OPEN} AND attempt_id = $2`, [tooOld(now), attemptId], used, transaction)
}

/** Requests that nobody went on with → lapsed. @returns their accounts */
export async function lapseResets(now: Date, transaction: Transaction): Promise<{ accountId: string }[]> {
  const late = await ask<AssistedResetRow>(
    `SELECT * FROM assisted_resets WHERE ${UNENDED} AND ${LAST_STEP} <= $1 FOR UPDATE`,
    [tooOld(now)],
    transaction,
  )
  // One that somebody put there ends too, and stays one that nobody made.
  for (const row of late) await change(row, { lapsedAt: now, codeDigest: null, attemptId: null }, transaction)
  return late
}

/** What came of a request stands in the access log; the row is of no use once its time is long over. */
export async function removeOldResets(before: Date): Promise<void> {
  await ask(`DELETE FROM assisted_resets WHERE asked_at < least($1::timestamptz, now()) AND NOT (${UNENDED})`, [before])
}

/** One step of one request, which is held meanwhile: of many at once one is the first. @returns it as it is now, when this call did it */
async function step(
  where: string,
  values: readonly unknown[],
  changes: (row: AssistedResetRow) => Partial<AssistedResetRow>,
  transaction: Transaction,
): Promise<AssistedResetRow | undefined> {
  const sql = `SELECT * FROM assisted_resets WHERE ${where} FOR UPDATE`
  const [row] = await bound.onlyTrue(await ask<AssistedResetRow>(sql, values, transaction))
  return row && change(row, changes(row), transaction)
}

async function change(row: AssistedResetRow, changes: Partial<AssistedResetRow>, transaction: Transaction) {
  const changed = { ...row, ...changes }
  const mac = bound.isTrue(row) ? bound.macOf(changed) : row.mac
  await assistedResets.update({ ...changes, mac }, { id: row.id }, transaction)
  return changed
}

async function toResets(rows: readonly AssistedResetRow[]): Promise<AssistedReset[]> {
  return (await bound.onlyTrue(rows)).map(toReset)
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
