import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { draw, endDrawing } from '../../server/attachments/draw.ts'
import { MOST_PAGES } from '../../server/attachments/drawing.ts'
import { CAMERA, makeHugePng, makeJpeg, makePdf, makePhonePhoto, makePng } from '../support/files.ts'
import { makeLockedPdf, makeLoopingPdf, makePdfOf, makePdfOfItself } from '../support/pdfs.ts'
import { until } from '../support/until.ts'

const drawn = (kind: 'picture' | 'pdf', bytes: Buffer) => draw(kind, async () => Readable.from([bytes]))
const makeThumbnail = async (bytes: Buffer) => (await drawn('picture', bytes)).thumbnail

after(endDrawing)

describe('A thumbnail', () => {
  it('is at most 480 pixels wide and high, and never larger than the picture', async () => {
    assert.deepEqual(await sizeOf(makePng(1000, 500)), { format: 'webp', width: 480, height: 240 })
    assert.deepEqual(await sizeOf(makePng(300, 3000)), { format: 'webp', width: 48, height: 480 })
    assert.deepEqual(await sizeOf(makePng(64, 48)), { format: 'webp', width: 64, height: 48 })
  })

  it('is made of JPEG, PNG, GIF, WebP and TIFF', async () => {
    const picture = sharp(makePng(100, 80))
    const pictures = [
      makeJpeg(),
      makePng(),
      await picture.gif().toBuffer(),
      await picture.webp().toBuffer(),
      await picture.tiff().toBuffer(),
    ]
    for (const bytes of pictures) assert.ok(await makeThumbnail(bytes))
  })

  it('EXIF GPS in a photo -> stripped in preview and thumbnail; and it stands upright', async () => {
    const photo = makePhonePhoto()
    const before = await sharp(photo).metadata()
    assert.equal(before.orientation, 6)
    assert.ok(photo.includes(CAMERA) && before.exif)

    const thumbnail = await makeThumbnail(photo)
    assert.ok(thumbnail)
    const { exif, xmp, iptc, icc, orientation, width, height } = await sharp(thumbnail).metadata()
    assert.deepEqual(
      { exif, xmp, iptc, icc, orientation },
      { exif: undefined, xmp: undefined, iptc: undefined, icc: undefined, orientation: undefined },
    )
    assert.ok(!thumbnail.includes(CAMERA) && !thumbnail.includes('EXIF') && !thumbnail.includes('Exif'))

    // 48 x 32, red on the left, turned by a quarter: 32 x 48, red at the top.
    assert.deepEqual([width, height], [32, 48])
    const { data, info } = await sharp(thumbnail).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)]
    const [top, bottom] = [pixel(16, 6), pixel(16, 42)]
    assert.ok((top[0] ?? 0) > 150 && (top[2] ?? 0) < 80, String(top))
    assert.ok((bottom[2] ?? 0) > 150 && (bottom[0] ?? 0) < 80, String(bottom))
  })

  it('leaves nothing in the temporary folder', async () => {
    const before = readdirSync(tmpdir()).filter((name) => /vips|sharp/.test(name))
    await makeThumbnail(makePng(800, 800))
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => /vips|sharp/.test(name)),
      before,
    )
  })
})

describe('A picture as a page', () => {
  it('is at most 1,600 pixels wide and high, upright, and holds nothing but pixels', async () => {
    const { pages, total, problem } = await drawn('picture', makePng(2000, 1000))
    assert.deepEqual({ total, problem, pages: pages.length }, { total: 1, problem: undefined, pages: 1 })
    const [page] = pages
    assert.deepEqual([page!.page, page!.width, page!.height, page!.text], [1, 1600, 800, ''])
    assert.equal((await sharp(page!.picture).metadata()).format, 'webp')

    const photo = await drawn('picture', makePhonePhoto())
    const { exif, xmp, icc, width, height } = await sharp(photo.pages[0]!.picture).metadata()
    assert.deepEqual(
      { exif, xmp, icc, width, height },
      { exif: undefined, xmp: undefined, icc: undefined, width: 32, height: 48 },
    )
    assert.ok(!photo.pages[0]!.picture.includes(CAMERA))
  })
})

