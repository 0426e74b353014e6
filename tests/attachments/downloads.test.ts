/** Downloads that begin anywhere: which part is meant, what is read for it, what the log says, and how a broken file ends. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request as send, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { configureFileStore, fileStore, type FileStore } from '../../server/attachments/file-store.ts'
import { folderStore } from '../../server/attachments/folder-store.ts'
import { rangeOf } from '../../server/attachments/range.ts'
import {
  joinPieces,
  PIECE_ROOM,
  readSealedPart,
  readSealedWhole,
  writePiece,
  writeSealed,
} from '../../server/attachments/sealed-files.ts'
import { newId } from '../../server/lib/ids.ts'
import { beginEnvelope, EnvelopeRefused, FILE_SEGMENT } from '../../server/vault/floe.ts'
import { everybodyIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import type { Visitor } from '../support/visitor.ts'

const SMALL_ROOM = FILE_SEGMENT - 32
const key = randomBytes(32)
const binding = 'attachment/1'
let folder: string
let read: number

/** A folder that counts what is read out of it. */
function countingStore(path: string): FileStore {
  const store = folderStore(path)
  return {
    ...store,
    async read(name, from, to) {
      const bytes = await store.read(name, from, to)
      bytes.on('data', (chunk: Buffer) => (read += chunk.length))
      bytes.pause()
      return bytes
    },
  }
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'letterlock-parts-'))
})
after(() => rm(folder, { recursive: true, force: true }))

const pathOf = (id: string) => join(folder, id.slice(-2), id)

async function keep(content: Buffer): Promise<string> {
  const id = newId()
  await writeSealed(id, binding, key, Readable.from([content]), content.length)
  return id
}

async function part(id: string, size: number, from: number, to: number): Promise<Buffer> {
  read = 0
  return buffer(await readSealedPart(id, binding, key, { size, from, to }))
}

describe('A part of a sealed file', () => {
  before(() => configureFileStore(countingStore(folder)))

  test('is what stands there, wherever it begins and ends, and at most two segments more are read', async () => {
    const content = randomBytes(5 * SMALL_ROOM + 1000)
    const id = await keep(content)
    const edges = [0, 1, SMALL_ROOM - 1, SMALL_ROOM, SMALL_ROOM + 1, 3 * SMALL_ROOM, content.length - 1, content.length]
    for (const from of edges)
      for (const to of edges.filter((edge) => edge > from)) {
        assert.ok((await part(id, content.length, from, to)).equals(content.subarray(from, to)), `${from}-${to}`)
        if (from === 0 && to === content.length) continue
        const wanted = Math.ceil(to / SMALL_ROOM) - Math.floor(from / SMALL_ROOM)
        assert.ok(read <= (wanted + 2) * FILE_SEGMENT, `${from}-${to} read ${read}`)
      }
  })

  test('reaches over the padding of a large file without reading it', async () => {
    // Padmé's step is 512 KiB here, so that the padding takes whole segments.
    const size = 2 ** 24 + 1
    const content = Buffer.alloc(size, 7)
    const id = await keep(content)
    assert.ok((await part(id, size, size - 10, size)).equals(content.subarray(-10)))
    assert.ok(read <= 3 * FILE_SEGMENT, `read ${read}`)
  })

  test('is refused with a changed byte in its segments, and with a file that was cut or made longer at its end', async () => {
    const content = randomBytes(3 * SMALL_ROOM)
    const id = await keep(content)
    const sound = readFileSync(pathOf(id))
    const changed = Buffer.from(sound)
    changed[74 + FILE_SEGMENT + 500]! ^= 1
    writeFileSync(pathOf(id), changed)
    await assert.rejects(part(id, content.length, SMALL_ROOM, SMALL_ROOM + 1), EnvelopeRefused)
    await assert.rejects(part(id, content.length, 0, content.length), EnvelopeRefused)
    // Another segment is none of its business.
    assert.equal((await part(id, content.length, 0, 5)).length, 5)
    const others = [
      sound.subarray(0, -1),
      sound.subarray(0, 74 + 2 * FILE_SEGMENT),
      Buffer.concat([sound, sound.subarray(-40)]),
    ]
    for (const other of others) {
      writeFileSync(pathOf(id), other)
      await assert.rejects(part(id, content.length, content.length - 1, content.length), EnvelopeRefused)
      await assert.rejects(part(id, content.length, 0, content.length), EnvelopeRefused)
    }
  })

  test('gives its last byte only when the end was found sound', async () => {
    const content = randomBytes(SMALL_ROOM)
    const id = await keep(content)
    const broken = readFileSync(pathOf(id))
    broken[broken.length - 1]! ^= 1
    writeFileSync(pathOf(id), broken)
    let released = 0
    const bytes = await readSealedPart(id, binding, key, { size: content.length, from: 0, to: content.length })
    await assert.rejects(async () => {
      for await (const chunk of bytes) released += (chunk as Buffer).length
    }, EnvelopeRefused)
    assert.equal(released, content.length - 1)
  })
})

