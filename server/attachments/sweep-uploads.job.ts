/**
 * Sweeps what nobody claimed within a day: uploads in no draft and no message, those that came in pieces until nothing more came, files without a
 * row, halves left by a killed process.
 */
import { knownFiles, listUnclaimed } from './attachment.store.ts'
import { fileStore, idInName } from './file-store.ts'
import { dropUpload } from './keep-upload.ts'
import { dropPieces } from './upload-in-pieces.ts'
import { knownUploads, listLapsed } from './upload.store.ts'

const DAY = 24 * 60 * 60 * 1000
const LONGEST_UPLOAD = 7 * DAY

export async function sweepUploads(now = new Date()): Promise<void> {
  const before = new Date(now.getTime() - DAY)
  for (const upload of await listUnclaimed(before))
    if (upload.uploaderAccountId) await dropUpload(upload.uploaderAccountId, upload.id)
  for (const { accountId, id } of await listLapsed(before, new Date(now.getTime() - LONGEST_UPLOAD)))
    await dropPieces(accountId, id)
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
  const ids = names.map(idInName)
  const [known, underWay] = await Promise.all([knownFiles(ids), knownUploads(ids)])
  // The pieces of an upload that has become a file are nobody's any more.
  const isKnown = (name: string) => underWay.has(idInName(name)) || known.has(name)
  for (const name of names) if (!isKnown(name)) await fileStore().remove(name)
}
