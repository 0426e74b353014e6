/** Invites a colleague by mail. */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { linkToken } from '../vault/vault.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

export async function sendInvitation({ accountId }: JobPayloads['send-invitation'], now = new Date()): Promise<void> {
  const account = await findAccount(accountId)
  if (account?.state !== 'invited') return
  const subject = { kind: 'account' as const, id: accountId }
  const view = { ...noticeView(`/m/${linkToken('invitation', accountId)}`), name: account.name }
  await mailOrRecord(
    async (transaction) => {
      await record(system, { act: 'invitation.sent', subject }, transaction, now)
      return { to: account.email, template: 'invitation', view }
    },
    (reason, transaction) =>
      record(system, { act: 'invitation.failed', subject, outcome: 'failed', reason }, transaction, now),
    now,
  )
}
