/**
 * Tells a person that staff are helping somebody to a new sign-in for them, and how to stop it; and again when the code is made. The time of
 * waiting begins when the first of these mails has gone out, so that nobody's sign-in is replaced without a notice.
 */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { settings } from '../settings/settings.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { inWords } from '../lib/dates.ts'
import { beginWait, cancelToken, findReset, noteNoticeFailed } from '../accounts/assisted-reset.store.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

export async function sendHelpNotice(
  { resetId, step }: JobPayloads['send-help-notice'],
  now = new Date(),
): Promise<void> {
  const reset = await findReset(resetId)
  const account = reset && (await findAccount(reset.accountId))
  if (!reset || account?.state !== 'active' || reset.cancelledAt || reset.usedAt || reset.lapsedAt) return
  const readyAt = reset.readyAt ?? new Date(now.getTime() + settings().helpWaitingHours * 60 * 60 * 1000)
  const view = { ...noticeView(`/stop-help/${cancelToken(resetId)}`), readyAt: inWords(readyAt, now).text }
  const mail = { to: account.email, template: step === 'asked' ? 'help-asked' : 'help-code-made', view }
  const subject = { kind: 'account' as const, id: account.id }
  await mailOrRecord(
    async (transaction) => {
      if (step === 'asked' && !(await beginWait(resetId, readyAt, now, transaction))) return undefined
      await record(system, { act: 'security-notice.sent', subject }, transaction, now)
      return mail
    },
    async (reason, transaction) => {
      if (step === 'asked') await noteNoticeFailed(resetId, now, transaction)
      await record(system, { act: 'security-notice.failed', subject, outcome: 'failed', reason }, transaction, now)
    },
    now,
  )
}
