/**
 * Two stores as one, while files move from the older to the newer: what is written goes to the newer one, and what is asked for is found
 * wherever it rests. A file is copied before it is taken away, so it is always in one of them.
 */
import type { Readable } from 'node:stream'
import { FileMissing, type FileStore, type StoredFile } from './file-store.ts'

export function newerAndOlder(newer: FileStore, older: FileStore): FileStore {
  /** The newer one again at last, because the file may have moved between the first look and the second. */
  async function read(name: string, from?: number, to?: number): Promise<Readable> {
    let troubled: unknown
    for (const store of [newer, older, newer])
      try {
        return await store.read(name, from, to)
      } catch (error) {
        // Of a store that is away nobody knows whether it has the file.
        if (!(error instanceof FileMissing)) troubled ??= error
      }
    throw troubled ?? new FileMissing()
  }

  async function size(name: string): Promise<number | undefined> {
    let troubled: unknown
    for (const store of [newer, older, newer])
      try {
        const found = await store.size(name)
        if (found !== undefined) return found
      } catch (error) {
        troubled ??= error
      }
    if (troubled) throw troubled as Error
    return undefined
  }

  async function* list(): AsyncIterable<StoredFile> {
    yield* newer.list()
    for await (const file of older.list()) if ((await newer.size(file.name)) === undefined) yield file
  }

  return {
    write: (name, bytes) => newer.write(name, bytes),
    read,
    size,
    // The older one first: a copy that is made meanwhile is then of nothing.
    remove: (name) => inBoth((store) => store.remove(name)),
    list,
    removeHalves: (before) => inBoth((store) => store.removeHalves(before)),
  }

  /** That one of them is away keeps nobody from the other. */
  async function inBoth(work: (store: FileStore) => Promise<void>): Promise<void> {
    const troubles: unknown[] = []
    for (const store of [older, newer]) await work(store).catch((error: unknown) => troubles.push(error))
    if (troubles.length > 0) throw troubles[0]
  }
}
