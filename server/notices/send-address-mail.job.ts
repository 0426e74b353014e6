/** Tells both mailboxes of a change of address: the new one is asked to confirm, the old one what was asked or done, with the way to stop it. */
import { findAccount, findAccountByEmail } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { inWords } from '../lib/dates.ts'
import type { Mail } from '../mail/send-mail.ts'
import { addressChangeToken, findAddressChange, type AddressChange } from '../accounts/address-change.store.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

const HOUR = 60 * 60 * 1000

export async function sendAddressMail(
  { changeId, to, about }: JobPayloads['send-address-mail'],
  now = new Date(),
): Promise<void> {
  const change = await findAddressChange(changeId)
  const account = change && (await findAccount(change.accountId))
  if (!change || change.cancelledAt || account?.state !== 'active') return
  // What was asked has been done already; the mail about that is under way.
  if (about === 'asked' && change.changedAt) return
  const mail = to === 'new' ? await mailToNew(change, now) : mailToOld(change, about, now)
  const subject = { kind: 'account' as const, id: change.accountId }
  await mailOrRecord(
    async (transaction) => {
      await record(system, { act: 'security-notice.sent', subject, reason: mail.template }, transaction, now)
      return mail
    },
    (reason, transaction) =>
      record(system, { act: 'security-notice.failed', subject, outcome: 'failed', reason }, transaction, now),
    now,
  )
}

/** Each is recorded by its template's name. */
type AddressMail = Mail & { template: 'address-taken' | 'address-confirm' | 'address-gone' | 'address-asked' }

/** Somebody else's address gets no link that confirms; whoever asked is not told. */
async function mailToNew(change: AddressChange, now: Date): Promise<AddressMail> {
  const owner = await findAccountByEmail(change.newEmail)
  if (owner && owner.id !== change.accountId)
    return { to: change.newEmail, template: 'address-taken', view: noticeView('/check-notice') }
  const path = `/account/address/confirm/${addressChangeToken(change.id, 'new')}`
  const until = inWords(change.endsAt, now).text
  return { to: change.newEmail, template: 'address-confirm', view: { ...noticeView(path), until } }
}

function mailToOld(change: AddressChange, about: 'asked' | 'changed', now: Date): AddressMail {
  const view = noticeView(`/address-change/${addressChangeToken(change.id, 'old')}`)
  if (about === 'changed')
    return { to: change.oldEmail, template: 'address-gone', view: { ...view, until: inWords(change.endsAt, now).text } }
  const byItself = new Date(change.askedAt.getTime() + 72 * HOUR)
  return { to: change.oldEmail, template: 'address-asked', view: { ...view, until: inWords(byItself, now).text } }
}
