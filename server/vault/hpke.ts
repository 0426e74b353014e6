/**
 * HPKE (RFC 9180), single-shot base mode with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM: how a key is
 * sealed to a mailbox that is closed. On `createECDH`, which was measured at twice the rate of key objects. Notes name the RFC's functions.
 */
import { createCipheriv, createDecipheriv, createECDH, createHmac } from 'node:crypto'
import { EnvelopeRefused } from './floe.ts'

/** A P-256 point, uncompressed (65 bytes), and its scalar (32 bytes). */
export interface KeyPair {
  publicKey: Buffer
  privateKey: Buffer
}

/** Seals to the holder of a public key: encapsulation (65 bytes), ciphertext, tag (16 bytes). */
export function hpkeSeal(publicKey: Buffer, binding: string, plaintext: Buffer): Buffer {
  const { sharedSecret, encapsulation } = encapsulate(publicKey)
  const { key, nonce } = scheduleKeys(SUITE, sharedSecret, INFO)
  const cipher = createCipheriv(SUITE.cipher, key, nonce)
  cipher.setAAD(Buffer.from(binding))
  const sealed = cipher.update(plaintext)
  cipher.final()
  return Buffer.concat([encapsulation, sealed, cipher.getAuthTag()])
}

/** What was sealed to this key pair under this binding. Throws EnvelopeRefused. */
export function hpkeOpen(keyPair: KeyPair, binding: string, sealed: Buffer): Buffer {
  if (sealed.length < POINT_LENGTH + TAG_LENGTH) throw new EnvelopeRefused('the sealed key is cut')
  const sharedSecret = decapsulate(keyPair, sealed.subarray(0, POINT_LENGTH))
  const { key, nonce } = scheduleKeys(SUITE, sharedSecret, INFO)
  const decipher = createDecipheriv(SUITE.cipher, key, nonce, { authTagLength: TAG_LENGTH })
  decipher.setAAD(Buffer.from(binding))
  decipher.setAuthTag(sealed.subarray(-TAG_LENGTH))
  const clear = decipher.update(sealed.subarray(POINT_LENGTH, -TAG_LENGTH))
  try {
    decipher.final()
  } catch {
    throw new EnvelopeRefused('the sealed key is not as it was sealed, or is for another')
  }
  return clear
}

/** The pair that a private half belongs to. */
export function pairOfPrivate(privateKey: Buffer): KeyPair {
  const ecdh = createECDH(CURVE)
  ecdh.setPrivateKey(privateKey)
  return { publicKey: ecdh.getPublicKey(), privateKey }
}

export function makeKeyPair(): KeyPair {
  const ecdh = createECDH(CURVE)
  const publicKey = ecdh.generateKeys()
  // A scalar can begin with zeros, which `getPrivateKey` leaves out.
  const scalar = ecdh.getPrivateKey()
  return { publicKey, privateKey: Buffer.concat([Buffer.alloc(SCALAR_LENGTH - scalar.length), scalar]) }
}

const CURVE = 'prime256v1'
const POINT_LENGTH = 65
const SCALAR_LENGTH = 32
const NONCE_LENGTH = 12
const TAG_LENGTH = 16
const INFO = Buffer.from('letterlock')

/** Encap. The ephemeral pair is given only by tests with known answers. */
export function encapsulate(
  publicKey: Buffer,
  ephemeral = makeKeyPair(),
): { sharedSecret: Buffer; encapsulation: Buffer } {
  const agreed = agree(ephemeral.privateKey, publicKey)
  const sharedSecret = extractAndExpand(agreed, ephemeral.publicKey, publicKey)
  return { sharedSecret, encapsulation: ephemeral.publicKey }
}

/** Decap */
export function decapsulate({ publicKey, privateKey }: KeyPair, encapsulation: Buffer): Buffer {
  return extractAndExpand(agree(privateKey, encapsulation), encapsulation, publicKey)
}

/** DH: the shared point's x-coordinate. A point off the curve is refused by OpenSSL, any other form than ours here. */
function agree(privateKey: Buffer, publicKey: Buffer): Buffer {
  if (publicKey.length !== POINT_LENGTH || publicKey[0] !== 4) throw new EnvelopeRefused('this is not a public key')
  const ecdh = createECDH(CURVE)
  ecdh.setPrivateKey(privateKey)
  try {
    return ecdh.computeSecret(publicKey)
  } catch {
    throw new EnvelopeRefused('the public key is not on the curve')
  }
}

/** ExtractAndExpand, whose context is both public keys. */
function extractAndExpand(agreed: Buffer, encapsulation: Buffer, publicKey: Buffer): Buffer {
  const secret = labeledExtract(KEM_SUITE, EMPTY, 'eae_prk', agreed)
  return labeledExpand(KEM_SUITE, secret, 'shared_secret', Buffer.concat([encapsulation, publicKey]), 32)
}

interface Suite {
  id: Buffer
  cipher: 'aes-128-gcm' | 'aes-256-gcm'
  keyLength: number
}

/** The RFC's own example (A.3) is written for AES-128-GCM, number 1; ours is number 2. */
export function suiteWith(cipher: Suite['cipher']): Suite {
  return cipher === 'aes-128-gcm'
    ? { id: Buffer.from('HPKE\x00\x10\x00\x01\x00\x01'), cipher, keyLength: 16 }
    : { id: Buffer.from('HPKE\x00\x10\x00\x01\x00\x02'), cipher, keyLength: 32 }
}

const EMPTY = Buffer.alloc(0)
const KEM_SUITE = Buffer.from('KEM\x00\x10')
const SUITE = suiteWith('aes-256-gcm')

/** KeySchedule in base mode, where the pre-shared key and its name are empty, for the first and only message. */
export function scheduleKeys(
  suite: Suite,
  sharedSecret: Buffer,
  info: Buffer,
): { key: Buffer; nonce: Buffer; context: Buffer } {
  const context = Buffer.concat([
    BASE_MODE,
    labeledExtract(suite.id, EMPTY, 'psk_id_hash', EMPTY),
    labeledExtract(suite.id, EMPTY, 'info_hash', info),
  ])
  const secret = labeledExtract(suite.id, sharedSecret, 'secret', EMPTY)
  return {
    key: labeledExpand(suite.id, secret, 'key', context, suite.keyLength),
    nonce: labeledExpand(suite.id, secret, 'base_nonce', context, NONCE_LENGTH),
    context,
  }
}

const BASE_MODE = Buffer.from([0])

/** LabeledExtract */
function labeledExtract(suiteId: Buffer, salt: Buffer, label: string, input: Buffer): Buffer {
  return hmac(salt, Buffer.concat([VERSION, suiteId, Buffer.from(label), input]))
}

/** LabeledExpand. At most 32 bytes are wanted here, which is one block of HMAC-SHA-256, its counter byte at the end. */
function labeledExpand(suiteId: Buffer, key: Buffer, label: string, context: Buffer, length: number): Buffer {
  const wanted = Buffer.from([length >> 8, length & 255])
  const block = Buffer.concat([wanted, VERSION, suiteId, Buffer.from(label), context, Buffer.from([1])])
  return hmac(key, block).subarray(0, length)
}

const VERSION = Buffer.from('HPKE-v1')

function hmac(key: Buffer, input: Buffer): Buffer {
  return createHmac('sha256', key).update(input).digest()
}
