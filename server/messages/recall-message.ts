/** Recall: the sender's side takes a message back while nobody has opened it. It works or it does not; it is never half. */
import { markErasure } from '../audit/mark-ledger.job.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { destroyMessage, HeldByLaw } from './destroy-message.ts'
import { claimMessage, listRecipients } from './message.store.ts'
import { holdThread } from './thread.store.ts'

/** Taken back (also earlier), or why not. */
export type Recalled = 'recalled' | 'already-opened' | 'held'

/** @throws NotFound when it is not theirs to recall */
export async function recallMessage(reader: Reader, messageId: string, now = new Date()): Promise<Recalled> {
  const subject = { kind: 'message' as const, id: messageId }
  const claimed = await claimMessage(reader, messageId)
  if (!claimed || !reader.mailboxes.some(({ id }) => id === claimed.message.fromMailboxId)) {
    await recordDenied(reader.actor, 'message.recalled', subject, 'not-yours')
    throw new NotFound('not yours')
  }
  const outcome = await inTransaction(async (transaction) => {
    await holdThread(claimed.threadId, transaction)
    const held = await claimMessage(reader, messageId, transaction)
    if (!held || held.message.recalledAt) return 'recalled-before'
    const recipients = await listRecipients([messageId], transaction)
    if (recipients.some(({ openedAt }) => openedAt)) return 'already-opened'
    await record(reader.actor, { act: 'message.recalled', subject }, transaction, now)
    await destroyMessage(held.message, { why: 'recalled' }, now, transaction)
    return 'recalled'
  }).catch((error: unknown) => {
    if (error instanceof HeldByLaw) return 'held' as const
    throw error
  })
  if (outcome === 'recalled') await markErasure(now)
  if (outcome === 'recalled' || outcome === 'recalled-before') return 'recalled'
  await record(reader.actor, { act: 'message.recalled', subject, outcome: 'failed', reason: outcome })
  return outcome
}