describe('Pages of a PDF', () => {
  it('are pictures with their text, and the first one is small too', async () => {
    const pdf = makePdfOf([{ text: 'Fictitious result: (3.2)' }, { text: 'Wide', width: 842, height: 595 }])
    const { pages, total, thumbnail, problem } = await drawn('pdf', pdf)
    assert.deepEqual({ total, problem }, { total: 2, problem: undefined })
    assert.deepEqual(
      pages.map(({ page, width, height, text }) => ({ page, width, height, text: text.trim() })),
      [
        { page: 1, width: 1131, height: 1600, text: 'Fictitious result: (3.2)' },
        { page: 2, width: 1600, height: 1131, text: 'Wide' },
      ],
    )
    assert.ok((await inkIn(pages[0]!.picture)) > 200, 'something is drawn')
    assert.deepEqual((await sharp(thumbnail).metadata()).height, 480)
  })

  it(`are the first ${MOST_PAGES}, and it is told how many there are`, async () => {
    const many = Array.from({ length: MOST_PAGES + 3 }, (_page, index) => ({
      text: `Page ${index}`,
      width: 60,
      height: 80,
    }))
    const { pages, total } = await drawn('pdf', makePdfOf(many))
    assert.deepEqual([pages.length, total], [MOST_PAGES, MOST_PAGES + 3])
  })

  it('of odd sizes are drawn too', async () => {
    const { pages } = await drawn(
      'pdf',
      makePdfOf([
        { text: 'thin', width: 1, height: 14400 },
        { text: '', width: 14400, height: 14400 },
      ]),
    )
    assert.deepEqual(
      pages.map(({ width, height }) => [width, height]),
      [
        [1, 1600],
        [1600, 1600],
      ],
    )
  })
})

describe('88. PDF: encrypted, JS, launch action, 1e6 objects, xref loop -> rendered only in a bounded worker that dies alone; "no preview" is told', () => {
  const action = (what: string) => makePdfOf([{ text: 'Harmless' }], { catalogue: `/OpenAction ${what}` })

  it('encrypted: it asks for a password', async () => {
    const { pages, problem, thumbnail } = await drawn('pdf', makeLockedPdf())
    assert.deepEqual({ pages, problem, thumbnail }, { pages: [], problem: 'password', thumbnail: undefined })
  })

  for (const [name, pdf] of Object.entries({
    JavaScript: action('<< /S /JavaScript /JS (while \\(true\\) {} ) >>'),
    'a launch action': action('<< /S /Launch /F (/bin/sh) /Win << /F (cmd.exe) >> >>'),
    'an address to go to': action('<< /S /URI /URI (http://127.0.0.1:9/) >>'),
  }))
    it(`${name} is not done: the page is drawn, and that is all`, async () => {
      const { pages, problem } = await drawn('pdf', pdf)
      assert.deepEqual([pages.length, pages[0]?.text.trim(), problem], [1, 'Harmless', undefined])
    })

  it('1e6 objects, an xref loop, pages that hold themselves, a file cut off, garbage: an end in time, and the next file is drawn', async () => {
    const objects = Array<string>(1_000_000).fill('<< >>')
    for (const [name, pdf] of Object.entries({
      'a million objects': makePdfOf([{ text: 'Among many' }], { objects }),
      'a loop of tables': makeLoopingPdf(),
      'pages of itself': makePdfOfItself(),
      'cut off': makePdfOf([{ text: 'cut' }]).subarray(0, 300),
      garbage: Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(100_000, 'garbage')]),
      nothing: Buffer.alloc(0),
    })) {
      const { pages, problem } = await drawn('pdf', pdf)
      assert.ok(
        pages.length === 1 || ['damaged', 'too-much'].includes(problem ?? ''),
        `${name}: ${pages.length} pages, ${problem}`,
      )
    }
    assert.equal((await drawn('pdf', makePdf())).pages.length, 1)
  })

  it('a process that is killed in the middle is told as too much, and the next file is drawn', async () => {
    const slow = new Readable({ read() {} })
    slow.push(makePdf())
    const waiting = draw('pdf', async () => slow)
    await until(() => ownChildren().length > 0, 'a process that draws')
    for (const id of ownChildren()) process.kill(id, 'SIGKILL')
    assert.deepEqual(await waiting, { thumbnail: undefined, pages: [], total: 0, problem: 'too-much' })
    assert.equal((await drawn('pdf', makePdf())).pages.length, 1)
  })

  it('a file that does not unseal to its end draws nothing', async () => {
    const broken = async () =>
      Readable.from(
        (async function* () {
          yield makePdf()
          await Promise.resolve()
          throw new Error('not as sealed')
        })(),
      )
    await assert.rejects(draw('pdf', broken), /not as sealed/)
  })
})

