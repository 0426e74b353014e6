/**
 * Keeps an uploaded file before anybody knows what it will belong to: sealed while it streams under a key of its own, the key sealed to the
 * uploader's mailbox. That needs no open session, so a form that comes after the session's end loses nothing.
 */
import type { Readable } from 'node:stream'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import { sealToPublic, unsealWithPrivate } from '../vault/public-seal.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { newKey } from '../vault/wrap.ts'
import { LIMITS, sealLabel } from './attachment.ts'
import { findAttachment, insertUpload, removeUpload, type AttachmentRow } from './attachment.store.ts'
import { fileTypeOf } from './file-type.ts'
import { readSealedWhole, removeSealed, writeSealed, writeSealedWhole } from './sealed-files.ts'
import { FileRefused, type FilePart } from './sealing-storage.ts'
import { makeThumbnail } from './thumbnail.ts'

/** Whoever uploads, and the mailbox that the file's key is sealed to until a message claims it. */
export interface Uploader {
  accountId: string
  mailbox: MailboxKey
  actor: Actor
}

const DRAWABLE = ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/tiff']

/** @returns the upload's id @throws FileRefused for what we do not take, TooLarge for what is too big; neither leaves anything */
export async function keepUpload(
  uploader: Uploader,
  part: FilePart,
  source: Readable,
  now = new Date(),
): Promise<string> {
  const id = newId(now)
  const key = newKey()
  const sealed = await writeSealed(id, `attachment/${id}`, key, source, LIMITS.fileBytes)
  let thumbnailId: string | null = null
  try {
    const found = await fileTypeOf(part.name, sealed.head, sealed.tail)
    if ('problem' in found) throw new FileRefused(found.problem)
    thumbnailId = DRAWABLE.includes(found.type) ? await keepThumbnail(id, key, now) : null
    const label = { name: part.name, kind: found.kind, type: found.type, size: sealed.size }
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

/** The key of an upload that no message has claimed, opened with the uploader's own key pair. @throws EnvelopeRefused */
export function uploadKey(row: AttachmentRow, own: KeyPair): Buffer {
  return unsealWithPrivate(own, `attachment/${row.id}/key`, row.keyWrapped)
}

/** Takes an unclaimed upload back: row, file and thumbnail. */
export async function dropUpload(accountId: string, id: string): Promise<void> {
  const row = await findAttachment(id)
  if (!row || !(await removeUpload(accountId, id))) return
  await removeSealed(id)
  if (row.thumbnailId) await removeSealed(row.thumbnailId)
}
