import assert from 'node:assert/strict'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core'
import fc from 'fast-check'
import { projectRoot } from '../../server/lib/root.ts'
import { EnvelopeRefused } from '../../server/vault/floe.ts'
import {
  decapsulate,
  encapsulate,
  hpkeOpen,
  hpkeSeal,
  makeKeyPair,
  scheduleKeys,
  suiteWith,
} from '../../server/vault/hpke.ts'

const answers = JSON.parse(readFileSync(join(projectRoot, 'tests/known-answers/hpke.json'), 'utf8')) as Record<
  'A.3.1' | 'AES-256-GCM',
  Record<string, string>
>
const pair = makeKeyPair()
const binding = 'thread/1/key'
const secret = randomBytes(32)

describe('HPKE', () => {
  it('opens what was sealed to a key pair: 65 bytes and a tag longer', () => {
    const sealed = hpkeSeal(pair.publicKey, binding, secret)
    assert.equal(sealed.length, 65 + 32 + 16)
    assert.deepEqual(hpkeOpen(pair, binding, sealed), secret)
    assert.notDeepEqual(hpkeSeal(pair.publicKey, binding, secret), sealed)
  })

  it('makes scalars of 32 bytes, also those that begin with a zero', () => {
    const pairs = Array.from({ length: 600 }, makeKeyPair)
    assert.ok(pairs.every(({ privateKey, publicKey }) => privateKey.length === 32 && publicKey.length === 65))
    const zero = pairs.find(({ privateKey }) => privateKey[0] === 0)
    if (zero) assert.deepEqual(hpkeOpen(zero, binding, hpkeSeal(zero.publicKey, binding, secret)), secret)
  })

  it('refuses another pair, another binding, and every changed, cut or longer input', () => {
    const sealed = hpkeSeal(pair.publicKey, binding, secret)
    assert.throws(() => hpkeOpen(makeKeyPair(), binding, sealed), EnvelopeRefused)
    assert.throws(() => hpkeOpen(pair, 'thread/2/key', sealed), EnvelopeRefused)
    assert.throws(() => hpkeOpen(pair, binding, Buffer.concat([sealed, Buffer.from([0])])), EnvelopeRefused)
    for (let length = 0; length < sealed.length; length++) {
      assert.throws(() => hpkeOpen(pair, binding, sealed.subarray(0, length)), EnvelopeRefused)
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: sealed.length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = Buffer.from(sealed)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        assert.throws(() => hpkeOpen(pair, binding, changed), EnvelopeRefused)
      }),
      { numRuns: 200 },
    )
  })

  it('takes no point that is off the curve, at infinity, compressed or of the wrong length', () => {
    const offCurve = Buffer.from(pair.publicKey)
    offCurve[64] = (offCurve[64] ?? 0) ^ 1
    const compressed = Buffer.concat([Buffer.from([2]), pair.publicKey.subarray(1, 33)])
    const hybrid = Buffer.concat([Buffer.from([6 + ((pair.publicKey[64] ?? 0) & 1)]), pair.publicKey.subarray(1)])
    const bad = [
      offCurve,
      compressed,
      hybrid,
      Buffer.from([0]),
      Buffer.alloc(65),
      Buffer.alloc(0),
      Buffer.concat([Buffer.from([4]), Buffer.alloc(64)]),
    ]
    for (const point of bad) assert.throws(() => hpkeSeal(point, binding, secret), EnvelopeRefused)
    const sealed = hpkeSeal(pair.publicKey, binding, secret)
    assert.throws(() => hpkeOpen(pair, binding, Buffer.concat([offCurve, sealed.subarray(65)])), EnvelopeRefused)
    assert.throws(() => hpkeOpen(pair, binding, Buffer.concat([hybrid, sealed.subarray(65)])), EnvelopeRefused)
  })
})

