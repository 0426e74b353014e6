/** Moving files between stores: two folders stand for any two stores; `files-in-s3.test.ts` does it with a bucket and the script. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { FileMissing, type FileStore } from '../../server/attachments/file-store.ts'
import { folderStore } from '../../server/attachments/folder-store.ts'
import { newerAndOlder } from '../../server/attachments/newer-and-older.ts'
import { Unavailable } from '../../server/errors.ts'
import { newId } from '../../server/lib/ids.ts'
import { moveFiles } from '../../server/upkeep/move-files.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
let older: FileStore
let newer: FileStore
const contents = new Map<string, Buffer>()

before(async () => {
  server = await startTestServer()
  older = folderStore(join(server.dataDir, 'older'))
  newer = folderStore(join(server.dataDir, 'newer'))
})
after(() => server.stop())

const nothing = () => Promise.reject(new Unavailable())
const away: FileStore = {
  write: nothing,
  read: nothing,
  size: nothing,
  remove: nothing,
  removeHalves: nothing,
  async *list() {
    await nothing()
  },
}
const namesIn = async (store: FileStore) => {
  const names: string[] = []
  for await (const { name } of store.list()) names.push(name)
  return names.sort()
}
const put = async (store: FileStore, length = 1000, name = newId()) => {
  const bytes = randomBytes(length)
  await store.write(name, Readable.from([bytes], { objectMode: false }))
  contents.set(name, bytes)
  return name
}
const move = (to = newer) => moveFiles({ from: older, to, way: 'from folder to s3', say: () => {} })

test('where no bucket is set up, the library for it is not even loaded', () => {
  const loaded = Object.keys(createRequire(import.meta.url).cache)
  assert.ok(loaded.some((path) => path.includes('/sequelize/')))
  assert.ok(!loaded.some((path) => path.includes('/@aws-sdk/')))
})

describe('Two stores as one', () => {
  test('what is written goes to the newer one, what is asked for is found in either, what is removed goes from both', async () => {
    const both = newerAndOlder(newer, older)
    const [old, fresh] = [await put(older), await put(both)]
    assert.deepEqual(await namesIn(newer), [fresh])
    assert.deepEqual(await namesIn(both), [old, fresh].sort())
    for (const name of [old, fresh]) {
      assert.ok((await buffer(await both.read(name))).equals(contents.get(name)!))
      assert.ok((await buffer(await both.read(name, 10, 20))).equals(contents.get(name)!.subarray(10, 20)))
      assert.equal(await both.size(name), 1000)
    }
    await newer.write(old, await older.read(old))
    assert.deepEqual(await namesIn(both), [old, fresh].sort(), 'each once')
    for (const name of [old, fresh, newId()]) await both.remove(name)
    assert.deepEqual([await namesIn(older), await namesIn(newer)], [[], []])
    await assert.rejects(both.read(old), FileMissing)
    assert.equal(await both.size(old), undefined)
  })

  test('while one is away what rests in the other opens, and nothing is taken for lost', async () => {
    const name = await put(older)
    for (const both of [newerAndOlder(away, older), newerAndOlder(older, away)]) {
      assert.equal((await buffer(await both.read(name))).length, 1000)
      assert.equal(await both.size(name), 1000)
      await assert.rejects(both.read(newId()), Unavailable)
      await assert.rejects(both.size(newId()), Unavailable)
      await assert.rejects(namesIn(both), Unavailable)
    }
    await assert.rejects(newerAndOlder(away, older).remove(name), Unavailable)
    assert.equal(await older.size(name), undefined, 'it went from the one that is there')
  })
})

describe('Moving', () => {
  test('takes every file over, says how many, and is in the log; a second time there is nothing to do', async () => {
    const names = []
    for (let count = 0; count < 60; count++) names.push(await put(older, count * 5000))
    const total = names.reduce((sum, name) => sum + contents.get(name)!.length, 0)
    assert.deepEqual(await move(), { files: 60, bytes: total })
    assert.deepEqual([await namesIn(older), await namesIn(newer)], [[], names.sort()])
    for (const name of names) assert.ok((await buffer(await newer.read(name))).equals(contents.get(name)!))
    assert.deepEqual(await move(), { files: 0, bytes: 0 })
    const events = await server.sql(`SELECT actor_kind, outcome FROM access_events WHERE act = 'files.moved'`)
    assert.deepEqual(events, [{ actor_kind: 'system', outcome: 'done' }])
    for (const name of names) await newer.remove(name)
  })

  test('readers find every file at every moment', async () => {
    const names: string[] = []
    for (let count = 0; count < 100; count++) names.push(await put(older, 20_000))
    const both = newerAndOlder(newer, older)
    let moving = true
    let reads = 0
    async function readAll() {
      for (let at = 0; moving; at = (at + 7) % names.length, reads++)
        assert.ok((await buffer(await both.read(names[at]!))).equals(contents.get(names[at]!)!))
    }
    const readers = [readAll(), readAll()]
    await move().finally(() => (moving = false))
    await Promise.all(readers)
    assert.ok(reads > 20, `${reads} reads`)
    for (const name of names) await newer.remove(name)
  })

  test('a copy that is not what was read is told, and the file stays where it was', async () => {
    const name = await put(older)
    const cutting = { ...newer, write: (name: string, bytes: Readable) => newer.write(name, cut(bytes)) }
    await assert.rejects(move(cutting), /The copy of the file .* is not what was read/)
    assert.ok((await buffer(await older.read(name))).equals(contents.get(name)!))
    assert.deepEqual(await move(), { files: 1, bytes: 1000 })
    await newer.remove(name)
  })

  test('what is taken back while it is copied stays nowhere', async () => {
    const name = await put(older)
    const slow: FileStore = {
      ...newer,
      async write(name, bytes) {
        await newer.write(name, bytes)
        await older.remove(name)
      },
    }
    assert.deepEqual(await move(slow), { files: 0, bytes: 0 })
    assert.deepEqual([await namesIn(older), await namesIn(newer)], [[], []])
    assert.equal(await newer.size(name), undefined)
  })

  test('a name that a list still shows after its file was moved costs nobody the file', async () => {
    const name = await put(older)
    let lists = 0
    const late: FileStore = {
      ...older,
      async *list() {
        yield* older.list()
        if (++lists === 2) yield { name, writtenAt: new Date() }
      },
    }
    const moved = await moveFiles({ from: late, to: newer, way: 'from folder to s3', say: () => {} })
    assert.deepEqual([moved, lists], [{ files: 1, bytes: 1000 }, 3])
    assert.ok((await buffer(await newer.read(name))).equals(contents.get(name)!))
    await newer.remove(name)
  })

  test('two at once: the second is told so and moves nothing', async () => {
    const names = [await put(older), await put(older)]
    let second: Promise<unknown> | undefined
    const busy: FileStore = {
      ...newer,
      async write(name, bytes) {
        second ??= moveFiles({ from: newer, to: older, way: 'from s3 to folder', say: () => {} })
        await assert.rejects(second, /being moved already/)
        await newer.write(name, bytes)
      },
    }
    assert.deepEqual(await move(busy), { files: 2, bytes: 2000 })
    assert.deepEqual([await namesIn(older), await namesIn(newer)], [[], names.sort()])
    for (const name of names) await newer.remove(name)
  })

  test('a store that is away ends it with that, and nothing is lost', async () => {
    const name = await put(older)
    await assert.rejects(move(away), Unavailable)
    assert.deepEqual(await namesIn(older), [name])
    await older.remove(name)
  })
})

function cut(bytes: Readable): Readable {
  return Readable.from(
    (async function* () {
      for await (const chunk of bytes as AsyncIterable<Buffer>) yield chunk.subarray(0, -1)
    })(),
    { objectMode: false },
  )
}