describe('138. fork/cluster/snapshot resume -> no IV repeats', () => {
  before(() => configureFileStore(folderStore(folder)))

  test('a piece that is sealed again, from the same state, has other nonces and other bytes in every segment, and opens alike', async () => {
    const content = randomBytes(2 * PIECE_ROOM + 10)
    const header = beginEnvelope(key, binding, FILE_SEGMENT)
    const id = newId()
    const nonces = new Set<string>()
    for (let number = 1; number <= 20; number++) {
      const source = Readable.from([content.subarray(0, 2 * PIECE_ROOM)])
      await writePiece(`${id}.${number}`, binding, key, { header, position: 0 }, source)
      const sealed = await buffer(await fileStore().read(`${id}.${number}`))
      for (const start of [0, FILE_SEGMENT]) nonces.add(sealed.toString('hex', start + 4, start + 16))
    }
    assert.equal(nonces.size, 40)
    const ending = { header, position: 2, size: content.length }
    await writePiece(`${id}.21`, binding, key, ending, Readable.from([content.subarray(2 * PIECE_ROOM)]))
    for (const number of [1, 20]) {
      await joinPieces(id, header, [`${id}.${number}`, `${id}.21`])
      assert.ok((await readSealedWhole(id, binding, key)).equals(content))
    }
  })

  test('pieces in another order, twice, left out, of another header or another upload do not open', async () => {
    const content = randomBytes(3 * PIECE_ROOM)
    const names = async (header: Buffer, upload: string) => {
      for (let number = 1; number <= 3; number++) {
        const ending = number === 3 ? { size: content.length } : {}
        const source = Readable.from([content.subarray((number - 1) * PIECE_ROOM, number * PIECE_ROOM)])
        await writePiece(`${upload}.${number}`, binding, key, { header, position: number - 1, ...ending }, source)
      }
      return [1, 2, 3].map((number) => `${upload}.${number}`) as [string, string, string]
    }
    const header = beginEnvelope(key, binding, FILE_SEGMENT)
    const id = newId()
    const [first, second, third] = await names(header, id)
    const [strange] = await names(beginEnvelope(key, binding, FILE_SEGMENT), newId())
    const wrong = [
      [second, first, third],
      [first, first, third],
      [first, third],
      [first, second],
      [strange, second, third],
      [first, second, third, third],
    ]
    for (const order of wrong) {
      await joinPieces(id, header, order)
      await assert.rejects(readSealedWhole(id, binding, key), EnvelopeRefused)
    }
    await joinPieces(id, header, [first, second, third])
    assert.ok((await readSealedWhole(id, binding, key)).equals(content))
  })

  test('a header of another key or binding seals nothing', async () => {
    const header = beginEnvelope(key, 'attachment/2', FILE_SEGMENT)
    const write = () =>
      writePiece(`${newId()}.1`, binding, key, { header, position: 0 }, Readable.from([Buffer.alloc(1)]))
    await assert.rejects(write, EnvelopeRefused)
  })
})

