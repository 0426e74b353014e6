/**
 * What destroys a message, whoever asked for it: its key is forgotten, and with it everything that it opens; its text and the rows of its files go too,
 * and a tombstone stays. A certificate is signed, the ledger gets its line, and only then the transaction is kept. So whoever is told that it is done
 * can rely on it: were the database put back to an earlier state, or this process killed before the transaction was kept, the ledger has it done again.
 */
import { listAttachmentsOf, removeAttachmentsOf } from '../attachments/attachment.store.ts'
import { appendToLedger, type ErasedWhy } from '../audit/ledger.ts'
import type { Transaction } from '../database/connection.ts'
import { certify } from './certificate.ts'
import { insertCertificate, listBackupsSince } from './certificate.store.ts'
import { isHeld, keepHoldsAsTheyAre } from './legal-hold.store.ts'
import { forgetMessage, listRecipients, type MessageRow } from './message.store.ts'
import { lessUnread, stepBack } from './thread.store.ts'

/** A legal hold is on the message. Nothing was changed. */
export class HeldByLaw extends Error {
  override name = 'HeldByLaw'
}

export interface Order {
  why: ErasedWhy
  /** The administrator who wants it, and their words. */
  by?: { accountId: string; reason: string }
  /** The time of the line in the ledger that has it done again. Only holds from after it count: those from before were looked at then. */
  line?: Date
}

export type Doomed = Pick<MessageRow, 'id' | 'threadId' | 'sentAt' | 'keyWrapped'>

/** The caller holds the thread, has recorded what is done, and lets the transaction go when this throws. @throws HeldByLaw */
export async function destroyMessage(
  { id, threadId, sentAt, keyWrapped }: Doomed,
  { why, by, line }: Order,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await keepHoldsAsTheyAre(transaction)
  if (await isHeld(id, line ?? null, transaction)) throw new HeldByLaw('a legal hold is on it')
  const files = await listAttachmentsOf([id], transaction)
  const recipients = await listRecipients([id], transaction)
  await forgetMessage(id, why, now, transaction)
  await removeAttachmentsOf(id, transaction)
  const unread = recipients.filter(({ openedAt }) => !openedAt).map(({ mailboxId }) => mailboxId)
  await lessUnread(threadId, unread, transaction)
  await stepBack(threadId, id, transaction)
  const erasedAt = line ?? now
  const note = certify({
    messageId: id,
    threadId,
    sentAt,
    erasedAt,
    againAt: line && now,
    why,
    keyWrapped: keyWrapped ?? Buffer.alloc(0),
    files,
    backups: await listBackupsSince(sentAt, now, transaction),
  })
  const rest = { reason: by?.reason ?? '', erasedBy: by?.accountId ?? null, fileCount: files.length }
  await insertCertificate({ messageId: id, why, sentAt, erasedAt, ...rest, note }, transaction)
  if (!line) await promise(id, why, now, transaction)
}

/** What the ledger was told and `finishErasures` has not seen in the database yet. */
export const promised = new Map<string, { message: string; why: ErasedWhy; at: Date }>()

/** Last of all: from here on it is done, if not by this transaction, then by `eraseAgain`. */
async function promise(message: string, why: ErasedWhy, at: Date, transaction: Transaction): Promise<void> {
  await appendToLedger({ kind: 'erased', message, why }, at, transaction)
  promised.set(message, { message, why, at })
}
