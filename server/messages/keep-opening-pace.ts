/** Nobody reads hundreds of messages in a minute. Whoever opens so many waits until the minute is over; that is in the log, and an alarm is raised. */
import { record } from '../audit/record.ts'
import { SlowDown } from '../errors.ts'
import { settings } from '../settings/settings.ts'
import type { Reader } from '../sign-in/reader.ts'
import { limit } from '../web/rate-limits.ts'

/** By account, so that another session or device helps nobody. */
const openings = limit('openings', () => settings().openingsPerMinute, 60)

/** Counts one opening. @throws SlowDown when there were too many in this minute */
export async function keepOpeningPace({ account, actor }: Reader): Promise<void> {
  try {
    await openings.count(account.id)
  } catch (error) {
    if (error instanceof SlowDown) await record(actor, { act: 'openings.slowed', outcome: 'denied' })
    throw error
  }
}
