/**
 * Attachments and previews as they rest in the store: one envelope a file. The store gets what leaves the seal and nothing before it. Inside
 * its envelope the content is followed by 0x80 and zeros up to Padmé's size (ISO/IEC 7816-4), so that it can be sealed while its length is
 * still unknown.
 */
import { createHash } from 'node:crypto'
import { Readable, Transform, pipeline, type TransformCallback } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { TooLarge, Unavailable } from '../errors.ts'
import { EnvelopeRefused, FILE_SEGMENT, sealingStream, unsealingStream } from '../vault/floe.ts'
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
  /** Of the clear bytes. */
  sha256: Buffer
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

/** All clear bytes or none. For things that are known to be small. @throws EnvelopeRefused, FileMissing, Unavailable */
export async function readSealedWhole(id: string, binding: string, key: Buffer): Promise<Buffer> {
  return buffer(await readSealed(id, binding, key))
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

/** Hands the content on, measures it on the way, and appends the padding. */
function measureAndPad(limit: number): { measured: () => Sealed; measuring: Transform } {
  const hash = createHash('sha256')
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
    hash.update(chunk)
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
      sha256: hash.digest(),
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
