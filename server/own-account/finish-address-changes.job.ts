/** Lets changes of an address go through whose 72 hours are over, and forgets old ones. */
import { logError } from '../lib/logger.ts'
import { finishAddressChange } from './address-change.ts'
import { listDueAddressChanges, removeOldAddressChanges } from '../accounts/address-change.store.ts'
import { removeOldSecurityLinks } from '../sign-in/security-link.store.ts'

const A_MONTH = 30 * 24 * 60 * 60 * 1000

export async function finishAddressChanges(now = new Date()): Promise<void> {
  for (const id of await listDueAddressChanges(now))
    await finishAddressChange(id, now).catch((error: unknown) =>
      // The others do not wait for it.
      logError('A change of address could not be finished', error),
    )
  await removeOldAddressChanges(new Date(now.getTime() - A_MONTH))
  await removeOldSecurityLinks(now)
}
