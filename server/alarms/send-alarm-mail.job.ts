/** Tells whoever keeps watch that there is an alarm: which rule and when, and nothing of whom it is about. */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { exact } from '../lib/dates.ts'
import { words } from '../lib/words.ts'
import { mailOrRecord } from '../notices/mail-or-record.ts'
import { noticeView } from '../notices/notice.view.ts'
import { findAlarm } from './alarm.store.ts'

export async function sendAlarmMail(
  { alarmId, accountId }: JobPayloads['send-alarm-mail'],
  now = new Date(),
): Promise<void> {
  const alarm = await findAlarm(alarmId)
  const to = await addressOf(accountId)
  if (!alarm || alarm.closedAt || !to) return
  const subject = { kind: 'alarm' as const, id: alarmId }
  const view = {
    ...noticeView(`/admin/alarms/${alarmId}`),
    rule: words('en')(`alarms:rules.${alarm.rule}.title`),
    at: exact(alarm.raisedAt),
  }
  await mailOrRecord(
    async (transaction) => {
      await record(system, { act: 'alarm.mailed', subject }, transaction, now)
      return { to, template: 'alarm', view }
    },
    (reason, transaction) =>
      record(system, { act: 'alarm.mailed', subject, outcome: 'failed', reason }, transaction, now),
    now,
  )
}

async function addressOf(accountId: string | null): Promise<string | undefined> {
  if (accountId === null) return config().privacyEmail
  const account = await findAccount(accountId)
  return account?.state === 'active' && account.role === 'admin' ? account.email : undefined
}
