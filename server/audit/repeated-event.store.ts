import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface RepeatedEvent {
  key: Buffer
  /** What they have in common who do the same from several networks. */
  kind: Buffer
  act: string
  outcome: string
  reason: string | null
  subjectKind: string | null
  subjectId: string | null
  networkSealed: Buffer | null
  since: Date
  lastAt: Date
  /** How often, of which `recorded` stand in the log by themselves. */
  count: string
  recorded: string
}

table<RepeatedEvent>('repeated_events', {
  key: 'bytea key',
  kind: 'bytea',
  act: 'text',
  outcome: 'text',
  reason: 'text',
  subjectKind: 'text',
  subjectId: 'uuid',
  networkSealed: 'bytea',
  since: 'timestamptz',
  lastAt: 'timestamptz',
  count: 'bigint',
  recorded: 'bigint',
})

/**
 * Counts one more, of which the first `most` are recorded by themselves. What counts for all networks has nothing to tell: each network's row has.
 * @returns whether this one is
 */
export async function countRepeat(
  event: Omit<RepeatedEvent, 'since' | 'lastAt' | 'count' | 'recorded'>,
  most: number,
  now: Date,
  transaction?: Transaction,
): Promise<boolean> {
  const [row] = await ask<{ count: string }>(
    `INSERT INTO repeated_events AS r (key, kind, act, outcome, reason, subject_kind, subject_id, network_sealed, since, last_at, count, recorded)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1, 1)
     ON CONFLICT (key) DO UPDATE SET count = r.count + 1,
       recorded = r.recorded + (r.network_sealed IS NULL OR r.count < $10)::int, last_at = greatest(r.last_at, excluded.last_at)
     RETURNING count`,
    [
      event.key,
      event.kind,
      event.act,
      event.outcome,
      event.reason,
      event.subjectKind,
      event.subjectId,
      event.networkSealed,
      now,
      most,
    ],
    transaction,
  )
  return Number(row!.count) <= most
}

/** One that was counted as recorded is not. */
export async function takeBackRecorded(key: Buffer, transaction?: Transaction): Promise<void> {
  await ask('UPDATE repeated_events SET recorded = recorded - 1 WHERE key = $1', [key], transaction)
}

/** Kinds of which the first began before then. */
export async function listKindsSince(before: Date): Promise<Buffer[]> {
  const rows = await ask<{ kind: Buffer }>('SELECT DISTINCT kind FROM repeated_events WHERE since < $1', [before])
  return rows.map(({ kind }) => kind)
}

/** What does not stand in the log by itself: of one network, or of all that are not told by name, and then without a key. */
export type Untold = Omit<RepeatedEvent, 'key' | 'kind' | 'count' | 'recorded'> & { key: Buffer | null; times: string }

/** Takes out all of a kind. The networks with the most are told by name, so many of them, and the others together. */
export async function takeRepeats(kind: Buffer, named: number, transaction: Transaction): Promise<Untold[]> {
  return ask<Untold>(
    `WITH taken AS (
       DELETE FROM repeated_events WHERE key IN (SELECT key FROM repeated_events WHERE kind = $1 FOR UPDATE SKIP LOCKED) RETURNING *),
     untold AS (
       SELECT *, CASE WHEN row_number() OVER (ORDER BY count - recorded DESC, since, key) <= $2 THEN key END AS named FROM taken WHERE count > recorded)
     SELECT named AS key, act, outcome, reason, subject_kind, subject_id, min(since) AS since, max(last_at) AS last_at, sum(count - recorded) AS times,
       CASE WHEN named IS NOT NULL THEN (array_agg(network_sealed))[1] END AS network_sealed
     FROM untold GROUP BY named, act, outcome, reason, subject_kind, subject_id ORDER BY named IS NULL, times DESC`,
    [kind, named],
    transaction,
  )
}
