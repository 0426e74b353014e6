/**
 * Moves every file from one store to another while the server runs: copied, read back and compared, and only then taken away. Killed anywhere
 * it leaves each file in one of the two or in both, and asked again it goes on. What a moved file says stays sealed: only ciphertext passes.
 */
import { createHash } from 'node:crypto'
import { Transform, pipeline, type Readable } from 'node:stream'
import { knownFiles } from '../attachments/attachment.store.ts'
import { FileMissing, idInName, type FileStore } from '../attachments/file-store.ts'
import { knownUploads } from '../attachments/upload.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { ask, inTransaction, type Transaction } from '../database/connection.ts'

export interface Moved {
  files: number
  bytes: number
}

interface Move {
  from: FileStore
  to: FileStore
  /** For the log and for whoever watches, for example `from folder to s3`. */
  way: string
  say: (line: string) => void
}

/** @throws Error when a copy is not what was read, and then whatever was not moved is where it was; when somebody else is moving them */
export function moveFiles(move: Move, now = new Date()): Promise<Moved> {
  return inTransaction(async (turn) => {
    await takeTurn(turn)
    return moveAll(move, now)
  })
}

/** Two that move against each other could each take away what the other has just brought: one at a time, for as long as it lasts. */
async function takeTurn(turn: Transaction) {
  await ask('SET LOCAL idle_in_transaction_session_timeout = 0', [], turn)
  const [row] = await ask<{ alone: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS alone', [ONE_MOVE], turn)
  if (!row!.alone) throw new Error('Files are being moved already, by another run of this command. Nothing was done.')
}

const ONE_MOVE = 7_203_523

async function moveAll(move: Move, now: Date): Promise<Moved> {
  const moved: Moved = { files: 0, bytes: 0 }
  try {
    await move.from.removeHalves(new Date(now.getTime() - DAY))
    // Until nothing is left, because what came while the first round went may show in the next one only.
    while ((await moveOnce(move, moved)) > 0);
    return moved
  } finally {
    if (moved.files > 0)
      await record(system, { act: 'files.moved', found: `${moved.files} files, ${moved.bytes} bytes, ${move.way}` })
  }
}

const DAY = 24 * 60 * 60 * 1000
const AT_ONCE = 4
const SAID_EVERY = 500

/** @returns how many files there were, also those that were taken away meanwhile */
async function moveOnce({ from, to, say }: Move, moved: Moved): Promise<number> {
  const files = from.list()[Symbol.asyncIterator]()
  let found = 0
  async function worker() {
    for (let next = await files.next(); !next.done; next = await files.next()) {
      found++
      const bytes = await moveFile(next.value.name, from, to)
      if (bytes === undefined) continue
      moved.files++
      moved.bytes += bytes
      if (moved.files % SAID_EVERY === 0) say(`Moved ${moved.files} files so far.`)
    }
  }
  // All of them end before a failure is told, so that nothing is under way afterwards.
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker))
  for (const each of ended) if (each.status === 'rejected') throw each.reason as Error
  return found
}

/** @returns its bytes, or undefined when it was taken away meanwhile */
async function moveFile(name: string, from: FileStore, to: FileStore): Promise<number | undefined> {
  let written = false
  try {
    const sent = measured(await from.read(name))
    await to.write(name, sent.bytes)
    written = true
    const back = measured(await to.read(name))
    for await (const _ of back.bytes);
    if (back.digest() !== sent.digest() || back.length() !== (await from.size(name))) {
      if ((await from.size(name)) === undefined) throw new FileMissing()
      throw new Error(`The copy of the file ${name} is not what was read. It stays where it was; nothing was lost.`)
    }
    await from.remove(name)
    return back.length()
  } catch (error) {
    if (!(error instanceof FileMissing)) throw error
    // Taken back while it was copied: the copy goes too. A file that a row names was moved by somebody else: the other store has the only one.
    if (written && !(await isNamed(name))) await to.remove(name)
    return undefined
  }
}

async function isNamed(name: string): Promise<boolean> {
  const ids = [idInName(name)]
  const [files, underWay] = await Promise.all([knownFiles(ids), knownUploads(ids)])
  return files.has(name) || underWay.has(idInName(name))
}

function measured(source: Readable): { bytes: Readable; digest: () => string; length: () => number } {
  const hash = createHash('sha256')
  let length = 0
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      length += chunk.length
      done(null, chunk)
    },
  })
  let digest: string | undefined
  return {
    bytes: pipeline(source, through, () => {}),
    digest: () => (digest ??= hash.digest('hex')),
    length: () => length,
  }
}
