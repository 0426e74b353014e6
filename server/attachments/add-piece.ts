/**
 * Takes the next piece of an upload: sealed as it arrives, kept under a name that no other piece has, and only then counted. Of two that come for
 * the same place one is counted, and of one that broke off nothing is.
 */
import type { Readable } from 'node:stream'
import { inTransaction } from '../database/connection.ts'
import { BadInput, NotFound, TooLarge } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { padme } from '../vault/padding.ts'
import { fileStore } from './file-store.ts'
import { PIECE_ROOM, writePiece } from './sealed-files.ts'
import { openOwnUpload, pieceName, type UploadInPieces } from './upload-in-pieces.ts'
import { appendPiece, countAttempt } from './upload.store.ts'

/** Bytes of one piece, at most. */
export const MOST_PIECE = 128 * PIECE_ROOM

/** The upload stands elsewhere: an answer was lost, or another piece was quicker. */
export class OutOfPlace extends Error {
  override name = 'OutOfPlace'
}

/**
 * @param piece where it belongs and how long it is, in clear bytes; `bytes` ends after that many or fails
 * @returns where the upload stands then @throws OutOfPlace, NotFound, BadInput, TooLarge, NoRoom, Unavailable
 */
export async function addPiece(
  reader: Reader,
  id: string,
  { offset, length, bytes }: { offset: number; length: number; bytes: Readable },
  now = new Date(),
): Promise<number> {
  const upload = await openOwnUpload(reader, id)
  if (offset !== upload.offset) throw new OutOfPlace()
  const ends = endsWith(upload, length)
  const number = await countAttempt(id)
  if (!number) throw new NotFound('the upload is gone')
  if (number > MOST_ATTEMPTS) throw new TooLarge('too many pieces')
  await inPlaceOfEarlier(id, bytes, () => sealPiece(upload, number, bytes, ends))
  const { segments } = upload.row
  const then = ends ? Math.ceil(padme(upload.size + 1) / PIECE_ROOM) : segments + length / PIECE_ROOM
  const counted = await inTransaction((transaction) =>
    appendPiece({ uploadId: id, segment: segments, number }, then, now, transaction),
  )
  if (counted) return offset + length
  await fileStore().remove(pieceName(id, number))
  throw new OutOfPlace()
}

/** The largest file has some twenty thousand segments. */
const MOST_ATTEMPTS = 100_000

/** @throws BadInput when it is neither the rest of the file nor a whole number of segments */
function endsWith({ size, offset }: UploadInPieces, length: number): boolean {
  if (length > MOST_PIECE || length > size - offset) throw new TooLarge('a piece')
  if (length === size - offset && length > 0) return true
  if (length === 0 || length % PIECE_ROOM !== 0) throw new BadInput('a piece is not a whole number of segments')
  return false
}

function sealPiece({ row, key, size }: UploadInPieces, number: number, bytes: Readable, ends: boolean): Promise<void> {
  const begun = { header: row.header, position: row.segments, ...(ends ? { size } : {}) }
  return writePiece(pieceName(row.id, number), `attachment/${row.id}`, key, begun, bytes)
}

const arriving = new Map<string, Readable>()

/** Whoever sends a piece once more has given up the one before, which may still hang on a dead line. */
async function inPlaceOfEarlier(id: string, bytes: Readable, work: () => Promise<void>): Promise<void> {
  arriving.get(id)?.destroy()
  arriving.set(id, bytes)
  try {
    await work()
  } finally {
    if (arriving.get(id) === bytes) arriving.delete(id)
  }
}
