/** Tells one person that something waits: the organisation's name and a link, and nothing of the message. */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { MailNotTaken, sendMail } from '../mail/send-mail.ts'
import { findMessage, listRecipients, noteNotice } from '../messages/message.store.ts'
import { linkToken } from '../vault/vault.ts'

export async function sendNotice(
  { messageId, mailboxId, accountId }: JobPayloads['send-notice'],
  now = new Date(),
): Promise<void> {
  const [message, recipients, account] = await Promise.all([
    findMessage(messageId),
    listRecipients([messageId]),
    findAccount(accountId),
  ])
  const recipient = recipients.find((each) => each.mailboxId === mailboxId)
  if (!message || message.recalledAt || !recipient || recipient.openedAt || !account || account.state === 'closed')
    return
  try {
    const template = account.role === 'patient' ? 'notice' : 'team-notice'
    await sendMail({ to: account.email, template, view: noticeView(linkToken(messageId, mailboxId)) }, now)
  } catch (error) {
    if (!(error instanceof MailNotTaken && error.lasting)) throw error
    await noteNotice(messageId, mailboxId, 'failed', now)
    await record(system, {
      act: 'notice.failed',
      subject: { kind: 'message', id: messageId },
      outcome: 'failed',
      reason: error.code,
    })
    return
  }
  await noteNotice(messageId, mailboxId, 'sent', now)
  await record(system, { act: 'notice.sent', subject: { kind: 'message', id: messageId } })
}

/** What every mail with a link shows. The host comes from the settings, never from a request. */
export function noticeView(token: string) {
  const { organisation, baseUrl } = config()
  return {
    organisation: { name: organisation.name, phone: organisation.phone, hours: organisation.hours },
    link: `${baseUrl}/m/${token}`,
    reminder: false,
  }
}
