/** Opening a file of a message: the message is claimed first, the event is written, then the bytes are unsealed. */
import type { Readable } from 'node:stream'
import {
  unsealAttachment,
  unsealBytes,
  unsealThumbnail,
  unwrapFileKey,
  type Attachment,
} from '../attachments/attachment.ts'
import { findAttachment, noteDownload, type AttachmentRow } from '../attachments/attachment.store.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { Closed, Gone, NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { firstBytes, lookForFile } from './file-trouble.ts'
import { claimMessage, listRecipients, noteOpening, type Claimed } from './message.store.ts'
import { closedKeys, openMessageKeys, openSubject } from './open-thread.ts'
import { holdThread } from './thread.store.ts'

interface ClaimedFile {
  row: AttachmentRow
  claimed: Claimed
}

/** What is known of a file, for its page. @throws NotFound, Closed, Gone, Unavailable, EnvelopeRefused, FileUnopened */
export async function openAttachment(
  reader: Reader,
  id: string,
  now = new Date(),
): Promise<{ attachment: Attachment; messageId: string; subject: string }> {
  const { row, claimed } = await claimFile(reader, id, 'attachment.previewed')
  await inThread(reader, claimed, now, async (transaction) => {
    await record(reader.actor, { act: 'attachment.previewed', subject: { kind: 'attachment', id } }, transaction, now)
    // A picture is shown there, so the other side has opened the file; of other kinds it sees the name.
    const theirs = claimed.message.fromMailboxId !== claimed.mailboxId
    if (theirs && row.thumbnailId) await noteDownload(id, claimed.mailboxId, now, transaction)
  })
  const key = await fileKey(reader, row, claimed)
  const subject = await openSubject(reader, claimed)
  const attachment = unsealAttachment(row, key)
  await lookForFile(reader, { id, name: attachment.name, messageId: claimed.message.id })
  return { attachment, messageId: claimed.message.id, subject }
}

/** The small picture of a file, on the page of its message, whose opening is in the log. @throws as above */
export async function openThumbnail(reader: Reader, id: string, now = new Date()): Promise<Buffer> {
  const { row, claimed } = await claimFile(reader, id, 'attachment.previewed')
  await inThread(reader, claimed, now, async () => {})
  const thumbnail = await unsealThumbnail(row, await fileKey(reader, row, claimed))
  if (!thumbnail) throw new NotFound('no thumbnail')
  return thumbnail
}

/** The file itself: recorded, noted as a receipt when it is not the uploader's own side, then unsealed as it streams. @throws as above */
export async function downloadAttachment(
  reader: Reader,
  id: string,
  now = new Date(),
): Promise<{ attachment: Attachment; bytes: Readable }> {
  const { row, claimed } = await claimFile(reader, id, 'attachment.downloaded')
  await inThread(reader, claimed, now, async (transaction) => {
    await record(reader.actor, { act: 'attachment.downloaded', subject: { kind: 'attachment', id } }, transaction, now)
    if (claimed.message.fromMailboxId !== claimed.mailboxId) await noteDownload(id, claimed.mailboxId, now, transaction)
  })
  const key = await fileKey(reader, row, claimed)
  const attachment = unsealAttachment(row, key)
  const file = { id, name: attachment.name, messageId: claimed.message.id }
  return { attachment, bytes: await firstBytes(reader, file, () => unsealBytes(row, key)) }
}

/**
 * Records in the held thread, so that no recall comes in between. A file is a part of its message: for a mailbox that has not opened the
 * message yet, opening the file is its opening.
 */
async function inThread(
  reader: Reader,
  claimed: Claimed,
  now: Date,
  recording: (transaction: Transaction) => Promise<void>,
) {
  const { id } = claimed.message
  await inTransaction(async (transaction) => {
    await holdThread(claimed.threadId, transaction)
    const held = await claimMessage(reader, id, transaction)
    if (!held || held.message.recalledAt) throw new Gone(held?.message.recalledAt ?? now)
    const unopened = (await listRecipients([id], transaction)).some(
      ({ mailboxId, openedAt }) => mailboxId === claimed.mailboxId && !openedAt,
    )
    if (unopened) {
      await record(reader.actor, { act: 'message.opened', subject: { kind: 'message', id } }, transaction, now)
      await noteOpening(claimed.mailboxId, [id], reader.account.id, now, transaction)
    }
    await recording(transaction)
  })
}

async function claimFile(
  reader: Reader,
  id: string,
  act: 'attachment.previewed' | 'attachment.downloaded',
): Promise<ClaimedFile> {
  const row = await findAttachment(id)
  const claimed = row?.messageId ? await claimMessage(reader, row.messageId) : undefined
  if (!row || !claimed) {
    await recordDenied(reader.actor, act, { kind: 'attachment', id }, 'not-yours')
    throw new NotFound('not yours')
  }
  if (claimed.message.recalledAt) throw new Gone(claimed.message.recalledAt)
  if ((await closedKeys(reader, [claimed.message.threadKeyId])).size > 0) throw new Closed(claimed.message.id)
  return { row, claimed }
}

async function fileKey(reader: Reader, row: AttachmentRow, claimed: Claimed): Promise<Buffer> {
  const key = (await openMessageKeys(reader, [claimed.message])).get(claimed.message.id)
  if (!key) throw new NotFound('no key')
  return unwrapFileKey(row, key)
}
