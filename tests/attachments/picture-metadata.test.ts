import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { tellsPlace, withoutMetadata } from '../../server/attachments/picture-metadata.ts'
import { CAMERA, makeJpeg, makePhonePhoto, makePng } from '../support/files.ts'

/** EXIF with orientation, camera and place, as `makePhonePhoto` has it. */
const exif = async () => (await sharp(makePhonePhoto()).metadata()).exif!.subarray(6)
const pixels = (picture: Buffer) => sharp(picture).raw().toBuffer()

async function phonePng(): Promise<Buffer> {
  const png = makePng()
  const { crc32 } = await import('node:zlib')
  const named = Buffer.concat([Buffer.from('eXIf'), await exif()])
  const chunk = Buffer.alloc(named.length + 8)
  chunk.writeUInt32BE(named.length - 4, 0)
  named.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(named), named.length + 4)
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)])
}

const phoneWebp = async () => sharp(makePhonePhoto()).keepMetadata().webp({ lossless: true }).toBuffer()

test('92. EXIF GPS in a photo -> found, and taken out without a changed pixel; which way is up stays', async () => {
  for (const [name, photo] of Object.entries({
    jpeg: makePhonePhoto(),
    png: await phonePng(),
    webp: await phoneWebp(),
  })) {
    assert.ok(tellsPlace(photo), name)
    const clean = withoutMetadata(photo)!
    assert.ok(!tellsPlace(clean) && !clean.includes(CAMERA), name)
    const before = await sharp(photo).metadata()
    const after = await sharp(clean).metadata()
    assert.deepEqual(
      [after.orientation ?? 1, after.width, after.height],
      [before.orientation ?? 1, before.width, before.height],
      name,
    )
    assert.deepEqual(await pixels(clean), await pixels(photo), name)
  }
})

test('what tells no place is not warned of', async () => {
  for (const picture of [
    makeJpeg(),
    makePng(),
    await sharp(makePng()).webp().toBuffer(),
    await sharp(makePng()).tiff().toBuffer(),
  ])
    assert.equal(tellsPlace(picture), false)
  assert.ok(tellsPlace(Buffer.concat([makeJpeg(), Buffer.from('<x:xmpmeta exif:GPSLatitude="1">')])), 'as text')
})

test('films and pictures behind the end of a photo, comments and other programs’ notes go too', () => {
  const note = (marker: number, text: string) => {
    const head = Buffer.from([0xff, marker, 0, 0])
    head.writeUInt16BE(text.length + 2, 2)
    return Buffer.concat([head, Buffer.from(text)])
  }
  const jpeg = makeJpeg()
  const more = Buffer.concat([
    jpeg.subarray(0, 2),
    note(0xfe, 'a comment'),
    note(0xed, 'Photoshop 3.0 city'),
    note(0xe2, 'MPF second picture'),
    note(0xe2, 'ICC_PROFILE\0colours'),
    jpeg.subarray(2),
    Buffer.from('a film that moves'),
  ])
  const clean = withoutMetadata(more)!
  for (const gone of ['a comment', 'city', 'second picture', 'a film']) assert.ok(!clean.includes(gone), gone)
  assert.ok(clean.includes('ICC_PROFILE'))
})

test('what is broken or of another kind is left alone, and nothing runs on', () => {
  const photo = makePhonePhoto()
  for (let length = 0; length < photo.length; length += 7) {
    tellsPlace(photo.subarray(0, length))
    withoutMetadata(photo.subarray(0, length))
  }
  for (let at = 0; at < photo.length; at += 3) {
    const changed = Buffer.from(photo)
    changed[at]! ^= 0xff
    tellsPlace(changed)
    withoutMetadata(changed)
  }
  assert.equal(withoutMetadata(Buffer.from('GIF89a')), undefined)
  assert.equal(withoutMetadata(Buffer.alloc(0)), undefined)
})
