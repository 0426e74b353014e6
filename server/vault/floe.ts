/**
 * FLOE (c2sp.org/FLOE): AES-256-GCM in segments under keys from HKDF-Expand-SHA-384. The one format of everything sealed
 * for storage. The header commits to the key and to the binding before any segment is tried; each segment commits to
 * its place and to whether it is the last. Notes name the specification's functions.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'

export const FIELD_SEGMENT = 4096
export const BODY_SEGMENT = 65536
export const FILE_SEGMENT = 262144

/** The whole envelope is refused: cut, changed, moved, or under another key. Which of them is not told apart for people. */
export class EnvelopeRefused extends Error {
  override name = 'EnvelopeRefused'
}

/** Seals bytes that are at hand as a whole. `key` is 32 bytes, `segmentLength` one of the accepted ones. */
export function sealEnvelope(key: Buffer, binding: string, plaintext: Buffer, segmentLength: number): Buffer {
  return sealWhole(ourParameters(segmentLength), key, Buffer.from(binding), plaintext)
}

/** The bytes that were sealed under this key and binding. Throws EnvelopeRefused, and then gives back nothing of them. */
export function unsealEnvelope(key: Buffer, binding: string, envelope: Buffer): Buffer {
  return unsealWhole(parametersIn(envelope), key, Buffer.from(binding), envelope)
}

/** Clear bytes in, an envelope out, a segment at a time. */
export function sealingStream(key: Buffer, binding: string, segmentLength: number): Transform {
  const envelope = startSealing(ourParameters(segmentLength), key, Buffer.from(binding))
  const blocks = cutIntoBlocks(
    () => segmentLength - SEGMENT_OVERHEAD,
    (clear, last) => envelope.sealNext(clear, last),
  )
  blocks.push(envelope.header)
  return blocks
}

/** How many clear bytes a whole segment of this length holds. */
export function roomIn(segmentLength: number): number {
  return segmentLength - SEGMENT_OVERHEAD
}

/** The header of an envelope whose segments are sealed later, in pieces. */
export function beginEnvelope(key: Buffer, binding: string, segmentLength: number): Buffer {
  return startSealing(ourParameters(segmentLength), key, Buffer.from(binding)).header
}

/**
 * Goes on with an envelope that was begun: clear bytes in, the segments from `position` on out, without the header. A position that is sealed
 * once more, because its answer was lost, gets a fresh nonce as any other segment does: nothing is counted, so nothing can be counted twice.
 * @param ends whether the envelope ends with these bytes; those of every other piece have to fill their segments
 * @throws EnvelopeRefused when the header is not of this key and binding
 */
export function sealingStreamFrom(
  key: Buffer,
  binding: string,
  begun: { header: Buffer; position: number },
  ends: boolean,
): Transform {
  const parameters = parametersIn(begun.header)
  const envelope = startSealing(parameters, key, Buffer.from(binding), randomBytes, begun)
  const room = roomIn(parameters.segmentLength)
  return cutIntoBlocks(
    () => room,
    (clear, last) => envelope.sealNext(clear, last),
    ends,
  )
}

/**
 * Opens segments from `position` on, one after another, without those before. Whoever asks says which is the last, and it has to agree.
 * @throws EnvelopeRefused, here for the header and then for each segment
 */
export function unsealFrom(
  key: Buffer,
  binding: string,
  header: Buffer,
  position: number,
): (segment: Buffer, last: boolean) => Buffer {
  return startUnsealing(parametersIn(header), key, Buffer.from(binding), header, position).unsealNext
}

/** The length of every segment but the last. @throws EnvelopeRefused when the header is not ours */
export function segmentLengthIn(header: Buffer): number {
  return parametersIn(header).segmentLength
}

/** What an envelope says of itself: how it was sealed. @throws EnvelopeRefused when it says what we do not know */
export function algorithmsIn(header: Buffer): { cipher: string; derivation: string; segmentLength: number } {
  const { segmentLength } = parametersIn(header)
  // The specification has numbers for others, with which nothing of ours was sealed.
  if (header[0] !== 0 || header[1] !== 0) throw new EnvelopeRefused('the header names other algorithms')
  return { cipher: 'AES-256-GCM', derivation: 'HKDF-Expand-SHA-384', segmentLength }
}

