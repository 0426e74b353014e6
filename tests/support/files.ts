/** Small real files, made in code, so that no test needs a file from elsewhere. */
import { crc32, deflateRawSync, deflateSync } from 'node:zlib'

/** A PDF of one page that says `text`, with a correct table of its objects. */
export function makePdf(text = 'Fictitious test result'): Buffer {
  const content = `BT /F1 18 Tf 40 740 Td (${text.replace(/[\\()]/g, '\\$&')}) Tj ET`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  let pdf = '%PDF-1.7\n'
  const places = objects.map((object, index) => {
    const place = pdf.length
    pdf += `${index + 1} 0 obj\n${object}\nendobj\n`
    return `${String(place).padStart(10, '0')} 00000 n \n`
  })
  const table = pdf.length
  pdf += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.join('')}`
  pdf += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`
  return Buffer.from(pdf, 'latin1')
}

/** A PNG of one colour (red, green, blue: 0 to 255). */
export function makePng(width = 64, height = 48, colour: [number, number, number] = [40, 90, 160]): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // 8 bits a channel, red-green-blue.
  header.set([8, 2], 8)
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from(colour))])
  const pixels = deflateSync(Buffer.concat(Array<Buffer>(height).fill(row)))
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', pixels),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

/** A PNG that claims a size and holds next to nothing. */
export function makeHugePng(width = 30000, height = 30000): Buffer {
  const png = makePng(1, 1)
  png.writeUInt32BE(width, 16)
  png.writeUInt32BE(height, 20)
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
  return png
}

/** 48 x 32 pixels, left half red and right half blue, without any note of camera or place. */
export function makeJpeg(): Buffer {
  return Buffer.from(PLAIN_JPEG, 'base64')
}

/** The same picture as a phone would keep it: held upright (orientation 6), with the camera's name and where it was taken. */
export function makePhonePhoto(): Buffer {
  const jpeg = makeJpeg()
  return Buffer.concat([jpeg.subarray(0, 2), exifSegment(), jpeg.subarray(2)])
}

/** The camera's name in `makePhonePhoto`, to search for. */
export const CAMERA = 'Fictitious Phone 1'

/** A ZIP of the given entries. `sizesLast` writes them as streaming programs do. */
export function makeZip(entries: Record<string, string | Buffer>): Buffer {
  const locals: Buffer[] = []
  const list: Buffer[] = []
  let place = 0
  for (const [name, content] of Object.entries(entries)) {
    const clear = Buffer.from(content)
    // The `mimetype` of OpenDocument has to be stored as it is.
    const packed = name === 'mimetype' ? clear : deflateRawSync(clear)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(packed === clear ? 0 : 8, 4)
    fields.writeUInt32LE(crc32(clear), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(clear.length, 18)
    fields.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), packed])
    const entry = Buffer.alloc(14)
    entry.writeUInt32LE(place, 10)
    list.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), fields, entry, Buffer.from(name)]))
    locals.push(local)
    place += local.length
  }
  const contents = Buffer.concat(list)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(list.length, 4)
  end.writeUInt16LE(list.length, 6)
  end.writeUInt32LE(contents.length, 8)
  end.writeUInt32LE(place, 12)
  return Buffer.concat([...locals, contents, Buffer.from('PK\x05\x06'), end])
}

/** A Word document, as Word orders its entries or, with `typesLast`, as other programs do; `more` entries can be added. */
export function makeDocx({
  typesLast = false,
  more = {},
}: { typesLast?: boolean; more?: Record<string, Buffer> } = {}): Buffer {
  const type = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'
  const types = {
    '[Content_Types].xml': `<?xml version="1.0"?><Types><Override PartName="/word/document.xml" ContentType="${type}"/></Types>`,
  }
  const document = { '_rels/.rels': '<Relationships/>', ...more, 'word/document.xml': '<w:document/>' }
  return makeZip(typesLast ? { ...document, ...types } : { ...types, ...document })
}

function pngChunk(name: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name), content])
  const chunk = Buffer.alloc(named.length + 8)
  chunk.writeUInt32BE(content.length, 0)
  named.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(named), named.length + 4)
  return chunk
}

/** TIFF tags in little-endian order: a list of orientation, camera and place, and a second list with latitude and longitude. */
function exifSegment(): Buffer {
  const camera = Buffer.from(`${CAMERA}\0`)
  const placeList = 8 + 2 + 3 * 12 + 4
  const values = placeList + 2 + 4 * 12 + 4
  const tiff = Buffer.alloc(values + 48 + camera.length)
  tiff.write('II*\0')
  tiff.writeUInt32LE(8, 4)
  tiff.writeUInt16LE(3, 8)
  writeTag(tiff, 10, 0x010f, ASCII, camera.length, values + 48)
  writeTag(tiff, 22, 0x0112, SHORT, 1, 6)
  writeTag(tiff, 34, 0x8825, LONG, 1, placeList)
  tiff.writeUInt16LE(4, placeList)
  writeTag(tiff, placeList + 2, 1, ASCII, 2, 'N'.charCodeAt(0))
  writeTag(tiff, placeList + 14, 2, RATIONAL, 3, values)
  writeTag(tiff, placeList + 26, 3, ASCII, 2, 'W'.charCodeAt(0))
  writeTag(tiff, placeList + 38, 4, RATIONAL, 3, values + 24)
  const degrees = [12, 34, 56, 78, 9, 10]
  degrees.forEach((value, index) => {
    tiff.writeUInt32LE(value, values + index * 8)
    tiff.writeUInt32LE(1, values + index * 8 + 4)
  })
  camera.copy(tiff, values + 48)
  const payload = Buffer.concat([Buffer.from('Exif\0\0'), tiff])
  const head = Buffer.from([0xff, 0xe1, 0, 0])
  head.writeUInt16BE(payload.length + 2, 2)
  return Buffer.concat([head, payload])
}

const ASCII = 2
const SHORT = 3
const LONG = 4
const RATIONAL = 5

function writeTag(tiff: Buffer, at: number, tag: number, type: number, count: number, value: number): void {
  tiff.writeUInt16LE(tag, at)
  tiff.writeUInt16LE(type, at + 2)
  tiff.writeUInt32LE(count, at + 4)
  tiff.writeUInt32LE(value, at + 8)
}

const PLAIN_JPEG =
  '/9j/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAgADADASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAUG/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/EABYBAQEBAAAAAAAAAAAAAAAAAAYHBf/EABkRAQADAQEAAAAAAAAAAAAAAAAGQ8GBgv/aAAwDAQACEQMRAD8AzIDKPxGWUYqjNvnRqQ19wAKhtZAStSRGWUYqjNvnRqQ19wAKht//2Q=='
