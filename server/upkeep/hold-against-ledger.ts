/**
 * At every start the database is held against the ledger. A ledger that is ahead means that an older database was put in the place of the newer one:
 * what may be used once is dead then, and the log says from when to when it knows nothing. Whatever the ledger says was erased is erased, also where
 * only a process was killed between the ledger and the database.
 */
import { system } from '../audit/actor.ts'
import { markWhatIsNew } from '../audit/mark-ledger.job.ts'
import { whatIsWrongWithTheClock } from '../audit/clock.ts'
import { findLedgerState, findNewestEvent, noteTold, takeUpMark } from '../audit/ledger-state.store.ts'
import { holdLedger, readLedger, type Ledger, type LedgerLine } from '../audit/ledger.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { inTransaction } from '../database/connection.ts'
import { eraseAgain } from '../messages/erase-again.ts'
import { endOneTimeThings } from './end-one-time-things.ts'

/** @param say prints a line for whoever started us */
export async function holdAgainstLedger(say: (line: string) => void, now = new Date()): Promise<void> {
  // Before the database's number is asked for: that one is written first, so it can only be ahead of what was read.
  const ledger = await readLedger()
  const mark = ledger.lines.findLast((line) => line.kind === 'mark')
  const ended = mark && (await endWhatIsOlder(mark, now))
  if (ended) say(ended)
  const wrong = await tellOfLedger(ledger, mark?.number ?? 0, now)
  if (wrong) say(wrong)
  const erasedLines = ledger.lines.filter((line) => line.kind === 'erased')
  const { erased, held } = await eraseAgain(erasedLines, now)
  if (erased + held > 0)
    say(
      `The ledger had messages that were erased and that this database still held: ${erased} were erased again${held > 0 ? `, ${held} are kept by a legal hold that was placed later` : ''}.`,
    )
  const clock = await whatIsWrongWithTheClock(now)
  if (clock) say(`Nothing that is old is deleted for now: ${clock}.`)
  await markWhatIsNew(now)
}

/** @returns what to say when this database was older than the ledger */
async function endWhatIsOlder(mark: LedgerLine & { kind: 'mark' }, now: Date): Promise<string | undefined> {
  return inTransaction(async (transaction) => {
    await holdLedger(transaction)
    const state = await findLedgerState(transaction)
    if (state.mark >= mark.number) return undefined
    const known = (await findNewestEvent())?.at ?? state.markedAt
    const gap = `${known ? `from ${known.toISOString()} ` : ''}to ${mark.at.toISOString()}`
    await endOneTimeThings(now, transaction)
    await record(
      system,
      [
        { act: 'database.older', outcome: 'failed', found: `what happened ${gap} is not in this database` },
        { act: 'session.ended', reason: 'all' },
      ],
      transaction,
      now,
    )
    await takeUpMark(mark.number, mark.at, now, transaction)
    return `This database is older than the ledger (${config().ledgerFile}): what happened ${gap} is lost. Everybody is signed out, everything that can be used once has ended (links for a new password, half-made sign-ins, changes of address and help under way, access codes, recovery codes, known devices), and it is in the access log.`
  })
}

/** Once for each state of it. @returns what to say when lines of the ledger are missing or not as they were written */
async function tellOfLedger({ broken, gaps }: Ledger, mark: number, now: Date): Promise<string | undefined> {
  const state = await findLedgerState()
  // One less is what a process leaves that is killed between the two.
  const behind = state.mark - mark > 1
  const found = [
    ...(broken > 0 ? [`${broken} lines are torn or were not written here`] : []),
    ...(gaps > 0 ? [`${gaps} lines do not follow the one before`] : []),
    ...(behind ? [`the database has mark ${state.mark}, and the ledger ends with ${mark}`] : []),
  ].join('; ')
  if (found === state.told) return undefined
  await noteTold(found)
  if (!found) return undefined
  // A torn line alone is what a killed process leaves.
  const isHarmless = gaps === 0 && !behind
  const reason = behind ? 'ledger-behind' : 'ledger-changed'
  await record(
    system,
    { act: 'ledger.refused', outcome: isHarmless ? 'done' : 'failed', reason, found },
    undefined,
    now,
  )
  return `The ledger (${config().ledgerFile}) is not as it was written: ${found}.${behind ? ' If this is another machine, put the ledger of the old one here and start again, so that what was erased stays erased.' : ''}`
}
