/** Sweeps what nobody claimed within a day: uploads in no draft and no message, files without a row, halves left by a killed process. */
import { knownFiles, listUnclaimed } from './attachment.store.ts'
import { fileStore, idInName } from './file-store.ts'
import { dropUpload } from './keep-upload.ts'

const DAY = 24 * 60 * 60 * 1000

export async function sweepUploads(now = new Date()): Promise<void> {
  const before = new Date(now.getTime() - DAY)
  for (const upload of await listUnclaimed(before))
    if (upload.uploaderAccountId) await dropUpload(upload.uploaderAccountId, upload.id)
  await fileStore().removeHalves(before)
  const old: string[] = []
  for await (const { name, writtenAt } of fileStore().list()) {
    if (writtenAt < before) old.push(name)
    if (old.length === AT_ONCE) await sweepFiles(old.splice(0))
  }
  await sweepFiles(old)
}

const AT_ONCE = 500

async function sweepFiles(names: string[]) {
  const known = await knownFiles(names.map(idInName))
  for (const name of names) if (!known.has(idInName(name))) await fileStore().remove(name)
}
