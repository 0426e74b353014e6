/** Opening a file of a message: the message is claimed first, the event is written, then the bytes are unsealed. */
import type { Readable } from 'node:stream'
import {
  unsealAttachment,
  unsealPart,
  unsealThumbnail,
  unwrapFileKey,
  type Attachment,
} from '../attachments/attachment.ts'
import { findAttachment, noteDownload, type AttachmentRow } from '../attachments/attachment.store.ts'
import { mayLeave, REFUSED_FOR } from '../attachments/check-state.ts'
import type { Range } from '../attachments/range.ts'
import { findPreview, listPreviews } from '../attachments/preview.store.ts'
import { unsealDrawn, unsealPage, unsealPicture, type Drawn, type Page } from '../attachments/previews.ts'
import { isRecorded } from '../audit/access-event.store.ts'
import { record, recordDenied, type AccessEvent } from '../audit/record.ts'
import { settings } from '../settings/settings.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { Closed, Gone, NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { firstBytes, lookForFile } from './file-trouble.ts'
import { keepOpeningPace } from './keep-opening-pace.ts'
import { claimMessage, listRecipients, noteOpening, type Claimed } from './message.store.ts'
import { closedKeys, openMessageKeys, openSubject } from './open-thread.ts'
import { holdThread } from './thread.store.ts'

interface ClaimedFile {
  row: AttachmentRow
  claimed: Claimed
}

/** What a file's page shows. */
export interface OpenedFile {
  attachment: Attachment
  messageId: string
  subject: string
  /** Whether the reader's own side sent it. */
  mine: boolean
  /** Null when it has no preview, or may not leave now. */
  drawn: Drawn | null
  pages: Page[]
}

/**
 * What is known of a file, for its page. Of one that may not leave now that is its name and why; that it was asked for is in the log.
 * @throws NotFound, Closed, Gone, Unavailable, EnvelopeRefused, FileUnopened
 */
export async function openAttachment(reader: Reader, id: string, now = new Date()): Promise<OpenedFile> {
  await keepOpeningPace(reader)
  const { row, claimed } = await claimFile(reader, id, 'attachment.previewed')
  await inThread(reader, claimed, now, async (transaction) => {
    await record(reader.actor, eventOf(row, 'attachment.previewed'), transaction, now)
    // A picture is shown there, so the other side has opened the file; of other kinds it sees the name.
    const theirs = claimed.message.fromMailboxId !== claimed.mailboxId
    if (theirs && row.thumbnailId && mayLeave(row.checkState))
      await noteDownload(id, claimed.mailboxId, now, transaction)
  })
  const file = await fileOf(reader, row, claimed)
  await lookForFile(reader, { id, name: file.attachment.name, messageId: file.messageId })
  return file
}

/** The small picture of a file, on the page of its message, whose opening is in the log. @throws as above */
export async function openThumbnail(reader: Reader, id: string, now = new Date()): Promise<Buffer> {
  const { row, claimed } = await claimFile(reader, id, 'attachment.previewed')
  await inThread(reader, claimed, now, async () => {})
  const thumbnail = mayLeave(row.checkState) && (await unsealThumbnail(row, await fileKey(reader, row, claimed)))
  if (!thumbnail) throw new NotFound('no thumbnail')
  return thumbnail
}

/**
 * One page of a file as a picture, on the file's own page, whose opening is in the log. Whoever asks for the picture alone opens the file by that.
 * @throws as above
 */
export async function openPage(reader: Reader, id: string, page: number, now = new Date()): Promise<Buffer> {
  const { row, claimed } = await claimFile(reader, id, 'attachment.previewed')
  const preview = mayLeave(row.checkState) ? await findPreview(id, page) : undefined
  if (!preview) throw new NotFound('no such page')
  await inThread(reader, claimed, now, async (transaction) => {
    const since = new Date(now.getTime() - settings().sessionHours * 60 * 60 * 1000)
    // Whatever the event was written for, what leaves here is the file's own page, and that is a receipt.
    if (claimed.message.fromMailboxId !== claimed.mailboxId) await noteDownload(id, claimed.mailboxId, now, transaction)
    if (await isRecorded(reader.account.id, 'attachment.previewed', id, since, transaction)) return
    await record(reader.actor, eventOf(row, 'attachment.previewed'), transaction, now)
  })
  return unsealPicture(preview, await fileKey(reader, row, claimed))
}