/**
 * An envelope in, clear bytes out. A segment leaves only after its tag was checked; the stream ends only after the last one.
 * @param onRefused with it, zeros leave in the place of a segment that is refused, and those behind it still open
 */
export function unsealingStream(key: Buffer, binding: string, onRefused?: () => void): Transform {
  let envelope: Unsealing | undefined
  const unsealNext = (block: Buffer, last: boolean) => {
    try {
      return envelope!.unsealNext(block, last)
    } catch (error) {
      if (!onRefused || !(error instanceof EnvelopeRefused)) throw error
      onRefused()
      return Buffer.alloc(Math.max(0, block.length - SEGMENT_OVERHEAD))
    }
  }
  return cutIntoBlocks(
    () => envelope?.segmentLength ?? HEADER_LENGTH,
    (block, last) => {
      if (envelope) return [unsealNext(block, last)]
      envelope = startUnsealing(parametersIn(block), key, Buffer.from(binding), block)
      if (last) throw new EnvelopeRefused('there is no segment after the header')
      return []
    },
  )
}

/** What may differ between envelopes. A segment key serves 2^rotationMask segments. */
export interface Parameters {
  segmentLength: number
  rotationMask: number
}

/** A source of random bytes. Only tests with known answers give another than the system's. */
export type RandomSource = (length: number) => Buffer

/** The steps below the public functions take any parameters, which published known answers need; the public ones do not. */
export function sealWhole(
  parameters: Parameters,
  key: Buffer,
  binding: Buffer,
  plaintext: Buffer,
  random: RandomSource = randomBytes,
): Buffer {
  const envelope = startSealing(parameters, key, binding, random)
  const room = parameters.segmentLength - SEGMENT_OVERHEAD
  const pieces = [envelope.header]
  let start = 0
  for (; plaintext.length - start > room; start += room) {
    pieces.push(...envelope.sealNext(plaintext.subarray(start, start + room), false))
  }
  pieces.push(...envelope.sealNext(plaintext.subarray(start), true))
  return Buffer.concat(pieces)
}

export function unsealWhole(parameters: Parameters, key: Buffer, binding: Buffer, bytes: Buffer): Buffer {
  const envelope = startUnsealing(parameters, key, binding, bytes.subarray(0, HEADER_LENGTH))
  const { segmentLength } = parameters
  const pieces = []
  let start = HEADER_LENGTH
  for (; bytes.length - start > segmentLength; start += segmentLength) {
    pieces.push(envelope.unsealNext(bytes.subarray(start, start + segmentLength), false))
  }
  const last = envelope.unsealNext(bytes.subarray(start), true)
  return pieces.length === 0 ? last : Buffer.concat([...pieces, last])
}

interface Sealing {
  header: Buffer
  /** In parts, because putting them together would copy every byte once more. */
  sealNext(clear: Buffer, last: boolean): Buffer[]
}

interface Unsealing {
  segmentLength: number
  unsealNext(segment: Buffer, last: boolean): Buffer
}

// The published layout: parameters, IV and tag in the header; mark, nonce and tag around each segment.
const PARAMETERS_LENGTH = 10
const IV_LENGTH = 32
const HEADER_TAG_LENGTH = 32
export const HEADER_LENGTH = PARAMETERS_LENGTH + IV_LENGTH + HEADER_TAG_LENGTH
const MARK_LENGTH = 4
const NONCE_LENGTH = 12
const TAG_LENGTH = 16
const SEGMENT_OVERHEAD = MARK_LENGTH + NONCE_LENGTH + TAG_LENGTH
const NOT_LAST = 0xffffffff
const KEY_LENGTH = 32
const MESSAGE_KEY_LENGTH = 48
const MOST_SEGMENTS = 2 ** 40
const ROTATION_MASK = 20
const ACCEPTED_LENGTHS = [FIELD_SEGMENT, BODY_SEGMENT, FILE_SEGMENT, 1048576]

function ourParameters(segmentLength: number): Parameters {
  if (!ACCEPTED_LENGTHS.includes(segmentLength)) throw new TypeError('This segment length is not in use')
  return { segmentLength, rotationMask: ROTATION_MASK }
}

