/** Invites a colleague by mail. */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { MailNotTaken, sendMail } from '../mail/send-mail.ts'
import { linkToken } from '../vault/vault.ts'
import { noticeView } from './notice.view.ts'

export async function sendInvitation({ accountId }: JobPayloads['send-invitation'], now = new Date()): Promise<void> {
  const account = await findAccount(accountId)
  if (account?.state !== 'invited') return
  const subject = { kind: 'account' as const, id: accountId }
  const view = { ...noticeView(linkToken('invitation', accountId)), name: account.name }
  try {
    await inTransaction(async (transaction) => {
      await record(system, { act: 'invitation.sent', subject }, transaction, now)
      await sendMail({ to: account.email, template: 'invitation', view }, now)
    })
  } catch (error) {
    if (!(error instanceof MailNotTaken && error.lasting)) throw error
    await record(system, { act: 'invitation.failed', subject, outcome: 'failed', reason: error.code })
  }
}
