/**
 * Where the ciphertext of attachments and previews rests: one envelope a file, under a folder made for nothing else.
 * No clear byte is ever written here or beside it. Inside its envelope the content is followed by 0x80 and zeros up to
 * Padmé's size (ISO/IEC 7816-4), so that it can be sealed while its length is still unknown.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Transform, pipeline as joinStreams, type TransformCallback } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { TooLarge } from '../errors.ts'
import { isId } from '../lib/ids.ts'
import { EnvelopeRefused, FILE_SEGMENT, sealingStream, unsealingStream } from '../vault/floe.ts'
import { padme } from '../vault/padding.ts'

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

/** Names the folder. To be called once at the start. */
export function configureSealedFiles(path: string): void {
  folder = path
}

/**
 * Seals `source` while it streams, and is done when the file is safe on the disk under its name. Whatever fails leaves nothing.
 * @throws TooLarge as soon as there are more than `limit` clear bytes
 */
export async function writeSealed(
  id: string,
  binding: string,
  key: Buffer,
  source: Readable,
  limit: number,
): Promise<Sealed> {
  const path = pathOf(id)
  const part = path + PART
  const { measured, measuring } = measureAndPad(limit)
  try {
    await makeFolder(dirname(path))
    await pipeline(
      source,
      measuring,
      sealingStream(key, binding, FILE_SEGMENT),
      createWriteStream(part, { flags: 'wx', mode: 0o600, flush: true, highWaterMark: WRITE_AHEAD }),
    )
    await rename(part, path)
    await flushFolder(dirname(path))
    return measured()
  } catch (error) {
    source.destroy()
    await rm(part, { force: true })
    throw error
  }
}

/** For small things that are in memory already, such as previews. */
export async function writeSealedWhole(id: string, binding: string, key: Buffer, bytes: Buffer): Promise<void> {
  await writeSealed(id, binding, key, Readable.from([bytes]), bytes.length)
}

/**
 * The clear bytes. Whoever hands them on has to treat an error as hard and break the connection, because bytes of
 * earlier, sound segments may have left already.
 */
export function readSealed(id: string, binding: string, key: Buffer): Readable {
  const sealed = createReadStream(pathOf(id), { highWaterMark: FILE_SEGMENT })
  // An error of any part destroys the last one with it, which is where the reader hears of it.
  return joinStreams(sealed, unsealingStream(key, binding), withoutPadding(), lastByteLast(), () => {})
}

/** All clear bytes or none. For things that are known to be small. */
export async function readSealedWhole(id: string, binding: string, key: Buffer): Promise<Buffer> {
  return buffer(readSealed(id, binding, key))
}

/** Removing what is not there is no error, so that a sweep can be repeated. */
export async function removeSealed(id: string): Promise<void> {
  const path = pathOf(id)
  await rm(path, { force: true })
  await rm(path + PART, { force: true })
}

/** Everything that rests here, also what a killed process left half-written. For the sweeper. */
export async function* listSealed(): AsyncIterable<{ id: string; writtenAt: Date }> {
  for await (const shelf of listFolder(ownFolder())) {
    for await (const name of listFolder(join(ownFolder(), shelf))) {
      const id = name.endsWith(PART) ? name.slice(0, -PART.length) : name
      const found = isId(id) && (await stat(join(ownFolder(), shelf, name)).catch(() => undefined))
      if (found) yield { id, writtenAt: found.mtime }
    }
  }
}

let folder: string | undefined

const PART = '.part'
const HEAD_LENGTH = 4100
// A ZIP ends with a record of 22 bytes and at most 65,535 bytes of comment.
const TAIL_LENGTH = 65557
const WRITE_AHEAD = 1048576
const PADDING_MARK = Buffer.from([0x80])
const ZEROS = Buffer.alloc(65536)

function ownFolder(): string {
  if (!folder) throw new Error('configureSealedFiles has not been called')
  return folder
}

/** By the id's end, which is random in a UUIDv7, so that the shelves fill evenly. Nothing but an id becomes a path. */
function pathOf(id: string): string {
  if (!isId(id)) throw new TypeError('A sealed file is named by an id')
  return join(ownFolder(), id.slice(-2), id)
}

async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first) await flushFolder(dirname(first))
}

/** A new name is only safe once its folder was flushed too. */
async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function* listFolder(path: string): AsyncIterable<string> {
  const entries = await opendir(path).catch(() => undefined)
  if (entries) for await (const entry of entries) yield entry.name
}

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
