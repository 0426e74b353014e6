import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { EnvelopeRefused } from '../../server/vault/floe.ts'
import { padme, padToBucket, unpad } from '../../server/vault/padding.ts'

describe('A padded field', () => {
  it('gives back the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 3000 }), (text) =>
        assert.equal(unpad(padToBucket(text)), text),
      ),
    )
  })

  it('has one of six sizes, and above them one of Padmé', () => {
    const sizes = [0, 1, 60, 61, 124, 125, 2044].map((length) => padToBucket('x'.repeat(length)).length)
    assert.deepEqual(sizes, [64, 64, 64, 128, 128, 256, 2048])
    assert.equal(padToBucket('x'.repeat(2045)).length, padme(2049))
    assert.equal(padToBucket('ä'.repeat(30)).length, 64)
    assert.equal(padToBucket('ä'.repeat(31)).length, 128)
  })

  it('is refused when it is not as it would have been made', () => {
    const padded = padToBucket('Mia Example')
    const wrong = [Buffer.alloc(0), Buffer.alloc(3), padded.subarray(0, 63), Buffer.concat([padded, Buffer.alloc(64)])]
    const tooLong = Buffer.from(padded)
    tooLong.writeUInt32BE(61)
    const dirty = Buffer.from(padded)
    dirty[63] = 1
    const shorter = Buffer.from(padded)
    shorter.writeUInt32BE(4)
    for (const bytes of [...wrong, tooLong, dirty, shorter, Buffer.alloc(64, 255)]) {
      assert.throws(() => unpad(bytes), EnvelopeRefused)
    }
  })
})

describe('Padmé', () => {
  it('gives the sizes of the paper', () => {
    // From its definition: E = floor(log2 L), S = floor(log2 E) + 1, and the last E - S bits are zero.
    const known = {
      0: 0,
      1: 1,
      2: 2,
      7: 7,
      8: 8,
      9: 10,
      15: 16,
      17: 18,
      100: 104,
      1000: 1024,
      1025: 1088,
      70000: 71680,
    }
    for (const [length, padded] of Object.entries(known)) assert.equal(padme(Number(length)), padded, length)
  })

  it('never shrinks, never costs more than 12 %, keeps the order, and pads a padded size to itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 52 }), (length) => {
        const padded = padme(length)
        assert.ok(Number.isSafeInteger(padded) && padded >= length && padded <= length * 1.12 + 1)
        assert.ok(padme(length + 1) >= padded)
        assert.equal(padme(padded), padded)
      }),
    )
  })

  it('is right beside large powers of two', () => {
    assert.equal(padme(2 ** 47), 2 ** 47)
    assert.equal(padme(2 ** 47 - 1), 2 ** 47)
    assert.ok(padme(2 ** 47 + 1) > 2 ** 47)
  })
})
