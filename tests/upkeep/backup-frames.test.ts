/** Frames in blocks: what goes in comes out, and a block that is missing takes only its own with it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import {
  BACKUP_SEGMENT,
  readFrames,
  streamOf,
  writeFrames,
  type FrameOrGap,
} from '../../server/upkeep/backup-frames.ts'
import { EnvelopeRefused, roomIn, sealingStream, unsealingStream } from '../../server/vault/floe.ts'

const ROOM = roomIn(BACKUP_SEGMENT)
const KEY = randomBytes(32)

/** In pieces of an odd size, as a disk or a network gives them. */
async function* pieces(bytes: Buffer, size = 100_003): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function framesIn(clear: AsyncIterable<Buffer>): Promise<FrameOrGap[]> {
  const found: FrameOrGap[] = []
  for await (const frame of readFrames(clear))
    found.push(frame === 'gap' ? frame : { ...frame, bytes: Buffer.from(frame.bytes) })
  return found
}

test('frames of every size come out as they went in, none crosses a block, and one that begins apart begins a block', async () => {
  const sizes = [0, 1, 300, ROOM - 12, ROOM, ROOM + 1, 3 * ROOM, 77]
  const rows = sizes.map((size) => randomBytes(size))
  const writer = writeFrames()
  const blocks: Buffer[] = []
  for (const [index, row] of rows.entries()) blocks.push(...writer.put('rows', 'table', row, index === 2))
  blocks.push(...writer.put('end', '', Buffer.from('{}')), ...writer.rest())
  for (const block of blocks) assert.equal(block.length, ROOM)
  const found = await framesIn(pieces(Buffer.concat(blocks)))
  const again: Buffer[] = []
  for (const frame of found) {
    assert.notEqual(frame, 'gap')
    if (frame === 'gap' || frame.kind !== 'rows') continue
    assert.equal(frame.name, 'table')
    if (frame.begins) again.push(frame.bytes)
    else again.push(Buffer.concat([again.pop()!, frame.bytes]))
  }
  assert.deepEqual(again, rows)
  assert.equal((await framesIn(pieces(blocks[1]!)))[0] !== 'gap', true)
})

test('a segment that is damaged leaves a gap, and everything in the others opens; without asking for that nothing does', async () => {
  const writer = writeFrames()
  async function* blocks() {
    for (let number = 0; number < 5; number++) yield* writer.put('file-end', `${number}`, randomBytes(50), true)
    yield* writer.rest()
  }
  const sealed = await buffer(streamOf(blocks()).pipe(sealingStream(KEY, 'backup', BACKUP_SEGMENT)))
  const damaged = Buffer.from(sealed)
  damaged[74 + 2 * BACKUP_SEGMENT + 999]! ^= 1
  let refused = 0
  const lenient = unsealingStream(KEY, 'backup', () => refused++)
  lenient.end(damaged)
  const names = (await framesIn(lenient)).map((frame) => (frame === 'gap' ? frame : frame.name))
  assert.deepEqual(names, ['0', '1', 'gap', '3', '4'])
  assert.equal(refused, 1)
  const strict = unsealingStream(KEY, 'backup')
  strict.end(damaged)
  await assert.rejects(buffer(strict), EnvelopeRefused)
})

test('segments in another order, twice, or of another backup are each a gap', async () => {
  const sealedOf = (word: string) => {
    const writer = writeFrames()
    async function* blocks() {
      for (let number = 0; number < 4; number++)
        yield* writer.put('file-end', `${word}${number}`, randomBytes(50), true)
      yield* writer.rest()
    }
    return buffer(streamOf(blocks()).pipe(sealingStream(KEY, 'backup', BACKUP_SEGMENT)))
  }
  const [a, b] = [await sealedOf('a'), await sealedOf('b')]
  const segment = (bytes: Buffer, index: number) =>
    bytes.subarray(74 + index * BACKUP_SEGMENT, 74 + (index + 1) * BACKUP_SEGMENT)
  const mixed = Buffer.concat([a.subarray(0, 74), segment(a, 1), segment(a, 1), segment(b, 2), segment(a, 3)])
  const lenient = unsealingStream(KEY, 'backup', () => {})
  lenient.end(mixed)
  const names = (await framesIn(lenient)).map((frame) => (frame === 'gap' ? frame : frame.name))
  assert.deepEqual(names, ['gap', 'a1', 'gap', 'a3'])
})
