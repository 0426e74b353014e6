/** Tells what was left out of the log because it was done again and again by nobody who is signed in: see repeats.ts. */
import { inTransaction, type Transaction } from '../database/connection.ts'
import { unsealField } from '../vault/vault.ts'
import type { Act } from './acts.ts'
import { record, type AccessEvent } from './record.ts'
import { takeRepeats, type RepeatedEvent } from './repeated-event.store.ts'
import { bindingOf } from './repeats.ts'

const HOUR = 60 * 60 * 1000
const BATCH = 100

/** Tells how often, once an hour has gone by since the first. Whoever goes on begins to be counted anew. */
export async function tellRepeats(now = new Date()): Promise<void> {
  const before = new Date(now.getTime() - HOUR)
  for (let taken = BATCH; taken === BATCH;)
    taken = await inTransaction(async (transaction) => {
      const rows = await takeRepeats(before, BATCH, transaction)
      for (const row of rows) if (row.count !== row.recorded) await tell(row, now, transaction)
      return rows.length
    })
}

async function tell(row: RepeatedEvent, now: Date, transaction: Transaction): Promise<void> {
  const address = row.networkSealed ? unsealField(bindingOf(row.key), row.networkSealed) : undefined
  const event = {
    act: row.act as Act,
    outcome: row.outcome as 'done' | 'denied',
    ...(row.subjectKind ? { subject: subjectOf(row) } : {}),
    ...(row.reason ? { reason: row.reason as NonNullable<AccessEvent['reason']> } : {}),
    times: Number(row.count) - Number(row.recorded),
    found: `${row.since.toISOString()} – ${row.lastAt.toISOString()}`,
  }
  await record({ kind: 'anonymous', strength: 'none', ...(address ? { address } : {}) }, event, transaction, now)
}

function subjectOf({ subjectKind, subjectId }: RepeatedEvent): NonNullable<AccessEvent['subject']> {
  const kind = subjectKind as NonNullable<AccessEvent['subject']>['kind']
  return { kind, ...(subjectId ? { id: subjectId } : {}) }
}