describe('86. Image 30,000x30,000; 1e5-frame GIF; huge ICC; deep TIFF; sharp corrupt fixtures -> limit, worker ends, main fine', () => {
  const bad: Record<string, Buffer> = {
    'a PNG of 30,000 x 30,000': makeHugePng(),
    nothing: Buffer.alloc(0),
    'half a JPEG': makePhonePhoto().subarray(0, 400),
    'a PDF': makePdf(),
    'an SVG': Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    ),
    'an SVG that reads a file': Buffer.from(
      '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&x;</text></svg>',
    ),
    'a PNG cut off': makePng(500, 500).subarray(0, 60),
    'random bytes': Buffer.alloc(100000, 'random'),
    'a TIFF of ten thousand lists, each leading to the next': deepTiff(10_000),
    'a TIFF whose list points at itself': Buffer.from('II*\0\x08\0\0\0\0\0\x08\0\0\0', 'latin1'),
  }
  for (const [name, bytes] of Object.entries(bad)) {
    it(`no preview of ${name}`, async () => assert.equal(await makeThumbnail(bytes), undefined))
  }

  it('a huge colour profile goes no further than the process', async () => {
    const thumbnail = await makeThumbnail(pngWithProfile(8 * 1024 * 1024))
    assert.ok(thumbnail === undefined || thumbnail.length < 1000)
  })

  it('a GIF of a hundred thousand frames costs its first one only', async () => {
    const gif = manyFrames(100_000)
    const started = Date.now()
    const thumbnail = await makeThumbnail(gif)
    assert.ok(thumbnail && (await sharp(thumbnail).metadata()).width === 1)
    assert.ok(Date.now() - started < 10_000)
  })

  it('a picture is read into memory only when its turn has come', async () => {
    let read = 0
    let done = 0
    const thumbnails = Array.from({ length: 6 }, async () => {
      await draw('picture', async () => {
        read++
        // Two have their turn; one more may have ended a moment ago.
        assert.ok(read - done <= 3, `${read} were read, ${done} are done`)
        return Readable.from([makePng()])
      })
      done++
    })
    await Promise.all(thumbnails)
    assert.equal(done, 6)
  })

  it('many at once wait for their turn, and a bad one does not take the others with it', async () => {
    const pictures = [makePng(600, 600), makeHugePng(), makePng(700, 700), Buffer.alloc(9), makePng(800, 800)]
    const thumbnails = await Promise.all(pictures.map((each) => makeThumbnail(each)))
    assert.deepEqual(
      thumbnails.map((thumbnail) => thumbnail !== undefined),
      [true, false, true, false, true],
    )
  })
})

async function sizeOf(picture: Buffer) {
  const thumbnail = await makeThumbnail(picture)
  assert.ok(thumbnail)
  const { format, width, height } = await sharp(thumbnail).metadata()
  return { format, width, height }
}

/** One black pixel, again and again. */
function manyFrames(count: number): Buffer {
  const head = Buffer.from('4749463839610100010080000000000000ffffff', 'hex').subarray(0, 19)
  const frame = Buffer.from('2c000000000100010000020244010021f904000000000000'.slice(0, 30), 'hex')
  return Buffer.concat([head, ...Array<Buffer>(count).fill(frame), Buffer.from(';')])
}

/** How many pixels of a page are dark. */
async function inkIn(picture: Buffer): Promise<number> {
  const { data } = await sharp(picture).greyscale().raw().toBuffer({ resolveWithObject: true })
  return data.filter((value) => value < 100).length
}

/** Programs that this one started and that still run. */
function ownChildren(): number[] {
  const lists = readdirSync(`/proc/${process.pid}/task`).map((task) =>
    readFileSync(`/proc/${process.pid}/task/${task}/children`, 'utf8'),
  )
  return lists.join(' ').split(/\s+/).filter(Boolean).map(Number)
}

/** A PNG whose colour profile is `size` bytes of nothing, packed. */
function pngWithProfile(size: number): Buffer {
  const png = makePng(8, 8)
  const packed = deflateSync(Buffer.alloc(size))
  const named = Buffer.concat([Buffer.from('iCCP'), Buffer.from('huge\0\0'), packed])
  const chunk = Buffer.alloc(named.length + 8)
  chunk.writeUInt32BE(named.length - 4, 0)
  named.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(named), named.length + 4)
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)])
}

/** Lists without pictures, each with the next one's place. */
function deepTiff(lists: number): Buffer {
  const tiff = Buffer.alloc(8 + lists * 6)
  tiff.write('II*\0', 'latin1')
  tiff.writeUInt32LE(8, 4)
  for (let index = 0; index < lists; index++) tiff.writeUInt32LE(8 + (index + 1) * 6, 8 + index * 6 + 2)
  return tiff
}