describe('HPKE against RFC 9180', () => {
  it('appendix A.3: encapsulation, shared secret, key schedule and first ciphertext', () => {
    const known = hexOf(answers['A.3.1'])
    const { sharedSecret, encapsulation } = encapsulate(known('pkRm'), {
      publicKey: known('pkEm'),
      privateKey: known('skEm'),
    })
    assert.deepEqual(encapsulation, known('enc'))
    assert.deepEqual(sharedSecret, known('shared_secret'))
    assert.deepEqual(decapsulate({ publicKey: known('pkRm'), privateKey: known('skRm') }, known('enc')), sharedSecret)

    const { key, nonce, context } = scheduleKeys(suiteWith('aes-128-gcm'), sharedSecret, known('info'))
    assert.deepEqual(context, known('key_schedule_context'))
    assert.deepEqual(key, known('key'))
    assert.deepEqual(nonce, known('base_nonce'))
    assert.deepEqual(encrypt('aes-128-gcm', key, nonce, known('aad'), known('pt')), known('ct'))
  })

  it('our own suite, over a thousand encryptions', () => {
    const known = hexOf(answers['AES-256-GCM'])
    const sharedSecret = decapsulate({ publicKey: known('pkRm'), privateKey: known('skRm') }, known('enc'))
    const { key, nonce } = scheduleKeys(suiteWith('aes-256-gcm'), sharedSecret, known('info'))
    const source = createHash('shake128', { outputLength: 2 * 256 * 1000 }).digest()
    const sink = createHash('shake128', { outputLength: 16 })
    let taken = 0
    const draw = () => {
      const length = source.readUInt8(taken)
      return source.subarray(taken + 1, (taken += 1 + length))
    }
    for (let sequence = 0; sequence < 1000; sequence++) {
      const counted = Buffer.from(nonce)
      counted.writeUInt32BE((counted.readUInt32BE(8) ^ sequence) >>> 0, 8)
      const associated = draw()
      sink.update(encrypt('aes-256-gcm', key, counted, associated, draw()))
    }
    assert.deepEqual(sink.digest(), known('encryptions_accumulated'))
  })
})

describe('HPKE against @hpke/core, with AES-256-GCM', () => {
  const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
  const info = Buffer.from('letterlock')

  it('it opens what we sealed', async () => {
    for (const length of [0, 1, 32, 1000]) {
      const plaintext = randomBytes(length)
      const sealed = hpkeSeal(pair.publicKey, binding, plaintext)
      const recipientKey = await suite.kem.deserializePrivateKey(exact(pair.privateKey))
      const opened = await suite.open(
        { recipientKey, enc: exact(sealed.subarray(0, 65)), info: exact(info) },
        exact(sealed.subarray(65)),
        exact(Buffer.from(binding)),
      )
      assert.deepEqual(Buffer.from(opened), plaintext)
    }
  })

  it('we open what it sealed', async () => {
    for (const length of [0, 1, 32, 1000]) {
      const plaintext = randomBytes(length)
      const recipientPublicKey = await suite.kem.deserializePublicKey(exact(pair.publicKey))
      const { ct, enc } = await suite.seal(
        { recipientPublicKey, info: exact(info) },
        exact(plaintext),
        exact(Buffer.from(binding)),
      )
      assert.deepEqual(hpkeOpen(pair, binding, Buffer.concat([Buffer.from(enc), Buffer.from(ct)])), plaintext)
    }
  })
})

function hexOf(known: Record<string, string>): (name: string) => Buffer {
  return (name) => {
    assert.ok(known[name], name)
    return Buffer.from(known[name], 'hex')
  }
}

function encrypt(
  name: 'aes-128-gcm' | 'aes-256-gcm',
  key: Buffer,
  nonce: Buffer,
  associated: Buffer,
  clear: Buffer,
): Buffer {
  const cipher = createCipheriv(name, key, nonce)
  cipher.setAAD(associated)
  return Buffer.concat([cipher.update(clear), cipher.final(), cipher.getAuthTag()])
}

/** The library takes an ArrayBuffer of exactly the bytes. */
function exact(bytes: Buffer): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}
