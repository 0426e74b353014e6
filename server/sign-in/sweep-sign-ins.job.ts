/**
 * Ends what has lapsed: half-made sign-ins, requests for help, known devices, links for a new password, the keys in sessions that idled out,
 * challenges that nobody could answer any more.
 */
import { removeLapsedEnrolments } from './enrolment.store.ts'
import { forgetLapsedDevices } from './known-device.store.ts'
import { lapseHelp } from './help-sign-in.ts'
import { removeLapsedChallenges } from './passkey.store.ts'
import { removeLapsedResets } from './password-reset.store.ts'
import { emptyEndedSessions } from './sessions.ts'

export async function sweepSignIns(now = new Date()): Promise<void> {
  await removeLapsedEnrolments(now)
  await removeLapsedResets(now)
  await forgetLapsedDevices(now)
  await emptyEndedSessions(now)
  await removeLapsedChallenges(now)
  await lapseHelp(now)
}
