/**
 * The last step of every upload, however its bytes came: what it is by its bytes, a small picture, its label, and the row by which it is there.
 * Until then nothing but ciphertext without a name rests, and what is refused here leaves nothing.
 */
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import { sealToPublic } from '../vault/public-seal.ts'
import { sealLabel } from './attachment.ts'
import { insertUpload } from './attachment.store.ts'
import { fileStore } from './file-store.ts'
import { fileTypeOf } from './file-type.ts'
import { readSealedWhole, removeSealed, writeSealedWhole, type Sealed } from './sealed-files.ts'
import { FileRefused } from './sealing-storage.ts'
import { makeThumbnail } from './thumbnail.ts'

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

const DRAWABLE = ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/tiff']

/** @returns the upload's id @throws FileRefused for what we do not take; whatever is thrown, nothing of the file is left */
export async function finishUpload(uploader: Uploader, upload: SealedUpload, now = new Date()): Promise<string> {
  const { id, key, name, sealed } = upload
  let thumbnailId: string | null = null
  try {
    const found = await fileTypeOf(name, sealed.head, sealed.tail)
    if ('problem' in found) throw new FileRefused(found.problem)
    thumbnailId = DRAWABLE.includes(found.type) ? await keepThumbnail(id, key, now) : null
    const label = { name, kind: found.kind, type: found.type, size: sealed.size }
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
      thumbnailId,
      sealedBytes: String(await fileStore().size(id)),
      uploadedAt: now,
      claimedAt: null,
    }
    await inTransaction(async (transaction) => {
      await insertUpload(row, transaction)
      const subject = { kind: 'attachment' as const, id }
      await record(uploader.actor, { act: 'attachment.received', subject }, transaction, now)
    })
    return id
  } catch (error) {
    await removeSealed(id)
    if (thumbnailId) await removeSealed(thumbnailId)
    throw error
  }
}

/** Unseals the picture once, in memory, to draw a small one without the place and camera that a photo tells. */
async function keepThumbnail(id: string, key: Buffer, now: Date): Promise<string | null> {
  const small = await makeThumbnail(() => readSealedWhole(id, `attachment/${id}`, key))
  if (!small) return null
  const thumbnailId = newId(now)
  await writeSealedWhole(thumbnailId, `attachment/${id}/thumbnail`, key, small)
  return thumbnailId
}
