/**
 * Sealing to somebody's public half, for things of any length: a fresh key goes by HPKE, the content under that key as a FLOE envelope,
 * so that what is stored commits to its key. Layout: HPKE (65 + 32 + 16 bytes), then the envelope.
 */
import { BODY_SEGMENT, EnvelopeRefused, sealEnvelope, unsealEnvelope } from './floe.ts'
import { hpkeOpen, hpkeSeal, type KeyPair } from './hpke.ts'
import { newKey } from './wrap.ts'

const HPKE_LENGTH = 65 + 32 + 16

export function sealToPublic(publicKey: Buffer, binding: string, plaintext: Buffer): Buffer {
  const key = newKey()
  return Buffer.concat([hpkeSeal(publicKey, binding, key), sealEnvelope(key, binding, plaintext, BODY_SEGMENT)])
}

/** @throws EnvelopeRefused */
export function unsealWithPrivate(pair: KeyPair, binding: string, sealed: Buffer): Buffer {
  if (sealed.length <= HPKE_LENGTH) throw new EnvelopeRefused('too short')
  const key = hpkeOpen(pair, binding, sealed.subarray(0, HPKE_LENGTH))
  return unsealEnvelope(key, binding, sealed.subarray(HPKE_LENGTH))
}
