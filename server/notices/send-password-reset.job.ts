/** Mails a link for a new password to somebody who has a sign-in. Its token is made here, so that no queue ever holds it. */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { newToken } from '../lib/token.ts'
import { replaceReset } from '../sign-in/password-reset.store.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

const AN_HOUR = 60 * 60 * 1000

export async function sendPasswordReset(
  { accountId }: JobPayloads['send-password-reset'],
  now = new Date(),
): Promise<void> {
  const account = await findAccount(accountId)
  if (account?.state !== 'active') return
  const token = newToken()
  const subject = { kind: 'account' as const, id: accountId }
  await mailOrRecord(
    async (transaction) => {
      const expiresAt = new Date(now.getTime() + AN_HOUR)
      await replaceReset(token, { accountId, askedAt: now, expiresAt }, transaction)
      await record(system, { act: 'notice.sent', subject, reason: 'password-reset' }, transaction, now)
      return { to: account.email, template: 'password-reset', view: noticeView(`/sign-in/reset/${token}`) }
    },
    (reason, transaction) =>
      record(system, { act: 'notice.failed', subject, outcome: 'failed', reason }, transaction, now),
    now,
  )
}
