/**
 * Attachments and previews as they rest in the store: one envelope a file. The store gets what leaves the seal and nothing before it. Inside
 * its envelope the content is followed by 0x80 and zeros up to Padmé's size (ISO/IEC 7816-4), so that it can be sealed while its length is
 * still unknown.
 */
import { Readable, Transform, pipeline, type TransformCallback } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { TooLarge, Unavailable } from '../errors.ts'
import {
  EnvelopeRefused,
  FILE_SEGMENT,
  HEADER_LENGTH,
  roomIn,
  sealingStream,
  sealingStreamFrom,
  segmentLengthIn,
  unsealFrom,
  unsealingStream,
} from '../vault/floe.ts'
import { padme } from '../vault/padding.ts'
import { fileStore } from './file-store.ts'

/** What is known of a file once it was sealed. All of it is in memory only. */
export interface Sealed {
  /** Clear bytes, without padding. */
  size: number
  /** The first clear bytes, at most 4,100: enough to tell what the file is. */
  head: Buffer
  /** The last clear bytes, at most 65,557: where a ZIP's list of contents would be. */
  tail: Buffer
}

/**
 * Seals `source` while it streams, and is done when the file is safe in the store under its name. Whatever fails leaves nothing.
 * @throws TooLarge as soon as there are more than `limit` clear bytes; NoRoom, Unavailable
 */
export async function writeSealed(
  id: string,
  binding: string,
  key: Buffer,
  source: Readable,
  limit: number,
): Promise<Sealed> {
  const { measured, measuring } = measureAndPad(limit)
  // An error of any part destroys the last one with it, which is where the store hears of it.
  const sealed = pipeline(source, measuring, sealingStream(key, binding, FILE_SEGMENT), () => {})
  try {
    await fileStore().write(id, sealed)
    return measured()
  } catch (error) {
    sealed.destroy()
    source.destroy()
    throw error
  }
}

/** For small things that are in memory already, such as previews. */
export async function writeSealedWhole(id: string, binding: string, key: Buffer, bytes: Buffer): Promise<void> {
  await writeSealed(id, binding, key, Readable.from([bytes]), bytes.length)
}

/**
 * The clear bytes. Whoever hands them on has to treat an error as hard and break the connection, because bytes of
 * earlier, sound segments may have left already. @throws FileMissing, Unavailable
 */
export async function readSealed(id: string, binding: string, key: Buffer): Promise<Readable> {
  const sealed = await fileStore().read(id)
  return pipeline(sealed, unsealingStream(key, binding), withoutPadding(), lastByteLast(), () => {})
}

/** A part of a file's clear bytes: from place `from` up to, but without, place `to`. `size` is that of the whole file, as its label says. */
export interface Part {
  size: number
  from: number
  to: number
}

/**
 * The clear bytes of a part, out of the segments that hold it and none before. A part that reaches the end of the file gets its last byte only
 * after the last segment was found to be there and to be the last; the file as a whole only after every byte behind it was. Errors as those of
 * `readSealed`. @throws EnvelopeRefused, FileMissing, Unavailable
 */
export async function readSealedPart(id: string, binding: string, key: Buffer, part: Part): Promise<Readable> {
  const header = await buffer(await fileStore().read(id, 0, HEADER_LENGTH))
  const place = placeOf(header, part)
  const sealed = await fileStore().read(id, ...bytesOf(place, place.first, place.final))
  return Readable.from(clearBytes(id, binding, key, { header, sealed, place, part }), { objectMode: false })
}

/** All clear bytes or none. For things that are known to be small. @throws EnvelopeRefused, FileMissing, Unavailable */
export async function readSealedWhole(id: string, binding: string, key: Buffer): Promise<Buffer> {
  return buffer(await readSealed(id, binding, key))
}

/** How many clear bytes every segment of an upload in pieces holds: its pieces are whole numbers of them. */
export const PIECE_ROOM = roomIn(FILE_SEGMENT)

/**
 * Seals the next bytes of an upload under a name of their own. @param begun where the upload stands; `size` when the file ends with these bytes,
 * which are then padded
 */
