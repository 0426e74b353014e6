/**
 * A backup: one file that holds one moment of the database and the sealed files of that moment, made while everybody goes on. It is sealed under a
 * subkey of the master key, which is not in it; nothing clear of it touches a disk. It has its name only when it is whole and stands in the log.
 */
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, readFileSync } from 'node:fs'
import { link, open } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { knownFiles } from '../attachments/attachment.store.ts'
import { FileMissing, fileStore, idInName } from '../attachments/file-store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { copyOut, type Client } from '../database/copy.ts'
import { beginBeside, giveUp } from '../database/embedded-unfinished.ts'
import { newId } from '../lib/ids.ts'
import { projectRoot } from '../lib/root.ts'
import { sealingStream } from '../vault/floe.ts'
import { HOLDS } from '../vault/follow-master-key.ts'
import { writtenMasterVersion, subkey } from '../vault/master-key.ts'
import { BACKUP_SEGMENT, streamOf, writeFrames, type FrameWriter } from './backup-frames.ts'
import { backupBinding, headerOf, type Contents, type Manifest } from './backup-form.ts'
import { insertBackup, type BackupRow } from './backup.store.ts'
import { makeCanaryThread } from './canary-thread.ts'
import { COLUMNS_UNDER_MASTER } from './columns-under-master.ts'
import { countEarlier } from './reseal-column.ts'
import { findRetiredVersion } from './rotation.store.ts'
import {
  filesNamed,
  inSnapshot,
  JOBS,
  listMigrations,
  listPartitions,
  listTables,
  REGISTER,
  rowsIn,
  type TableOfSnapshot,
} from './snapshot.ts'

export interface Progress {
  rows: number
  files: number
  /** Of the files. */
  bytes: number
}

/** Whoever waits for a backup: is told how far it is, and may give it up. */
export interface Watching {
  tell(progress: Progress): void
  givenUp: AbortSignal
}

export interface MadeBackup extends BackupRow {
  contents: Contents
}

/**
 * @param to a path that nothing has yet, or a stream that is left open
 * @param keptUntil when it will be destroyed, if that was said
 * @throws Error with a sentence, and then nothing has the name
 */
export async function makeBackup(
  to: string | Writable,
  keptUntil: Date | null,
  watching: Watching,
  now = new Date(),
): Promise<MadeBackup> {
  if (typeof to === 'string') refuseTaken(to)
  await makeCanaryThread(now)
  const backup = { id: newId(now), madeAt: now, keptUntil, masterKeyVersion: writtenMasterVersion() }
  // Before the moment that it holds: what is destroyed from now on may be in it, and whoever certifies that has to name it, also when it is cut off.
  await insertBackup(backup)
  if (typeof to === 'string') return keepInFile(resolve(to), backup, watching)
  const contents = await writeTo(to, false, backup, watching)
  await note(backup)
  return { ...backup, contents }
}

async function keepInFile(path: string, backup: BackupRow, watching: Watching): Promise<MadeBackup> {
  const unfinished = await beginBeside(join(dirname(path), '.letterlock-backup'))
  try {
    const part = join(unfinished, 'backup')
    const contents = await writeTo(createWriteStream(part, { mode: 0o600, flush: true }), true, backup, watching)
    await note(backup)
    // A link and no renaming: it refuses where somebody made a file of that name meanwhile.
    await link(part, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') refuseTaken(path)
      throw error
    })
    const folder = await open(dirname(path), 'r')
    await folder.sync().finally(() => folder.close())
    return { ...backup, contents }
  } finally {
    await giveUp(unfinished)
  }
}

function refuseTaken(path: string) {
  if (existsSync(path))
    throw new Error(`${path} is there already. A backup takes the place of nothing: name another file.`)
}

/** It is in the log before it can be found under its name. */
function note({ id }: BackupRow): Promise<void> {
  return record(system, { act: 'backup.made', subject: { kind: 'backup', id } })
}

async function writeTo(
  sink: Writable,
  end: boolean,
  backup: BackupRow,
  { tell, givenUp }: Watching,
): Promise<Contents> {
  const { masterKeyVersion } = backup
  const contents: Contents = { tables: 0, rows: 0, files: 0, bytes: 0, swept: [], missing: [] }
  const key = subkey('backup', masterKeyVersion)
  const sealing = sealingStream(key, backupBinding(masterKeyVersion), BACKUP_SEGMENT)
  sink.write(headerOf(masterKeyVersion))
  const blocks = inSnapshot((client) => blocksOf(client, backup, contents, tell))
  await pipeline(streamOf(blocks), sealing, sink, { end, signal: givenUp })
  return contents
}

