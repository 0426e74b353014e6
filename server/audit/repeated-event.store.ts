import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface RepeatedEvent {
  key: Buffer
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

/** Counts one more, of which the first `most` are recorded by themselves. @returns whether this one is */
export async function countRepeat(
  event: Omit<RepeatedEvent, 'since' | 'lastAt' | 'count' | 'recorded'>,
  most: number,
  now: Date,
  transaction?: Transaction,
): Promise<boolean> {
  const [row] = await ask<{ count: string }>(
    `INSERT INTO repeated_events AS r (key, act, outcome, reason, subject_kind, subject_id, network_sealed, since, last_at, count, recorded)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1, 1)
     ON CONFLICT (key) DO UPDATE SET count = r.count + 1, recorded = least(r.count + 1, $9), last_at = greatest(r.last_at, excluded.last_at)
     RETURNING count`,
    [
      event.key,
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

/** Takes out those that began before then. */
export async function takeRepeats(before: Date, limit: number, transaction: Transaction): Promise<RepeatedEvent[]> {
  return ask<RepeatedEvent>(
    `DELETE FROM repeated_events WHERE key IN
       (SELECT key FROM repeated_events WHERE since < $1 ORDER BY since LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING *`,
    [before, limit],
    transaction,
  )
}
