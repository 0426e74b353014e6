/**
 * A folder that is whole or not there: it is filled under another name, every file is flushed, and only then it gets its own. Each file is
 * noted with its digest in `SHA256SUMS`, which `sha256sum --check` reads too.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'

export interface BundleFolder {
  /** Keeps one file, owner-only. `path` has slashes and no dots. @returns its bytes */
  keep(path: string, content: Readable): Promise<number>
  /** A file that is written beside the others and is not in the list of digests. The caller flushes and closes it. */
  openUnlisted(name: string): Promise<FileHandle>
  /** Closes the list. @returns its digest */
  closeList(): Promise<Buffer>
  /** Gives the folder its name. */
  finish(): Promise<void>
}

export const UNFINISHED = '.unfinished'
export const LIST = 'SHA256SUMS'

/** @throws Error with a sentence when something is there already; nothing is ever written over */
export async function beginBundleFolder(path: string): Promise<BundleFolder> {
  const whole = resolve(path)
  const unfinished = whole + UNFINISHED
  for (const each of [whole, unfinished])
    if (existsSync(each))
      throw new Error(
        each === whole
          ? `${path} is there already. Name a folder that is not.`
          : `${path}${UNFINISHED} is there: an export that was cut off left it, or one is under way. Remove it, and start again.`,
      )
  await mkdir(unfinished, { recursive: true, mode: 0o700 })
  const list = await open(join(unfinished, LIST), 'wx', 0o600)
  const folders = new Set<string>()

  async function keep(file: string, content: Readable): Promise<number> {
    const target = join(unfinished, file)
    if (!folders.has(dirname(target))) {
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      folders.add(dirname(target))
    }
    const hash = createHash('sha256')
    let bytes = 0
    const handle = await open(target, 'wx', 0o600)
    try {
      for await (const piece of content) {
        const chunk = typeof piece === 'string' ? Buffer.from(piece) : (piece as Buffer)
        hash.update(chunk)
        bytes += chunk.length
        await writeWhole(handle, chunk)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await list.write(`${hash.digest('hex')}  ${file}\n`)
    return bytes
  }

  async function closeList(): Promise<Buffer> {
    await list.sync()
    await list.close()
    const hash = createHash('sha256')
    const handle = await open(join(unfinished, LIST))
    for await (const chunk of handle.createReadStream()) hash.update(chunk as Buffer)
    return hash.digest()
  }

  async function finish(): Promise<void> {
    for (const folder of [...folders].sort().reverse()) await flushFolder(folder)
    await flushFolder(unfinished)
    await rename(unfinished, whole)
    await flushFolder(dirname(whole))
  }

  return { keep, openUnlisted: (name) => open(join(unfinished, name), 'wx', 0o600), closeList, finish }
}

/** A write may take less than it is given. */
export async function writeWhole(handle: FileHandle, chunk: Buffer) {
  for (let start = 0; start < chunk.length;) start += (await handle.write(chunk, start)).bytesWritten
}

async function flushFolder(path: string) {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
