/** Pages of files as pictures. Their rows go with the file's row; what rests of them is swept. */
import { table } from '../database/table.ts'
import type { Transaction } from '../database/connection.ts'

export interface PreviewRow {
  attachmentId: string
  /** From 1. */
  page: number
  /** The sealed file that holds the picture. */
  fileId: string
  /** Its size in pixels and its text, sealed. */
  textSealed: Buffer
}

const previews = table<PreviewRow>('attachment_previews', {
  attachmentId: 'uuid key',
  page: 'integer key',
  fileId: 'uuid',
  textSealed: 'bytea',
})

export function insertPreviews(rows: readonly PreviewRow[], transaction: Transaction): Promise<void> {
  return previews.insertAll(rows, transaction)
}

/** In the order of pages. */
export async function listPreviews(attachmentId: string): Promise<PreviewRow[]> {
  return (await previews.list({ attachmentId })).sort((a, b) => a.page - b.page)
}

export function findPreview(attachmentId: string, page: number): Promise<PreviewRow | undefined> {
  return previews.find({ attachmentId, page })
}
