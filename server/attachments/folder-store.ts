/** Files in a folder made for nothing else: written beside their name, flushed, and only then renamed, so that what has its name is whole. */
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { NoRoom, Unavailable } from '../errors.ts'
import { FILE_SEGMENT } from '../vault/floe.ts'
import { FileMissing, idInName, isFileName, type FileStore, type StoredFile } from './file-store.ts'

export function folderStore(folder: string): FileStore {
  async function write(name: string, bytes: Readable): Promise<void> {
    const path = pathOf(folder, name)
    // Of its own, so that two who write the same name, or what a killed process left, are not in each other's way.
    const part = `${path}.${randomBytes(6).toString('hex')}${PART}`
    let restsAt = part
    try {
      await makeFolder(dirname(path))
      await pipeline(
        bytes,
        createWriteStream(part, { flags: 'wx', mode: 0o600, flush: true, highWaterMark: WRITE_AHEAD }),
      )
      await rename(part, path)
      restsAt = path
      await flushFolder(dirname(path))
    } catch (error) {
      bytes.destroy()
      await rm(restsAt, { force: true }).catch(() => {})
      throw inOurWords(error)
    }
  }

  async function read(name: string, from = 0, to = Infinity): Promise<Readable> {
    // Opened here and not by the stream, so that what is not there is known before an answer begins.
    const file = await open(pathOf(folder, name), 'r').catch((error: unknown) => {
      throw isGone(error) ? new FileMissing() : inOurWords(error)
    })
    if (to > from) return file.createReadStream({ start: from, end: to - 1, highWaterMark: FILE_SEGMENT })
    await file.close()
    return Readable.from([])
  }

  async function size(name: string): Promise<number | undefined> {
    try {
      return (await stat(pathOf(folder, name))).size
    } catch (error) {
      if (isGone(error)) return undefined
      throw inOurWords(error)
    }
  }

  async function remove(name: string): Promise<void> {
    await rm(pathOf(folder, name), { force: true })
  }

  async function* list(): AsyncIterable<StoredFile> {
    for await (const { name, path } of entries(folder)) {
      const found = isFileName(name) && (await stat(path).catch(() => undefined))
      if (found) yield { name, writtenAt: found.mtime }
    }
  }

  async function removeHalves(before: Date): Promise<void> {
    for await (const { name, path } of entries(folder)) {
      const found = name.endsWith(PART) && (await stat(path).catch(() => undefined))
      if (found && found.mtime < before) await rm(path, { force: true })
    }
  }

  return { write, read, size, remove, list, removeHalves }
}

const PART = '.part'
const WRITE_AHEAD = 1048576

/** By the id's end, which is random in a UUIDv7, so that the shelves fill evenly. Nothing but an id becomes a path. */
function pathOf(folder: string, name: string): string {
  if (!isFileName(name)) throw new TypeError('A sealed file is named by an id')
  return join(folder, idInName(name).slice(-2), name)
}

/** Step by step, because Node's own way of making several at once says of a full disk that there is no such folder. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
    await flushFolder(dirname(path))
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    if (codeOf(error) !== 'ENOENT') throw error
    await makeFolder(dirname(path))
    await makeFolder(path)
  }
}

/** A new name is only safe once its folder was flushed too. */
async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function* entries(folder: string): AsyncIterable<{ name: string; path: string }> {
  for await (const shelf of namesIn(folder))
    for await (const name of namesIn(join(folder, shelf))) yield { name, path: join(folder, shelf, name) }
}

/** A folder that is not there holds nothing; one that cannot be read is another matter, and no reason to take its files for lost. */
async function* namesIn(path: string): AsyncIterable<string> {
  const entries = await opendir(path).catch((error: unknown) => {
    if (!isGone(error)) throw inOurWords(error)
  })
  if (entries) for await (const entry of entries) yield entry.name
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error))
}

/** A full disk and one that is away are told as what they are; every other error goes on as it is. */
function inOurWords(error: unknown): unknown {
  const code = codeOf(error)
  // Of a full quota libuv knows no name.
  if (code === 'ENOSPC' || (error as { errno?: number } | undefined)?.errno === -constants.errno.EDQUOT)
    return new NoRoom()
  if (['EMFILE', 'ENFILE', 'EIO', 'EROFS', 'ESTALE', 'ETIMEDOUT'].includes(code)) return new Unavailable(code)
  return error
}

function codeOf(error: unknown): string {
  return (error as { code?: string } | undefined)?.code ?? ''
}
