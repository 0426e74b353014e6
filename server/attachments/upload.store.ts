/** Rows of uploads that come in pieces. How far one is stands in its row and changes from one count of segments to the next, or not at all. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface UploadRow {
  id: string
  accountId: string
  mailboxId: string
  mailboxVersion: number
  keySealed: Buffer
  header: Buffer
  labelSealed: Buffer
  /** What the whole file will take, sealed and padded. */
  kilobytes: number
  segments: number
  /** Pieces that were begun, whatever became of them; each has a name of its own. */
  attempts: number
  begunAt: Date
  usedAt: Date
  /** Until when whoever makes the file of its pieces has said to be at it. */
  finishingUntil: Date | null
  /** Who that is: a claim has a number of its own, so that one whose turn is over ends nobody else's. */
  finishingBy: string | null
}

const uploads = table<UploadRow>('uploads', {
  id: 'uuid key',
  accountId: 'uuid',
  mailboxId: 'uuid',
  mailboxVersion: 'integer',
  keySealed: 'bytea',
  header: 'bytea',
  labelSealed: 'bytea',
  kilobytes: 'integer',
  segments: 'integer',
  attempts: 'integer',
  begunAt: 'timestamptz',
  usedAt: 'timestamptz',
  finishingUntil: 'timestamptz',
  finishingBy: 'uuid',
})

const uploadPieces = table<{ uploadId: string; segment: number; number: number }>('upload_pieces', {
  uploadId: 'uuid key',
  segment: 'integer key',
  number: 'integer',
})

export function insertUploadInPieces(row: UploadRow, transaction: Transaction): Promise<void> {
  return uploads.insert(row, transaction)
}

/** An upload of this account, or nothing. */
export function findUpload(accountId: string, id: string): Promise<UploadRow | undefined> {
  return uploads.find({ accountId, id })
}

/** Of one account, in turn for the length of the transaction: two that begin at once see each other. */
export async function countUploadsInTurn(
  accountId: string,
  transaction: Transaction,
): Promise<{ count: number; kilobytes: number }> {
  await ask('SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE', [accountId], transaction)
  return countUploads(accountId, transaction)
}

export async function countUploads(
  accountId: string,
  transaction?: Transaction,
): Promise<{ count: number; kilobytes: number }> {
  const [row] = await ask<{ count: number; kilobytes: string }>(
    'SELECT count(*)::integer AS count, coalesce(sum(kilobytes), 0) AS kilobytes FROM uploads WHERE account_id = $1',
    [accountId],
    transaction,
  )
  return { count: row!.count, kilobytes: Number(row!.kilobytes) }
}

/** @returns the number by which the next piece is named, which no other one has had; undefined when the upload is gone */
export async function countAttempt(id: string): Promise<number | undefined> {
  const [row] = await ask<{ attempts: number }>(
    'UPDATE uploads SET attempts = attempts + 1 WHERE id = $1 RETURNING attempts',
    [id],
  )
  return row?.attempts
}

/** Puts a piece at the end of its upload, if that is still where it belongs. @returns whether it was */
export async function appendPiece(
  piece: { uploadId: string; segment: number; number: number },
  segments: number,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const moved = await ask(
    'UPDATE uploads SET segments = $3, used_at = $4 WHERE id = $1 AND segments = $2 RETURNING id',
    [piece.uploadId, piece.segment, segments, now],
    transaction,
  )
  if (moved.length === 1) await uploadPieces.insert(piece, transaction)
  return moved.length === 1
}

/** In their order. */
export async function listPieces(uploadId: string): Promise<number[]> {
  const rows = await ask<{ number: number }>('SELECT number FROM upload_pieces WHERE upload_id = $1 ORDER BY segment', [
    uploadId,
  ])
  return rows.map(({ number }) => number)
}

/** Says that somebody is making the file of the pieces, for a while. @returns false when another is at it, or the upload is gone */
export async function claimFinish(id: string, by: string, now: Date, until: Date): Promise<boolean> {
  const claimed = await ask(
    `UPDATE uploads SET finishing_by = $2, finishing_until = $4, used_at = $3
     WHERE id = $1 AND (finishing_until IS NULL OR finishing_until < $3) RETURNING id`,
    [id, by, now, until],
  )
  return claimed.length === 1
}

/** For longer, or no more, as long as it is still their turn. */
export async function noteFinish(id: string, by: string, until: Date | null): Promise<void> {
  await uploads.update({ finishingUntil: until }, { id, finishingBy: by })
}

/** @returns the row as it was last, for its pieces' names; undefined when it was gone already */
export async function removeUploadRow(accountId: string, id: string): Promise<UploadRow | undefined> {
  const [row] = await ask<UploadRow>('DELETE FROM uploads WHERE account_id = $1 AND id = $2 RETURNING *', [
    accountId,
    id,
  ])
  return row
}

/** The same at the end of a finish. @returns undefined when it was taken back, or is another's turn by now */
export async function endUploadRow(id: string, by: string, transaction: Transaction): Promise<UploadRow | undefined> {
  const [row] = await ask<UploadRow>(
    'DELETE FROM uploads WHERE id = $1 AND finishing_by = $2 RETURNING *',
    [id, by],
    transaction,
  )
  return row
}

/** Uploads that nothing came for since `idle`, and those that were begun before `begun`. */
export function listLapsed(idle: Date, begun: Date): Promise<UploadRow[]> {
  return ask<UploadRow>('SELECT * FROM uploads WHERE used_at < $1 OR begun_at < $2', [idle, begun])
}

/** Which of these uploads are still under way. */
export async function knownUploads(ids: readonly string[]): Promise<Set<string>> {
  const rows = await ask<{ id: string }>('SELECT id FROM uploads WHERE id = ANY($1::uuid[])', [ids])
  return new Set(rows.map(({ id }) => id))
}
