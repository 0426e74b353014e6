/**
 * Goes over every file that the database knows of and compares with its store, without opening any: is it there, and has it the length it was
 * sealed with? Each that is not is an access event. That it says what it said is found out when it is opened, by its seal.
 */
import { findAttachment, listFiles, type FileOnRecord } from '../attachments/attachment.store.ts'
import { fileStore } from '../attachments/file-store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Reason } from '../audit/reasons.ts'

export interface FileFault {
  attachmentId: string
  messageId: string | null
  /** `preview`: the file itself is well, its small picture is not. */
  of: 'file' | 'preview'
  reason: Extract<Reason, 'file-gone' | 'wrong-length'>
}

/** @throws Unavailable when the store is away: then nothing is said of any file */
export async function checkFiles(now = new Date()): Promise<{ checked: number; faults: FileFault[] }> {
  const faults: FileFault[] = []
  let checked = 0
  for (let last = NOTHING; ;) {
    const files = await listFiles(last, AT_ONCE)
    if (files.length === 0) break
    faults.push(...(await Promise.all(files.map(faultsOf))).flat())
    checked += files.length
    last = files.at(-1)!.id
  }
  await record(
    system,
    [
      ...faults.map(({ attachmentId, reason }) => ({
        act: 'envelope.refused' as const,
        subject: { kind: 'attachment' as const, id: attachmentId },
        outcome: 'failed' as const,
        reason,
      })),
      { act: 'files.checked', found: `${checked} files, ${faults.length} faults` },
    ],
    undefined,
    now,
  )
  return { checked, faults }
}

const AT_ONCE = 20
const NOTHING = '00000000-0000-0000-0000-000000000000'

async function faultsOf(file: FileOnRecord): Promise<FileFault[]> {
  const about = { attachmentId: file.id, messageId: file.messageId }
  const found: FileFault[] = []
  const size = await fileStore().size(file.id)
  if (size === undefined) found.push({ ...about, of: 'file', reason: 'file-gone' })
  else if (file.sealedBytes !== null && size !== Number(file.sealedBytes))
    found.push({ ...about, of: 'file', reason: 'wrong-length' })
  if (file.thumbnailId && (await fileStore().size(file.thumbnailId)) === undefined)
    found.push({ ...about, of: 'preview', reason: 'file-gone' })
  // It may have been taken back since the list was read.
  return found.length > 0 && !(await findAttachment(file.id)) ? [] : found
}
