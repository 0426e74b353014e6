/**
 * Why the header tag is there. AES-GCM alone lets somebody who knows two keys make one ciphertext that opens under both
 * ("invisible salamanders", Dodis et al. 2018). This test makes one, and shows that the envelope around it refuses.
 */
import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { EnvelopeRefused, FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from '../../server/vault/floe.ts'

const PARAMETERS = Buffer.from('00000000100000000020', 'hex')
const PLACE_OF_ONLY_SEGMENT = Buffer.from('000000000000000001', 'hex')

describe('131. Two keys, one ciphertext (invisible salamander) -> header tag refuses', () => {
  const binding = 'message/1/body'
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const iv = randomBytes(32)
  const nonce = randomBytes(12)
  const segmentKeys = [one, two].map((key) => segmentKey(key, iv, binding))
  const sealed = salamander(segmentKeys, nonce, PLACE_OF_ONLY_SEGMENT)
  const mark = Buffer.from([0, 0, 0, 4 + 12 + sealed.length])
  const segment = Buffer.concat([mark, nonce, sealed])
  const headerUnder = (key: Buffer) =>
    Buffer.concat([PARAMETERS, iv, derive(key, iv, 'HEADER_TAG:', binding).subarray(0, 32)])

  it('the segment by itself does open under both keys, so the danger is real', () => {
    for (const key of segmentKeys) {
      const decipher = createDecipheriv('aes-256-gcm', key, nonce)
      decipher.setAAD(PLACE_OF_ONLY_SEGMENT)
      decipher.setAuthTag(sealed.subarray(-16))
      decipher.update(sealed.subarray(0, -16))
      decipher.final()
    }
  })

  it('the envelope opens under the one key that its header names, and under no other', () => {
    const [forOne, forTwo] = [one, two].map((key) => Buffer.concat([headerUnder(key), segment]))
    assert.ok(forOne && forTwo)
    assert.equal(unsealEnvelope(one, binding, forOne).length, 32)
    assert.equal(unsealEnvelope(two, binding, forTwo).length, 32)
    assert.notDeepEqual(unsealEnvelope(one, binding, forOne), unsealEnvelope(two, binding, forTwo))
    assert.throws(() => unsealEnvelope(two, binding, forOne), EnvelopeRefused)
    assert.throws(() => unsealEnvelope(one, binding, forTwo), EnvelopeRefused)
  })

  it('an ordinary envelope under another key is refused by the header tag already', () => {
    const envelope = sealEnvelope(one, binding, Buffer.from('text'), FIELD_SEGMENT)
    assert.throws(() => unsealEnvelope(two, binding, envelope), /header tag/)
  })
})

/** FLOE's key derivation written a second time, from the specification alone. */
function derive(key: Buffer, iv: Buffer, purpose: string, binding: string): Buffer {
  const hmac = createHmac('sha384', key).update(PARAMETERS).update(iv).update(purpose, 'latin1').update(binding)
  return hmac.update(Buffer.from([1])).digest()
}

function segmentKey(key: Buffer, iv: Buffer, binding: string): Buffer {
  const messageKey = derive(key, iv, 'MESSAGE_KEY:', binding)
  return derive(messageKey, iv, `DEK:${'\0'.repeat(8)}`, binding).subarray(0, 32)
}

/**
 * Two blocks of ciphertext and a tag that is right under both keys. The tag of GCM is linear in each block over
 * GF(2^128), so that the second block can be solved for: c2 * (h1^2 + h2^2) = everything else.
 */
function salamander(keys: Buffer[], nonce: Buffer, associated: Buffer): Buffer {
  const first = randomBytes(16)
  const lengths = Buffer.alloc(16)
  lengths.writeBigUInt64BE(BigInt(associated.length * 8), 0)
  lengths.writeBigUInt64BE(BigInt(32 * 8), 8)
  const sides = keys.map((key) => {
    const h = toField(encryptBlock(key, Buffer.alloc(16)))
    const mask = toField(encryptBlock(key, Buffer.concat([nonce, Buffer.from([0, 0, 0, 1])])))
    const h2 = multiply(h, h)
    const h3 = multiply(h2, h)
    const others =
      multiply(toField(padded(associated)), multiply(h3, h)) ^
      multiply(toField(first), h3) ^
      multiply(toField(lengths), h) ^
      mask
    return { h2, others }
  })
  const [a, b] = sides
  assert.ok(a && b)
  const second = multiply(a.others ^ b.others, inverse(a.h2 ^ b.h2))
  return Buffer.concat([first, toBytes(second), toBytes(a.others ^ multiply(second, a.h2))])
}

function encryptBlock(key: Buffer, block: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-ecb', key, null)
  cipher.setAutoPadding(false)
  return cipher.update(block)
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(16 - bytes.length)])
}

function toField(block: Buffer): bigint {
  return BigInt(`0x${block.toString('hex')}`)
}

function toBytes(element: bigint): Buffer {
  return Buffer.from(element.toString(16).padStart(32, '0'), 'hex')
}

/** In GCM's field, whose bits stand the other way round. */
function multiply(x: bigint, y: bigint): bigint {
  let product = 0n
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) product ^= y
    y = y & 1n ? (y >> 1n) ^ (0xe1n << 120n) : y >> 1n
  }
  return product
}

/** x^(2^128 - 2) */
function inverse(x: bigint): bigint {
  let result = 1n << 127n
  let power = x
  for (let step = 1; step < 128; step++) {
    power = multiply(power, power)
    result = multiply(result, power)
  }
  return result
}
