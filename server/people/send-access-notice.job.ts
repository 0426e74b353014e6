/** Tells a colleague that their access was suspended, given back or closed, or that they do something else from now on. */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { inWords } from '../lib/dates.ts'
import { mailOrRecord } from '../notices/mail-or-record.ts'
import { noticeView } from '../notices/notice.view.ts'
import { t } from '../web/page.ts'
import { findAccessChange } from './access-change.store.ts'

/** A page that says whom to call, for those who cannot sign in. */
const LEADS_TO = { suspended: '/help', closed: '/help', reopened: '/sign-in', 'role-changed': '/sign-in' } as const

export async function sendAccessNotice(
  { changeId }: JobPayloads['send-access-notice'],
  now = new Date(),
): Promise<void> {
  const change = await findAccessChange(changeId)
  const account = change && (await findAccount(change.accountId))
  // Somebody whose invitation was taken back before they began has never been here.
  if (!change || !account || !account.enrolledAt) return
  const subject = { kind: 'account' as const, id: account.id }
  const role = change.kind === 'role-changed' ? t(`accounts:roles.${change.became}`) : ''
  const at = inWords(change.changedAt).text
  const view = { ...noticeView(LEADS_TO[change.kind]), name: account.name, kind: change.kind, at, role }
  await mailOrRecord(
    async (transaction) => {
      await record(system, { act: 'access-notice.sent', subject }, transaction, now)
      return { to: account.email, template: 'access-notice', view }
    },
    (reason, transaction) =>
      record(system, { act: 'access-notice.failed', subject, outcome: 'failed', reason }, transaction, now),
    now,
  )
}
