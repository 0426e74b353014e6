/** A small file, for its owner only, that decides about everything: it is replaced as a whole or not at all, and what is taken out is written over. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { MasterKeyProblem } from './master-key.ts'

/** @returns undefined when there is none @throws MasterKeyProblem */
export function readKeyFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new MasterKeyProblem(`The master key's file cannot be read (${code}): ${path}`)
  }
}

/** Puts `text` in the file's place, and keeps its owner. @throws MasterKeyProblem that says whether the file is as it was */
export function writeKeyFile(named: string, text: string) {
  // Where the settings name a link, what it leads to is replaced.
  const path = existsSync(named) ? realpathSync(named) : named
  const next = `${path}.new`
  const first = !existsSync(path)
  let old: number | undefined
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    removeLeftover(next)
    writeFileSync(next, text, { mode: 0o600, flag: 'wx', flush: true })
    // The umask of whoever runs this takes rights away, and never gives any.
    chmodSync(next, 0o600)
    // Two that make the first key at once: the second finds that it came late, and takes nothing's place.
    if (first) linkSync(next, path)
    else old = replace(path, next)
  } catch (error) {
    removeQuietly(next)
    throw new MasterKeyProblem(
      `The master key's file cannot be written (${codeOf(error)}): ${path}. It is as it was. It has to lie in a folder in which its owner may write, and whoever asks has to be that owner or root.`,
    )
  }
  try {
    if (first) rmSync(next)
    if (old !== undefined) writeOver(old)
    syncFolder(dirname(path))
  } catch (error) {
    throw new MasterKeyProblem(
      `The master key's file was replaced, and is whole, but something failed behind that (${codeOf(error)}): ${path}. What was in it before may still lie on the disk, and a power cut may bring it back. Look at the disk, and ask again.`,
    )
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}

/** What somebody who was killed left behind holds keys too. */
function removeLeftover(next: string) {
  const taken = `${next}.gone`
  // Taken away first: somebody who is at it too can then not put into the key's place what is being written over.
  if (lstatSync(next, { throwIfNoEntry: false })?.isFile()) renameSync(next, taken)
  else rmSync(next, { force: true })
  const left = lstatSync(taken, { throwIfNoEntry: false })
  // The first key's file has it as a second name until that is removed.
  const bytes = left?.isFile() && left.nlink === 1 ? openToErase(taken) : undefined
  if (bytes !== undefined) writeOver(bytes)
  rmSync(taken, { force: true })
}

/** Why it could not be written is to be told, and not why what is left of that could not be removed. */
function removeQuietly(path: string) {
  try {
    removeLeftover(path)
  } catch {
    // It is no file of ours.
  }
}

/** @returns what was there, to be written over */
function replace(path: string, next: string): number | undefined {
  const { uid, gid, mode } = statSync(path)
  // Whoever runs this as root must not take the key away from the server.
  if (process.getuid?.() === 0) chownSync(next, uid, gid)
  chmodSync(next, mode & 0o700)
  const old = openToErase(path)
  try {
    renameSync(next, path)
    return old
  } catch (error) {
    if (old !== undefined) closeSync(old)
    throw error
  }
}

function openToErase(path: string): number | undefined {
  try {
    chmodSync(path, 0o600)
    return openSync(path, 'r+')
  } catch {
    return undefined
  }
}

/** As far as a file system lets anybody: the disk may keep what was there elsewhere. */
function writeOver(old: number) {
  try {
    writeSync(old, Buffer.alloc(fstatSync(old).size))
    fsyncSync(old)
  } finally {
    closeSync(old)
  }
}

function syncFolder(path: string) {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
