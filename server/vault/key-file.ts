/** A small file, for its owner only, that decides about everything: it is replaced as a whole or not at all, and what is taken out is written over. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
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

/** Puts `text` in the file's place, and keeps its owner. @throws MasterKeyProblem, and then the file is as it was */
export function writeKeyFile(named: string, text: string) {
  // Where the settings name a link, what it leads to is replaced.
  const path = existsSync(named) ? realpathSync(named) : named
  const next = `${path}.new`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    rmSync(next, { force: true })
    writeFileSync(next, text, { mode: 0o600, flag: 'wx', flush: true })
    // The umask of whoever runs this takes rights away, and never gives any.
    chmodSync(next, 0o600)
    if (existsSync(path)) replace(path, next)
    else {
      // Two that make the first key at once: the second finds that it came late, and takes nothing's place.
      linkSync(next, path)
      rmSync(next)
    }
    syncFolder(dirname(path))
  } catch (error) {
    removeQuietly(next)
    throw new MasterKeyProblem(
      `The master key's file cannot be written (${(error as NodeJS.ErrnoException).code}): ${path}. It is as it was. It has to lie in a folder in which its owner may write, and whoever asks has to be that owner or root.`,
    )
  }
}

/** Why it could not be written is to be told, and not why what is left of that could not be removed. */
function removeQuietly(path: string) {
  try {
    rmSync(path, { force: true })
  } catch {
    // It is no file of ours.
  }
}

function replace(path: string, next: string) {
  const { uid, gid, mode } = statSync(path)
  // Whoever runs this as root must not take the key away from the server.
  if (process.getuid?.() === 0) chownSync(next, uid, gid)
  const old = openToErase(path)
  const length = statSync(path).size
  renameSync(next, path)
  chmodSync(path, mode & 0o700)
  if (old === undefined) return
  // As far as a file system lets anybody: the disk may keep what was there elsewhere.
  writeSync(old, Buffer.alloc(length))
  fsyncSync(old)
  closeSync(old)
}

function openToErase(path: string): number | undefined {
  try {
    chmodSync(path, 0o600)
    return openSync(path, 'r+')
  } catch {
    return undefined
  }
}

function syncFolder(path: string) {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
