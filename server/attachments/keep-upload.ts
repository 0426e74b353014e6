/**
 * Keeps an uploaded file before anybody knows what it will belong to: sealed while it streams under a key of its own, the key sealed to the
 * uploader's mailbox. That needs no open session, so a form that comes after the session's end loses nothing.
 */
import type { Readable } from 'node:stream'
import { TooLarge } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import { unsealWithPrivate } from '../vault/public-seal.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { newKey } from '../vault/wrap.ts'
import { LIMITS } from './attachment.ts'
import { findAttachment, removeUpload, type AttachmentRow } from './attachment.store.ts'
import { finishUpload, type Uploader } from './finish-upload.ts'
import { listPreviews } from './preview.store.ts'
import { removePreviews } from './previews.ts'
import { removeSealed, writeSealed } from './sealed-files.ts'
import { FileRefused, type FilePart } from './sealing-storage.ts'
import { roomLeft } from './unsent.ts'

/** @returns the upload's id @throws FileRefused for what we do not take, TooLarge for what is too big; neither leaves anything */
export async function keepUpload(
  uploader: Uploader,
  { name }: Pick<FilePart, 'name'>,
  source: Readable,
  now = new Date(),
): Promise<string> {
  const id = newId(now)
  const key = newKey()
  const room = Math.min(LIMITS.fileBytes, await roomLeft(uploader.accountId))
  if (room <= 0) throw new FileRefused('no-room')
  const sealed = await writeSealed(id, `attachment/${id}`, key, source, room).catch((error: unknown) => {
    throw error instanceof TooLarge && room < LIMITS.fileBytes ? new FileRefused('no-room') : error
  })
  try {
    return await finishUpload(uploader, { id, key, name, sealed }, async () => {}, now)
  } catch (error) {
    // When unsure whether there is a row, the sweep does it.
    if (!(await findAttachment(id).catch(() => true))) await removeSealed(id)
    throw error
  }
}

/** The key of an upload that no message has claimed, opened with the uploader's own key pair. @throws EnvelopeRefused */
export function uploadKey(row: AttachmentRow, own: KeyPair): Buffer {
  return unsealWithPrivate(own, `attachment/${row.id}/key`, row.keyWrapped)
}

/** Takes an unclaimed upload back: row, file and previews. */
export async function dropUpload(accountId: string, id: string): Promise<void> {
  const row = await findAttachment(id)
  const pages = await listPreviews(id)
  if (!row || !(await removeUpload(accountId, id))) return
  await removeSealed(id)
  await removePreviews({ thumbnailId: row.thumbnailId, pages })
}
