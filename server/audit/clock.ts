/**
 * Whether the time can be believed. What deletes by the clock asks first: a clock that is years ahead would make everything old. Ours, the database's
 * and the newest mark of the ledger are held against each other, and ours against the time that has run since it was last found right.
 */
import { ask } from '../database/connection.ts'
import { logWarning } from '../lib/logger.ts'
import { system } from './actor.ts'
import { findLedgerState } from './ledger-state.store.ts'
import { record } from './record.ts'

const MINUTE = 60 * 1000
const HOUR = 60 * MINUTE
const TOLERATED = 5 * MINUTE
/** Nobody can tell a server that was off from a clock that went ahead. For so long it is taken for the former; then somebody has to say. */
const LONGEST_STOP = 7 * 24 * HOUR

/** Does work that deletes only while the clocks agree; otherwise it waits, and the log says so once an hour. */
export async function unlessClockIsWrong(work: () => Promise<void>, now = new Date()): Promise<void> {
  const found = await whatIsWrongWithTheClock(now)
  if (!found) return work()
  if (performance.now() - (toldAt ?? -Infinity) < HOUR) return
  toldAt = performance.now()
  logWarning('Nothing is deleted: the clocks disagree', { where: found })
  await record(system, { act: 'clock.disagreed', outcome: 'failed', reason: 'clocks-disagree', found })
}

let toldAt: number | undefined

/** @returns in words for whoever looks into it; nothing when all agree within five minutes */
export async function whatIsWrongWithTheClock(now: Date): Promise<string | undefined> {
  const differs = await whatDiffersFromDatabase(now)
  if (differs) return differs
  const { markedAt } = await findLedgerState()
  const since = markedAt ? now.getTime() - markedAt.getTime() : 0
  if (since < -TOLERATED) return `the clock is ${inWords(-since)} behind the newest mark of the ledger`
  if (since > LONGEST_STOP)
    return `the newest mark of the ledger is ${inWords(since)} old: either nothing ran for so long, or the clock is ahead (npm run confirm-clock)`
  return jumped(now.getTime(), performance.now()) ? 'the clock was moved while this server ran' : undefined
}

/** Ours and the database's. */
export async function whatDiffersFromDatabase(now: Date): Promise<string | undefined> {
  const [row] = await ask<{ at: Date }>('SELECT clock_timestamp() AS at')
  const ahead = now.getTime() - row!.at.getTime()
  return Math.abs(ahead) > TOLERATED
    ? `the clock of this machine is ${inWords(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} the database's`
    : undefined
}

/** When the clock was last found right, by itself and by a count that nobody sets. */
let believed: { at: number; steady: number } | undefined
let doubtedSince: number | undefined

/** A move is doubted for an hour: a time service has put a wrong clock right by then, and a machine that only slept goes on. */
function jumped(at: number, steady: number): boolean {
  const moved = believed ? Math.abs(at - believed.at - (steady - believed.steady)) : 0
  if (moved > TOLERATED) {
    doubtedSince ??= steady
    if (steady - doubtedSince < HOUR) return true
  }
  believed = { at, steady }
  doubtedSince = undefined
  return false
}

function inWords(milliseconds: number): string {
  const minutes = Math.round(milliseconds / MINUTE)
  if (minutes < 120) return `${minutes} minutes`
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} hours` : `${Math.round(minutes / 60 / 24)} days`
}
