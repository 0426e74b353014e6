/**
 * What a backup is made of, inside its envelope: frames in blocks of one segment each. No frame crosses a block's end, so a segment that is
 * damaged takes its own frames with it and no others. A frame: what it is (1 byte), whether it begins and ends what it is a piece of (1 byte),
 * the length of its name (1 byte), the length of its bytes (4 bytes), name, bytes. A zero where a frame would begin ends the block.
 */
import { Readable } from 'node:stream'
import { FILE_SEGMENT, roomIn } from '../vault/floe.ts'

/** In the order in which they come: one manifest; of each table its rows and its count; of each file its pieces and its count; one end. */
const KINDS = ['', 'manifest', 'rows', 'rows-end', 'file', 'file-end', 'file-not-there', 'end'] as const
export type FrameKind = Exclude<(typeof KINDS)[number], ''>

export interface Frame {
  kind: FrameKind
  /** Of a table or a file; empty for the others. */
  name: string
  /** A row or file that does not fit into a block comes in pieces. */
  begins: boolean
  ends: boolean
  bytes: Buffer
}

/** Where a block would be that was refused. */
export type FrameOrGap = Frame | 'gap'

export const BACKUP_SEGMENT = FILE_SEGMENT
const BLOCK = roomIn(BACKUP_SEGMENT)
const HEAD = 7
const BEGINS = 1
const ENDS = 2

export interface FrameWriter {
  /** Things that are small and whole. They begin a block of their own when `apart`. */
  put(kind: FrameKind, name: string, bytes: Buffer, apart?: boolean): Iterable<Buffer>
  /** As much of a file as is at hand. `begins` and `ends` say whether it is the first and the last of it. */
  putPiece(kind: FrameKind, name: string, bytes: Buffer, begins: boolean, ends: boolean): Iterable<Buffer>
  /** What the last block holds so far. */
  rest(): Iterable<Buffer>
}

/** Gives out blocks as they get full. */
export function writeFrames(): FrameWriter {
  let block = Buffer.alloc(BLOCK)
  let filled = 0

  function* rest() {
    if (filled > 0) yield block
    block = Buffer.alloc(BLOCK)
    filled = 0
  }

  function add(kind: FrameKind, name: Buffer, bytes: Buffer, begins: boolean, ends: boolean) {
    block[filled] = KINDS.indexOf(kind)
    block[filled + 1] = (begins ? BEGINS : 0) | (ends ? ENDS : 0)
    block[filled + 2] = name.length
    block.writeUInt32BE(bytes.length, filled + 3)
    name.copy(block, filled + HEAD)
    bytes.copy(block, filled + HEAD + name.length)
    filled += HEAD + name.length + bytes.length
  }

  function* putPiece(kind: FrameKind, name: string, bytes: Buffer, begins: boolean, ends: boolean) {
    const named = Buffer.from(name)
    for (let start = 0; ;) {
      const room = BLOCK - filled - HEAD - named.length
      if (room < 1) {
        yield* rest()
        continue
      }
      const piece = bytes.subarray(start, start + room)
      start += piece.length
      const whole = start >= bytes.length
      add(kind, named, piece, begins && start === piece.length, ends && whole)
      if (whole) return
      yield* rest()
    }
  }

  return {
    rest,
    putPiece,
    *put(kind, name, bytes, apart = false) {
      const fits = HEAD + Buffer.byteLength(name) + bytes.length <= BLOCK - filled
      // Cut only when a block of its own would not hold it either.
      if (apart || !fits) yield* rest()
      yield* putPiece(kind, name, bytes, true, true)
    },
  }
}

/** The frames of clear blocks; zeros in the place of a block are a gap. Their bytes are a block's own: whoever keeps them copies them. */
export async function* readFrames(clear: AsyncIterable<Buffer>): AsyncGenerator<FrameOrGap> {
  for await (const block of blocksOf(clear)) {
    if (!block[0]) yield 'gap'
    for (let at = 0; at + HEAD <= block.length && block[at];) {
      const kind = KINDS[block[at]!] as FrameKind
      const nameEnd = at + HEAD + block[at + 2]!
      const end = nameEnd + block.readUInt32BE(at + 3)
      yield {
        kind,
        name: block.toString('utf8', at + HEAD, nameEnd),
        begins: (block[at + 1]! & BEGINS) !== 0,
        ends: (block[at + 1]! & ENDS) !== 0,
        bytes: block.subarray(nameEnd, end),
      }
      at = end
    }
  }
}

async function* blocksOf(clear: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let length = 0
  for await (const chunk of clear) {
    let rest = chunk
    while (length + rest.length >= BLOCK) {
      yield Buffer.concat([...waiting, rest.subarray(0, BLOCK - length)])
      rest = rest.subarray(BLOCK - length)
      waiting = []
      length = 0
    }
    waiting.push(rest)
    length += rest.length
  }
  if (length > 0) yield Buffer.concat(waiting)
}

/** Blocks as a stream, made as they are asked for. */
export function streamOf(blocks: AsyncIterable<Buffer>): Readable {
  return Readable.from(blocks, { objectMode: false, highWaterMark: BACKUP_SEGMENT })
}
