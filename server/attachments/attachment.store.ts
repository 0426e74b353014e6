/** Rows of sealed files. A file belongs to nobody's message until one claims it; what nobody claims is swept. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface AttachmentRow {
  id: string
  uploaderAccountId: string | null
  uploaderMailboxId: string
  /** Of the public half that the key is sealed to until a message claims it. */
  uploaderMailboxVersion: number
  draftId: string | null
  messageId: string | null
  position: number
  keyWrapped: Buffer
  labelSealed: Buffer
  thumbnailId: string | null
  /** Of ciphertext in the store; a bigint comes as text. Unknown for files from before it was noted. */
  sealedBytes: string | null
  uploadedAt: Date
  claimedAt: Date | null
}

const attachments = table<AttachmentRow>('attachments', {
  id: 'uuid key',
  uploaderAccountId: 'uuid',
  uploaderMailboxId: 'uuid',
  uploaderMailboxVersion: 'integer',
  draftId: 'uuid',
  messageId: 'uuid',
  position: 'integer',
  keyWrapped: 'bytea',
  labelSealed: 'bytea',
  thumbnailId: 'uuid',
  sealedBytes: 'bigint',
  uploadedAt: 'timestamptz',
  claimedAt: 'timestamptz',
})

const attachmentReceipts = table<{ attachmentId: string; mailboxId: string; downloadedAt: Date }>(
  'attachment_receipts',
  {
    attachmentId: 'uuid key',
    mailboxId: 'uuid key',
    downloadedAt: 'timestamptz',
  },
)

export function insertUpload(row: AttachmentRow, transaction: Transaction): Promise<void> {
  return attachments.insert(row, transaction)
}

/** A file of a message; the caller has to claim that message for its reader before anything is shown. */
export function findAttachment(id: string): Promise<AttachmentRow | undefined> {
  return attachments.find({ id })
}

export async function listAttachmentsOf(
  messageIds: readonly string[],
  transaction?: Transaction,
): Promise<AttachmentRow[]> {
  return ask<AttachmentRow>(
    'SELECT * FROM attachments WHERE message_id = ANY($1::uuid[]) ORDER BY position, id',
    [messageIds],
    transaction,
  )
}

/** Unclaimed files of this draft that this account uploaded, in the order they were added. */
export function listUploadsOf(accountId: string, draftId: string, transaction?: Transaction): Promise<AttachmentRow[]> {
  return ask<AttachmentRow>(
    'SELECT * FROM attachments WHERE uploader_account_id = $1 AND draft_id = $2 AND message_id IS NULL ORDER BY id',
    [accountId, draftId],
    transaction,
  )
}

/** Puts uploads of this account into its draft. */
export async function addToDraft(
  accountId: string,
  ids: readonly string[],
  draftId: string,
  transaction: Transaction,
): Promise<void> {
  for (const id of ids)
    await attachments.update({ draftId }, { id, uploaderAccountId: accountId, messageId: null }, transaction)
}

/** Makes an upload part of a message: its key now rests under the message key. @returns whether it was still there to claim */
export async function claimUpload(
  id: string,
  claim: { messageId: string; keyWrapped: Buffer; position: number; claimedAt: Date },
  transaction: Transaction,
): Promise<boolean> {
  return (await attachments.update({ ...claim, draftId: null }, { id, messageId: null }, transaction)) === 1
}

/** @returns whether an unclaimed upload of this account was removed */
export async function removeUpload(accountId: string, id: string): Promise<boolean> {
  return (await attachments.remove({ id, uploaderAccountId: accountId, messageId: null })) === 1
}

/** Takes the files' rows of a message away; what rests of them is swept. */
export async function removeAttachmentsOf(messageId: string, transaction: Transaction): Promise<void> {
  await attachments.remove({ messageId }, transaction)
}

/** Uploads in no draft and no message, older than `before`. */
export function listUnclaimed(before: Date): Promise<AttachmentRow[]> {
  return ask<AttachmentRow>(
    'SELECT * FROM attachments WHERE message_id IS NULL AND draft_id IS NULL AND uploaded_at < $1',
    [before],
  )
}

export type FileOnRecord = Pick<AttachmentRow, 'id' | 'messageId' | 'thumbnailId' | 'sealedBytes'>

/** Every file that should be in the store, by id, those after `last`. */
export function listFiles(last: string, limit: number): Promise<FileOnRecord[]> {
  return ask<FileOnRecord>(
    'SELECT id, message_id, thumbnail_id, sealed_bytes FROM attachments WHERE id > $1 ORDER BY id LIMIT $2',
    [last, limit],
  )
}

/** Which of these files (attachments or their thumbnails) have a row. */
export async function knownFiles(ids: readonly string[]): Promise<Set<string>> {
  const rows = await ask<{ id: string; thumbnailId: string | null }>(
    'SELECT id, thumbnail_id FROM attachments WHERE id = ANY($1::uuid[]) OR thumbnail_id = ANY($1::uuid[])',
    [ids],
  )
  return new Set(rows.flatMap(({ id, thumbnailId }) => (thumbnailId ? [id, thumbnailId] : [id])))
}

/** Notes the first download by a mailbox. */
export async function noteDownload(
  attachmentId: string,
  mailboxId: string,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await ask(
    'INSERT INTO attachment_receipts (attachment_id, mailbox_id, downloaded_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [attachmentId, mailboxId, now],
    transaction,
  )
}

export async function listDownloads(
  attachmentIds: readonly string[],
): Promise<{ attachmentId: string; mailboxId: string; downloadedAt: Date }[]> {
  return attachmentIds.length === 0 ? [] : attachmentReceipts.list({ attachmentId: attachmentIds })
}
