/** Writes a mark into database and ledger each minute in which something happened, at start and stop, and with every erasure. */
import { logError } from '../lib/logger.ts'
import { whatIsWrongWithTheClock } from './clock.ts'
import { findLedgerState, findNewestEvent } from './ledger-state.store.ts'
import { DatabaseOlder, markLedger } from './ledger.ts'

const HALF_A_DAY = 12 * 60 * 60 * 1000

/** A wrong clock writes none: the newest mark is what a later one is held against. */
export async function markWhatIsNew(now = new Date()): Promise<void> {
  if (await whatIsWrongWithTheClock(now)) return
  const [state, newest] = await Promise.all([findLedgerState(), findNewestEvent()])
  const isNew = newest?.id !== (state.markedEvent ?? undefined)
  if (isNew || now.getTime() - (state.markedAt?.getTime() ?? 0) > HALF_A_DAY) await markLedger(newest?.id ?? null, now)
}

/** Each minute. On an older database nobody is shown anything more: the process ends, and the next start brings it to where the ledger is. */
export async function markEachMinute(): Promise<void> {
  try {
    await markWhatIsNew()
  } catch (error) {
    if (!(error instanceof DatabaseOlder)) throw error
    logError('The database is older than the ledger. This process ends; start it again', error)
    process.exit(1)
  }
}

/** The erasure itself stands in the ledger already, so that it fails here is no reason to say that it failed. */
export async function markErasure(now: Date): Promise<void> {
  await markWhatIsNew(now).catch((error: unknown) => logError('The ledger could not be marked', error))
}
