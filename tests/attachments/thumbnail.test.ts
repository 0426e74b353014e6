import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { makeThumbnail } from '../../server/attachments/thumbnail.ts'
import { CAMERA, makeHugePng, makeJpeg, makePdf, makePhonePhoto, makePng } from '../support/files.ts'

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
    for (const bytes of pictures) assert.ok(await makeThumbnail(async () => bytes))
  })

  it('EXIF GPS in a photo -> stripped in preview and thumbnail; and it stands upright', async () => {
    const photo = makePhonePhoto()
    const before = await sharp(photo).metadata()
    assert.equal(before.orientation, 6)
    assert.ok(photo.includes(CAMERA) && before.exif)

    const thumbnail = await makeThumbnail(async () => photo)
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
    await makeThumbnail(async () => makePng(800, 800))
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => /vips|sharp/.test(name)),
      before,
    )
  })
})

describe('Image 30,000x30,000; 1e5-frame GIF; deep TIFF; corrupt pictures -> limit, worker ends, main fine', () => {
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
    'a TIFF whose list points at itself': Buffer.from('II*\0\x08\0\0\0\0\0\x08\0\0\0', 'latin1'),
  }
  for (const [name, bytes] of Object.entries(bad)) {
    it(`no preview of ${name}`, async () => assert.equal(await makeThumbnail(async () => bytes), undefined))
  }

  it('a GIF of a hundred thousand frames costs its first one only', async () => {
    const gif = manyFrames(100_000)
    const started = Date.now()
    const thumbnail = await makeThumbnail(async () => gif)
    assert.ok(thumbnail && (await sharp(thumbnail).metadata()).width === 1)
    assert.ok(Date.now() - started < 10_000)
  })

  it('a picture is read into memory only when its turn has come', async () => {
    let read = 0
    let done = 0
    const thumbnails = Array.from({ length: 6 }, async () => {
      await makeThumbnail(async () => {
        read++
        // Two have their turn; one more may have ended a moment ago.
        assert.ok(read - done <= 3, `${read} were read, ${done} are done`)
        return makePng()
      })
      done++
    })
    await Promise.all(thumbnails)
    assert.equal(done, 6)
  })

  it('many at once wait for their turn, and a bad one does not take the others with it', async () => {
    const pictures = [makePng(600, 600), makeHugePng(), makePng(700, 700), Buffer.alloc(9), makePng(800, 800)]
    const thumbnails = await Promise.all(pictures.map((each) => makeThumbnail(async () => each)))
    assert.deepEqual(
      thumbnails.map((thumbnail) => thumbnail !== undefined),
      [true, false, true, false, true],
    )
  })
})

async function sizeOf(picture: Buffer) {
  const thumbnail = await makeThumbnail(async () => picture)
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
