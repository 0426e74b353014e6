import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { DAYS_OF_USUAL, type CountedRule } from './alarm.ts'
import type { Whom } from './alarm.store.ts'

interface CountRow {
  rule: string
  whom: Buffer
  at: Date
  accountId: string | null
  aboutSealed: Buffer | null
  count: number
}

export interface Counted {
  whom: Whom
  /** Beginning of the step. */
  at: Date
  count: number
}

export interface Sum extends Whom {
  /** Since then, and since an alarm about them was closed. */
  lately: number
  /** Before that hour, and in how many hours of these days. */
  before: number
  hours: number
  /** At unusual hours of earlier nights. */
  earlier: number
}

/** An event that a rule may count. */
export interface NewEvent {
  id: string
  at: Date
  actorKind: string
  actorId: string | null
  actorRole: string | null
  act: string
  subjectKind: string | null
  subjectId: string | null
  outcome: string
  detailsSealed: Buffer | null
}

table<CountRow>('alarm_counts', {
  rule: 'text key',
  whom: 'bytea key',
  at: 'timestamptz key',
  accountId: 'uuid',
  aboutSealed: 'bytea',
  count: 'integer',
})

table<{ id: number; nextLeaf: string; lookedAt: Date }>('alarm_looks', {
  id: 'integer key',
  nextLeaf: 'bigint',
  lookedAt: 'timestamptz',
})

/** Of each repeated event how many repeats were counted; absent are those that are gone. */
table<{ key: Buffer; since: Date; counted: string }>('alarm_repeats', {
  key: 'bytea key',
  since: 'timestamptz key',
  counted: 'bigint',
})

/** How far the last look came. Whoever looks does it alone until the transaction ends. The first look begins with what comes after it. */
export async function holdLook(
  treeSize: number,
  now: Date,
  transaction: Transaction,
): Promise<{ nextLeaf: number; lookedAt: Date }> {
  await ask(
    'INSERT INTO alarm_looks (id, next_leaf, looked_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING',
    [treeSize, now],
    transaction,
  )
  const [row] = await ask<{ nextLeaf: string; lookedAt: Date }>(
    'SELECT next_leaf, looked_at FROM alarm_looks WHERE id = 1 FOR UPDATE',
    [],
    transaction,
  )
  return { nextLeaf: Number(row!.nextLeaf), lookedAt: row!.lookedAt }
}

export async function noteLook(nextLeaf: number, now: Date, transaction: Transaction): Promise<void> {
  await ask('UPDATE alarm_looks SET next_leaf = $1, looked_at = $2 WHERE id = 1', [nextLeaf, now], transaction)
}

/** What a rule may count among the leaves from `from` on, up to `to`. */
export function listNewEvents(from: number, to: number, transaction: Transaction): Promise<NewEvent[]> {
  return ask<NewEvent>(
    `SELECT e.id, e.at, e.actor_kind, e.actor_id, e.actor_role, e.act, e.subject_kind, e.subject_id, e.outcome, e.details_sealed
     FROM log_leaves l JOIN access_events e ON e.at = l.event_at AND e.id = l.event_id
     WHERE l.leaf >= $1::bigint AND l.leaf < $2::bigint
       AND (e.outcome = 'denied' OR e.act IN ('message.opened', 'attachment.downloaded', 'log.refused', 'log.found-changed') OR e.act LIKE '%refused')
     ORDER BY l.leaf`,
    [from, to],
    transaction,
  )
}

/** Refusals that do not stand in the log by themselves: see ../audit/repeats.ts. */
export interface NewRepeats {
  key: Buffer
  act: string
  subjectKind: string | null
  subjectId: string | null
  networkSealed: Buffer | null
  lastAt: Date
  more: number
}

