/** Somebody was told of a change to their sign-in and says that it was not them: whoever is in goes out, and what can be taken back is. */
import { closeRecovered } from '../accounts/close-recovered.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import type { SecurityChange } from '../jobs/names.ts'
import { takeBackAddressChanges } from './address-change.ts'
import { takeNewPasskeysAway } from './change-passkeys.ts'
import { takeNewSignOnAway } from './link-sign-on.ts'
import { stopOwnHelp } from '../help-sign-in/help-sign-in.ts'
import { forgetDevicesOf } from '../sign-in/known-device.store.ts'
import { forgetResetsOf } from '../sign-in/password-reset.store.ts'
import { useSecurityLink, type SecurityLink } from '../sign-in/security-link.store.ts'
import { endSessionsOf } from '../sign-in/sessions.ts'

/** @param actor whoever pressed the button: nobody who is signed in, most likely */
export async function disownChange(actor: Actor, link: SecurityLink, now = new Date()): Promise<void> {
  const { accountId, change, happenedAt } = link
  const first = await inTransaction(async (transaction) => {
    if (!(await useSecurityLink(link.id, now, transaction))) return false
    await endSessionsOf(accountId, transaction)
    await forgetDevicesOf(accountId, transaction)
    await forgetResetsOf(accountId, transaction)
    if (change === 'passkey-added') await takeNewPasskeysAway(actor, accountId, happenedAt, now, transaction)
    if (change === 'sign-on-linked') await takeNewSignOnAway(actor, accountId, happenedAt, now, transaction)
    if (change === 'earlier-messages-recovered') await closeRecovered(actor, accountId, happenedAt, now, transaction)
    // What others let the sign-in read since then is closed by those who know of threads; nobody is signed in meanwhile.
    await enqueue('close-shared-messages', { accountId, since: happenedAt.toISOString() }, transaction)
    const subject = { kind: 'account' as const, id: accountId }
    await record(actor, { act: 'account.disowned-change', subject, reason: change }, transaction, now)
    return true
  })
  if (!first) return
  // On its own: an address that became somebody else's meanwhile keeps nobody signed in.
  await takeBackAddressChanges(actor, accountId, now)
  await stopOwnHelp(actor, accountId, now)
}

/** Whether it let a new sign-in read what is from before. */
export function opensEarlier(change: SecurityChange): boolean {
  return change === 'earlier-messages-recovered' || change === 'earlier-messages-shared'
}
