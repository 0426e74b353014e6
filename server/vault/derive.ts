import { hkdfSync } from 'node:crypto'

/** HKDF-SHA-256 (RFC 5869) of `secret` to `length` bytes; `purpose` separates keys that come from one secret. */
export function deriveKey(secret: Buffer, purpose: string, length = 32, salt: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `letterlock/${purpose}`, length))
}
