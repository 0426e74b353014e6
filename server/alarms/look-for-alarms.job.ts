/** Looks each minute whether something happened that somebody has to look at. What it costs is bounded by what is new since the last look. */
import { findLastCheckpoint, findTreeSize } from '../audit/log-proof.store.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { settings } from '../settings/settings.ts'
import { COUNTED, TIMES_FOR_ALL, TIMES_USUAL, type CountedRule } from './alarm.ts'
import {
  findOldestWaiting,
  forgetOldCounts,
  holdLook,
  listGivenUp,
  noteLook,
  sumCounts,
  type Sum,
} from './alarm-count.store.ts'
import { whomOfText } from './alarm.store.ts'
import { countEvents, type Found } from './count-events.ts'
import { raiseAlarm } from './raise-alarm.ts'

/** A look that is far behind catches up in several. */
const MOST_LEAVES = 20_000
const MINUTE = 60 * 1000
/** The timetable signs every ten minutes. */
const BETWEEN_CHECKPOINTS = 10 * MINUTE

export async function lookForAlarms(now = new Date()): Promise<void> {
  let more = true
  while (more) more = await inTransaction((transaction) => lookOnce(now, transaction))
  await inTransaction((transaction) => lookAtLog(now, transaction))
}

async function lookOnce(now: Date, transaction: Transaction): Promise<boolean> {
  const size = await findTreeSize()
  const { nextLeaf, lookedAt } = await holdLook(size, now, transaction)
  const to = Math.min(size, nextLeaf + MOST_LEAVES)
  const found = await countEvents(nextLeaf, to, transaction)
  await raiseWhatIsMuch(found, now, transaction)
  for (const { name, count } of await listGivenUp(lookedAt))
    await raiseAlarm({ rule: 'job-gave-up', whom: whomOfText(name), count, threshold: 1 }, now, transaction)
  await forgetOldCounts(now, transaction)
  await noteLook(to, now, transaction)
  return to < size
}

async function raiseWhatIsMuch(
  { touched, slowed, unverifiable }: Found,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  for (const rule of Object.keys(touched) as CountedRule[]) {
    const since = new Date(now.getTime() - COUNTED[rule].lately)
    const whom = [...touched[rule].values()].map(({ digest }) => digest)
    for (const sum of await sumCounts(rule, whom, { now, since }, transaction)) {
      const threshold = thresholdOf(rule, sum)
      if (threshold !== undefined && sum.lately >= threshold)
        await raiseAlarm({ rule, whom: sum, count: sum.lately, threshold }, now, transaction)
    }
  }
  const { openingsPerMinute } = settings()
  for (const whom of slowed.values())
    await raiseAlarm(
      { rule: 'mass-opening', whom, count: openingsPerMinute, threshold: openingsPerMinute },
      now,
      transaction,
    )
  if (unverifiable)
    await raiseAlarm({ rule: 'log-unverifiable', whom: whomOfText(''), count: 1, threshold: 1 }, now, transaction)
}

/** From how many on it is an alarm; nothing when it is none for them. */
function thresholdOf(rule: CountedRule, { digest, before, hours, earlier }: Sum): number | undefined {
  const { openingsPerHour, nightOpenings, refusalsInTenMinutes } = settings()
  const isWholeServer = digest.equals(whomOfText('').digest)
  if (rule === 'refusals') return refusalsInTenMinutes * (isWholeServer ? TIMES_FOR_ALL : 1)
  // Whoever works at night does so in other nights too.
  if (rule === 'unusual-hours') return earlier > 0 ? undefined : nightOpenings
  return Math.max(openingsPerHour, Math.ceil(hours > 0 ? (TIMES_USUAL * before) / hours : 0))
}

/** Whether what happens gets its place in the log, and is signed. */
async function lookAtLog(now: Date, transaction: Transaction): Promise<void> {
  const { lagMinutes } = settings()
  const minutesSince = (at: Date) => Math.floor((now.getTime() - at.getTime()) / MINUTE)
  const waiting = await findOldestWaiting()
  if (waiting && minutesSince(waiting) >= lagMinutes)
    await raiseAlarm(
      { rule: 'log-behind', whom: whomOfText(''), count: minutesSince(waiting), threshold: lagMinutes },
      now,
      transaction,
    )
  const [size, checkpoint] = await Promise.all([findTreeSize(), findLastCheckpoint()])
  const threshold = lagMinutes + BETWEEN_CHECKPOINTS / MINUTE
  if (checkpoint && Number(checkpoint.size) < size && minutesSince(checkpoint.signedAt) >= threshold)
    await raiseAlarm(
      { rule: 'checkpoint-behind', whom: whomOfText(''), count: minutesSince(checkpoint.signedAt), threshold },
      now,
      transaction,
    )
}
