import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { Act } from './acts.ts'

export interface AccessEventRow {
  id: string
  at: Date
  actorKind: string
  actorId: string | null
  actorRole: string | null
  strength: string
  act: Act
  subjectKind: string | null
  subjectId: string | null
  outcome: 'done' | 'denied' | 'failed'
  requestId: string | null
  detailsSealed: Buffer | null
  detailsDigest: Buffer | null
  /** None in events from before it was made. */
  mac: Buffer | null
  /** By which the network is found that it came from; see address-digest.ts. */
  addressDigest: Buffer | null
}

const accessEvents = table<AccessEventRow>('access_events', {
  id: 'uuid key',
  at: 'timestamptz key',
  actorKind: 'text',
  actorId: 'uuid',
  actorRole: 'text',
  strength: 'text',
  act: 'text',
  subjectKind: 'text',
  subjectId: 'uuid',
  outcome: 'text',
  requestId: 'text',
  detailsSealed: 'bytea',
  detailsDigest: 'bytea',
  mac: 'bytea',
  addressDigest: 'bytea',
})

export const insertAccessEvents = accessEvents.insertAll

export interface AccessEventFilter {
  actorId?: string | undefined
  act?: string | undefined
  outcome?: string | undefined
  from?: Date | undefined
  to?: Date | undefined
  /** Events on the older side of this one: keyset paging, newest first. */
  before?: { at: Date; id: string } | undefined
  limit: number
}

/** Whether somebody here, and not the operator's own script, invited this account. */
export async function wasInvitedByAccount(accountId: string): Promise<boolean> {
  const rows = await ask(
    `SELECT 1 AS found FROM access_events WHERE subject_id = $1 AND act = 'account.invited' AND actor_kind = 'account' LIMIT 1`,
    [accountId],
  )
  return rows.length === 1
}

/** On how many days somebody signed in, and when for the first time. */
export async function signInsOf(accountId: string): Promise<{ days: number; first: Date | null }> {
  const [row] = await ask<{ days: number; first: Date | null }>(
    `SELECT count(DISTINCT (at AT TIME ZONE 'UTC')::date)::int AS days, min(at) AS first FROM access_events
     WHERE actor_id = $1 AND act = 'account.signed-in' AND outcome = 'done'`,
    [accountId],
  )
  return row!
}

/** By what somebody made a new sign-in at this moment: themselves, or with help. */
export async function howSignedInAnew(
  accountId: string,
  at: Date,
): Promise<'password.reset' | 'help.used' | undefined> {
  const [row] = await ask<{ act: 'password.reset' | 'help.used' }>(
    `SELECT act FROM access_events WHERE subject_id = $1 AND at = $2 AND act IN ('password.reset', 'help.used') AND outcome = 'done' LIMIT 1`,
    [accountId, at],
  )
  return row?.act
}

/** Newest first. Equal times are ordered by id, which sorts by time of making. */
export function listAccessEvents(filter: AccessEventFilter, transaction?: Transaction): Promise<AccessEventRow[]> {
  return ask<AccessEventRow>(
    `SELECT * FROM access_events
     WHERE ($1::uuid IS NULL OR actor_id = $1) AND ($2::text IS NULL OR act = $2) AND ($3::text IS NULL OR outcome = $3)
       AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5)
       AND ($6::timestamptz IS NULL OR (at, id) < ($6, $7::uuid))
     ORDER BY at DESC, id DESC LIMIT $8`,
    [
      filter.actorId ?? null,
      filter.act ?? null,
      filter.outcome ?? null,
      filter.from ?? null,
      filter.to ?? null,
      filter.before?.at ?? null,
      filter.before?.id ?? null,
      filter.limit,
    ],
    transaction,
  )
}

/** Somebody opened a message or a file. */
export interface OpeningEvent {
  id: string
  at: Date
  actorId: string
  act: 'message.opened' | 'attachment.previewed' | 'attachment.downloaded'
  subjectId: string
}

/** Openings of these messages and files by people, newest first. */
export function listOpeningEvents(
  subjectIds: readonly string[],
  before: { at: Date; id: string } | undefined,
  limit: number,
): Promise<OpeningEvent[]> {
  return ask<OpeningEvent>(
    `SELECT id, at, actor_id, act, subject_id FROM access_events
     WHERE subject_id = ANY($1::uuid[]) AND act IN ('message.opened', 'attachment.previewed', 'attachment.downloaded')
       AND outcome = 'done' AND actor_kind = 'account' AND actor_id IS NOT NULL
       AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3::uuid))
     ORDER BY at DESC, id DESC LIMIT $4`,
    [subjectIds, before?.at ?? null, before?.id ?? null, limit],
  )
}

/** Something that happened to a message or a file, for a receipt of it. */
export interface ReceiptEvent {
  id: string
  at: Date
  actorKind: string
  actorId: string | null
  strength: string
  act: string
  subjectId: string
}

/** What was done to these messages and files, oldest first. */
export function listReceiptEvents(
  subjectIds: readonly string[],
  acts: readonly string[],
  limit: number,
): Promise<ReceiptEvent[]> {
  return ask<ReceiptEvent>(
    `SELECT id, at, actor_kind, actor_id, strength, act, subject_id FROM access_events
     WHERE subject_id = ANY($1::uuid[]) AND act = ANY($2::text[]) AND outcome = 'done' ORDER BY at, id LIMIT $3`,
    [subjectIds, acts, limit],
  )
}

/** How often this was done with it, those times that one line stands for many not counted. */
export async function countReceiptEvents(subjectId: string, act: Act): Promise<number> {
  const [row] = await ask<{ count: string }>(
    `SELECT count(*) AS count FROM access_events WHERE subject_id = $1 AND act = $2 AND outcome = 'done'`,
    [subjectId, act],
  )
  return Number(row!.count)
}

/** By which sign-in, or by making one, somebody was there at that time. */
export async function findSignInBefore(actorId: string, at: Date): Promise<ReceiptEvent | undefined> {
  const [row] = await ask<ReceiptEvent>(
    `SELECT id, at, actor_kind, actor_id, strength, act, subject_id FROM access_events
     WHERE actor_id = $1 AND at <= $2 AND act IN ('account.signed-in', 'account.enrolled') AND outcome = 'done'
     ORDER BY at DESC, id DESC LIMIT 1`,
    [actorId, at],
  )
  return row
}

/** Whether this person's doing this with this thing is in the log, since then. */
export async function isRecorded(
  actorId: string,
  act: Act,
  subjectId: string,
  since: Date,
  transaction?: Transaction,
): Promise<boolean> {
  const rows = await ask(
    `SELECT 1 AS found FROM access_events WHERE subject_id = $1 AND actor_id = $2 AND act = $3 AND outcome = 'done' AND at >= $4 LIMIT 1`,
    [subjectId, actorId, act, since],
    transaction,
  )
  return rows.length === 1
}

/** Makes the log's partitions of this month and of the two years that follow. */
export async function makeRoomForAccessEvents(): Promise<void> {
  await ask('SELECT make_room_for_access_events(24)')
}
