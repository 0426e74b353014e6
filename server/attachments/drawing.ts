/** What passes from the process that draws to the server: a row of parts, each a line of JSON before its bytes. */

/** Bytes of a file that is drawn, and how many of its pages. What is beyond is told, and downloaded. */
export const MOST_DRAWN_BYTES = 50 * 1024 * 1024
export const MOST_PAGES = 30

/** Why there is no preview, or none of the rest. `password`: the file asks for one; `damaged`: nobody can read it; `too-much`: it takes more time or memory than a preview may. */
export type DrawProblem = 'password' | 'damaged' | 'too-much'

export interface DrawnPage {
  page: number
  /** Pixels. */
  width: number
  height: number
  /** What stands on a page of a PDF; empty for a picture. */
  text: string
  /** WebP, without anything but pixels. */
  picture: Buffer
}

export interface Drawing {
  /** At most 480 pixels wide and high, WebP. */
  thumbnail: Buffer | undefined
  /** The first ones; how many they are at most is `MOST_PAGES`. */
  pages: DrawnPage[]
  /** How many pages the file has. */
  total: number
  problem: DrawProblem | undefined
}

export type Part =
  | { what: 'thumbnail' }
  | { what: 'page'; page: number; width: number; height: number; text: string }
  | { what: 'total'; total: number }
  | { what: 'problem'; problem: DrawProblem }
  | { what: 'bytes' }
  | { what: 'place' }

export function packPart(part: Part, bytes: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.from(JSON.stringify(part))
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(head.length, 0)
  lengths.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([lengths, head, bytes])
}

/** Whole parts, in order. One that was cut, because its process died, is left out. */
export function unpackParts(packed: Buffer): (Part & { bytes: Buffer })[] {
  const parts: (Part & { bytes: Buffer })[] = []
  let at = 0
  while (at + 8 <= packed.length) {
    const head = at + 8
    const bytes = head + packed.readUInt32BE(at)
    const end = bytes + packed.readUInt32BE(at + 4)
    if (end > packed.length) break
    parts.push({ ...(JSON.parse(packed.toString('utf8', head, bytes)) as Part), bytes: packed.subarray(bytes, end) })
    at = end
  }
  return parts
}
