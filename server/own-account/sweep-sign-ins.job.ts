/**
 * Ends what has lapsed: half-made sign-ins, requests for help, known devices, links for a new password, the keys in sessions that idled out,
 * challenges that nobody could answer any more.
 */
import { removeLapsedEnrolments } from '../enrolment/enrolment.store.ts'
import { forgetLapsedDevices } from '../sign-in/known-device.store.ts'
import { lapseHelp } from '../help-sign-in/help-sign-in.ts'
import { removeLapsedChallenges } from '../sign-in/passkey.store.ts'
import { removeLapsedResets } from '../sign-in/password-reset.store.ts'
import { emptyEndedSessions } from '../sign-in/sessions.ts'

export async function sweepSignIns(now = new Date()): Promise<void> {
  await removeLapsedEnrolments(now)
  await removeLapsedResets(now)
  await forgetLapsedDevices(now)
  await emptyEndedSessions(now)
  await removeLapsedChallenges(now)
  await lapseHelp(now)
}
