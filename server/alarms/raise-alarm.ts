/** Raises an alarm, once: while it is open, what comes after it only counts on. */
import { listColleagues } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import type { Transaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import type { Rule } from './alarm.ts'
import { insertOrSee, type Whom } from './alarm.store.ts'

/** Administrators who get a mail. */
const MOST_TOLD = 100

export async function raiseAlarm(
  alarm: { rule: Rule; whom: Whom; count: number; threshold: number },
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const { id, isNew } = await insertOrSee(alarm, now, transaction)
  if (!isNew) return
  await record(system, { act: 'alarm.raised', subject: { kind: 'alarm', id }, found: alarm.rule }, transaction, now)
  for (const accountId of await recipients()) await enqueue('send-alarm-mail', { alarmId: id, accountId }, transaction)
  if (config().watchWebhook) await enqueue('send-alarm-webhook', { alarmId: id }, transaction)
}

/** Whoever keeps watch, by the settings (null); without one, every administrator. */
async function recipients(): Promise<(string | null)[]> {
  if (config().privacyEmail) return [null]
  return (await listColleagues({ role: 'admin', state: 'active' }, MOST_TOLD)).map(({ id }) => id)
}
