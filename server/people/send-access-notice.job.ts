/**
 * Tells a colleague that their access was suspended, given back or closed, that they do something else from now on, or that somebody else answers
 * their conversations: an administrator who takes them does not do so unseen.
 */
import { findAccount, isShut, type Account } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { inWords } from '../lib/dates.ts'
import { mailOrRecord } from '../notices/mail-or-record.ts'
import { noticeView } from '../notices/notice.view.ts'
import { t } from '../web/page.ts'
import { findAccessChange } from './access-change.store.ts'

/** A page that says whom to call, for those who cannot sign in. */
const LEADS_TO = {
  suspended: '/help',
  closed: '/help',
  reopened: '/sign-in',
  'role-changed': '/sign-in',
  'handed-over': '/messages',
} as const

export async function sendAccessNotice(payload: JobPayloads['send-access-notice'], now = new Date()): Promise<void> {
  const told = await ('changeId' in payload ? toldOfChange(payload.changeId) : toldOfHandover(payload))
  if (!told) return
  const { account, kind, at, role } = told
  const subject = { kind: 'account' as const, id: account.id }
  const view = { ...noticeView(LEADS_TO[kind]), name: account.name, kind, at: inWords(at).text, role }
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

interface Told {
  account: Account
  kind: keyof typeof LEADS_TO
  at: Date
  /** In words, when it is another one. */
  role: string
}

async function toldOfChange(changeId: string): Promise<Told | undefined> {
  const change = await findAccessChange(changeId)
  const account = change && (await findAccount(change.accountId))
  // Somebody whose invitation was taken back before they began has never been here.
  if (!change || !account || !account.enrolledAt) return undefined
  const role = change.kind === 'role-changed' ? t(`accounts:roles.${change.became}`) : ''
  return { account, kind: change.kind, at: change.changedAt, role }
}

/** Whoever does not get in any more was told of that, and looks for nothing here. */
async function toldOfHandover({
  handedOverFrom,
  at,
}: {
  handedOverFrom: string
  at: string
}): Promise<Told | undefined> {
  const account = await findAccount(handedOverFrom)
  if (!account || isShut(account)) return undefined
  return { account, kind: 'handed-over', at: new Date(at), role: '' }
}
