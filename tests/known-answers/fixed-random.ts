/** What stands in for random bytes in known answers: SHAKE-256 of a word, from its beginning. */
import { createHash } from 'node:crypto'
import type { RandomSource } from '../../server/vault/floe.ts'

export function fixedRandom(word: string): RandomSource {
  const bytes = createHash('shake256', { outputLength: 65536 }).update(word).digest()
  let taken = 0
  return (length) => bytes.subarray(taken, (taken += length))
}

/** Bytes that count 0 to 250 again and again. */
export function countingBytes(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => index % 251))
}
