/** Makes a file of an upload whose pieces are all there, and sees it through the last step of every upload. Asked twice, it is one file. */
import { findAttachment } from './attachment.store.ts'
import { FileMissing, fileStore } from './file-store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { logError } from '../lib/logger.ts'
import { OutOfPlace } from './add-piece.ts'
import { finishUpload } from './finish-upload.ts'
import { dropUpload } from './keep-upload.ts'
import { joinPieces, readEnds } from './sealed-files.ts'
import { FileRefused } from './sealing-storage.ts'
import { dropPieces, findOwnUpload, pieceName, removePieces, type UploadInPieces } from './upload-in-pieces.ts'
import { claimFinish, listPieces, noteFinish, removeUploadRow } from './upload.store.ts'

/** Somebody else makes the file of the pieces at this moment; it is there soon. */
export class BeingFinished extends Error {
  override name = 'BeingFinished'
}

/** @throws FileRefused for what we do not take, and then nothing is left; OutOfPlace, BeingFinished, NotFound, NoRoom, Unavailable */
export async function finishPieces(reader: Reader, id: string, now = new Date()): Promise<void> {
  const found = await findOwnUpload(reader, id)
  if (found.kind === 'whole') return
  const { upload } = found
  if (upload.offset < upload.size) throw new OutOfPlace()
  if (!(await claimFinish(id, now, aWhileFrom(now)))) throw new BeingFinished()
  const held = setInterval(() => holdOn(id), A_WHILE / 4)
  try {
    await finish(reader, upload, now)
  } catch (error) {
    // What is not taken goes; whatever else it was, the pieces are there for another try.
    if (error instanceof FileRefused || error instanceof FileMissing) await dropPieces(reader.account.id, id)
    else await noteFinish(id, null)
    throw error
  } finally {
    clearInterval(held)
  }
}

/** How long a finish counts as under way after its process was last heard of. */
const A_WHILE = 60_000

function aWhileFrom(now: Date): Date {
  return new Date(now.getTime() + A_WHILE)
}

function holdOn(id: string): void {
  noteFinish(id, aWhileFrom(new Date())).catch((error: unknown) => logError('A finish could not be held', error))
}

async function finish(reader: Reader, { row, key, name, size }: UploadInPieces, now: Date): Promise<void> {
  const { id } = row
  const numbers = await listPieces(id)
  await joinPieces(
    id,
    row.header,
    numbers.map((number) => pieceName(id, number)),
  )
  const ends = await readEnds(id, `attachment/${id}`, key, size).catch(async (error: unknown) => {
    if (!(await findAttachment(id).catch(() => true))) await fileStore().remove(id)
    throw error
  })
  const uploader = { accountId: reader.account.id, mailbox: reader.own, actor: reader.actor }
  await finishUpload(uploader, { id, key, name, sealed: { size, ...ends } }, now)
  const last = await removeUploadRow(reader.account.id, id)
  if (last) return removePieces(last)
  // It was taken back meanwhile.
  await dropUpload(reader.account.id, id)
}
