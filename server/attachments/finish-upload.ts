/**
 * The last step of every upload, however its bytes came: what it is by its bytes, its label, and the row by which it is there. Its previews are
 * drawn now, or, where files are checked for malware, after it was found clean. Until then nothing but ciphertext without a name rests.
 */
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { sealToPublic } from '../vault/public-seal.ts'
import { sealLabel, type Label } from './attachment.ts'
import { findAttachment, insertUpload } from './attachment.store.ts'
import { sealCheckKey } from './check-file.job.ts'
import { tellsPlace } from './draw.ts'
import { MOST_DRAWN_BYTES } from './drawing.ts'
import { fileStore } from './file-store.ts'
import { fileTypeOf } from './file-type.ts'
import { insertPreviews } from './preview.store.ts'
import { keepPreviews, NO_PREVIEWS, removePreviews } from './previews.ts'
import { readSealed, type Sealed } from './sealed-files.ts'
import { FileRefused } from './sealing-storage.ts'

/** Whoever uploads, and the mailbox that the file's key is sealed to until a message claims it. */
export interface Uploader {
  accountId: string
  mailbox: MailboxKey
  actor: Actor
}

/** A file that is sealed whole, bound to `attachment/<id>`, under a key of its own. */
export interface SealedUpload {
  id: string
  key: Buffer
  name: string
  sealed: Pick<Sealed, 'size' | 'head' | 'tail'>
}

/** What is kept in the transaction that makes the file an upload, or throws and keeps nothing. */
export type Alongside = (transaction: Transaction) => Promise<void>

/** @returns the upload's id @throws FileRefused for what we do not take; whatever is thrown, the file is left to whoever sealed it */
export async function finishUpload(
  uploader: Uploader,
  upload: SealedUpload,
  alongside: Alongside,
  now = new Date(),
): Promise<string> {
  const { id, key } = upload
  let previews = NO_PREVIEWS
  try {
    const label = await labelOf(upload)
    const checked = config().clamdSocket !== undefined
    if (!checked) previews = await keepPreviews({ id, key, label }, now)
    const row = {
      id,
      uploaderAccountId: uploader.accountId,
      uploaderMailboxId: uploader.mailbox.id,
      uploaderMailboxVersion: uploader.mailbox.version,
      draftId: null,
      messageId: null,
      position: 0,
      keyWrapped: sealToPublic(uploader.mailbox.publicKey, `attachment/${id}/key`, key),
      labelSealed: sealLabel(id, key, label),
      thumbnailId: previews.thumbnailId,
      sealedBytes: String(await fileStore().size(id)),
      uploadedAt: now,
      claimedAt: null,
      checkState: checked ? ('checking' as const) : ('not-checked' as const),
      checkKeySealed: checked ? sealCheckKey(id, key) : null,
      checkTries: 0,
      checkedAt: null,
      drawnSealed: previews.drawnSealed,
    }
    await inTransaction(async (transaction) => {
      await alongside(transaction)
      await insertUpload(row, transaction)
      await insertPreviews(previews.pages, transaction)
      const subject = { kind: 'attachment' as const, id }
      await record(uploader.actor, { act: 'attachment.received', subject }, transaction, now)
      if (checked) await enqueue('check-file', { attachmentId: id }, transaction)
    })
    return id
  } catch (error) {
    // A commit whose answer was lost is one: the pictures are its. When unsure, the sweep does it.
    if (!(await findAttachment(id).catch(() => true))) await removePreviews(previews)
    throw error
  }
}

/** @throws FileRefused */
async function labelOf({ id, key, name, sealed }: SealedUpload): Promise<Label> {
  const found = await fileTypeOf(name, sealed.head, sealed.tail)
  if ('problem' in found) throw new FileRefused(found.problem)
  const label = { name, kind: found.kind, type: found.type, size: sealed.size }
  if (found.kind !== 'picture' || sealed.size > MOST_DRAWN_BYTES) return label
  // Found out at once, because whoever sends it is to be told before they do.
  return (await tellsPlace(() => readSealed(id, `attachment/${id}`, key))) ? { ...label, tellsPlace: true } : label
}
