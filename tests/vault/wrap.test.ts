import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EnvelopeRefused } from '../../server/vault/floe.ts'
import { MasterKeyProblem, makeMasterKey, useMasterKey } from '../../server/vault/master-key.ts'
import { newKey, unwrapKey, unwrapUnderMaster, wrapKey, wrapUnderMaster } from '../../server/vault/wrap.ts'

const key = newKey()
const secret = newKey()

describe('A wrap', () => {
  it('gives back what was wrapped, and is 28 bytes longer', () => {
    const wrapped = wrapKey(key, 'message/1/key', secret)
    assert.equal(wrapped.length, 60)
    assert.deepEqual(unwrapKey(key, 'message/1/key', wrapped), secret)
  })

  it('is another one each time', () => {
    assert.notDeepEqual(wrapKey(key, 'a', secret), wrapKey(key, 'a', secret))
  })

  it('is refused with any one bit flipped', () => {
    const wrapped = wrapKey(key, 'message/1/key', secret)
    for (let bit = 0; bit < wrapped.length * 8; bit++) {
      const flipped = Buffer.from(wrapped)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      assert.throws(() => unwrapKey(key, 'message/1/key', flipped), EnvelopeRefused, `bit ${bit}`)
    }
  })

  it('is refused when it is cut, empty or lengthened', () => {
    const wrapped = wrapKey(key, 'a', secret)
    for (let length = 0; length < wrapped.length; length++)
      assert.throws(() => unwrapKey(key, 'a', wrapped.subarray(0, length)), EnvelopeRefused, `${length} bytes`)
    assert.throws(() => unwrapKey(key, 'a', Buffer.concat([wrapped, Buffer.alloc(1)])), EnvelopeRefused)
  })

  it('is refused under another binding or another key', () => {
    const wrapped = wrapKey(key, 'message/1/key', secret)
    assert.throws(() => unwrapKey(key, 'message/2/key', wrapped), EnvelopeRefused)
    assert.throws(() => unwrapKey(newKey(), 'message/1/key', wrapped), EnvelopeRefused)
  })
})

describe('A wrap under the master key', () => {
  it('names the version that it was made with, the newest one, and opens while that version is at hand', () => {
    const [first, second] = [makeMasterKey(1), makeMasterKey(2)]
    useMasterKey(first)
    const old = wrapUnderMaster('a', secret)
    useMasterKey(`${first}\n${second}\n`)
    const young = wrapUnderMaster('a', secret)
    assert.deepEqual([old.readUInt32BE(0), young.readUInt32BE(0)], [1, 2])
    assert.deepEqual(unwrapUnderMaster('a', old), secret)
    assert.deepEqual(unwrapUnderMaster('a', young), secret)
    useMasterKey(second)
    assert.deepEqual(unwrapUnderMaster('a', young), secret)
    assert.throws(() => unwrapUnderMaster('a', old), MasterKeyProblem)
  })

  it('130. Old key version replaced by lower, zero-length -> refused', () => {
    useMasterKey(`${makeMasterKey(1)}\n${makeMasterKey(2)}`)
    const wrapped = wrapUnderMaster('a', secret)
    const lowered = Buffer.from(wrapped)
    lowered.writeUInt32BE(1)
    assert.throws(() => unwrapUnderMaster('a', lowered), EnvelopeRefused)
    for (const length of [0, 3, 4, 31])
      assert.throws(() => unwrapUnderMaster('a', wrapped.subarray(0, length)), EnvelopeRefused, `${length} bytes`)
  })
})
