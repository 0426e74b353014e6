/** Ends what has lapsed: half-made sign-ins, and the keys in sessions that idled out. */
import { removeLapsedEnrolments } from './enrolment.store.ts'
import { emptyEndedSessions } from './sessions.ts'

export async function sweepSignIns(now = new Date()): Promise<void> {
  await removeLapsedEnrolments(now)
  await emptyEndedSessions(now)
}
