/** Somebody takes an alarm on, notes what they found, and closes it with a note. Nobody closes one that is about themselves. */
import type { Act } from '../audit/acts.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotAllowed, NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import { networkOf } from '../lib/network.ts'
import type { Reader } from '../sign-in/reader.ts'
import { findAlarm, insertAlarmNote, noteClosed, noteTaken, type Alarm, type AlarmNote } from './alarm.store.ts'

const ACTS: Record<AlarmNote['kind'], Act> = { taken: 'alarm.taken', note: 'alarm.noted', closed: 'alarm.closed' }

/** @returns whether it was done; not when somebody else took or closed it first @throws NotFound, NotAllowed */
export async function workOnAlarm(
  { account, actor }: Reader,
  id: string,
  { kind, text = '' }: { kind: AlarmNote['kind']; text?: string },
  now = new Date(),
): Promise<boolean> {
  const alarm = await findAlarm(id)
  if (!alarm) throw new NotFound('no such alarm')
  if (kind === 'closed' && isAboutThem(alarm, actor)) {
    await recordDenied(actor, 'alarm.closed', { kind: 'alarm', id }, 'own-access')
    throw new NotAllowed('an alarm about themselves')
  }
  return inTransaction(async (transaction) => {
    if (kind === 'taken' && !(await noteTaken(id, account.id, now, transaction))) return false
    if (kind === 'closed' && !(await noteClosed(id, account.id, now, transaction))) return false
    await insertAlarmNote({ id: newId(now), alarmId: id, accountId: account.id, kind, text, at: now }, transaction)
    const said = text ? { said: text } : {}
    await record(actor, { act: ACTS[kind], subject: { kind: 'alarm', id }, ...said }, transaction, now)
    return true
  })
}

/** About their account, or the network from which they come now. */
export function isAboutThem({ accountId, about }: Alarm, actor: Actor): boolean {
  if (accountId !== null) return accountId === actor.id
  return about !== '' && networkOf({ address: about }) === networkOf(actor)
}
