/** Recall: the sender's side takes a message back while nobody has opened it. It works or it does not; it is never half. */
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { markRecalled } from './message.store.ts'

/** @returns whether it was taken back (also earlier); false when somebody has opened it @throws NotFound when it is not theirs to recall */
export async function recallMessage(reader: Reader, messageId: string, now = new Date()): Promise<boolean> {
  const outcome = await inTransaction(async (transaction) => {
    const marked = await markRecalled(reader, messageId, now, transaction)
    if (marked === 'recalled')
      await record(
        reader.actor,
        { act: 'message.recalled', subject: { kind: 'message', id: messageId } },
        transaction,
        now,
      )
    return marked
  })
  if (outcome === 'not-yours') {
    await recordDenied(reader.actor, 'message.recalled', { kind: 'message', id: messageId }, 'not-yours')
    throw new NotFound('not yours')
  }
  if (outcome === 'already-opened')
    await record(reader.actor, {
      act: 'message.recalled',
      subject: { kind: 'message', id: messageId },
      outcome: 'failed',
      reason: 'already-opened',
    })
  return outcome === 'recalled'
}
