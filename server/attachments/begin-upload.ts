/** Begins an upload that comes in pieces: a key, the header of an envelope, and a row that says how far it is. No byte of the file is there yet. */
import { inTransaction } from '../database/connection.ts'
import { TooLarge } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import type { Reader } from '../sign-in/reader.ts'
import { beginEnvelope, FILE_SEGMENT } from '../vault/floe.ts'
import { padme } from '../vault/padding.ts'
import { newKey } from '../vault/wrap.ts'
import { LIMITS } from './attachment.ts'
import { safeFileName } from './file-type.ts'
import { FileRefused } from './sealing-storage.ts'
import { roomLeftInTurn, unsentBytes } from './unsent.ts'
import { sealUpload } from './upload-in-pieces.ts'
import { insertUploadInPieces } from './upload.store.ts'

/** @param size clear bytes @returns its id @throws FileRefused, TooLarge */
export async function beginUpload(
  reader: Reader,
  { name, size }: { name: string; size: number },
  now = new Date(),
): Promise<string> {
  if (size === 0) throw new FileRefused('empty')
  if (size > LIMITS.fileBytes) throw new TooLarge()
  const id = newId(now)
  const key = newKey()
  const { own, account } = reader
  const row = {
    id,
    accountId: account.id,
    mailboxId: own.id,
    mailboxVersion: own.version,
    ...sealUpload(id, own, key, { name: safeFileName(name), size }),
    header: beginEnvelope(key, `attachment/${id}`, FILE_SEGMENT),
    kilobytes: Math.ceil(padme(size + 1) / 1024),
    segments: 0,
    attempts: 0,
    begunAt: now,
    usedAt: now,
    finishingUntil: null,
    finishingBy: null,
  }
  const unsent = await unsentBytes(account.id)
  await inTransaction(async (transaction) => {
    if ((await roomLeftInTurn(account.id, unsent, transaction)) < size) throw new FileRefused('no-room')
    await insertUploadInPieces(row, transaction)
  })
  return id
}
