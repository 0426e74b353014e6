import { setTimeout as pause } from 'node:timers/promises'
import { countWaiting } from './log-proof.store.ts'
import { startSequencer } from './sequence-events.ts'

/**
 * Lets everything that was recorded until then have its place in the tree: by whoever has the turn, a running server, or by us where there is none.
 * @returns how many still wait when nothing moves any more
 */
export async function letAllHavePlaces(until: Date): Promise<number> {
  if ((await countWaiting(until)) === 0) return 0
  const sequencer = startSequencer()
  try {
    let waiting = await countWaiting(until)
    for (let since = performance.now(); waiting > 0 && performance.now() - since < PATIENCE;) {
      await pause(100)
      const left = await countWaiting(until)
      if (left < waiting) since = performance.now()
      waiting = left
    }
    return waiting
  } finally {
    await sequencer.stop()
  }
}

const PATIENCE = 15_000
