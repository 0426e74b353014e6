import { randomBytes } from 'node:crypto'

let last = { time: 0, count: 0 }

/**
 * A UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, 12 that count up within one (section 6.2, method 1), 62 random. So ids
 * sort in the order they were made, and files that came together keep theirs.
 */
export function newId(now: Date = new Date()): string {
  const bytes = randomBytes(16)
  const time = now.getTime()
  // Begins in the lower half, so that there is room to count.
  last = { time, count: time === last.time ? (last.count + 1) & 0xfff : bytes.readUInt16BE(6) & 0x7ff }
  bytes.writeUIntBE(time, 0, 6)
  bytes.writeUInt16BE(0x7000 | last.count, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Whether `text` has the shape of an id that we make. Anything else in a path is answered like an unknown id. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && ID.test(text)
}
