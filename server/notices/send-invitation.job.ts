/** Invites a colleague by mail. */
import { findAccount } from '../accounts/account.store.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { sendMail } from '../mail/send-mail.ts'
import { linkToken } from '../vault/vault.ts'
import { noticeView } from './send-notice.job.ts'

export async function sendInvitation({ accountId }: JobPayloads['send-invitation']): Promise<void> {
  const account = await findAccount(accountId)
  if (account?.state !== 'invited') return
  await sendMail({
    to: account.email,
    template: 'invitation',
    view: { ...noticeView(linkToken('invitation', accountId)), name: account.name },
  })
}
