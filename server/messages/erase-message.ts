/** Erasing a message for good, by an administrator, who never sees what it says. It cannot be undone, and everybody who takes part sees that it was done. */
import type { Actor } from '../audit/actor.ts'
import { markErasure } from '../audit/mark-ledger.job.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { destroyMessage, HeldByLaw } from './destroy-message.ts'
import { findDoomed, findMessageState, type MessageState } from './message.store.ts'
import { holdThread } from './thread.store.ts'

/** @returns what came of it; `gone` when it was erased or taken back before @throws NotFound when there is no such message */
export async function eraseMessage(
  actor: Actor,
  messageId: string,
  reason: string,
  now = new Date(),
): Promise<'erased' | 'held' | 'gone'> {
  const subject = { kind: 'message' as const, id: messageId }
  const { threadId } = await messageToErase(actor, messageId)
  try {
    const erased = await inTransaction(async (transaction) => {
      await holdThread(threadId, transaction)
      const message = await findDoomed(messageId, transaction)
      if (!message) return false
      await record(actor, { act: 'message.erased', subject }, transaction, now)
      await destroyMessage(message, { why: 'erased', by: { accountId: actor.id!, reason } }, now, transaction)
      return true
    })
    if (!erased) return 'gone'
    await markErasure(now)
    return 'erased'
  } catch (error) {
    if (!(error instanceof HeldByLaw)) throw error
    await record(actor, { act: 'message.erased', subject, outcome: 'failed', reason: 'held' })
    return 'held'
  }
}

/** The message by its ids and states. @throws NotFound, which is then in the log */
export async function messageToErase(actor: Actor, messageId: string): Promise<MessageState> {
  const message = await findMessageState(messageId)
  if (message) return message
  await recordDenied(actor, 'message.erase-asked', { kind: 'message', id: messageId }, 'unknown')
  throw new NotFound('no such message')
}
