/** An upload that comes in pieces, as far as it is, opened with its owner's pair: between two pieces its key rests sealed and nowhere else. */
import { recordDenied } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { BODY_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { padToBucket, unpad } from '../vault/padding.ts'
import { sealToPublic, unsealWithPrivate } from '../vault/public-seal.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { findAttachment } from './attachment.store.ts'
import { fileStore } from './file-store.ts'
import { PIECE_ROOM, removeSealed } from './sealed-files.ts'
import { findUpload, removeUploadRow, type UploadRow } from './upload.store.ts'

export interface UploadInPieces {
  row: UploadRow
  key: Buffer
  name: string
  /** Clear bytes, of the whole file and of what is there. */
  size: number
  offset: number
}

/** What `kind` tells of it: `whole` is an attachment that no message has claimed. */
export type Found = { kind: 'under-way'; upload: UploadInPieces } | { kind: 'whole' }

/** @throws NotFound when it is not there or not theirs, which is then in the log */
export async function findOwnUpload(reader: Reader, id: string): Promise<Found> {
  const row = await findUpload(reader.account.id, id)
  const pair = row && (await reader.pairOf(reader.own.id, row.mailboxVersion))
  if (row && pair)
    return { kind: 'under-way', upload: openUpload(row, unsealWithPrivate(pair, bindingOfKey(id), row.keySealed)) }
  const attachment = await findAttachment(id)
  if (attachment?.uploaderAccountId === reader.account.id && !attachment.messageId) return { kind: 'whole' }
  await recordDenied(reader.actor, 'attachment.received', { kind: 'attachment', id }, 'not-yours')
  throw new NotFound('no upload of theirs')
}

/** @throws NotFound as above, and for one that is whole already */
export async function openOwnUpload(reader: Reader, id: string): Promise<UploadInPieces> {
  const found = await findOwnUpload(reader, id)
  if (found.kind === 'whole') throw new NotFound('it is whole already')
  return found.upload
}

export function sealUpload(
  id: string,
  mailbox: MailboxKey,
  key: Buffer,
  label: { name: string; size: number },
): Pick<UploadRow, 'keySealed' | 'labelSealed'> {
  return {
    keySealed: sealToPublic(mailbox.publicKey, bindingOfKey(id), key),
    labelSealed: sealEnvelope(key, bindingOfLabel(id), padToBucket(JSON.stringify(label)), BODY_SEGMENT),
  }
}

/** Takes an upload away with all its pieces, those too that came to nothing, and what was made of them: without its row no finish can keep it. */
export async function dropPieces(accountId: string, id: string): Promise<void> {
  const row = await removeUploadRow(accountId, id)
  if (!row) return
  await removePieces(row)
  await removeSealed(id)
}

export async function removePieces({ id, attempts }: UploadRow): Promise<void> {
  for (let number = 1; number <= attempts; number++) await fileStore().remove(pieceName(id, number))
}

export function pieceName(id: string, number: number): string {
  return `${id}.${number}`
}

function openUpload(row: UploadRow, key: Buffer): UploadInPieces {
  const { name, size } = JSON.parse(unpad(unsealEnvelope(key, bindingOfLabel(row.id), row.labelSealed))) as {
    name: string
    size: number
  }
  return { row, key, name, size, offset: Math.min(row.segments * PIECE_ROOM, size) }
}

function bindingOfKey(id: string) {
  return `upload/${id}/key`
}

function bindingOfLabel(id: string) {
  return `upload/${id}/label`
}
