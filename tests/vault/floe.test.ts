import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Readable, type Transform } from 'node:stream'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  BODY_SEGMENT,
  EnvelopeRefused,
  FIELD_SEGMENT,
  FILE_SEGMENT,
  sealEnvelope,
  sealingStream,
  sealWhole,
  unsealEnvelope,
  unsealingStream,
  unsealWhole,
} from '../../server/vault/floe.ts'
import { countingBytes } from '../known-answers/fixed-random.ts'

const key = randomBytes(32)
const binding = 'message/1/body'
const HEADER = 74
const OVERHEAD = 32
const ROOM = FIELD_SEGMENT - OVERHEAD

describe('An envelope', () => {
  it('gives back what was sealed, at every length around the edges of a segment', () => {
    for (const segmentLength of [FIELD_SEGMENT, BODY_SEGMENT, FILE_SEGMENT, 1048576]) {
      const room = segmentLength - OVERHEAD
      for (const length of [0, 1, room - 1, room, room + 1, 2 * room, 2 * room + 1]) {
        const plaintext = countingBytes(length)
        const envelope = sealEnvelope(key, binding, plaintext, segmentLength)
        assert.equal(envelope.length, HEADER + length + OVERHEAD * Math.max(1, Math.ceil(length / room)))
        assert.ok(unsealEnvelope(key, binding, envelope).equals(plaintext))
      }
    }
  })

  it('is another one each time', () => {
    const plaintext = Buffer.from('the same')
    const envelopes = [1, 2].map(() => sealEnvelope(key, binding, plaintext, FIELD_SEGMENT))
    assert.notDeepEqual(envelopes[0]?.subarray(10, 42), envelopes[1]?.subarray(10, 42))
    assert.notDeepEqual(
      envelopes[0]?.subarray(HEADER + 4, HEADER + 16),
      envelopes[1]?.subarray(HEADER + 4, HEADER + 16),
    )
  })

  it('opens only where it lives: every other binding and every other key is refused', async () => {
    const envelope = sealEnvelope(key, binding, Buffer.from('ours'), FIELD_SEGMENT)
    const others: [Buffer, string][] = [
      [key, 'message/2/body'],
      [key, ''],
      [key, `${binding} `],
      [randomBytes(32), binding],
    ]
    for (const [otherKey, otherBinding] of others) {
      assert.throws(() => unsealEnvelope(otherKey, otherBinding, envelope), EnvelopeRefused)
      await assertRefusedInStream([envelope], { key: otherKey, binding: otherBinding })
    }
  })

  it('takes only keys of 32 bytes and segment lengths that are in use', () => {
    assert.throws(() => sealEnvelope(randomBytes(16), binding, Buffer.alloc(1), FIELD_SEGMENT), TypeError)
    assert.throws(() => sealEnvelope(key, binding, Buffer.alloc(1), 64), TypeError)
    assert.throws(() => sealingStream(key, binding, 5000), TypeError)
    assert.throws(
      () => unsealEnvelope(randomBytes(31), binding, sealEnvelope(key, binding, Buffer.alloc(1), 4096)),
      TypeError,
    )
  })
})

describe('A stream', () => {
  it('makes and reads the same envelopes as the whole functions, however the bytes are cut on their way', async () => {
    const length = fc.oneof(fc.integer({ min: 0, max: 3 * ROOM }), fc.constantFrom(ROOM, 2 * ROOM, ROOM + 1))
    await fc.assert(
      fc.asyncProperty(length, fc.integer({ min: 1, max: 9000 }), async (size, pieceLength) => {
        const plaintext = countingBytes(size)
        const streamed = await collect(sealingStream(key, binding, FIELD_SEGMENT), pieces(plaintext, pieceLength))
        assert.ok(unsealEnvelope(key, binding, streamed).equals(plaintext))
        const envelope = sealEnvelope(key, binding, plaintext, FIELD_SEGMENT)
        const unsealed = await collect(unsealingStream(key, binding), pieces(envelope, pieceLength))
        assert.ok(unsealed.equals(plaintext))
      }),
      { numRuns: 60 },
    )
  })

  it('takes single bytes', async () => {
    const plaintext = countingBytes(ROOM + 5)
    const streamed = await collect(sealingStream(key, binding, FIELD_SEGMENT), pieces(plaintext, 1))
    assert.ok((await collect(unsealingStream(key, binding), pieces(streamed, 1))).equals(plaintext))
  })

  it('releases a segment only when it is sound, and never ends cleanly without the last one', async () => {
    const plaintext = countingBytes(3 * ROOM + 100)
    const envelope = sealEnvelope(key, binding, plaintext, FIELD_SEGMENT)
    for (const whole of [0, 1, 2, 3]) {
      const cut = envelope.subarray(0, HEADER + whole * FIELD_SEGMENT)
      const released = await assertRefusedInStream([cut])
      // The last of the whole segments is held back: it would have to be marked as the last one, and is not.
      assert.ok(released.equals(plaintext.subarray(0, Math.max(0, whole - 1) * ROOM)))
    }
    const damaged = Buffer.from(envelope)
    flipBit(damaged, HEADER + 2 * FIELD_SEGMENT + 500, 0)
    assert.ok((await assertRefusedInStream([damaged])).equals(plaintext.subarray(0, 2 * ROOM)))
  })

  it('refuses bytes after the last segment, whether it was full or not', async () => {
    for (const length of [0, 100, ROOM, 2 * ROOM]) {
      const envelope = sealEnvelope(key, binding, countingBytes(length), FIELD_SEGMENT)
      for (const more of [1, 31, 32, FIELD_SEGMENT]) {
        const longer = Buffer.concat([envelope, Buffer.alloc(more)])
        assert.throws(() => unsealEnvelope(key, binding, longer), EnvelopeRefused)
        await assertRefusedInStream([longer])
        await assertRefusedInStream([envelope, Buffer.alloc(more)])
      }
    }
  })
})

