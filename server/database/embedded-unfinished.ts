/**
 * What the embedded server needs on disk is made beside its place under another name, and renamed when it is whole: a
 * start that is cut off at any moment leaves nothing that the next one could take for finished.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { commandOf } from './embedded-process.ts'

/** A new folder (0700) beside `path`, in which to make what will be renamed to it. */
export async function beginBeside(path: string): Promise<string> {
  await removeLeftovers(path)
  return mkdtemp(`${path}.new-${process.pid}-`)
}

/** Of starts that were cut off: their process is gone, or has our number and made them before we were. */
async function removeLeftovers(path: string): Promise<void> {
  const leftover = `${basename(path)}.new-`
  for (const entry of await readdir(dirname(path))) {
    if (!entry.startsWith(leftover)) continue
    const maker = Number.parseInt(entry.slice(leftover.length))
    const old = await stat(join(dirname(path), entry)).then(
      ({ mtimeMs }) => mtimeMs < performance.timeOrigin,
      () => true,
    )
    if (maker === process.pid ? old : !commandOf(maker)) await giveUp(join(dirname(path), entry))
  }
}

export function giveUp(unfinished: string): Promise<void> {
  return rm(unfinished, { recursive: true, force: true, maxRetries: 3 })
}
