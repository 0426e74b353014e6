/** At every start, before anything listens: the database is held against the ledger, the clock against both, and a new mark is written into both. */
import { whatIsWrongWithTheClock } from '../audit/clock.ts'
import { markWhatIsNew } from '../audit/mark-ledger.job.ts'
import { catchUpWithLedger, sayCaughtUp } from './catch-up-with-ledger.ts'

/** @param say prints a line for whoever started us */
export async function holdAgainstLedger(say: (line: string) => void, now = new Date()): Promise<void> {
  sayCaughtUp(await catchUpWithLedger(now), say)
  const wrong = await whatIsWrongWithTheClock(now)
  if (wrong) say(`Nothing that is old is deleted for now: ${wrong}.`)
  await markWhatIsNew(now)
}
