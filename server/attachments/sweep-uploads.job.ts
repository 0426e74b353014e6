/** Sweeps what nobody claimed within a day: uploads in no draft and no message, files without a row, halves left by a killed process. */
import { knownFiles, listUnclaimed } from './attachment.store.ts'
import { dropUpload } from './keep-upload.ts'
import { listSealed, removeSealed } from './sealed-files.ts'

const DAY = 24 * 60 * 60 * 1000

export async function sweepUploads(now = new Date()): Promise<void> {
  const before = new Date(now.getTime() - DAY)
  for (const upload of await listUnclaimed(before))
    if (upload.uploaderAccountId) await dropUpload(upload.uploaderAccountId, upload.id)
  const old: string[] = []
  for await (const file of listSealed()) if (file.writtenAt < before) old.push(file.id)
  for (let start = 0; start < old.length; start += 500) await sweepFiles(old.slice(start, start + 500))
}

async function sweepFiles(ids: string[]) {
  const known = await knownFiles(ids)
  for (const id of ids) if (!known.has(id)) await removeSealed(id)
}
