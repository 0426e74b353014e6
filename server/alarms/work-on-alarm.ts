/** Somebody takes an alarm on, notes what they found, and closes it with a note. Nobody closes one that is about themselves. */
import { record } from '../audit/record.ts'
import type { Act } from '../audit/acts.ts'
import { inTransaction } from '../database/connection.ts'
import { NotAllowed, NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import type { Reader } from '../sign-in/reader.ts'
import { findAlarm, insertAlarmNote, noteClosed, noteTaken, type AlarmNote } from './alarm.store.ts'

const ACTS: Record<AlarmNote['kind'], Act> = { taken: 'alarm.taken', note: 'alarm.noted', closed: 'alarm.closed' }

/** @returns whether it was done; not when somebody else took or closed it first @throws NotFound, NotAllowed */
export async function workOnAlarm(
  { account, actor }: Reader,
  id: string,
  { kind, text = '' }: { kind: AlarmNote['kind']; text?: string },
  now = new Date(),
): Promise<boolean> {
  return inTransaction(async (transaction) => {
    const alarm = await findAlarm(id, transaction)
    if (!alarm) throw new NotFound('no such alarm')
    if (kind === 'closed' && alarm.accountId === account.id) throw new NotAllowed('an alarm about themselves')
    if (kind === 'taken' && !(await noteTaken(id, account.id, now, transaction))) return false
    if (kind === 'closed' && !(await noteClosed(id, account.id, now, transaction))) return false
    await insertAlarmNote({ id: newId(now), alarmId: id, accountId: account.id, kind, text, at: now }, transaction)
    const said = text ? { said: text } : {}
    await record(actor, { act: ACTS[kind], subject: { kind: 'alarm', id }, ...said }, transaction, now)
    return true
  })
}
