/** The frames of a backup into tables and the store of files, one after another, so that memory stays flat; what was not whole is told by name. */
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { fileStore, isFileName } from '../attachments/file-store.ts'
import { copyIn, type Client, type RowsIn } from '../database/copy.ts'
import type { Frame } from './backup-frames.ts'
import type { Contents } from './backup-form.ts'
import type { OpenedBackup } from './read-backup.ts'
import { PASSING_TABLES } from './snapshot.ts'

export interface Loaded {
  /** Undefined when the backup was cut. */
  contents: Contents | undefined
  /** Table → rows that came. */
  rows: Map<string, number>
  /** Tables that are not as they were sealed. */
  damagedTables: string[]
  files: number
  /** Files that are not as they were sealed; none of them was kept. */
  damagedFiles: string[]
  /** How many blocks could not be opened: files may have been in them whose names were lost with them. */
  gaps: number
}

export interface Loading {
  rows: number
  files: number
}

export async function loadBackup(
  owner: Client,
  { manifest, frames }: OpenedBackup,
  tell: (loading: Loading) => void,
): Promise<Loaded> {
  const columns = new Map(manifest.tables.map((table) => [table.name, table.columns]))
  for (const [name, passing] of Object.entries(PASSING_TABLES)) columns.set(name, Object.keys(passing))
  const tables = loadTables(owner, columns)
  const files = loadFiles()
  let contents: Contents | undefined
  let gaps = 0
  for await (const frame of frames) {
    if (frame === 'gap') {
      gaps++
      tables.miss()
      await files.miss()
    } else if (frame.kind === 'rows') await tables.take(frame)
    else if (frame.kind === 'rows-end') await tables.end(frame)
    else if (frame.kind === 'file') await files.take(frame)
    else if (frame.kind === 'file-end') await files.end(frame)
    else if (frame.kind === 'end') contents = JSON.parse(frame.bytes.toString()) as Contents
    if (frame !== 'gap' && frame.kind.endsWith('-end')) tell({ rows: tables.count(), files: files.whole() })
  }
  await tables.stop()
  await files.miss()
  const ended = tables.rows()
  return {
    contents,
    rows: ended,
    damagedTables: [...columns.keys()].filter((name) => !ended.has(name) || tables.damaged().has(name)),
    files: files.whole(),
    damagedFiles: files.damaged(),
    gaps,
  }
}

interface Counted {
  rows: number
  sha256: string
}

function loadTables(owner: Client, columns: ReadonlyMap<string, string[]>) {
  const rows = new Map<string, number>()
  const damaged = new Set<string>()
  let open: { name: string; into: RowsIn; hash: Hash } | undefined
  /** The pieces of a row that is longer than a block. */
  let pieces: Buffer[] | undefined

  async function stop() {
    if (open) rows.set(open.name, await open.into.end())
    open = undefined
    pieces = undefined
  }

  async function begin(name: string) {
    const known = columns.get(name)
    if (!known) throw new Error(`The backup holds a table that its manifest does not know (${name}).`)
    await stop()
    open = { name, into: await copyIn(owner, name, known), hash: createHash('sha256') }
  }

  async function keep(row: Buffer) {
    open!.hash.update(row)
    await open!.into.write(row)
  }

  return {
    stop,
    rows: () => rows,
    damaged: () => damaged,
    count: () => [...rows.values()].reduce((sum, each) => sum + each, 0),
    /** A block is missing: a row of which a piece was in it goes with it. Which table it was shows at the table's end. */
    miss: () => (pieces = undefined),
    async take(frame: Frame) {
      if (open?.name !== frame.name) await begin(frame.name)
      // The bytes are sent later, when their block may hold the next ones.
      const bytes = Buffer.from(frame.bytes)
      if (frame.begins && frame.ends) return keep(bytes)
      if (frame.begins) pieces = [bytes]
      else pieces?.push(bytes)
      if (!frame.ends || !pieces) return
      const row = Buffer.concat(pieces)
      pieces = undefined
      await keep(row)
    },
    async end(frame: Frame) {
      const expected = JSON.parse(frame.bytes.toString()) as Counted
      const sha256 = (open?.name === frame.name ? open.hash : createHash('sha256')).digest('hex')
      await stop()
      rows.set(frame.name, rows.get(frame.name) ?? 0)
      if (rows.get(frame.name) !== expected.rows || sha256 !== expected.sha256) damaged.add(frame.name)
    },
  }
}

function loadFiles() {
  const damaged = new Set<string>()
  let whole = 0
  let open:
    { name: string; bytes: PassThrough; kept: Promise<Error | undefined>; hash: Hash; length: number } | undefined

  function begin(name: string) {
    if (!isFileName(name)) throw new Error('The backup holds a file with a name that is not ours.')
    const bytes = new PassThrough({ highWaterMark: WAITING })
    const kept = fileStore()
      .write(name, bytes)
      .then(
        () => undefined,
        (error: Error) => error,
      )
    open = { name, bytes, kept, hash: createHash('sha256'), length: 0 }
  }

  /** The store keeps a file whole or not at all. */
  async function giveUp() {
    if (!open) return
    damaged.add(open.name)
    open.bytes.on('error', () => {}).destroy(new Error('damaged'))
    await open.kept
    open = undefined
  }

  return {
    miss: giveUp,
    whole: () => whole,
    damaged: () => [...damaged],
    async take(frame: Frame) {
      if (frame.begins) {
        await giveUp()
        begin(frame.name)
      }
      // Its beginning was in a block that is missing; its end will say so.
      if (open?.name !== frame.name) return
      const bytes = Buffer.from(frame.bytes)
      open.hash.update(bytes)
      open.length += bytes.length
      if (!open.bytes.write(bytes)) await Promise.race([once(open.bytes, 'drain'), open.kept.then(throwIfAny)])
    },
    async end(frame: Frame) {
      const expected = JSON.parse(frame.bytes.toString()) as { bytes: number; sha256: string }
      if (!open && expected.bytes === 0) begin(frame.name)
      if (open?.name !== frame.name) {
        await giveUp()
        damaged.add(frame.name)
        return
      }
      if (open.length !== expected.bytes || open.hash.digest('hex') !== expected.sha256) return giveUp()
      open.bytes.end()
      throwIfAny(await open.kept)
      open = undefined
      whole++
    },
  }
}

const WAITING = 1048576

/** A store that is full or away ends the restore; it is not the backup that is damaged. */
function throwIfAny(error: Error | undefined) {
  if (error) throw error
}
