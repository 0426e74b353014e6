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
