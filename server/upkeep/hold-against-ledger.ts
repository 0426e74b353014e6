/**
 * At every start, before anything listens: the database is held against the ledger, the access log against what was signed of it, the clock against
 * database and ledger, and a new mark is written into both.
 */
import { system } from '../audit/actor.ts'
import { whatIsWrongWithTheClock } from '../audit/clock.ts'
import { markWhatIsNew } from '../audit/mark-ledger.job.ts'
import { appendToLedger, readLedger } from '../audit/ledger.ts'
import { record } from '../audit/record.ts'
import { signOrTell } from '../audit/sign-or-tell.ts'
import { listDestroyed } from '../messages/certificate.store.ts'
import { catchUpWithLedger, sayCaughtUp } from './catch-up-with-ledger.ts'

/** @param say prints a line for whoever started us */
export async function holdAgainstLedger(say: (line: string) => void, now = new Date()): Promise<void> {
  sayCaughtUp(await catchUpWithLedger(now), say)
  // Before anything more gets its place in the log, so that a new epoch begins with what came back and nothing else.
  const refused = await signOrTell(now)
  if (refused)
    say(
      `The access log is not what was signed before: ${refused}. No further checkpoint is signed, and the access log says so. Export it and hold it against a checkpoint that you keep (npm run export-log, docs/access-log.md).`,
    )
  await bringBackLines(say, now)
  const wrong = await whatIsWrongWithTheClock(now)
  if (wrong) say(`Nothing that is old is deleted for now: ${wrong}.`)
  await markWhatIsNew(now)
}

/** A destruction that the database certifies and the ledger has no line of: it was cut off at its end, or is another file. It gets the line again. */
async function bringBackLines(say: (line: string) => void, now: Date) {
  const { lines } = await readLedger()
  const there = new Set(lines.flatMap((line) => (line.kind === 'erased' ? [line.message] : [])))
  const missing = (await listDestroyed()).filter(({ messageId }) => !there.has(messageId))
  if (missing.length === 0) return
  const found = `${missing.length} lines on erased messages were missing and were written again`
  await record(system, { act: 'ledger.refused', outcome: 'failed', reason: 'ledger-behind', found }, undefined, now)
  for (const { messageId, why, erasedAt } of missing)
    await appendToLedger({ kind: 'erased', message: messageId, why }, erasedAt)
  say(`In the ledger ${found}.`)
}
