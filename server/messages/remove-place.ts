/**
 * Takes place and camera out of photos in the reader's draft, when they ask for it: the clean photo is a file of its own, kept like any that is
 * uploaded, and the one that tells is gone.
 */
import { Readable } from 'node:stream'
import { addToDraft, listUploadsOf, type AttachmentRow } from '../attachments/attachment.store.ts'
import { unsealAttachment, unsealBytes } from '../attachments/attachment.ts'
import { removeMetadata } from '../attachments/draw.ts'
import { dropUpload, keepUpload, uploadKey } from '../attachments/keep-upload.ts'
import { inTransaction } from '../database/connection.ts'
import type { Reader } from '../sign-in/reader.ts'

export async function removePlaces(reader: Reader, draftId: string, ids: readonly string[], now = new Date()) {
  if (ids.length === 0) return
  const rows = await listUploadsOf(reader.account.id, draftId)
  for (const row of rows) if (ids.includes(row.id)) await removePlace(reader, draftId, row, now)
}

async function removePlace(reader: Reader, draftId: string, row: AttachmentRow, now: Date) {
  const pair = await reader.pairOf(reader.own.id, row.uploaderMailboxVersion)
  if (!pair) return
  const key = uploadKey(row, pair)
  const { name, tellsPlace } = unsealAttachment(row, key)
  const clean = tellsPlace && (await removeMetadata(() => unsealBytes(row, key)))
  // It stays as it is, and its line goes on saying what it tells.
  if (!clean) return
  const uploader = { accountId: reader.account.id, mailbox: reader.own, actor: reader.actor }
  const id = await keepUpload(uploader, { name }, Readable.from([clean]), now)
  await inTransaction((transaction) => addToDraft(reader.account.id, [id], draftId, transaction))
  await dropUpload(reader.account.id, row.id)
}
