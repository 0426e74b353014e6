import { logError } from '../lib/logger.ts'
import { system } from './actor.ts'
import { record } from './record.ts'
import { signCheckpoint, TreeRefused } from './sign-checkpoint.ts'

const HOUR = 60 * 60 * 1000
let toldAt: number | undefined

/** Signs the log as it is. A tree that is refused is told in the log itself, once an hour. @returns what is wrong with it */
export async function signOrTell(now = new Date()): Promise<string | undefined> {
  try {
    await signCheckpoint(now)
    return undefined
  } catch (error) {
    if (!(error instanceof TreeRefused)) throw error
    if (performance.now() - (toldAt ?? -Infinity) >= HOUR) {
      toldAt = performance.now()
      logError('The access log is not what was signed', error)
      const event = { act: 'log.refused', outcome: 'failed', reason: 'not-as-signed', found: error.message } as const
      await record(system, event, undefined, now)
    }
    return error.message
  }
}
