/** Tells a person on every channel we have that something about their sign-in changed: what, when, and what to do if it was not them. */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { dayAndTime } from '../lib/dates.ts'
import { MailNotTaken, sendMail } from '../mail/send-mail.ts'
import { linkToken } from '../vault/vault.ts'
import { noticeView } from './notice.view.ts'

export async function sendSecurityNotice(
  { accountId, change, at }: JobPayloads['send-security-notice'],
  now = new Date(),
): Promise<void> {
  const account = await findAccount(accountId)
  if (!account || account.state === 'closed') return
  const subject = { kind: 'account' as const, id: accountId }
  const view = { ...noticeView(linkToken('security', accountId)), change, at: dayAndTime(new Date(at), now) }
  try {
    await inTransaction(async (transaction) => {
      await record(system, { act: 'security-notice.sent', subject }, transaction, now)
      await sendMail({ to: account.email, template: 'security-notice', view }, now)
    })
  } catch (error) {
    if (!(error instanceof MailNotTaken && error.lasting)) throw error
    await record(system, { act: 'security-notice.failed', subject, outcome: 'failed', reason: error.code })
  }
}
