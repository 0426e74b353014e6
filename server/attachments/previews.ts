/**
 * Previews of a file: drawn from its clear bytes in memory, and sealed like the file, under its key, before anything of them rests. A file that
 * is drawn was found clean, or came where nothing is checked.
 */
import { newId } from '../lib/ids.ts'
import { BODY_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { padToBucket, unpad } from '../vault/padding.ts'
import type { Label } from './attachment.ts'
import { draw } from './draw.ts'
import { MOST_DRAWN_BYTES, type DrawProblem, type DrawnPage } from './drawing.ts'
import type { PreviewRow } from './preview.store.ts'
import { readSealed, readSealedWhole, removeSealed, writeSealedWhole } from './sealed-files.ts'

/** What was drawn of a file. */
export interface Drawn {
  /** How many pages the file has; 0 when that is not known. */
  total: number
  /** Why there is no preview, or none of the rest; `too-big` is not even tried, and absent for kinds of files that have none. */
  problem?: DrawProblem | 'too-big'
}

/** What the rows keep of it. */
export interface SealedPreviews {
  thumbnailId: string | null
  drawnSealed: Buffer | null
  pages: PreviewRow[]
}

export interface Page {
  page: number
  width: number
  height: number
  text: string
}

type File = { id: string; key: Buffer; label: Label }

const DRAWN_AS: Record<string, 'picture' | 'pdf'> = {
  'image/jpeg': 'picture',
  'image/png': 'picture',
  'image/gif': 'picture',
  'image/webp': 'picture',
  'image/tiff': 'picture',
  'application/pdf': 'pdf',
}

export const NO_PREVIEWS: SealedPreviews = { thumbnailId: null, drawnSealed: null, pages: [] }

/** Draws a file and keeps what was drawn. What fails leaves nothing. */
export async function keepPreviews(file: File, now = new Date()): Promise<SealedPreviews> {
  const { id, key, label } = file
  const kind = DRAWN_AS[label.type]
  if (!kind) return NO_PREVIEWS
  if (label.size > MOST_DRAWN_BYTES)
    return { ...NO_PREVIEWS, drawnSealed: sealDrawn(id, key, { total: 0, problem: 'too-big' }) }
  const { thumbnail, pages, total, problem } = await draw(kind, () => readSealed(id, `attachment/${id}`, key))
  const kept: SealedPreviews = {
    thumbnailId: null,
    drawnSealed: sealDrawn(id, key, { total, ...(problem ? { problem } : {}) }),
    pages: [],
  }
  try {
    if (thumbnail) {
      kept.thumbnailId = newId(now)
      await writeSealedWhole(kept.thumbnailId, `attachment/${id}/thumbnail`, key, thumbnail)
    }
    for (const page of pages) await keepPage(file, page, kept.pages, now)
    return kept
  } catch (error) {
    await removePreviews(kept)
    throw error
  }
}

async function keepPage({ id, key }: File, { picture, ...about }: DrawnPage, kept: PreviewRow[], now: Date) {
  const { page, width, height, text } = about
  const sealed = sealEnvelope(
    key,
    textBinding(id, page),
    padToBucket(JSON.stringify({ width, height, text })),
    BODY_SEGMENT,
  )
  const row = { attachmentId: id, page, fileId: newId(now), textSealed: sealed }
  kept.push(row)
  await writeSealedWhole(row.fileId, `attachment/${id}/preview/${page}`, key, picture)
}

/** Takes back what `keepPreviews` kept, or what a file's rows name. */
export async function removePreviews({ thumbnailId, pages }: Pick<SealedPreviews, 'thumbnailId' | 'pages'>) {
  if (thumbnailId) await removeSealed(thumbnailId)
  for (const { fileId } of pages) await removeSealed(fileId)
}

/** @throws EnvelopeRefused */
export function unsealPage(row: PreviewRow, key: Buffer): Page {
  const text = unpad(unsealEnvelope(key, textBinding(row.attachmentId, row.page), row.textSealed))
  return { page: row.page, ...(JSON.parse(text) as Omit<Page, 'page'>) }
}

/** The picture of a page, WebP. @throws EnvelopeRefused */
export function unsealPicture(row: PreviewRow, key: Buffer): Promise<Buffer> {
  return readSealedWhole(row.fileId, `attachment/${row.attachmentId}/preview/${row.page}`, key)
}

/** @throws EnvelopeRefused */
export function unsealDrawn(id: string, sealed: Buffer, key: Buffer): Drawn {
  return JSON.parse(unpad(unsealEnvelope(key, `attachment/${id}/drawn`, sealed))) as Drawn
}

function sealDrawn(id: string, key: Buffer, drawn: Drawn): Buffer {
  return sealEnvelope(key, `attachment/${id}/drawn`, padToBucket(JSON.stringify(drawn)), BODY_SEGMENT)
}

function textBinding(id: string, page: number): string {
  return `attachment/${id}/preview/${page}/text`
}
