/**
 * Padding hides how long a thing is. Short fields grow to one of a few sizes, everything longer to Padmé's sizes, which
 * give away O(log log n) bits of the length and cost at most 12 %. Sealed around with FLOE, so that nothing here is secret.
 */
import { EnvelopeRefused } from './floe.ts'

/** A 4-byte length, the text in UTF-8, and zeros up to the next bucket. */
export function padToBucket(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const padded = Buffer.alloc(bucketFor(LENGTH_BYTES + length))
  padded.writeUInt32BE(length)
  padded.write(text, LENGTH_BYTES)
  return padded
}

/** The text inside. Whatever `padToBucket` could not have made is refused, so that a text has one padded form. */
export function unpad(padded: Buffer): string {
  const length = padded.length < LENGTH_BYTES ? 0 : padded.readUInt32BE(0)
  const end = LENGTH_BYTES + length
  if (padded.length !== bucketFor(end)) throw new EnvelopeRefused('the padding does not fit the length')
  if (padded.subarray(end).some((byte) => byte !== 0)) throw new EnvelopeRefused('the padding is not empty')
  return padded.toString('utf8', LENGTH_BYTES, end)
}

/**
 * The padded size of `length` bytes (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication
 * with PURBs", 2019): of a size written in binary, only as many leading bits may be set as its exponent has bits.
 */
export function padme(length: number): number {
  if (length < 2) return length
  const exponent = bits(length) - 1
  const step = 2 ** (exponent - bits(exponent))
  return Math.ceil(length / step) * step
}

const LENGTH_BYTES = 4
const BUCKETS = [64, 128, 256, 512, 1024, 2048]

function bucketFor(length: number): number {
  return BUCKETS.find((bucket) => length <= bucket) ?? padme(length)
}

/** Not Math.log2, whose rounding is wrong beside large powers of two. */
function bits(length: number): number {
  return length.toString(2).length
}
