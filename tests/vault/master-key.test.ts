import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EnvelopeRefused } from '../../server/vault/floe.ts'
import {
  MasterKeyProblem,
  makeMasterKey,
  writtenMasterVersion,
  sealUnderMaster,
  subkey,
  unsealUnderMaster,
  useMasterKey,
} from '../../server/vault/master-key.ts'

describe('The master key', () => {
  it('is a version and 32 random bytes, another one each time', () => {
    assert.match(makeMasterKey(), /^1:[A-Za-z0-9_-]{43}$/)
    assert.match(makeMasterKey(12), /^12:[A-Za-z0-9_-]{43}$/)
    assert.notEqual(makeMasterKey(), makeMasterKey())
  })

  it('is refused in any other shape, and the refusal does not repeat it', () => {
    const whole = makeMasterKey()
    for (const text of [
      '',
      ' \n',
      whole.slice(0, -1),
      whole + 'A',
      whole.slice(2),
      `x${whole}`,
      `${whole}\ngarbage`,
      `${whole}\n${makeMasterKey()}`,
    ])
      assert.throws(
        () => useMasterKey(text),
        (error: Error) => error instanceof MasterKeyProblem && !error.message.includes(whole.slice(10, 30)),
        text,
      )
  })

  it('of which the highest version counts, in whatever order they stand', () => {
    useMasterKey(`${makeMasterKey(3)}\r\n${makeMasterKey(10)}\n\n${makeMasterKey(2)}`)
    assert.equal(writtenMasterVersion(), 10)
  })

  it('gives each purpose and each version a subkey of its own, and forgets them when another is taken into use', () => {
    useMasterKey(`${makeMasterKey(1)}\n${makeMasterKey(2)}`)
    const made = [subkey('keys', 1), subkey('wraps', 1), subkey('keys', 2)].map((key) => key.toString('hex'))
    assert.equal(new Set(made).size, 3)
    assert.equal(subkey('keys', 1).toString('hex'), made[0])
    useMasterKey(makeMasterKey(1))
    assert.notEqual(subkey('keys', 1).toString('hex'), made[0])
    assert.throws(() => subkey('keys', 2), /Version 2 of the master key is missing/)
  })

  it('seals so that purpose, binding, version and every byte count', () => {
    useMasterKey(`${makeMasterKey(1)}\n${makeMasterKey(2)}`)
    const sealed = sealUnderMaster('waiting', 'mailbox/1', Buffer.from('private half'))
    assert.equal(unsealUnderMaster('waiting', 'mailbox/1', sealed).toString(), 'private half')
    assert.throws(() => unsealUnderMaster('keys', 'mailbox/1', sealed), EnvelopeRefused)
    assert.throws(() => unsealUnderMaster('waiting', 'mailbox/2', sealed), EnvelopeRefused)
    for (let place = 4; place < sealed.length; place++) {
      const flipped = Buffer.from(sealed)
      flipped[place]! ^= 1
      assert.throws(() => unsealUnderMaster('waiting', 'mailbox/1', flipped), EnvelopeRefused, `byte ${place}`)
    }
    for (const length of [0, 3, 4, sealed.length - 1])
      assert.throws(() => unsealUnderMaster('waiting', 'mailbox/1', sealed.subarray(0, length)), EnvelopeRefused)
    const lowered = Buffer.from(sealed)
    lowered.writeUInt32BE(1)
    assert.throws(() => unsealUnderMaster('waiting', 'mailbox/1', lowered), EnvelopeRefused)
    const unknown = Buffer.from(sealed)
    unknown.writeUInt32BE(7)
    assert.throws(() => unsealUnderMaster('waiting', 'mailbox/1', unknown), /Version 7 of the master key is missing/)
  })
})
