/** A sealed file: its key, its label (name, kind, size) and its bytes. Everything here needs a key that somebody else has opened. */
import type { Readable } from 'node:stream'
import { settings } from '../settings/settings.ts'
import { BODY_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { padToBucket, unpad } from '../vault/padding.ts'
import { unwrapKey, wrapKey } from '../vault/wrap.ts'
import type { AttachmentRow } from './attachment.store.ts'
import type { CheckState } from './check-state.ts'
import type { FileKind } from './file-type.ts'
import { readSealed, readSealedPart, readSealedWhole, type Part } from './sealed-files.ts'

const MEGABYTE = 1024 * 1024

/** What the organisation allows. */
export const LIMITS = {
  get files(): number {
    return settings().filesPerMessage
  },
  get fileBytes(): number {
    return settings().fileMegabytes * MEGABYTE
  },
}

export interface Label {
  name: string
  kind: FileKind
  type: string
  /** Bytes. */
  size: number
  /** Whether the picture itself says where it was taken. */
  tellsPlace?: boolean
}

/** An attachment whose label could be read. */
export interface Attachment extends Label {
  id: string
  messageId: string | null
  hasThumbnail: boolean
  checkState: CheckState
  uploaderMailboxId: string
}

export function sealLabel(id: string, key: Buffer, label: Label): Buffer {
  return sealEnvelope(key, `attachment/${id}/label`, padToBucket(JSON.stringify(label)), BODY_SEGMENT)
}

/** @throws EnvelopeRefused */
export function unsealAttachment(row: AttachmentRow, key: Buffer): Attachment {
  const label = JSON.parse(unpad(unsealEnvelope(key, `attachment/${row.id}/label`, row.labelSealed))) as Label
  return {
    ...label,
    id: row.id,
    messageId: row.messageId,
    hasThumbnail: row.thumbnailId !== null,
    checkState: row.checkState,
    uploaderMailboxId: row.uploaderMailboxId,
  }
}

/** The wrap that a message keeps of a file key. */
export function wrapFileKey(id: string, messageKey: Buffer, key: Buffer): Buffer {
  return wrapKey(messageKey, `attachment/${id}/key`, key)
}

/** @throws EnvelopeRefused */
export function unwrapFileKey(row: AttachmentRow, messageKey: Buffer): Buffer {
  return unwrapKey(messageKey, `attachment/${row.id}/key`, row.keyWrapped)
}

/** The clear bytes, segment by segment, for what reads the whole file. @throws FileMissing, Unavailable */
export function unsealBytes(row: AttachmentRow, key: Buffer): Promise<Readable> {
  return readSealed(row.id, `attachment/${row.id}`, key)
}

/** Clear bytes, segment by segment; an error in the middle must break the connection. @throws EnvelopeRefused, FileMissing, Unavailable */
export function unsealPart(row: AttachmentRow, key: Buffer, part: Part): Promise<Readable> {
  return readSealedPart(row.id, `attachment/${row.id}`, key, part)
}

/** @throws EnvelopeRefused; undefined when there is none */
export async function unsealThumbnail(row: AttachmentRow, key: Buffer): Promise<Buffer | undefined> {
  return row.thumbnailId ? readSealedWhole(row.thumbnailId, `attachment/${row.id}/thumbnail`, key) : undefined
}