test('a range is one part, the whole, or none', () => {
  const of = (range: string | undefined, ifRange?: string) => rangeOf({ range, ifRange }, '"tag"', 100)
  assert.equal(of(undefined), 'whole')
  assert.equal(of('lines=1-2'), 'whole')
  assert.deepEqual(of('bytes=0-0'), { from: 0, to: 1 })
  assert.deepEqual(of('bytes=10-'), { from: 10, to: 100 })
  assert.deepEqual(of('bytes=-10'), { from: 90, to: 100 })
  assert.deepEqual(of('bytes=-1000'), { from: 0, to: 100 })
  assert.deepEqual(of('bytes=50-1000'), { from: 50, to: 100 })
  assert.deepEqual(of('bytes=50-', '"tag"'), { from: 50, to: 100 })
  for (const other of ['"other"', 'W/"tag"', 'Sat, 28 Nov 2026 05:00:00 GMT'])
    assert.equal(of('bytes=50-', other), 'whole')
  for (const none of ['bytes=100-', 'bytes=-0', 'bytes=-', 'bytes=5-4', 'bytes=a-b', 'bytes=0-1,3-4', 'bytes= 0-1'])
    assert.equal(of(none), 'none', none)
})

describe("77. Range request on another's blob; multi-range of 10,000 parts -> 404; 416/limit", () => {
  let server: TestServer
  let dana: Visitor
  let maria: Visitor
  let sam: Visitor
  let id: string
  let large: string
  let content: Buffer

  before(async () => {
    server = await startTestServer()
    const { dana: provider, maria: patient, ada } = server.cast
    ;({ dana, maria, sam } = await everybodyIn(server, { dana: provider, maria: patient, sam: ada }))
    content = Buffer.from('0123456789'.repeat(100_000))
    const files = [
      { name: 'long.txt', type: 'text/plain', bytes: content },
      // More than the system takes in before somebody reads.
      { name: 'longer.txt', type: 'text/plain', bytes: Buffer.from('0123456789'.repeat(1_500_000)) },
    ]
    const message = await writeTo(dana, { to: patient.email, files })
    const rows = await server.sql<{ id: string }>(
      'SELECT id FROM attachments WHERE message_id = $1 ORDER BY sealed_bytes',
      [message],
    )
    ;[id, large] = rows.map((row) => row.id) as [string, string]
  })
  after(() => server.stop())

  const ask = (visitor: Visitor, range: string, headers: Record<string, string> = {}, method = 'GET') =>
    visitor.ask(`/attachments/${id}/download`, { method, headers: { range, ...headers } })
  const events = async (act: string, outcome = 'done', file = id) =>
    (
      await server.sql(`SELECT 1 FROM access_events WHERE act = $1 AND outcome = $2 AND subject_id = $3`, [
        act,
        outcome,
        file,
      ])
    ).length

  test("another's is not there, with a range or without, and the log has a line for each", async () => {
    for (const range of ['bytes=0-1', 'bytes=999999999-']) assert.equal((await ask(sam, range)).status, 404)
    assert.equal((await ask(sam, 'bytes=0-1', {}, 'HEAD')).status, 404)
    assert.equal(
      (await events('attachment.downloaded', 'denied')) + (await events('attachment.previewed', 'denied')),
      3,
    )
    assert.equal(await events('attachment.downloaded'), 0)
  })

  test('one part is 206 with its place, from any byte; the whole says that parts can be had', async () => {
    const whole = await maria.ask(`/attachments/${id}/download`)
    assert.equal(whole.status, 200)
    assert.equal(whole.headers['accept-ranges'], 'bytes')
    assert.ok(whole.bytes.equals(content))
    for (const [from, to] of [
      [0, 1],
      [999_999, 1_000_000],
      [262_111, 262_113],
      [500_000, 900_000],
    ] as const) {
      const answer = await ask(maria, `bytes=${from}-${to - 1}`)
      assert.equal(answer.status, 206)
      assert.equal(answer.headers['content-range'], `bytes ${from}-${to - 1}/1000000`)
      assert.equal(answer.headers['content-length'], String(to - from))
      assert.ok(answer.bytes.equals(content.subarray(from, to)))
      assert.equal(answer.headers['cache-control'], 'no-store')
    }
  })

  test('a download goes on with If-Range while it is the same file, and begins anew when the tag is another', async () => {
    const { etag } = (await maria.ask(`/attachments/${id}/download`)).headers
    assert.match(etag!, /^"[\w-]{22}"$/)
    assert.equal((await ask(maria, 'bytes=10-', { 'if-range': etag! })).status, 206)
    assert.equal((await ask(maria, 'bytes=10-', { 'if-range': '"other"' })).status, 200)
  })

  test('10,000 parts, and what is not there, are 416 with the size and no byte', async () => {
    const parts = Array.from({ length: 10_000 }, (_, part) => part).join('-,')
    for (const range of [`bytes=${parts.slice(0, 14_000)}-`, 'bytes=0-1,2-3', 'bytes=1000000-', 'bytes=-0']) {
      const answer = await ask(maria, range)
      assert.equal(answer.status, 416, range.slice(0, 40))
      assert.equal(answer.headers['content-range'], 'bytes */1000000')
      assert.equal(answer.bytes.length, 0)
    }
  })

  test('HEAD tells name and size, is recorded, and is no download', async () => {
    const before = {
      downloaded: await events('attachment.downloaded'),
      previewed: await events('attachment.previewed'),
    }
    const answer = await maria.ask(`/attachments/${id}/download`, { method: 'HEAD' })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-length'], '1000000')
    assert.equal(await events('attachment.downloaded'), before.downloaded)
    assert.equal(await events('attachment.previewed'), before.previewed + 1)
  })

  test('every request that reveals bytes has its event, and the download is one receipt', async () => {
    const before = await events('attachment.downloaded')
    for (let place = 0; place < 5; place++) await ask(maria, `bytes=${place * 1000}-${place * 1000 + 9}`)
    assert.equal(await events('attachment.downloaded'), before + 5)
    assert.equal((await server.sql('SELECT 1 FROM attachment_receipts WHERE attachment_id = $1', [id])).length, 1)
  })

  test('153. Client aborts after headers -> event still there, outcome marked', async () => {
    const [before, marked] = [await events('attachment.downloaded'), await events('attachment.downloaded', 'failed')]
    const cookie = [...maria.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const outgoing = send({
      host: '127.0.0.1',
      port: server.port,
      path: `/attachments/${large}/download`,
      headers: { host: `localhost:${server.port}`, cookie },
    })
    outgoing.on('error', () => {})
    outgoing.end()
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    assert.equal(incoming.statusCode, 200)
    incoming.destroy()
    await until(async () => (await events('attachment.downloaded', 'failed', large)) === 1, 'it is marked')
    assert.equal(await events('attachment.downloaded', 'done', large), 1)
    assert.deepEqual(
      [await events('attachment.downloaded'), await events('attachment.downloaded', 'failed')],
      [before, marked],
    )
  })

  test('a broken segment ends the connection hard, in a part as in the whole', async () => {
    const path = join(server.dataDir, 'files', id.slice(-2), id)
    assert.ok(existsSync(path))
    const bytes = readFileSync(path)
    bytes[74 + FILE_SEGMENT + 100]! ^= 1
    writeFileSync(path, bytes)
    await assert.rejects(ask(maria, 'bytes=0-600000'))
    await assert.rejects(maria.ask(`/attachments/${id}/download`))
    assert.equal((await ask(maria, 'bytes=0-1000')).status, 206)
    assert.equal(await events('envelope.refused', 'failed'), 2)
  })
})
