/**
 * Prepares an export: its lines are read a page at a time, written, hashed and sealed as they come, and rest in the file store as one sealed file. A
 * process that is killed at it leaves the export to the next one, which begins again; one that was only slow finds that its turn is over.
 */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { removeSealed, writeSealed } from '../attachments/sealed-files.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NoRoom } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import { logError } from '../lib/logger.ts'
import { newKey } from '../vault/wrap.ts'
import { bytesOf, TooLong, type Written } from './export-bytes.ts'
import { bindingOf } from './export.ts'
import {
  endTurn,
  findExport,
  noteFailed,
  noteProgress,
  noteReady,
  takeTurn,
  type Export,
  type ExportFailure,
  type Turn,
} from './export.store.ts'
import { NotSigned } from './proved-lines.ts'

export async function prepareExport({ exportId }: { exportId: string }, now = new Date()): Promise<void> {
  const [fileId, key] = [newId(now), newKey()]
  const taken = await takeTurn(exportId, fileId, key, PATIENCE_SECONDS)
  if (!taken) return
  if (taken.before) await removeSealed(taken.before)
  const asked = (await findExport(exportId))!
  try {
    const written = await write(asked, taken.turn, fileId, key)
    if (!(await finish(taken.turn, written, now))) await removeSealed(fileId)
  } catch (error) {
    await removeSealed(fileId)
    if (error instanceof Replaced) return
    const why = failureOf(error)
    if (why) return fail(taken.turn, why, error, now)
    await endTurn(taken.turn)
    throw error
  }
}

/** Longer than a busy machine keeps anybody from saying that they are at it. */
export const PATIENCE_SECONDS = 60
const TELL_EVERY = 1000

interface Made {
  rows: number
  bytes: number
  sha256: Buffer
}

/** The clear bytes go from here into the seal and nowhere else. */
async function write(asked: Export, turn: Turn, fileId: string, key: Buffer): Promise<Made> {
  const hash = createHash('sha256')
  const written: Written = { rows: 0, expected: undefined }
  let bytes = 0
  async function* measured() {
    let toldAt = performance.now()
    for await (const chunk of bytesOf(asked, written)) {
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
      if (performance.now() - toldAt < TELL_EVERY) continue
      toldAt = performance.now()
      if (!(await noteProgress(turn, written.rows, written.expected))) throw new Replaced()
    }
  }
  await writeSealed(
    fileId,
    bindingOf(asked.id, fileId),
    key,
    Readable.from(measured(), { objectMode: false }),
    Infinity,
  )
  return { rows: written.rows, bytes, sha256: hash.digest() }
}

/** It was cancelled, or another process has the turn. */
class Replaced extends Error {}

function finish(turn: Turn, made: Made, now: Date): Promise<boolean> {
  return inTransaction(async (transaction) => {
    if (!(await noteReady(turn, made, now, transaction))) return false
    const found = `${made.rows} lines, SHA-256 ${made.sha256.toString('hex')}`
    await record(
      system,
      { act: 'export.prepared', subject: { kind: 'export', id: turn.exportId }, found },
      transaction,
      now,
    )
    return true
  })
}

/** What another try would not change. */
function failureOf(error: unknown): ExportFailure | undefined {
  if (error instanceof TooLong) return 'too-long-for-pdf'
  if (error instanceof NoRoom) return 'no-room'
  if (error instanceof NotSigned) return 'not-as-signed'
  return undefined
}

function fail(turn: Turn, why: ExportFailure, error: unknown, now: Date): Promise<void> {
  logError('An export failed', error, { id: turn.exportId })
  return inTransaction(async (transaction) => {
    if (!(await noteFailed(turn, why, transaction))) return
    const subject = { kind: 'export' as const, id: turn.exportId }
    await record(system, { act: 'export.prepared', outcome: 'failed', subject, found: why }, transaction, now)
  })
}
