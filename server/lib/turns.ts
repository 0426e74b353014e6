/** Work that takes much memory or a whole core waits for its turn. */
import { SlowDown } from '../errors.ts'

/**
 * Lets `atOnce` pieces of work run and `mayWait` more wait, in their order. Beyond that the answer is "try again in a moment".
 * @returns what runs a piece of work when its turn has come; it throws SlowDown when too many wait
 */
export function turns(atOnce: number, mayWait = Infinity): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running < atOnce) running++
    else if (waiting.length >= mayWait) throw new SlowDown(new Date(Date.now() + 5_000))
    else await new Promise<void>((go) => waiting.push(go))
    try {
      return await work()
    } finally {
      // The next one takes over the place, so that nobody slips in between.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