/** Only the segment length is taken from the envelope, and only ours: the rest is compared in `startUnsealing`. */
function parametersIn(header: Buffer): Parameters {
  const segmentLength = header.length < HEADER_LENGTH ? undefined : header.readUInt32BE(2)
  if (!segmentLength || !ACCEPTED_LENGTHS.includes(segmentLength)) throw new EnvelopeRefused('the header is not ours')
  return { segmentLength, rotationMask: ROTATION_MASK }
}

/** startOnlineEncryption. With `begun` it goes on where an envelope stands. */
function startSealing(
  parameters: Parameters,
  key: Buffer,
  binding: Buffer,
  random: RandomSource = randomBytes,
  begun?: { header: Buffer; position: number },
): Sealing {
  checkKey(key)
  const context = begun
    ? contextIn(parameters, key, binding, begun.header)
    : { encoded: encodeParameters(parameters), iv: random(IV_LENGTH), binding }
  const header = begun?.header ?? Buffer.concat([context.encoded, context.iv, headerTag(key, context)])
  const segmentKey = segmentKeys(parameters, key, context)
  let position = begun?.position ?? 0
  let closed = false

  /** encryptOnlineSegment and encryptLastSegment */
  function sealNext(clear: Buffer, last: boolean): Buffer[] {
    const room = parameters.segmentLength - SEGMENT_OVERHEAD
    const fits = last ? clear.length <= room : clear.length === room
    if (closed || !fits) throw new TypeError('This is not the next segment of the envelope')
    checkRoomLeft(position, last)
    const mark = Buffer.allocUnsafe(MARK_LENGTH)
    mark.writeUInt32BE(last ? SEGMENT_OVERHEAD + clear.length : NOT_LAST)
    const nonce = random(NONCE_LENGTH)
    const cipher = createCipheriv('aes-256-gcm', segmentKey(position), nonce)
    cipher.setAAD(placeOf(position, last))
    const sealed = cipher.update(clear)
    cipher.final()
    position++
    closed = last
    return [Buffer.concat([mark, nonce]), sealed, cipher.getAuthTag()]
  }

  return { header, sealNext }
}

/** What the header says, once it was found to be of this key and binding. */
function contextIn(parameters: Parameters, key: Buffer, binding: Buffer, header: Buffer): Context {
  const encoded = encodeParameters(parameters)
  if (header.length !== HEADER_LENGTH || !header.subarray(0, PARAMETERS_LENGTH).equals(encoded)) {
    throw new EnvelopeRefused('the header is not ours')
  }
  // A copy, because a stream uses the bytes' place again.
  const iv = Buffer.from(header.subarray(PARAMETERS_LENGTH, PARAMETERS_LENGTH + IV_LENGTH))
  const context = { encoded, iv, binding }
  // The tag commits to the key: without it one ciphertext could be made that opens under two keys, since GCM allows that.
  if (!timingSafeEqual(headerTag(key, context), header.subarray(PARAMETERS_LENGTH + IV_LENGTH))) {
    throw new EnvelopeRefused('the header tag does not fit the key and the binding')
  }
  return context
}

/** startOnlineDecryption. With a position it begins at that segment. */
function startUnsealing(parameters: Parameters, key: Buffer, binding: Buffer, header: Buffer, position = 0): Unsealing {
  checkKey(key)
  const segmentKey = segmentKeys(parameters, key, contextIn(parameters, key, binding, header))
  let closed = false

  /** decryptOnlineSegment and decryptLastSegment. The end of the input says which is the last one, and the segment has to agree. */
  function unsealNext(segment: Buffer, last: boolean): Buffer {
    const fits = last
      ? segment.length >= SEGMENT_OVERHEAD && segment.length <= parameters.segmentLength
      : segment.length === parameters.segmentLength
    checkRoomLeft(position, last)
    // A refused one has a place too: whoever goes on after it finds the next where it belongs.
    const place = position++
    if (closed || !fits || segment.readUInt32BE(0) !== (last ? segment.length : NOT_LAST)) {
      throw new EnvelopeRefused('a segment is cut, or the last one is not where the envelope ends')
    }
    const nonce = segment.subarray(MARK_LENGTH, MARK_LENGTH + NONCE_LENGTH)
    const decipher = createDecipheriv('aes-256-gcm', segmentKey(place), nonce, { authTagLength: TAG_LENGTH })
    decipher.setAAD(placeOf(place, last))
    decipher.setAuthTag(segment.subarray(-TAG_LENGTH))
    const clear = decipher.update(segment.subarray(MARK_LENGTH + NONCE_LENGTH, -TAG_LENGTH))
    try {
      decipher.final()
    } catch {
      throw new EnvelopeRefused('a segment is not as it was sealed')
    }
    closed = last
    return clear
  }

  return { segmentLength: parameters.segmentLength, unsealNext }
}

