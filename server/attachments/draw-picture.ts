/** Draws pictures, and turns the pixels of pages into pictures. Runs in the process of draw-process.ts only. */
import sharp from 'sharp'
import type { Part } from './drawing.ts'

type Say = (part: Part, bytes?: Buffer) => Promise<void>

const LONGEST_SIDE = 1600
const LONGEST_SIDE_OF_THUMBNAIL = 480
const MOST_PIXELS = 50_000_000

// Whatever the caller checked: no format but these is even tried here, least of all SVG.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadTiffBuffer',
  ],
})
sharp.cache(false)
sharp.concurrency(1)

/** The picture upright, as one page, and small. Of one that moves, its first moment. */
export async function drawPicture(file: Buffer, say: Say): Promise<void> {
  try {
    const { data, info } = await sharp(file, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
      .autoOrient()
      .resize({ width: LONGEST_SIDE, height: LONGEST_SIDE, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    await say({ what: 'total', total: 1 })
    await sayPage(data, info, 1, '', say)
  } catch (error) {
    const tooMuch = error instanceof Error && /pixel limit/i.test(error.message)
    await say({ what: 'problem', problem: tooMuch ? 'too-much' : 'damaged' })
  }
}

interface Pixels {
  width: number
  height: number
  channels: 1 | 2 | 3 | 4
}

/** A page of these pixels; of the first one also the thumbnail. Only pixels go on: no place, no camera, no time, no earlier preview inside. */
export async function sayPage(data: Buffer, pixels: Pixels, page: number, text: string, say: Say): Promise<void> {
  const { width, height, channels } = pixels
  const drawn = () => sharp(data, { raw: { width, height, channels } })
  if (page === 1) {
    const side = LONGEST_SIDE_OF_THUMBNAIL
    const small = drawn().resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    await say({ what: 'thumbnail' }, await small.webp({ quality: 75 }).toBuffer())
  }
  await say({ what: 'page', page, width, height, text }, await drawn().webp({ quality: 80, effort: 2 }).toBuffer())
}
