/** Posts that there is an alarm to the address of the settings: ids, rule and time only. What fails is tried again by the queue, over days. */
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { postWebhook } from '../web/post-webhook.ts'
import { findAlarm } from './alarm.store.ts'

export async function sendAlarmWebhook(
  { alarmId }: JobPayloads['send-alarm-webhook'],
  now = new Date(),
): Promise<void> {
  const webhook = config().watchWebhook
  const alarm = await findAlarm(alarmId)
  if (!webhook || !alarm) return
  const body = JSON.stringify({
    type: 'alarm.raised',
    timestamp: alarm.raisedAt.toISOString(),
    data: { id: alarm.id, rule: alarm.rule, raised_at: alarm.raisedAt.toISOString() },
  })
  const subject = { kind: 'alarm' as const, id: alarmId }
  // Recorded first: what left without a line in the log would be worse than a line about what did not arrive.
  await record(system, { act: 'alarm.posted', subject }, undefined, now)
  await postWebhook(webhook, { id: `alarm_${alarm.id}`, body }, now)
}
