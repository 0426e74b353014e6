/**
 * The sequencer: gives every access event its place in the log's tree, in the order in which it comes by them. One process at a time has the
 * turn; the turn is a token in the database, and a process that was paused and replaced finds, before it writes anything, that its token is old.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { inTransaction, isAway } from '../database/connection.ts'
import { logError, logWarning } from '../lib/logger.ts'
import { leafOf } from './leaf.ts'
import { addToTiles, endTurn, giveLeaves, growTree, listWaiting, takeTurn, type Turn } from './log-proof.store.ts'
import { countInHours } from './event-hours.store.ts'
import { leafHash } from './merkle-tree.ts'

/** Takes the turn when it is free, and works until it is stopped. */
export function startSequencer(): { stop(): Promise<void> } {
  const ending = new AbortController()
  const ended = sequence(ending.signal)
  return {
    async stop() {
      ending.abort()
      await ended
    },
  }
}

async function sequence(ending: AbortSignal): Promise<void> {
  const wait = (milliseconds: number) => pause(milliseconds, undefined, { signal: ending }).catch(() => {})
  let turn: Turn | undefined
  let seenAt = 0
  while (!ending.aborted) {
    const before = turn?.size
    try {
      turn ??= await takeTurn(PATIENCE_SECONDS)
      if (turn) turn = await giveNextPlaces(turn)
      if (turn && performance.now() - seenAt > SEEN_EVERY) {
        seenAt = performance.now()
        if (!(await growTree(turn, turn.size))) turn = undefined
      }
    } catch (error) {
      // The database is away, or the tree is not what it was: either way this process no longer knows what it added.
      turn = undefined
      sayWaiting(error)
      await wait(SEEN_EVERY)
    }
    if (!turn || turn.size === before) await wait(WAIT)
  }
  if (turn) await endTurn(turn).catch((error: unknown) => logError('The turn was not given back', error))
}

/** A database that is away is told of by whoever is asked for something. */
function sayWaiting(error: unknown) {
  if (isAway(error)) logWarning('Events of the access log wait: the database is away')
  else logError('Events of the access log have no place yet', error)
}

/**
 * Adds the events that have waited longest to the tree, all or none of them.
 * @returns the turn with the tree's new size; undefined when somebody else has the turn now
 */
export async function giveNextPlaces(turn: Turn): Promise<Turn | undefined> {
  // Outside the transaction, so that nothing is begun while nothing waits. Whoever took them meanwhile has made the tree grow.
  const events = await listWaiting(BATCH)
  if (events.length === 0) return turn
  const size = turn.size + events.length
  const hashes = events.map((event) => leafHash(leafOf(event)))
  try {
    await inTransaction(async (transaction) => {
      if (!(await growTree(turn, size, transaction))) throw new Replaced()
      await addToTiles(turn.size, hashes, transaction)
      await giveLeaves(turn.size, events, transaction)
      await countInHours(turn.size, size, transaction)
    })
    return { ...turn, size }
  } catch (error) {
    if (!(error instanceof Replaced)) throw error
    logWarning('Another process adds to the access log now')
    return undefined
  }
}

/** Ends the transaction without a trace. */
class Replaced extends Error {}

const BATCH = 2000
const WAIT = 200
const SEEN_EVERY = 2000
/** Longer than a busy machine keeps anybody from being seen; until then events wait, which is all that happens. */
const PATIENCE_SECONDS = 8
