/**
 * The access log as a bundle that anybody can check offline: FILE has one JSON object a line, first what it is, then every leaf of the tree with its
 * event and hash, then rows that are no leaf; beside it lie every checkpoint that was signed and the public key. docs/access-log.md describes it;
 * scripts/verify-log.mjs checks it.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { system } from './actor.ts'
import { leafFields } from './leaf.ts'
import { letAllHavePlaces } from './let-all-have-places.ts'
import { findTreeSize, listCheckpoints, listLeafHashes, listLeaves, listStrays, TILE } from './log-proof.store.ts'
import { record } from './record.ts'
import { logKeyName, logVerifier } from './sign-checkpoint.ts'
import { signOrTell } from './sign-or-tell.ts'

export interface ExportedLog {
  events: number
  /** Events that got no place in time. */
  waiting: number
  /** Why the log as it is was not signed. */
  refused: string | undefined
}

/** Records the export first, then lets everything that was recorded have its place, signs, and writes. @param file is not there yet */
export async function exportLog(file: string, now = new Date()): Promise<ExportedLog> {
  await record(system, { act: 'log.exported' }, undefined, now)
  const waiting = await letAllHavePlaces(now)
  const refused = await signOrTell(now)
  return { events: await writeLog(file), waiting, refused }
}

/** The three files as the database has it now. @returns how many leaves */
export async function writeLog(file: string): Promise<number> {
  const notes = (await listCheckpoints()).map(({ note }) => note)
  await writeFile(`${file}.vkey`, `${await logVerifier()}\n`, { flag: 'wx', mode: 0o600 })
  await writeFile(`${file}.checkpoints`, notes.join('\n'), { flag: 'wx', mode: 0o600 })
  const out = createWriteStream(file, { flags: 'wx', mode: 0o600 })
  const size = await findTreeSize()
  for await (const lines of linesOf(size)) if (!out.write(lines)) await once(out, 'drain')
  out.end()
  await finished(out)
  return size
}

/** It reads on while the log grows, up to this size. */
async function* linesOf(size: number): AsyncGenerator<string> {
  yield line({ format: 'letterlock-log-1', log: await logKeyName(), size })
  for (let from = 0; from < size; from += TILE) {
    const count = Math.min(TILE, size - from)
    const [leaves, hashes] = await Promise.all([listLeaves(from, count), listLeafHashes(from / TILE)])
    const byPlace = new Map(leaves.map((leaf) => [leaf.leaf, leaf]))
    let lines = ''
    for (let place = from; place < from + count; place++) {
      const there = byPlace.get(place)
      const hash = hashes[place - from]?.toString('base64') ?? null
      const details = there?.detailsNow?.toString('base64') ?? null
      // A place whose row is gone still has a line: it is what the tree knows of it.
      lines += line({ leaf: place, hash, event: there ? leafFields(there.event) : null, details })
    }
    yield lines
  }
  for (const { id, at } of await listStrays()) yield line({ stray: id, at })
}

function line(said: object): string {
  return `${JSON.stringify(said)}\n`
}
