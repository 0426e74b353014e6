import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { EnvelopeRefused } from '../../server/vault/floe.ts'
import { makeKeyPair } from '../../server/vault/hpke.ts'
import { sealToPublic, unsealWithPrivate } from '../../server/vault/public-seal.ts'

const pair = makeKeyPair()

describe('What is sealed to a public half', () => {
  it('opens with the private half, whatever its length', () => {
    for (const length of [0, 1, 32, 65504, 65505, 200_000]) {
      const content = randomBytes(length)
      assert.deepEqual(unsealWithPrivate(pair, 'draft/1', sealToPublic(pair.publicKey, 'draft/1', content)), content)
    }
  })

  it('is refused with a bit flipped anywhere: in the sealed key, in the header, in a segment', () => {
    const sealed = sealToPublic(pair.publicKey, 'draft/1', Buffer.from('written by somebody'))
    for (let place = 0; place < sealed.length; place++) {
      const flipped = Buffer.from(sealed)
      flipped[place]! ^= 1
      assert.throws(() => unsealWithPrivate(pair, 'draft/1', flipped), EnvelopeRefused, `byte ${place}`)
    }
  })

  it('is refused when it is cut or empty', () => {
    const sealed = sealToPublic(pair.publicKey, 'draft/1', Buffer.from('written by somebody'))
    for (let length = 0; length < sealed.length; length++)
      assert.throws(() => unsealWithPrivate(pair, 'draft/1', sealed.subarray(0, length)), EnvelopeRefused, `${length}`)
  })

  it('is refused under another binding, and for another pair', () => {
    const sealed = sealToPublic(pair.publicKey, 'draft/1', Buffer.from('x'))
    assert.throws(() => unsealWithPrivate(pair, 'draft/2', sealed), EnvelopeRefused)
    assert.throws(() => unsealWithPrivate(makeKeyPair(), 'draft/1', sealed), EnvelopeRefused)
  })

  it('cannot be spliced: the key of one with the content of another', () => {
    const [one, two] = ['one', 'two'].map((text) => sealToPublic(pair.publicKey, 'draft/1', Buffer.from(text)))
    const spliced = Buffer.concat([one!.subarray(0, 113), two!.subarray(113)])
    assert.throws(() => unsealWithPrivate(pair, 'draft/1', spliced), EnvelopeRefused)
  })
})
