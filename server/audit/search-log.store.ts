/**
 * Searching the access log, in the order of its places, the newest first. Events that have no place yet stand before all others. What is searched by
 * lies beside the places (`log_leaves`), and how many there are is known by the hour (`access_event_hours`); the event itself is read for those lines only
 * that are shown.
 */
import { ask } from '../database/connection.ts'
import type { AccessEventRow } from './access-event.store.ts'

/** What is absent is not asked for. */
export interface LogQuestion {
  actorId?: string | undefined
  acts?: readonly string[] | undefined
  outcome?: string | undefined
  /** Any of these. */
  subjectIds?: readonly string[] | undefined
  addressDigest?: Buffer | undefined
  /** Whole hours. */
  from?: Date | undefined
  /** Without this moment. */
  to?: Date | undefined
}

/** An event at its place. */
export interface FoundEvent extends AccessEventRow {
  /** Nothing while it waits for its place. */
  leaf: number | null
  /** Somebody removed the row from the database: of it the place alone is left. */
  isGone: boolean
}

/** More than these are not counted one by one. */
export const MOST_COUNTED = 10_000

// Row by row (OFFSET 0 keeps it so): the few that wait, or that are shown, never lead through all events.
const eventOf = (row: string) =>
  `LATERAL (SELECT * FROM access_events a WHERE a.at = ${row}.event_at AND a.id = ${row}.event_id OFFSET 0) e`
const WAITING = `waiting_events w CROSS JOIN ${eventOf('w')}`
const WITH_EVENT = `LEFT JOIN ${eventOf('p')} ON true`

/**
 * The newest events that fit. @param before the event behind which the page begins
 * @returns nothing when there is no such event
 */
export async function searchLog(
  question: LogQuestion,
  before: string | undefined,
  limit: number,
): Promise<FoundEvent[] | undefined> {
  const start = before ? await placeOf(before) : {}
  if (!start) return undefined
  const waiting = conditions(question, 'e', 'e.at')
  const placed = conditions(question, 'l', 'l.event_at', waiting.values)
  const values = [...waiting.values, ...placed.values]
  const value = (given: unknown) => `$${values.push(given)}`
  placed.all.push(...leavesBetween(question, value))
  if (start.leaf !== undefined) placed.all.push(`l.leaf < ${value(start.leaf)}`)
  if (start.leaf !== undefined) waiting.all.push('false')
  else if (start.place !== undefined) waiting.all.push(`w.place < ${value(start.place)}`)
  const most = value(limit)
  const rows = await ask<FoundRow>(
    `SELECT p.leaf, p.event_at, p.event_id, e.* FROM (
       (SELECT NULL::bigint AS leaf, w.place, w.event_at, w.event_id FROM ${WAITING}
        WHERE ${waiting.all.join(' AND ')} ORDER BY w.place DESC LIMIT ${most})
       UNION ALL
       (SELECT l.leaf, NULL, l.event_at, l.event_id FROM log_leaves l WHERE ${placed.all.join(' AND ')} ORDER BY l.leaf DESC LIMIT ${most})
     ) p ${WITH_EVENT}
     ORDER BY p.place DESC NULLS LAST, p.leaf DESC LIMIT ${most}`,
    values,
  )
  return rows.map(toFound)
}

type FoundRow = Omit<AccessEventRow, 'id'> & { id: string | null; leaf: string | null; eventAt: Date; eventId: string }

function toFound({ leaf, eventAt, eventId, ...row }: FoundRow): FoundEvent {
  return { ...row, id: eventId, at: eventAt, leaf: leaf === null ? null : Number(leaf), isGone: row.id === null }
}

async function placeOf(eventId: string): Promise<{ leaf?: string; place?: string } | undefined> {
  const [row] = await ask<{ leaf: string | null; place: string | null }>(
    `SELECT leaf, NULL::bigint AS place FROM log_leaves WHERE event_id = $1
     UNION ALL SELECT NULL, place FROM waiting_events WHERE event_id = $1 LIMIT 1`,
    [eventId],
  )
  if (!row) return undefined
  return row.leaf !== null ? { leaf: row.leaf } : { place: row.place! }
}