export async function writePiece(
  name: string,
  binding: string,
  key: Buffer,
  begun: { header: Buffer; position: number; size?: number },
  source: Readable,
): Promise<void> {
  const sealing = sealingStreamFrom(key, binding, begun, begun.size !== undefined)
  const ending = begun.size === undefined ? [] : [padAfter(begun.size)]
  const sealed = pipeline([source, ...ending, sealing], () => {}) as unknown as Readable
  try {
    await fileStore().write(name, sealed)
  } catch (error) {
    sealed.destroy()
    source.destroy()
    throw error
  }
}

/** Makes one file of an upload's header and pieces, which stay. */
export async function joinPieces(id: string, header: Buffer, names: readonly string[]): Promise<void> {
  async function* everything() {
    yield header
    for (const name of names) yield* (await fileStore().read(name)) as AsyncIterable<Buffer>
  }
  await fileStore().write(id, Readable.from(everything(), { objectMode: false }))
}

/** The first and last clear bytes of a file whose size is known, as `Sealed` has them. @throws EnvelopeRefused, FileMissing, Unavailable */
export async function readEnds(
  id: string,
  binding: string,
  key: Buffer,
  size: number,
): Promise<Pick<Sealed, 'head' | 'tail'>> {
  const between = async (from: number, to: number) => buffer(await readSealedPart(id, binding, key, { size, from, to }))
  return {
    head: await between(0, Math.min(size, HEAD_LENGTH)),
    tail: await between(Math.max(0, size - TAIL_LENGTH), size),
  }
}

/** Of what no row names any more. While its store is away it stays, and is swept within a day. */
export async function removeSealed(id: string): Promise<void> {
  await fileStore()
    .remove(id)
    .catch((error: unknown) => {
      if (!(error instanceof Unavailable)) throw error
    })
}

const HEAD_LENGTH = 4100
// A ZIP ends with a record of 22 bytes and at most 65,535 bytes of comment.
const TAIL_LENGTH = 65557
const PADDING_MARK = Buffer.from([0x80])
const ZEROS = Buffer.alloc(65536)

/** Where a part's segments rest. */
interface Place {
  segmentLength: number
  room: number
  /** Segments of the whole file. */
  count: number
  /** Of the part, both of them read. */
  first: number
  final: number
}

function placeOf(header: Buffer, { size, from, to }: Part): Place {
  const segmentLength = segmentLengthIn(header)
  const room = roomIn(segmentLength)
  const count = Math.ceil(padme(size + 1) / room)
  const whole = from === 0 && to === size
  const final = whole ? count - 1 : Math.floor((to - 1) / room)
  return { segmentLength, room, count, first: Math.floor(from / room), final }
}

/** The last segment is read to the file's end, wherever that is: bytes behind it must not go unseen. */
function bytesOf({ segmentLength, count }: Place, first: number, final: number): [number, number?] {
  const from = HEADER_LENGTH + first * segmentLength
  return final === count - 1 ? [from] : [from, HEADER_LENGTH + (final + 1) * segmentLength]
}

async function* clearBytes(
  id: string,
  binding: string,
  key: Buffer,
  { header, sealed, place, part }: { header: Buffer; sealed: Readable; place: Place; part: Part },
): AsyncGenerator<Buffer> {
  const { room, count, first, final } = place
  const held = part.to === part.size && part.to > part.from ? part.to - 1 : part.to
  let last: Buffer | undefined
  let position = first
  const unsealNext = unsealFrom(key, binding, header, first)
  for await (const segment of segmentsIn(sealed, place.segmentLength)) {
    if (position > final) throw new EnvelopeRefused('there are bytes behind the last segment')
    const clear = unsealNext(segment, position === count - 1)
    const start = position * room
    const wanted = clear.subarray(Math.max(0, part.from - start), Math.max(0, held - start))
    if (held < part.to && held >= start && held < start + clear.length)
      last = clear.subarray(held - start, part.to - start)
    if (wanted.length > 0) yield wanted
    position++
  }
  if (position <= final) throw new EnvelopeRefused('the file is cut')
  if (held === part.to) return
  if (final < count - 1) await checkEnd(id, binding, key, { header, place })
  if (!last) throw new EnvelopeRefused('the file is shorter than its label says')
  yield last
}

