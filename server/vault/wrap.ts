/**
 * Wraps of thread, message and file keys: plain AES-256-GCM with random nonces under derived keys (NIST SP 800-38D section 8.2.2, far
 * below 2^32 each). They need not commit: what the wrapped key opens is a FLOE envelope, whose own header commits to its key.
 * Layout: nonce (12), ciphertext (32), tag (16).
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { EnvelopeRefused } from './floe.ts'
import { masterVersionHead, writtenMasterVersion, subkey } from './master-key.ts'

/** 256 fresh random bits. A failing random source throws and nothing is written. */
export function newKey(): Buffer {
  return randomBytes(32)
}

/** Wraps `secret` (any short bytes) under `key`, tied to `binding`. */
export function wrapKey(key: Buffer, binding: string, secret: Buffer): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(binding))
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
}

/** @throws EnvelopeRefused when a bit, the key or the binding differs */
export function unwrapKey(key: Buffer, binding: string, wrapped: Buffer): Buffer {
  if (wrapped.length < 28) throw new EnvelopeRefused('a wrap is too short')
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, 12), { authTagLength: 16 })
    decipher.setAAD(Buffer.from(binding))
    decipher.setAuthTag(wrapped.subarray(-16))
    return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()])
  } catch {
    throw new EnvelopeRefused('a wrap does not open')
  }
}

/** The outer wrap of a thread key: under the master key's `wraps` subkey; the version stands in front (4 bytes). */
export function wrapUnderMaster(binding: string, secret: Buffer, version = writtenMasterVersion()): Buffer {
  return Buffer.concat([masterVersionHead(version), wrapKey(subkey('wraps', version), binding, secret)])
}

/** The same wrap under another version. @throws EnvelopeRefused, MasterKeyProblem */
export function rewrapUnderMaster(binding: string, wrapped: Buffer, version: number): Buffer {
  return wrapUnderMaster(binding, unwrapUnderMaster(binding, wrapped), version)
}

/** @throws EnvelopeRefused, MasterKeyProblem */
export function unwrapUnderMaster(binding: string, wrapped: Buffer): Buffer {
  if (wrapped.length < 4) throw new EnvelopeRefused('a wrap is too short')
  return unwrapKey(subkey('wraps', wrapped.readUInt32BE(0)), binding, wrapped.subarray(4))
}