/**
 * Between which places the events of these hours stand: without it a search in an old month would begin at today. Asked in the same statement, or what gets its
 * place between two would be in neither.
 */
function leavesBetween({ from, to }: LogQuestion, value: (given: unknown) => string): string[] {
  if (!from && !to) return []
  const hours = [...(from ? [`hour >= ${value(from)}`] : []), ...(to ? [`hour < ${value(to)}`] : [])].join(' AND ')
  const first = `l.leaf >= coalesce((SELECT min(first_leaf) FROM access_event_hours WHERE ${hours}), 0)`
  const last = `l.leaf <= coalesce((SELECT max(last_leaf) FROM access_event_hours WHERE ${hours}), -1)`
  // What is getting its place at this moment stands behind the last place that was counted.
  const isPast = to !== undefined && to.getTime() < Date.now() - HOUR
  return isPast ? [first, last] : [first]
}

const HOUR = 60 * 60 * 1000

export interface CountedLog {
  count: number
  /** There are more than were counted, and the buckets have the newest of them. */
  more: boolean
  /** How many in which hour, day or month (UTC), as `2026-11-17T14:00:00.000Z`. */
  buckets: { at: Date; count: number }[]
}

export type BucketUnit = 'hour' | 'day' | 'month'

/** How many events fit. Whoever asks only what and when is answered by the counters, and everybody else up to a limit. */
export async function countLog(question: LogQuestion, unit: BucketUnit): Promise<CountedLog> {
  const { actorId, subjectIds, addressDigest } = question
  const byIndex = actorId !== undefined || subjectIds !== undefined || addressDigest !== undefined
  const waiting = conditions(question, 'e', 'e.at')
  const placed = byIndex
    ? conditions(question, 'l', 'l.event_at', waiting.values)
    : conditions(question, 'h', 'h.at', waiting.values)
  const values = [...waiting.values, ...placed.values]
  const value = (given: unknown) => `$${values.push(given)}`
  if (byIndex) placed.all.push(...leavesBetween(question, value))
  const counted = byIndex
    ? `(SELECT l.event_at AS at, 1 AS count FROM log_leaves l WHERE ${placed.all.join(' AND ')} ORDER BY l.leaf DESC LIMIT ${value(MOST_COUNTED + 1)})`
    : `SELECT h.at, h.count FROM ${counters(question, unit)} h WHERE ${placed.all.join(' AND ')}`
  const rows = await ask<{ at: Date; count: string }>(
    `SELECT date_trunc(${value(unit)}, at, 'UTC') AS at, sum(count) AS count FROM (
       SELECT e.at, 1 AS count FROM ${WAITING} WHERE ${waiting.all.join(' AND ')}
       UNION ALL ${counted}) c GROUP BY 1 ORDER BY 1`,
    values,
  )
  const buckets = rows.map(({ at, count }) => ({ at, count: Number(count) }))
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0)
  return { count, more: byIndex && count > MOST_COUNTED, buckets }
}

/** Hours of several years are many; where whole days are asked for, the days are counted already. */
function counters({ from, to }: LogQuestion, unit: BucketUnit): string {
  const isWhole = [from, to].every((at) => at === undefined || at.getTime() % DAY === 0)
  return unit !== 'hour' && isWhole
    ? '(SELECT day AS at, act, outcome, count FROM access_event_days)'
    : '(SELECT hour AS at, act, outcome, count FROM access_event_hours)'
}

const DAY = 24 * HOUR

