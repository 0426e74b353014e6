/** Tells one person that something waits: the organisation's name and a link, and nothing of the message. */
import { isShut, findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { findMessageState, listRecipients, noteNotice } from '../messages/message.store.ts'
import { linkToken } from '../vault/vault.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

export async function sendNotice(
  { messageId, mailboxId, accountId }: JobPayloads['send-notice'],
  now = new Date(),
): Promise<void> {
  const [message, recipients, account] = await Promise.all([
    findMessageState(messageId),
    listRecipients([messageId]),
    findAccount(accountId),
  ])
  const recipient = recipients.find((each) => each.mailboxId === mailboxId)
  if (!message || message.recalledAt || !recipient || recipient.openedAt || !account || isShut(account)) return
  const subject = { kind: 'message' as const, id: messageId }
  const template = account.role === 'patient' ? 'notice' : 'team-notice'
  const mail = { to: account.email, template, view: noticeView(`/m/${linkToken(messageId, mailboxId)}`) }
  await mailOrRecord(
    async (transaction) => {
      await noteNotice(messageId, mailboxId, 'sent', now, transaction)
      await record(system, { act: 'notice.sent', subject }, transaction, now)
      return mail
    },
    async (reason, transaction) => {
      await noteNotice(messageId, mailboxId, 'failed', now, transaction)
      await record(system, { act: 'notice.failed', subject, outcome: 'failed', reason }, transaction, now)
    },
    now,
  )
}
