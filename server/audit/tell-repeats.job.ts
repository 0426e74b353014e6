/** Tells what was left out of the log because it was done again and again by nobody who is signed in: see repeats.ts. */
import { inTransaction, type Transaction } from '../database/connection.ts'
import type { Act } from './acts.ts'
import { record, type AccessEvent } from './record.ts'
import { listKindsSince, takeRepeats, type Untold } from './repeated-event.store.ts'
import { repeatedFrom } from './repeats.ts'

const HOUR = 60 * 60 * 1000
/** Networks of one kind within an hour that are told by name; the others are one number, or whoever has many networks could fill the log. */
const MOST_NAMED = 200

/** Tells how often, once an hour has gone by since the first of a kind. Whoever goes on begins to be counted anew. */
export async function tellRepeats(now = new Date()): Promise<void> {
  for (const kind of await listKindsSince(new Date(now.getTime() - HOUR)))
    await inTransaction(async (transaction) => {
      for (const untold of await takeRepeats(kind, MOST_NAMED, transaction)) await tell(untold, now, transaction)
    })
}

async function tell(untold: Untold, now: Date, transaction: Transaction): Promise<void> {
  const address = repeatedFrom(untold)
  const event = {
    act: untold.act as Act,
    outcome: untold.outcome as 'done' | 'denied',
    ...(untold.subjectKind ? { subject: subjectOf(untold) } : {}),
    ...(untold.reason ? { reason: untold.reason as NonNullable<AccessEvent['reason']> } : {}),
    times: Number(untold.times),
    found: `${untold.since.toISOString()} – ${untold.lastAt.toISOString()}`,
  }
  await record({ kind: 'anonymous', strength: 'none', ...(address ? { address } : {}) }, event, transaction, now)
}

function subjectOf({ subjectKind, subjectId }: Untold): NonNullable<AccessEvent['subject']> {
  const kind = subjectKind as NonNullable<AccessEvent['subject']>['kind']
  return { kind, ...(subjectId ? { id: subjectId } : {}) }
}