/** @param earlier values that stand before these */
function conditions(question: LogQuestion, table: string, at: string, earlier: readonly unknown[] = []) {
  const values: unknown[] = []
  const value = (given: unknown) => `$${earlier.length + values.push(given)}`
  const all = ['true']
  if (question.actorId !== undefined) all.push(`${table}.actor_id = ${value(question.actorId)}`)
  if (question.acts) all.push(`${table}.act = ANY(${value(question.acts)}::text[])`)
  if (question.outcome) all.push(`${table}.outcome = ${value(question.outcome)}`)
  if (question.subjectIds) all.push(`${table}.subject_id = ANY(${value(question.subjectIds)}::uuid[])`)
  if (question.addressDigest) all.push(`${table}.address_digest = ${value(question.addressDigest)}`)
  if (question.from) all.push(`${at} >= ${value(question.from)}`)
  if (question.to) all.push(`${at} < ${value(question.to)}`)
  return { all, values }
}

/** One event, with its place. */
export async function findEvent(id: string): Promise<FoundEvent | undefined> {
  const [row] = await ask<FoundRow>(
    `SELECT p.leaf, p.event_at, p.event_id, e.* FROM (
       SELECT leaf, event_at, event_id FROM log_leaves WHERE event_id = $1
       UNION ALL SELECT NULL, event_at, event_id FROM waiting_events WHERE event_id = $1 LIMIT 1
     ) p ${WITH_EVENT}`,
    [id],
  )
  return row && toFound(row)
}

type Neighbours = 'actor' | 'network'

/** What the same person did just before and after, or where nobody is known what came from the same network: oldest first, the event itself among them. */
export async function listAround(event: FoundEvent, count: number): Promise<{ by: Neighbours; events: FoundEvent[] }> {
  const by = event.actorId ? 'actor' : 'network'
  const value = event.actorId ?? event.addressDigest
  if (event.leaf === null || value === null) return { by, events: [] }
  const same = by === 'actor' ? 'l.actor_id = $2' : 'l.address_digest = $2'
  const rows = await ask<FoundRow>(
    `SELECT p.*, e.* FROM (
       (SELECT l.leaf, l.event_at, l.event_id FROM log_leaves l WHERE ${same} AND l.leaf <= $1 ORDER BY l.leaf DESC LIMIT $3)
       UNION ALL (SELECT l.leaf, l.event_at, l.event_id FROM log_leaves l WHERE ${same} AND l.leaf > $1 ORDER BY l.leaf LIMIT $4)
     ) p ${WITH_EVENT} ORDER BY p.leaf`,
    [event.leaf, value, count + 1, count],
  )
  return { by, events: rows.map(toFound) }
}

const REQUEST_TAKES_AT_MOST = 15 * 60 * 1000

/** What else was recorded in the same request, oldest first. */
export async function listSameRequest(event: FoundEvent, limit: number): Promise<FoundEvent[]> {
  if (!event.requestId) return []
  const near = (after: number) => new Date(event.at.getTime() + after * REQUEST_TAKES_AT_MOST)
  const rows = await ask<FoundRow>(
    `SELECT l.leaf, e.at AS event_at, e.id AS event_id, e.* FROM access_events e LEFT JOIN log_leaves l ON l.event_id = e.id AND l.event_at = e.at
     WHERE e.at BETWEEN $1 AND $2 AND e.request_id = $3 AND e.id <> $4 ORDER BY e.at, e.id LIMIT $5`,
    [near(-1), near(1), event.requestId, event.id, limit],
  )
  return rows.map(toFound)
}

export interface ActorCount {
  actorId: string | null
  count: number
  last: Date
}

/** Who did what fits, how often and when for the last time; the most first. */
export async function countByActor(question: LogQuestion): Promise<ActorCount[]> {
  const { all, values } = conditions(question, 'l', 'l.event_at')
  const rows = await ask<{ actorId: string | null; count: string; last: Date }>(
    `SELECT l.actor_id, count(*) AS count, max(l.event_at) AS last FROM log_leaves l WHERE ${all.join(' AND ')} GROUP BY l.actor_id ORDER BY 2 DESC, 3 DESC`,
    values,
  )
  return rows.map(({ count, ...row }) => ({ ...row, count: Number(count) }))
}