/** How far the check of a file is; nothing of the file. @throws as above */
export async function openCheckState(reader: Reader, id: string): Promise<AttachmentRow['checkState']> {
  return (await claimFile(reader, id, 'attachment.previewed')).row.checkState
}

/** Part of a file, or what the answer to `HEAD` tells: its name and size. */
export type Wanted = 'whole' | 'part' | 'head'

/**
 * The file itself: recorded, noted as a receipt when it is not the uploader's own side, then unsealed as it streams. Every request that reveals
 * bytes has its event; a download that was resumed is one receipt all the same.
 * @returns `bytes` gives a part of it, or all; undefined when it may not leave now @throws as above
 */
export async function downloadAttachment(
  reader: Reader,
  id: string,
  wanted: Wanted,
  now = new Date(),
): Promise<{ file: OpenedFile; bytes: ((part: Range) => Promise<Readable>) | undefined }> {
  await keepOpeningPace(reader)
  const act = wanted === 'head' ? 'attachment.previewed' : 'attachment.downloaded'
  const { row, claimed } = await claimFile(reader, id, act)
  await inThread(reader, claimed, now, async (transaction) => {
    const event = eventOf(row, act)
    await record(reader.actor, wanted === 'part' ? { reason: 'a-part', ...event } : event, transaction, now)
    if (wanted !== 'head' && claimed.message.fromMailboxId !== claimed.mailboxId && mayLeave(row.checkState))
      await noteDownload(id, claimed.mailboxId, now, transaction)
  })
  const file = await fileOf(reader, row, claimed)
  if (!mayLeave(row.checkState)) return { file, bytes: undefined }
  const key = await fileKey(reader, row, claimed)
  const { name, size } = file.attachment
  const bytes = (part: Range) =>
    firstBytes(reader, { id, name, messageId: file.messageId }, () => unsealPart(row, key, { size, ...part }))
  return { file, bytes }
}

/** Bytes of it were on their way when the connection broke. That it was asked for is in the log already. @throws Unavailable */
export function recordBrokenOff(reader: Reader, id: string): Promise<void> {
  const subject = { kind: 'attachment' as const, id }
  return record(reader.actor, { act: 'attachment.downloaded', subject, outcome: 'failed', reason: 'broke-off' })
}

function eventOf(
  { id, checkState }: AttachmentRow,
  act: 'attachment.previewed' | 'attachment.downloaded',
): AccessEvent {
  const event = { act, subject: { kind: 'attachment' as const, id } }
  return checkState === 'clean' || checkState === 'not-checked'
    ? event
    : { ...event, outcome: 'denied', reason: REFUSED_FOR[checkState] }
}

/** The caller has recorded why. */
async function fileOf(reader: Reader, row: AttachmentRow, claimed: Claimed): Promise<OpenedFile> {
  const key = await fileKey(reader, row, claimed)
  const leaves = mayLeave(row.checkState)
  return {
    attachment: unsealAttachment(row, key),
    messageId: claimed.message.id,
    subject: await openSubject(reader, claimed),
    mine: claimed.message.fromMailboxId === claimed.mailboxId,
    drawn: leaves && row.drawnSealed ? unsealDrawn(row.id, row.drawnSealed, key) : null,
    pages: leaves ? (await listPreviews(row.id)).map((preview) => unsealPage(preview, key)) : [],
  }
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
    if (!held || held.message.recalledAt) throw new Gone(held?.message.recalledAt ?? now, held?.message.erasedWhy)
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
  if (claimed.message.recalledAt) throw new Gone(claimed.message.recalledAt, claimed.message.erasedWhy)
  if ((await closedKeys(reader, [claimed.message.threadKeyId])).size > 0) throw new Closed(claimed.message.id)
  return { row, claimed }
}

async function fileKey(reader: Reader, row: AttachmentRow, claimed: Claimed): Promise<Buffer> {
  const key = (await openMessageKeys(reader, [claimed.message])).get(claimed.message.id)
  if (!key) throw new NotFound('no key')
  return unwrapFileKey(row, key)
}
