/**
 * Has a file looked at for malware, and then draws it. Meanwhile its key rests under the master key too, because nobody whose session could open
 * it need be here; with the answer that copy is gone. A file that the scanner cannot judge is held and asked about again, and never passes silently.
 */
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { inTransaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { logError } from '../lib/logger.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import { sealUnderMaster, unsealUnderMaster } from '../vault/master-key.ts'
import { unsealAttachment, unsealBytes } from './attachment.ts'
import { findAttachment, noteCheck, type AttachmentRow } from './attachment.store.ts'
import { NotScanned, scan } from './clamd.ts'
import { FileMissing } from './file-store.ts'
import { insertPreviews } from './preview.store.ts'
import { keepPreviews, NO_PREVIEWS, removePreviews, type SealedPreviews } from './previews.ts'

/** The copy of a file key for the time of its check. */
export function sealCheckKey(id: string, key: Buffer): Buffer {
  return sealUnderMaster('checking', checkBinding(id), key)
}

export function checkBinding(id: string): string {
  return `attachment/${id}/check`
}

export async function checkFile({ attachmentId }: JobPayloads['check-file'], now = new Date()): Promise<void> {
  // A long check outlasts the time after which the queue gives its job to another; one here is enough.
  if (underWay.has(attachmentId)) return
  underWay.add(attachmentId)
  try {
    const row = await findAttachment(attachmentId)
    if (row?.checkKeySealed) await check(row, unsealCheckKey(row.id, row.checkKeySealed), now)
  } finally {
    underWay.delete(attachmentId)
  }
}

const underWay = new Set<string>()
/** The mail that a file is held goes when it still is after this time: a scanner that starts anew is no news. */
const HELD_MILLISECONDS = 15 * 60_000

/** @throws EnvelopeRefused, MasterKeyProblem */
function unsealCheckKey(id: string, sealed: Buffer): Buffer {
  return unsealUnderMaster('checking', checkBinding(id), sealed)
}

async function check(row: AttachmentRow, key: Buffer, now: Date): Promise<void> {
  const verdict = await verdictOf(row, key)
  if (verdict !== 'clean') {
    await end(row, verdict === 'malware' ? 'blocked' : 'held', NO_PREVIEWS, now)
    return
  }
  const previews = await keepPreviews({ id: row.id, key, label: unsealAttachment(row, key) }, now)
  try {
    if (!(await end(row, 'clean', previews, now))) await removePreviews(previews)
  } catch (error) {
    await removePreviews(previews)
    throw error
  }
}

/** Undefined when nobody can say. */
async function verdictOf(row: AttachmentRow, key: Buffer): Promise<'clean' | 'malware' | undefined> {
  const { clamdSocket } = config()
  // The setting was taken away: what waited for a scanner goes on waiting for one.
  if (!clamdSocket) return undefined
  try {
    return await scan(clamdSocket, await unsealBytes(row, key))
  } catch (error) {
    if (error instanceof NotScanned) logError('A file could not be checked and is held', error)
    else await recordBroken(row, error)
    return undefined
  }
}

async function recordBroken(row: AttachmentRow, error: unknown): Promise<void> {
  const gone = error instanceof FileMissing
  if (!gone && !(error instanceof EnvelopeRefused)) throw error
  // Once, and not with every later try.
  if (row.checkState === 'held') return
  const subject = { kind: 'attachment' as const, id: row.id }
  const why = gone
    ? ({ reason: 'file-gone' } as const)
    : ({ reason: 'not-as-sealed', found: (error as Error).message } as const)
  await record(system, { act: 'envelope.refused', subject, outcome: 'failed', ...why })
}

/** @returns false when another run of this check ended first, or the file is gone */
function end(
  row: AttachmentRow,
  checkState: 'clean' | 'blocked' | 'held',
  { thumbnailId, drawnSealed, pages }: SealedPreviews,
  now: Date,
): Promise<boolean> {
  return inTransaction(async (transaction) => {
    if (!(await noteCheck(row.id, { checkState, thumbnailId, drawnSealed }, now, transaction))) return false
    await insertPreviews(pages, transaction)
    // That it is still held is no news.
    if (checkState === row.checkState) return true
    const subject = { kind: 'attachment' as const, id: row.id }
    await record(system, { act: ACTS[checkState], subject }, transaction, now)
    const after = checkState === 'held' ? new Date(now.getTime() + HELD_MILLISECONDS) : undefined
    if (checkState !== 'clean')
      await enqueue('send-file-notice', { attachmentId: row.id, about: checkState }, transaction, after)
    return true
  })
}

const ACTS = { clean: 'attachment.checked', blocked: 'attachment.blocked', held: 'attachment.held' } as const