interface Context {
  encoded: Buffer
  iv: Buffer
  binding: Buffer
}

/** PARAM_ENCODE: AEAD 0 (AES-256-GCM), KDF 0 (HKDF-Expand-SHA-384), segment length, IV length. */
function encodeParameters({ segmentLength }: Parameters): Buffer {
  const encoded = Buffer.alloc(PARAMETERS_LENGTH)
  encoded.writeUInt32BE(segmentLength, 2)
  encoded.writeUInt32BE(IV_LENGTH, 6)
  return encoded
}

function headerTag(key: Buffer, context: Context): Buffer {
  return derive(key, context, Buffer.from('HEADER_TAG:'), HEADER_TAG_LENGTH)
}

/** DERIVE_KEY, remembering the key in use: it changes with every 2^rotationMask segments. */
function segmentKeys({ rotationMask }: Parameters, key: Buffer, context: Context): (position: number) => Buffer {
  const messageKey = derive(key, context, Buffer.from('MESSAGE_KEY:'), MESSAGE_KEY_LENGTH)
  let current: Buffer | undefined
  return (position) => {
    const into = position % 2 ** rotationMask
    if (into === 0 || !current) {
      const purpose = Buffer.from('DEK:\0\0\0\0\0\0\0\0')
      purpose.writeBigUInt64BE(BigInt(position - into), 4)
      current = derive(messageKey, context, purpose, KEY_LENGTH)
    }
    return current
  }
}

/** FLOE_KDF. HKDF-Expand for at most 48 bytes is one block of HMAC-SHA-384, its counter byte at the end. */
function derive(key: Buffer, { encoded, iv, binding }: Context, purpose: Buffer, length: number): Buffer {
  const block = Buffer.concat([encoded, iv, purpose, binding, FIRST_BLOCK])
  return createHmac('sha384', key).update(block).digest().subarray(0, length)
}

const FIRST_BLOCK = Buffer.from([1])

/** The associated data of one segment: its place, and whether it is the last. */
function placeOf(position: number, last: boolean): Buffer {
  const place = Buffer.allocUnsafe(9)
  place.writeBigUInt64BE(BigInt(position))
  place[8] = last ? 1 : 0
  return place
}

function checkKey(key: Buffer): void {
  if (key.length !== KEY_LENGTH) throw new TypeError('An envelope takes a key of 32 bytes')
}

function checkRoomLeft(position: number, last: boolean): void {
  if (position >= MOST_SEGMENTS - 1 && !last) throw new EnvelopeRefused('there are too many segments')
}

/** Bytes that are worked on while those before them are on their way to the disk, which would otherwise take turns. */
const AHEAD = 1048576

/**
 * Hands on blocks of the wanted length. A full block waits until a further byte or the end arrives, because only then
 * is it known whether it is the last. The one buffer is used again: `turn` must not keep its block.
 */
function cutIntoBlocks(wanted: () => number, turn: (block: Buffer, last: boolean) => Buffer[], ends = true): Transform {
  let block = Buffer.allocUnsafeSlow(wanted())
  let filled = 0

  function transform(this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      for (let start = 0; start < chunk.length;) {
        if (filled === block.length) {
          for (const part of turn(block, false)) this.push(part)
          if (block.length !== wanted()) block = Buffer.allocUnsafeSlow(wanted())
          filled = 0
        }
        const taken = chunk.copy(block, filled, start)
        filled += taken
        start += taken
      }
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  function flush(this: Transform, done: TransformCallback): void {
    try {
      for (const part of turn(block.subarray(0, filled), ends)) this.push(part)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  return new Transform({ transform, flush, readableHighWaterMark: AHEAD })
}