describe('128. Flip/cut/swap/splice any ciphertext -> refused, no partial', () => {
  const segments = 4
  const plaintext = countingBytes(segments * ROOM - 1000)
  const envelope = sealEnvelope(key, binding, plaintext, FIELD_SEGMENT)
  const anywhere = fc.integer({ min: 0, max: envelope.length - 1 })

  it('any bit flipped', async () => {
    await fc.assert(
      fc.asyncProperty(anywhere, fc.integer({ min: 0, max: 7 }), async (at, bit) => {
        const changed = Buffer.from(envelope)
        flipBit(changed, at, bit)
        await assertRefused(changed)
      }),
      { numRuns: 300 },
    )
  })

  it('every byte of header, mark, nonce, content and tag of a short one flipped', async () => {
    const short = sealEnvelope(key, binding, Buffer.from('short'), FIELD_SEGMENT)
    for (let at = 0; at < short.length; at++) {
      const changed = Buffer.from(short)
      flipBit(changed, at, at % 8)
      await assertRefused(changed)
    }
  })

  it('cut anywhere, at either end', async () => {
    await fc.assert(
      fc.asyncProperty(anywhere, async (at) => assertRefused(envelope.subarray(0, at))),
      { numRuns: 200 },
    )
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: envelope.length }), async (at) =>
        assertRefused(envelope.subarray(at)),
      ),
      { numRuns: 200 },
    )
  })

  it('a piece cut out, doubled or inserted', async () => {
    const piece = fc.tuple(anywhere, anywhere).map(([a, b]) => [Math.min(a, b), Math.max(a, b) + 1] as const)
    await fc.assert(
      fc.asyncProperty(piece, async ([from, to]) => {
        await assertRefused(Buffer.concat([envelope.subarray(0, from), envelope.subarray(to)]))
        await assertRefused(Buffer.concat([envelope.subarray(0, to), envelope.subarray(from)]))
      }),
      { numRuns: 150 },
    )
    await fc.assert(
      fc.asyncProperty(anywhere, fc.uint8Array({ minLength: 1, maxLength: 64 }), async (at, bytes) =>
        assertRefused(Buffer.concat([envelope.subarray(0, at), bytes, envelope.subarray(at)])),
      ),
      { numRuns: 150 },
    )
  })

  it('segments swapped, left out or repeated', async () => {
    const segment = (index: number) =>
      envelope.subarray(HEADER + index * FIELD_SEGMENT, HEADER + (index + 1) * FIELD_SEGMENT)
    const orders = [
      [1, 0, 2, 3],
      [0, 2, 1, 3],
      [0, 1, 3],
      [0, 3],
      [3],
      [0, 0, 1, 2, 3],
      [0, 1, 2, 3, 3],
      [0, 1, 2, 2],
      [3, 2, 1, 0],
    ]
    for (const order of orders) {
      await assertRefused(Buffer.concat([envelope.subarray(0, HEADER), ...order.map(segment)]))
    }
  })

  it('a header, or a segment, of another envelope with the same key and binding', async () => {
    const other = sealEnvelope(key, binding, plaintext, FIELD_SEGMENT)
    for (let index = 0; index < segments; index++) {
      const from = HEADER + index * FIELD_SEGMENT
      const to = from + FIELD_SEGMENT
      await assertRefused(Buffer.concat([envelope.subarray(0, from), other.subarray(from, to), envelope.subarray(to)]))
    }
    await assertRefused(Buffer.concat([other.subarray(0, HEADER), envelope.subarray(HEADER)]))
  })

  it('an inner segment presented as the last one, and the last one as an inner one', async () => {
    const inner = Buffer.from(envelope.subarray(0, HEADER + FIELD_SEGMENT))
    inner.writeUInt32BE(FIELD_SEGMENT, HEADER)
    await assertRefused(inner)
    const full = sealEnvelope(key, binding, countingBytes(ROOM), FIELD_SEGMENT)
    full.writeUInt32BE(0xffffffff, HEADER)
    await assertRefused(full)
    await assertRefused(Buffer.concat([full, envelope.subarray(HEADER + FIELD_SEGMENT)]))
  })
})