/** What was refused again and again since the last look, the most first. None is counted twice, and nobody who is refused waits for whoever counts. */
export async function takeNewRepeats(transaction: Transaction): Promise<NewRepeats[]> {
  const repeats = await ask<NewRepeats>(
    `WITH fresh AS (
       SELECT r.*, r.count - r.recorded - coalesce(a.counted, 0) AS more FROM repeated_events r LEFT JOIN alarm_repeats a USING (key, since)
       WHERE r.outcome = 'denied' AND r.count - r.recorded > coalesce(a.counted, 0)),
     kept AS (
       INSERT INTO alarm_repeats (key, since, counted) SELECT key, since, count - recorded FROM fresh
       ON CONFLICT (key, since) DO UPDATE SET counted = excluded.counted)
     SELECT key, act, subject_kind, subject_id, network_sealed, last_at, more::int AS more FROM fresh ORDER BY more DESC, key`,
    [],
    transaction,
  )
  await ask(
    'DELETE FROM alarm_repeats a WHERE NOT EXISTS (SELECT FROM repeated_events r WHERE r.key = a.key AND r.since = a.since)',
    [],
    transaction,
  )
  return repeats
}

export async function addCounts(
  rule: CountedRule,
  counts: readonly Counted[],
  transaction: Transaction,
): Promise<void> {
  for (const { whom, at, count } of counts)
    await ask(
      `INSERT INTO alarm_counts (rule, whom, at, account_id, about_sealed, count) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (rule, whom, at) DO UPDATE SET count = alarm_counts.count + excluded.count`,
      [rule, whom.digest, at, whom.accountId, whom.aboutSealed, count],
      transaction,
    )
}

/** What these did lately and before, of what the rule counts. */
export async function sumCounts(
  rule: CountedRule,
  whom: readonly Buffer[],
  times: { now: Date; since: Date },
  transaction: Transaction,
): Promise<Sum[]> {
  if (whom.length === 0) return []
  return ask<Sum>(
    `SELECT c.whom AS digest, (array_agg(c.account_id))[1] AS account_id, (array_agg(c.about_sealed))[1] AS about_sealed,
       coalesce(sum(c.count) FILTER (WHERE c.at >= $3 AND c.at >= coalesce(x.closed_at, '-infinity')), 0)::int AS lately,
       coalesce(sum(c.count) FILTER (WHERE c.at < $4), 0)::int AS before,
       (count(DISTINCT date_trunc('hour', c.at)) FILTER (WHERE c.at < $4))::int AS hours,
       coalesce(sum(c.count) FILTER (WHERE c.at < $5), 0)::int AS earlier
     FROM alarm_counts c LEFT JOIN LATERAL
       (SELECT max(a.closed_at) AS closed_at FROM alarms a WHERE a.rule = c.rule AND a.whom = c.whom) x ON true
     WHERE c.rule = $1 AND c.whom = ANY($2::bytea[]) GROUP BY c.whom`,
    [rule, whom, times.since, new Date(times.now.getTime() - HOUR), new Date(times.now.getTime() - 12 * HOUR)],
    transaction,
  )
}

const HOUR = 60 * 60 * 1000

export async function forgetOldCounts(now: Date, transaction: Transaction): Promise<void> {
  await ask(
    'DELETE FROM alarm_counts WHERE at < $1',
    [new Date(now.getTime() - DAYS_OF_USUAL * 24 * HOUR)],
    transaction,
  )
}

/** When the event was recorded that waits longest for its place in the tree. */
export async function findOldestWaiting(): Promise<Date | undefined> {
  const [row] = await ask<{ eventAt: Date }>('SELECT event_at FROM waiting_events ORDER BY place LIMIT 1')
  return row?.eventAt
}

/** Names of jobs that were given up since then, with how many of each. */
export function listGivenUp(since: Date): Promise<{ name: string; count: number }[]> {
  return ask(
    `SELECT task_identifier AS name, count(*)::int AS count FROM graphile_worker.jobs
     WHERE attempts >= max_attempts AND locked_at IS NULL AND updated_at >= $1 GROUP BY 1`,
    [since],
  )
}
