/**
 * A key from a passphrase, for what leaves the house and has to open without it: scrypt (RFC 7914), because the independent decryptor has
 * nothing but Node's own cryptography, and that has no argon2id in every version that we support. 128 MiB and half a second of a core a guess.
 */
import { randomBytes, scrypt } from 'node:crypto'

/** What stands beside the sealed bytes, and is no secret. */
export interface Stretching {
  N: number
  r: number
  p: number
  salt: Buffer
}

export function newStretching(): Stretching {
  return { N: 2 ** 17, r: 8, p: 1, salt: randomBytes(16) }
}

/** 32 bytes. One way of writing a passphrase gives one key: it is brought into NFC first. */
export function keyFromPassphrase(passphrase: string, { N, r, p, salt }: Stretching): Promise<Buffer> {
  const maxmem = 128 * N * r * 2
  return new Promise((done, fail) =>
    scrypt(passphrase.normalize('NFC'), salt, 32, { N, r, p, maxmem }, (error, key) =>
      error ? fail(error) : done(key),
    ),
  )
}