async function* blocksOf(
  client: Client,
  backup: BackupRow,
  contents: Contents,
  tell: (progress: Progress) => void,
): AsyncGenerator<Buffer> {
  await holdMasterKey(client, backup.masterKeyVersion)
  const writer = writeFrames()
  const manifest: Manifest = {
    id: backup.id,
    madeAt: backup.madeAt.toISOString(),
    keptUntil: backup.keptUntil?.toISOString() ?? null,
    letterlock: versionOfLetterlock(),
    migrations: await listMigrations(client),
    partitions: await listPartitions(client),
    tables: await listTables(client),
  }
  yield* writer.put('manifest', '', Buffer.from(JSON.stringify(manifest)))
  const told = () => tell({ rows: contents.rows, files: contents.files, bytes: contents.bytes })
  for (const table of [{ name: REGISTER, columns: [] }, { name: JOBS, columns: [] }, ...manifest.tables]) {
    yield* rowsOf(client, table, writer, contents)
    told()
  }
  yield* writer.rest()
  for await (const name of filesNamed(client, manifest.tables)) {
    yield* fileOf(name, writer, contents)
    told()
  }
  yield* writer.put('end', '', Buffer.from(JSON.stringify(contents)))
  yield* writer.rest()
}

/**
 * Until the end of the snapshot: a version that is to be destroyed waits for the backup that it seals. The one that the backup names has to be the
 * one that everything in the snapshot is under, or it would need another one too, which is destroyed before it is.
 */
async function holdMasterKey(client: Client, version: number) {
  await client.query('SELECT pg_advisory_xact_lock_shared($1, $2)', [HOLDS, version])
  if (writtenMasterVersion() !== version || (await writtenIn(client)) !== version)
    throw new Error('The master key was changed just now, and the backup would need the earlier version. Ask again.')
  // What was given up with a destroyed version opens nowhere, and no backup waits for it.
  const retired = await findRetiredVersion(client)
  let left = 0
  for (const column of COLUMNS_UNDER_MASTER) left += await countEarlier(client, column, version, retired)
  if (left > 0)
    throw new Error(
      `The master key is being changed: ${left} rows are still under the version before. Ask again when that has ended: npm run rotate-master-key.`,
    )
}

async function writtenIn(client: Client): Promise<number | undefined> {
  const { rows } = await client.query<{ head: Buffer }>(
    'SELECT substring(key_wrapped from 1 for 4) AS head FROM vault_keys WHERE key_wrapped IS NOT NULL ORDER BY 1 DESC LIMIT 1',
  )
  return rows[0]?.head.readUInt32BE(0)
}

/** A table's rows begin a block of their own, so that what is damaged in one table is not damaged in its neighbour. */
async function* rowsOf(
  client: Client,
  table: TableOfSnapshot,
  writer: FrameWriter,
  contents: Contents,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  let rows = 0
  for await (const row of copyOut(client, rowsIn(client, table))) {
    yield* writer.put('rows', table.name, row, rows === 0)
    hash.update(row)
    rows++
  }
  yield* writer.put('rows-end', table.name, Buffer.from(JSON.stringify({ rows, sha256: hash.digest('hex') })))
  contents.tables++
  contents.rows += rows
}

async function* fileOf(name: string, writer: FrameWriter, contents: Contents): AsyncGenerator<Buffer> {
  const sealed = await fileStore()
    .read(name)
    .catch((error: unknown) => {
      if (!(error instanceof FileMissing)) throw error
    })
  if (!sealed) return yield* fileNotThere(name, writer, contents)
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of sealed as AsyncIterable<Buffer>) {
    yield* writer.putPiece('file', name, chunk, bytes === 0, false)
    hash.update(chunk)
    bytes += chunk.length
  }
  yield* writer.put('file-end', name, Buffer.from(JSON.stringify({ bytes, sha256: hash.digest('hex') })))
  contents.files++
  contents.bytes += bytes
}

/** Whoever took it back since the snapshot took its row with it. A file that still has its row is lost, and that is said. */
async function* fileNotThere(name: string, writer: FrameWriter, contents: Contents): AsyncGenerator<Buffer> {
  const swept = !(await knownFiles([idInName(name)])).has(idInName(name))
  contents[swept ? 'swept' : 'missing'].push(name)
  yield* writer.put('file-not-there', name, Buffer.from(JSON.stringify({ swept })))
}

function versionOfLetterlock(): string {
  return (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }).version
}
