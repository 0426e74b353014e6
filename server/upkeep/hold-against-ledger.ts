/**
 * At every start, before anything listens: the database is held against the ledger, the access log against what was signed of it, the clock against
 * database and ledger, and a new mark is written into both.
 */
import { whatIsWrongWithTheClock } from '../audit/clock.ts'
import { markWhatIsNew } from '../audit/mark-ledger.job.ts'
import { signOrTell } from '../audit/sign-or-tell.ts'
import { catchUpWithLedger, sayCaughtUp } from './catch-up-with-ledger.ts'

/** @param say prints a line for whoever started us */
export async function holdAgainstLedger(say: (line: string) => void, now = new Date()): Promise<void> {
  sayCaughtUp(await catchUpWithLedger(now), say)
  // Before anything is added to the log, so that a new epoch begins with what came back and nothing else.
  const refused = await signOrTell(now)
  if (refused)
    say(
      `The access log is not what was signed before: ${refused}. No further checkpoint is signed, and the access log says so. Export it and hold it against a checkpoint that you keep (npm run export-log, docs/access-log.md).`,
    )
  const wrong = await whatIsWrongWithTheClock(now)
  if (wrong) say(`Nothing that is old is deleted for now: ${wrong}.`)
  await markWhatIsNew(now)
}
