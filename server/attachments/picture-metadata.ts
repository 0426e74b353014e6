/**
 * What a photo tells beside what it shows: where and when it was taken, and by which camera. Taking that out changes no pixel: the parts of the
 * file that hold it are left out, and of EXIF only which way is up is kept. Runs in the process of draw-process.ts, because it reads what strangers sent.
 */
import { crc32 } from 'node:zlib'
import { namesPlace, onlyOrientation, orientationIn } from './exif.ts'

/** Of JPEG, PNG, WebP, TIFF and HEIC. */
export function tellsPlace(file: Buffer): boolean {
  return exifIn(file).some(namesPlace) || XMP_PLACE.test(file.toString('latin1'))
}

/** The same picture without what it tells; undefined for what is neither JPEG, PNG nor WebP, or not built as it should be. */
export function withoutMetadata(file: Buffer): Buffer | undefined {
  try {
    if (isJpeg(file)) return cleanJpeg(file)
    if (isPng(file)) return cleanPng(file)
    if (isWebp(file)) return cleanWebp(file)
  } catch {
    // It ends in the middle of a part.
  }
  return undefined
}

/** Cameras and programs also write the place as text. */
const XMP_PLACE = /GPSLatitude/
const EXIF_MARK = Buffer.from('Exif\0\0')
const PNG_MARK = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const PNG_KEPT = 'IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT cICP'.split(' ')
const WEBP_KEPT = ['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP']
const WEBP_HAS_EXIF = 0x08
const WEBP_HAS_XMP = 0x04

const isJpeg = (file: Buffer) => file[0] === 0xff && file[1] === 0xd8
const isPng = (file: Buffer) => file.subarray(0, 8).equals(PNG_MARK)
const isWebp = (file: Buffer) => file.toString('latin1', 0, 4) === 'RIFF' && file.toString('latin1', 8, 12) === 'WEBP'
const isTiff = (file: Buffer) => ['II*\0', 'MM\0*'].includes(file.toString('latin1', 0, 4))

/** Every EXIF in the file, as a TIFF. A HEIC keeps it somewhere in the middle, and so its mark is looked for. */
function exifIn(file: Buffer): Buffer[] {
  if (isTiff(file)) return [file]
  const found: Buffer[] = []
  for (let at = file.indexOf(EXIF_MARK); at >= 0 && found.length < 20; at = file.indexOf(EXIF_MARK, at + 1))
    found.push(file.subarray(at + EXIF_MARK.length))
  if (isPng(file)) found.push(...pngChunks(file).flatMap(({ name, content }) => (name === 'eXIf' ? [content] : [])))
  if (isWebp(file)) found.push(...webpChunks(file).flatMap(({ name, content }) => (name === 'EXIF' ? [content] : [])))
  return found
}

function orientationOf(file: Buffer): number {
  return exifIn(file).map(orientationIn)[0] ?? 1
}

/** Marker by marker up to the picture's end; behind it phones keep films and second pictures. */
function cleanJpeg(file: Buffer): Buffer {
  const kept = [file.subarray(0, 2)]
  const orientation = orientationOf(file)
  if (orientation !== 1) kept.push(jpegSegment(0xe1, Buffer.concat([EXIF_MARK, onlyOrientation(orientation)])))
  let at = 2
  while (at < file.length) {
    const marker = file[at + 1]!
    if (file[at] !== 0xff) throw new RangeError('no marker')
    if (marker === 0xd9) return Buffer.concat([...kept, file.subarray(at, at + 2)])
    const end = at + 2 + file.readUInt16BE(at + 2)
    if (isNeededInJpeg(marker, file.subarray(at + 4, end))) kept.push(file.subarray(at, end))
    at = end
    if (marker !== 0xda) continue
    const scan = endOfScan(file, at)
    kept.push(file.subarray(at, scan))
    at = scan
  }
  // Its end is missing; what there is of it is shown all the same.
  return Buffer.concat(kept)
}

/** Of what programs add (APP0 to APP15 and comments) only what is needed to show the colours right. */
function isNeededInJpeg(marker: number, content: Buffer): boolean {
  const starts = (text: string) => content.toString('latin1', 0, text.length) === text
  if (marker === 0xe0) return starts('JFIF\0')
  if (marker === 0xe2) return starts('ICC_PROFILE\0')
  if (marker === 0xee) return starts('Adobe')
  return marker !== 0xfe && !(marker >= 0xe1 && marker <= 0xef)
}

/** Where the next marker stands that is neither a stuffed zero nor a restart. */
function endOfScan(file: Buffer, from: number): number {
  for (let at = file.indexOf(0xff, from); at >= 0; at = file.indexOf(0xff, at + 1)) {
    const next = file[at + 1]
    if (next !== undefined && next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at
  }
  return file.length
}

function jpegSegment(marker: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(content.length + 2, 2)
  return Buffer.concat([head, content])
}

interface Chunk {
  name: string
  content: Buffer
  /** With its head. */
  whole: Buffer
}

function pngChunks(file: Buffer): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = PNG_MARK.length; at + 12 <= file.length;) {
    const start = at + 8
    const end = start + file.readUInt32BE(at)
    if (end + 4 > file.length) break
    const name = file.toString('latin1', at + 4, start)
    chunks.push({ name, content: file.subarray(start, end), whole: file.subarray(at, end + 4) })
    if (name === 'IEND') break
    at = end + 4
  }
  return chunks
}

function cleanPng(file: Buffer): Buffer {
  const orientation = orientationOf(file)
  const [first, ...others] = pngChunks(file).filter(({ name }) => PNG_KEPT.includes(name))
  if (!first || others.at(-1)?.name !== 'IEND') throw new RangeError('no end')
  const upright = orientation === 1 ? [] : [pngChunk('eXIf', onlyOrientation(orientation))]
  return Buffer.concat([PNG_MARK, first.whole, ...upright, ...others.map(({ whole }) => whole)])
}

function pngChunk(name: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name), content])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(content.length, 0)
  ends.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)])
}

function webpChunks(file: Buffer): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = 12; at + 8 <= file.length;) {
    const start = at + 8
    const end = start + file.readUInt32LE(at + 4)
    if (end > file.length) break
    // A chunk of odd length is followed by a zero.
    const next = end + ((end - start) & 1)
    const name = file.toString('latin1', at, at + 4)
    chunks.push({ name, content: file.subarray(start, end), whole: file.subarray(at, next) })
    at = next
  }
  return chunks
}

function cleanWebp(file: Buffer): Buffer {
  const orientation = orientationOf(file)
  const kept = webpChunks(file)
    .filter(({ name }) => WEBP_KEPT.includes(name))
    .map(({ name, whole }) => (name === 'VP8X' ? withFlags(whole, orientation !== 1) : whole))
  const extended = file.toString('latin1', 12, 16) === 'VP8X'
  if (extended && orientation !== 1) kept.push(webpChunk('EXIF', onlyOrientation(orientation)))
  const body = Buffer.concat(kept)
  const head = Buffer.from(file.subarray(0, 12))
  head.writeUInt32LE(body.length + 4, 4)
  return Buffer.concat([head, body])
}

/** The first byte of VP8X says which other chunks there are. */
function withFlags(chunk: Buffer, hasExif: boolean): Buffer {
  const changed = Buffer.from(chunk)
  changed[8] = (changed[8]! & ~(WEBP_HAS_EXIF | WEBP_HAS_XMP)) | (hasExif ? WEBP_HAS_EXIF : 0)
  return changed
}

function webpChunk(name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.write(name, 'latin1')
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content])
}
