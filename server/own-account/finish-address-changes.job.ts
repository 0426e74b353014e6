/** Lets changes of an address go through whose 72 hours are over. */
import { logError } from '../lib/logger.ts'
import { finishAddressChange } from './address-change.ts'
import { listDueAddressChanges } from '../accounts/address-change.store.ts'

export async function finishAddressChanges(now = new Date()): Promise<void> {
  for (const id of await listDueAddressChanges(now))
    await finishAddressChange(id, now).catch((error: unknown) =>
      // The others do not wait for it.
      logError('A change of address could not be finished', error),
    )
}