describe('suite byte changed, zero-length, header parameters changed -> refused', () => {
  const envelope = sealEnvelope(key, binding, Buffer.from('settings are not negotiated'), FIELD_SEGMENT)

  it('every value of the two bytes that name the ciphers, but our own', async () => {
    for (const at of [0, 1]) {
      for (let value = 1; value < 256; value++) {
        const changed = Buffer.from(envelope)
        changed[at] = value
        assert.throws(() => unsealEnvelope(key, binding, changed), EnvelopeRefused)
      }
      const changed = Buffer.from(envelope)
      changed[at] = 1
      await assertRefused(changed)
    }
  })

  it('another segment length, also one that is in use, and another IV length', async () => {
    for (const length of [
      0,
      1,
      31,
      32,
      33,
      64,
      4095,
      4097,
      BODY_SEGMENT,
      FILE_SEGMENT,
      1048576,
      0x7fffffff,
      0xffffffff,
    ]) {
      const changed = Buffer.from(envelope)
      changed.writeUInt32BE(length, 2)
      await assertRefused(changed)
    }
    for (const length of [0, 12, 31, 33, 0xffffffff]) {
      const changed = Buffer.from(envelope)
      changed.writeUInt32BE(length, 6)
      await assertRefused(changed)
    }
  })

  it('zero-length, and everything too short to hold a header and a segment', async () => {
    await assertRefused(Buffer.alloc(0))
    for (let length = 1; length < HEADER + OVERHEAD; length++) await assertRefused(envelope.subarray(0, length))
  })

  it('a sound envelope of segments that we do not use', async () => {
    const foreign = sealWhole({ segmentLength: 64, rotationMask: 20 }, key, Buffer.from(binding), Buffer.alloc(100))
    assert.ok(
      unsealWhole({ segmentLength: 64, rotationMask: 20 }, key, Buffer.from(binding), foreign).equals(
        Buffer.alloc(100),
      ),
    )
    await assertRefused(foreign)
  })
})

describe('132. Opener or session envelope whose header tag is wrong while its GCM tag is right -> refused', () => {
  const plaintext = countingBytes(ROOM + 100)
  const envelope = sealEnvelope(key, binding, plaintext, FIELD_SEGMENT)

  it('whichever bit of the header tag is wrong', async () => {
    for (let bit = 0; bit < 256; bit++) {
      const changed = Buffer.from(envelope)
      flipBit(changed, 42 + (bit >> 3), bit & 7)
      assert.throws(() => unsealEnvelope(key, binding, changed), /header tag/)
      const released = await assertRefusedInStream([changed])
      assert.equal(released.length, 0)
    }
  })

  it('also the header tag of a sound envelope under the same key', async () => {
    const other = sealEnvelope(key, binding, plaintext, FIELD_SEGMENT)
    await assertRefused(Buffer.concat([envelope.subarray(0, 42), other.subarray(42, 74), envelope.subarray(74)]))
  })
})

/** Refused as a whole, and in a stream, where at most whole sound segments from the beginning may have left. */
async function assertRefused(changed: Buffer): Promise<void> {
  assert.throws(() => unsealEnvelope(key, binding, changed), EnvelopeRefused)
  const released = await assertRefusedInStream([changed])
  assert.ok(released.length % ROOM === 0 && released.equals(countingBytes(released.length)))
}

async function assertRefusedInStream(
  envelope: Buffer[],
  under: { key: Buffer; binding: string } = { key, binding },
): Promise<Buffer> {
  const stream = unsealingStream(under.key, under.binding)
  const released: Buffer[] = []
  let ended = false
  stream.on('data', (chunk: Buffer) => released.push(chunk)).on('end', () => (ended = true))
  const error = await new Promise((resolve) => {
    stream.on('error', resolve).on('end', resolve)
    for (const chunk of envelope) stream.write(chunk)
    stream.end()
  })
  assert.ok(error instanceof EnvelopeRefused)
  assert.equal(ended, false)
  return Buffer.concat(released)
}

function flipBit(bytes: Buffer, at: number, bit: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
}

function* pieces(bytes: Buffer, length: number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

async function collect(stream: Transform, input: Iterable<Buffer>): Promise<Buffer> {
  return Buffer.concat((await Readable.from(input).pipe(stream).toArray()) as Buffer[])
}
