/**
 * Ends what has lapsed and forgets what is over, so that no table holds more than somebody may still need. It stands in the lowest room above all
 * whose rows lapse.
 */
import { removeOldAddressChanges } from '../accounts/address-change.store.ts'
import { removeOldResets } from '../accounts/assisted-reset.store.ts'
import { removeLapsedEnrolments } from '../enrolment/enrolment.store.ts'
import { lapseHelp } from '../help-sign-in/help-sign-in.ts'
import { logError } from '../lib/logger.ts'
import { forgetLapsedDevices } from '../sign-in/known-device.store.ts'
import { removeLapsedChallenges } from '../sign-in/passkey.store.ts'
import { removeLapsedResets } from '../sign-in/password-reset.store.ts'
import { removeOldSecurityLinks } from '../sign-in/security-link.store.ts'
import { emptyEndedSessions } from '../sign-in/sessions.ts'

const DAY = 24 * 60 * 60 * 1000

export async function sweepSignIns(now = new Date()): Promise<void> {
  const before = (days: number) => new Date(now.getTime() - days * DAY)
  await sweep('half-made sign-ins', () => removeLapsedEnrolments(now))
  await sweep('links for a new password', () => removeLapsedResets(now))
  await sweep('known devices', () => forgetLapsedDevices(now))
  await sweep('keys in ended sessions', () => emptyEndedSessions(now))
  await sweep('challenges', () => removeLapsedChallenges(now))
  await sweep('links of security notices', () => removeOldSecurityLinks(now))
  await sweep('changes of address', () => removeOldAddressChanges(before(30)))
  await sweep('requests for help', async () => {
    await lapseHelp(now)
    await removeOldResets(before(90))
  })
}

/** What cannot be swept does not keep the others waiting; the next minute tries again. */
function sweep(what: string, remove: () => Promise<void>): Promise<void> {
  return remove().catch((error: unknown) =>
    logError('Something that lapsed could not be swept', error, { where: what }),
  )
}
