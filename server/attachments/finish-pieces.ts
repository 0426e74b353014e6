/** Makes a file of an upload whose pieces are all there, and sees it through the last step of every upload. Asked twice, it is one file. */
import { randomUUID } from 'node:crypto'
import { logError } from '../lib/logger.ts'
import type { Reader } from '../sign-in/reader.ts'
import { OutOfPlace } from './add-piece.ts'
import { FileMissing } from './file-store.ts'
import { finishUpload } from './finish-upload.ts'
import { joinPieces, readEnds } from './sealed-files.ts'
import { FileRefused } from './sealing-storage.ts'
import { dropPieces, findOwnUpload, pieceName, removePieces, type UploadInPieces } from './upload-in-pieces.ts'
import { claimFinish, endUploadRow, listPieces, noteFinish } from './upload.store.ts'

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
  const turn = randomUUID()
  if (!(await claimFinish(id, turn, now, aWhileFrom(now)))) throw new BeingFinished()
  const held = setInterval(() => holdOn(id, turn), A_WHILE / 4)
  try {
    await finish(reader, upload, turn, now)
  } catch (error) {
    // What is not taken goes; whatever else it was, the pieces are there for another try.
    if (error instanceof FileRefused || error instanceof FileMissing) await dropPieces(reader.account.id, id)
    else await noteFinish(id, turn, null)
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

function holdOn(id: string, turn: string): void {
  noteFinish(id, turn, aWhileFrom(new Date())).catch((error: unknown) => logError('A finish could not be held', error))
}

/** Two that are at it after all write the same bytes under the same name, and one of them is kept: the row goes with the turn that it names. */
async function finish(
  reader: Reader,
  { row, key, name, size }: UploadInPieces,
  turn: string,
  now: Date,
): Promise<void> {
  const { id } = row
  const numbers = await listPieces(id)
  // Whoever took the turn meanwhile has ended it: the file is there, and nothing may be written over it.
  if (numbers.length === 0) throw new BeingFinished()
  await joinPieces(
    id,
    row.header,
    numbers.map((number) => pieceName(id, number)),
  )
  const ends = await readEnds(id, `attachment/${id}`, key, size)
  const uploader = { accountId: reader.account.id, mailbox: reader.own, actor: reader.actor }
  let last = row
  await finishUpload(
    uploader,
    { id, key, name, sealed: { size, ...ends } },
    async (transaction) => {
      const ended = await endUploadRow(id, turn, transaction)
      // It was taken back, or is another's turn by now: whoever asks again is told which.
      if (!ended) throw new BeingFinished()
      last = ended
    },
    now,
  )
  await removePieces(last)
}