/** Reads the last segment for its mark alone. */
async function checkEnd(
  id: string,
  binding: string,
  key: Buffer,
  { header, place }: { header: Buffer; place: Place },
): Promise<void> {
  const end = await buffer(await fileStore().read(id, ...bytesOf(place, place.count - 1, place.count - 1)))
  unsealFrom(key, binding, header, place.count - 1)(end, true)
}

/** Blocks of one length, and what is left at the end. The one buffer is used again. */
async function* segmentsIn(sealed: Readable, length: number): AsyncGenerator<Buffer> {
  const block = Buffer.allocUnsafeSlow(length)
  let filled = 0
  for await (const chunk of sealed as AsyncIterable<Buffer>) {
    for (let start = 0; start < chunk.length;) {
      const taken = chunk.copy(block, filled, start)
      filled += taken
      start += taken
      if (filled < length) continue
      yield block
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}

/** Hands the last bytes of a file on and appends its padding. */
function padAfter(size: number): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, chunk),
    flush(done) {
      this.push(PADDING_MARK)
      pushZeros(this, padme(size + 1) - (size + 1))
      done()
    },
  })
}

/** Hands the content on, measures it on the way, and appends the padding. */
function measureAndPad(limit: number): { measured: () => Sealed; measuring: Transform } {
  const head: Buffer[] = []
  const tail: Buffer[] = []
  let size = 0
  let tailSize = 0

  function transform(this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (size + chunk.length > limit) return done(new TooLarge())
    if (size < HEAD_LENGTH) head.push(Buffer.from(chunk.subarray(0, HEAD_LENGTH - size)))
    tail.push(chunk)
    tailSize += chunk.length
    while (tail[0] && tailSize - tail[0].length >= TAIL_LENGTH) tailSize -= tail.shift()?.length ?? 0
    size += chunk.length
    done(null, chunk)
  }

  function flush(this: Transform, done: TransformCallback): void {
    this.push(PADDING_MARK)
    pushZeros(this, padme(size + 1) - (size + 1))
    done()
  }

  return {
    measuring: new Transform({ transform, flush }),
    measured: () => ({
      size,
      head: Buffer.concat(head),
      tail: Buffer.concat(tail).subarray(-TAIL_LENGTH),
    }),
  }
}

/** Holds back a 0x80 and the zeros after it until something else follows: then they were content, otherwise the padding. */
function withoutPadding(): Transform {
  let heldZeros: number | undefined

  function transform(this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let end = chunk.length
    while (end > 0 && chunk[end - 1] === 0) end--
    if (end === 0 && heldZeros !== undefined) {
      heldZeros += chunk.length
      return done()
    }
    if (heldZeros !== undefined) {
      this.push(PADDING_MARK)
      pushZeros(this, heldZeros)
      heldZeros = undefined
    }
    if (end > 0 && chunk[end - 1] === PADDING_MARK[0]) {
      heldZeros = chunk.length - end
      return done(null, chunk.subarray(0, end - 1))
    }
    done(null, chunk)
  }

  function flush(done: TransformCallback): void {
    done(heldZeros === undefined ? new EnvelopeRefused('the padding is missing') : null)
  }

  return new Transform({ transform, flush })
}

/**
 * Holds the last byte back until everything behind it was found sound. The content may end segments before the padding does, and a browser
 * that has all the bytes it was promised takes the file for whole, whatever becomes of the connection.
 */
function lastByteLast(): Transform {
  let last: Buffer | undefined

  function transform(this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (chunk.length === 0) return done()
    if (last) this.push(last)
    last = Buffer.from(chunk.subarray(-1))
    done(null, chunk.subarray(0, -1))
  }

  return new Transform({ transform, flush: (done) => done(null, last) })
}

/** The one buffer of zeros is pushed again and again, so that padding costs no memory. */
function pushZeros(stream: Transform, count: number): void {
  for (let left = count; left > 0; left -= ZEROS.length) stream.push(ZEROS.subarray(0, Math.min(left, ZEROS.length)))
}
