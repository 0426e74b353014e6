/** The little of EXIF that matters here: which way is up, and whether it names a place. Reads what strangers sent, so it never trusts an offset. */

const ORIENTATION = 0x0112
const GPS = 0x8825
const LATITUDE = 2
const SHORT = 3
/** Far more than cameras write. */
const MOST_TAGS = 1000

/** @param tiff EXIF as a TIFF: its byte order, then lists of tags. @returns 1 (upright) to 8 */
export function orientationIn(tiff: Buffer): number {
  const value = tagsOf(tiff).get(ORIENTATION)?.short ?? 1
  return value >= 1 && value <= 8 ? value : 1
}

export function namesPlace(tiff: Buffer): boolean {
  const list = tagsOf(tiff).get(GPS)?.long
  return list !== undefined && tagsOf(tiff, list).has(LATITUDE)
}

/** EXIF that says nothing but the orientation. */
export function onlyOrientation(orientation: number): Buffer {
  const tiff = Buffer.alloc(26)
  tiff.write('II*\0', 'latin1')
  tiff.writeUInt32LE(8, 4)
  tiff.writeUInt16LE(1, 8)
  tiff.writeUInt16LE(ORIENTATION, 10)
  tiff.writeUInt16LE(SHORT, 12)
  tiff.writeUInt32LE(1, 14)
  tiff.writeUInt16LE(orientation, 18)
  return tiff
}

/** The tags of one list, by number, with their values read as one short and as one long number. */
function tagsOf(tiff: Buffer, list?: number): Map<number, { short: number; long: number }> {
  const tags = new Map<number, { short: number; long: number }>()
  const order = tiff.toString('latin1', 0, 4)
  if (order !== 'II*\0' && order !== 'MM\0*') return tags
  const little = order === 'II*\0'
  const short = (at: number) => (at + 2 > tiff.length ? 0 : little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at))
  const long = (at: number) => (at + 4 > tiff.length ? 0 : little ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at))
  const start = list ?? long(4)
  for (let index = 0; index < Math.min(short(start), MOST_TAGS); index++) {
    const at = start + 2 + index * 12
    tags.set(short(at), { short: short(at + 8), long: long(at + 8) })
  }
  return tags
}
