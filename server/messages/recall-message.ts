/** Recall: the sender's side takes a message back while nobody has opened it. It works or it does not; it is never half. */
import { removeAttachmentsOf } from '../attachments/attachment.store.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { claimMessage, forgetMessage, listRecipients } from './message.store.ts'
import { holdThread, lessUnread, stepBack } from './thread.store.ts'

/**
 * The message key is forgotten, so its text is gone at once; its files, whose rows go too, are swept.
 * @returns whether it was taken back (also earlier); false when somebody has opened it @throws NotFound when it is not theirs to recall
 */
export async function recallMessage(reader: Reader, messageId: string, now = new Date()): Promise<boolean> {
  const subject = { kind: 'message' as const, id: messageId }
  const claimed = await claimMessage(reader, messageId)
  if (!claimed || !reader.mailboxes.some(({ id }) => id === claimed.message.fromMailboxId)) {
    await recordDenied(reader.actor, 'message.recalled', subject, 'not-yours')
    throw new NotFound('not yours')
  }
  const outcome = await inTransaction(async (transaction) => {
    await holdThread(claimed.threadId, transaction)
    const held = await claimMessage(reader, messageId, transaction)
    if (held?.message.recalledAt) return 'recalled-before'
    const recipients = await listRecipients([messageId], transaction)
    if (recipients.some(({ openedAt }) => openedAt)) return 'already-opened'
    await record(reader.actor, { act: 'message.recalled', subject }, transaction, now)
    await forgetMessage(messageId, now, transaction)
    await removeAttachmentsOf(messageId, transaction)
    await lessUnread(
      claimed.threadId,
      recipients.map(({ mailboxId }) => mailboxId),
      transaction,
    )
    await stepBack(claimed.threadId, messageId, transaction)
    return 'recalled'
  })
  if (outcome === 'already-opened')
    await record(reader.actor, { act: 'message.recalled', subject, outcome: 'failed', reason: 'already-opened' })
  return outcome !== 'already-opened'
}
