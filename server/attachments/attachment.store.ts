/** Rows of sealed files. A file belongs to nobody's message until one claims it; what nobody claims is swept. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { CheckState } from './check-state.ts'

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
  checkState: CheckState
  /** The file key under the master key, while the file is being checked. */
  checkKeySealed: Buffer | null
  checkTries: number
  checkedAt: Date | null
  /** What was drawn of it, and why no more; null before it was tried. */
  drawnSealed: Buffer | null
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
  checkState: 'text',
  checkKeySealed: 'bytea',
  checkTries: 'integer',
  checkedAt: 'timestamptz',
  drawnSealed: 'bytea',
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
/** The ids of a message's files, those that are gone too. */
export async function listFileIdsOf(messageId: string): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    'SELECT id FROM attachments WHERE message_id = $1 UNION ALL SELECT attachment_id FROM former_attachments WHERE message_id = $1',
    [messageId],
  )
  return rows.map(({ id }) => id)
}

export function listUploadsOf(accountId: string, draftId: string, transaction?: Transaction): Promise<AttachmentRow[]> {
  return ask<AttachmentRow>(
    'SELECT * FROM attachments WHERE uploader_account_id = $1 AND draft_id = $2 AND message_id IS NULL ORDER BY id',
    [accountId, draftId],
    transaction,
  )
}

/** Ids of all files of this account that no message has claimed. */
export async function listUnclaimedOf(accountId: string): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    'SELECT id FROM attachments WHERE uploader_account_id = $1 AND message_id IS NULL',
    [accountId],
  )
  return rows.map(({ id }) => id)
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
  await ask(
    'DELETE FROM attachment_receipts WHERE attachment_id IN (SELECT id FROM attachments WHERE message_id = $1)',
    [messageId],
    transaction,
  )
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

/** Which of these files (attachments, their thumbnails and pages) have a row. */
export async function knownFiles(ids: readonly string[]): Promise<Set<string>> {
  const rows = await ask<{ id: string }>(
    `SELECT id FROM attachments WHERE id = ANY($1::uuid[])
     UNION ALL SELECT thumbnail_id FROM attachments WHERE thumbnail_id = ANY($1::uuid[])
     UNION ALL SELECT file_id FROM attachment_previews WHERE file_id = ANY($1::uuid[])
     UNION ALL SELECT file_id FROM exports WHERE file_id = ANY($1::uuid[])`,
    [ids],
  )
  return new Set(rows.map(({ id }) => id))
}

/**
 * Writes the end of a check, and what was drawn of a clean file. A blocked or clean file's key is no longer kept for checking.
 * @returns false when another run of the same check ended first, or the file is gone
 */
export async function noteCheck(
  id: string,
  end: Pick<AttachmentRow, 'checkState' | 'thumbnailId' | 'drawnSealed'>,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const rows = await ask(
    `UPDATE attachments SET check_state = $2, thumbnail_id = $3, drawn_sealed = $4, checked_at = $5, check_tries = check_tries + 1,
       check_key_sealed = CASE WHEN $2 = 'held' THEN check_key_sealed END
     WHERE id = $1 AND check_state IN ('checking', 'held') RETURNING id`,
    [id, end.checkState, end.thumbnailId, end.drawnSealed, now],
    transaction,
  )
  return rows.length === 1
}

/** What has to be checked again: held files, more and more seldom, and those whose check was lost. */
export function listToCheckAgain(now: Date): Promise<{ id: string }[]> {
  return ask(
    `SELECT id FROM attachments
     WHERE check_state = 'held' AND checked_at + least(interval '5 minutes' * power(2, check_tries - 1), interval '12 hours') <= $1
        OR check_state = 'checking' AND uploaded_at < $1::timestamptz - interval '15 minutes'
     ORDER BY id LIMIT 100`,
    [now],
  )
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
