/**
 * A database is brought to where the ledger says that it was. A ledger that is ahead means that an older database was put in the place of the newer
 * one, by a restore or otherwise: what may be used once is dead then, and the log says from when to when it knows nothing. Whatever the ledger says was
 * erased is erased, also where only a process was killed between the ledger and the database. Nothing is written into the ledger.
 */
import { system } from '../audit/actor.ts'
import { findLedgerState, findNewestEvent, noteTold, takeUpMark } from '../audit/ledger-state.store.ts'
import { holdLedger, readLedger, type Ledger, type LedgerLine } from '../audit/ledger.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { inTransaction } from '../database/connection.ts'
import { eraseAgain } from '../messages/erase-again.ts'
import { takeUpBackups } from './backup.store.ts'
import { endOneTimeThings } from './end-one-time-things.ts'

export interface CaughtUp {
  /** What is lost: "from … to …"; nothing when this database was not older. */
  lost: string | undefined
  /** What of the ledger is not as it was written, when that was not told before. */
  wrong: string | undefined
  erased: number
  /** Kept by a legal hold that was placed after the ledger's line. */
  held: number
}

export async function catchUpWithLedger(now = new Date()): Promise<CaughtUp> {
  // Before the database's number is asked for: that one is written first, so it can only be ahead of what was read.
  const ledger = await readLedger()
  const mark = ledger.lines.findLast((line) => line.kind === 'mark')
  const lost = mark && (await endWhatIsOlder(mark, now))
  const wrong = await tellOfLedger(ledger, mark?.number ?? 0, now)
  // First the backups, so that the certificates of what is erased again name them.
  await takeUpBackups(ledger.lines.filter((line) => line.kind === 'backup'))
  const again = await eraseAgain(
    ledger.lines.filter((line) => line.kind === 'erased'),
    now,
  )
  return { lost, wrong, ...again }
}

/** In sentences, for whoever started us. */
export function sayCaughtUp({ lost, wrong, erased, held }: CaughtUp, say: (line: string) => void) {
  const ledger = `the ledger (${config().ledgerFile})`
  if (lost)
    say(
      `This database is older than ${ledger}: what happened ${lost} is lost, and the access log says so. Everybody is signed out, and everything that can be used once has ended (links for a new password, half-made sign-ins, changes of address and help under way, access codes, recovery codes, known devices). Look at the legal holds: those that were placed since are not in it.`,
    )
  if (wrong) say(`What is written in ${ledger} is not whole: ${wrong}.`)
  if (erased + held > 0)
    say(
      `Messages that had been erased and that this database still held: ${erased} were erased again${held > 0 ? `, ${held} are kept by a legal hold that was placed later` : ''}.`,
    )
}

/** @returns what is lost when this database was older than the ledger */
async function endWhatIsOlder(mark: LedgerLine & { kind: 'mark' }, now: Date): Promise<string | undefined> {
  return inTransaction(async (transaction) => {
    await holdLedger(transaction)
    const state = await findLedgerState(transaction)
    if (state.mark >= mark.number) return undefined
    const known = (await findNewestEvent(transaction))?.at ?? state.markedAt
    const lost = `${known ? `from ${known.toISOString()} ` : ''}to ${mark.at.toISOString()}`
    await endOneTimeThings(now, transaction)
    await record(
      system,
      [
        { act: 'database.older', outcome: 'failed', found: `what happened ${lost} is not in this database` },
        { act: 'session.ended', reason: 'all' },
      ],
      transaction,
      now,
    )
    await takeUpMark(mark.number, mark.at, now, transaction)
    return lost
  })
}

/** Once for each state of it. @returns what is wrong when lines of the ledger are missing or not as they were written */
async function tellOfLedger({ broken, gaps }: Ledger, mark: number, now: Date): Promise<string | undefined> {
  const state = await findLedgerState()
  // One less is what a process leaves that is killed between the two.
  const behind = state.mark - mark > 1
  const wrong = [
    ...(broken > 0 ? [`${broken} lines are torn or were not written here`] : []),
    ...(gaps > 0 ? [`${gaps} lines do not follow the one before`] : []),
    ...(behind
      ? [
          `it ends with mark ${mark} and the database has mark ${state.mark}; if this is another machine, put the ledger of the old one here and start again, so that what was erased stays erased`,
        ]
      : []),
  ].join('; ')
  if (wrong === state.told) return undefined
  await noteTold(wrong)
  if (!wrong) return undefined
  // A torn line alone is what a killed process leaves.
  const outcome = gaps === 0 && !behind ? 'done' : 'failed'
  const reason = behind ? 'ledger-behind' : 'ledger-changed'
  await record(system, { act: 'ledger.refused', outcome, reason, found: wrong }, undefined, now)
  return wrong
}
