/** How much of what happened in which hour and on which day, counted by the sequencer as events get their places: nobody goes through a million of them to count. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

table<{
  hour: Date
  act: string
  outcome: string
  actorRole: string
  count: string
  firstLeaf: string
  lastLeaf: string
}>('access_event_hours', {
  hour: 'timestamptz key',
  act: 'text key',
  outcome: 'text key',
  actorRole: 'text key',
  count: 'bigint',
  firstLeaf: 'bigint',
  lastLeaf: 'bigint',
})

table<{ day: Date; act: string; outcome: string; actorRole: string; count: string }>('access_event_days', {
  day: 'timestamptz key',
  act: 'text key',
  outcome: 'text key',
  actorRole: 'text key',
  count: 'bigint',
})

/** Counts the events at these places, by hour and by day, in the transaction in which they got them. */
export async function countInHours(first: number, end: number, transaction: Transaction): Promise<void> {
  await ask(
    `INSERT INTO access_event_days (day, act, outcome, actor_role, count)
     SELECT date_trunc('day', event_at, 'UTC'), coalesce(act, ''), coalesce(outcome, ''), coalesce(actor_role, ''), count(*)
     FROM log_leaves WHERE leaf >= $1 AND leaf < $2 GROUP BY 1, 2, 3, 4
     ON CONFLICT (day, act, outcome, actor_role) DO UPDATE SET count = access_event_days.count + excluded.count`,
    [first, end],
    transaction,
  )
  await ask(
    `INSERT INTO access_event_hours (hour, act, outcome, actor_role, count, first_leaf, last_leaf)
     SELECT date_trunc('hour', event_at, 'UTC'), coalesce(act, ''), coalesce(outcome, ''), coalesce(actor_role, ''), count(*), min(leaf), max(leaf)
     FROM log_leaves WHERE leaf >= $1 AND leaf < $2 GROUP BY 1, 2, 3, 4
     ON CONFLICT (hour, act, outcome, actor_role) DO UPDATE SET count = access_event_hours.count + excluded.count,
       first_leaf = least(access_event_hours.first_leaf, excluded.first_leaf), last_leaf = greatest(access_event_hours.last_leaf, excluded.last_leaf)`,
    [first, end],
    transaction,
  )
}

const COUNTED_BY = `coalesce(act, '') AS act, coalesce(outcome, '') AS outcome, coalesce(actor_role, '') AS actor_role, count(*) AS count`

/**
 * The first hour or day whose counters are not what the places say; a search believes between which of them its events stand. One statement sees no place
 * that was not counted.
 */
export async function findWrongCount(): Promise<{ at: Date; act: string } | undefined> {
  const [row] = await ask<{ at: Date; act: string }>(
    `WITH hours AS (
       SELECT date_trunc('hour', event_at, 'UTC') AS hour, ${COUNTED_BY}, min(leaf) AS first_leaf, max(leaf) AS last_leaf FROM log_leaves GROUP BY 1, 2, 3, 4),
     days AS (SELECT date_trunc('day', hour, 'UTC') AS day, act, outcome, actor_role, sum(count) AS count FROM hours GROUP BY 1, 2, 3, 4)
     SELECT hour AS at, act FROM hours l FULL JOIN access_event_hours h USING (hour, act, outcome, actor_role)
       WHERE (l.count, l.first_leaf, l.last_leaf) IS DISTINCT FROM (h.count, h.first_leaf, h.last_leaf)
     UNION ALL SELECT day, act FROM days l FULL JOIN access_event_days d USING (day, act, outcome, actor_role) WHERE l.count IS DISTINCT FROM d.count
     ORDER BY at, act LIMIT 1`,
  )
  return row
}

export interface HourCount {
  hour: Date
  count: number
}

/** What of these acts was done, hour by hour; hours without any are left out. */
export async function listHours(acts: readonly string[], from: Date, outcome?: string): Promise<HourCount[]> {
  const rows = await ask<{ hour: Date; count: string }>(
    `SELECT hour, sum(count) AS count FROM access_event_hours
     WHERE act = ANY($1::text[]) AND hour >= $2 AND ($3::text IS NULL OR outcome = $3) GROUP BY hour ORDER BY hour`,
    [acts, from, outcome ?? null],
  )
  return rows.map(({ hour, count }) => ({ hour, count: Number(count) }))
}
