/** The program that `thumbnail.ts` starts: a picture on standard input, a small one on standard output, and nothing else. */
import { buffer } from 'node:stream/consumers'
import sharp from 'sharp'

const LONGEST_SIDE = 480
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

const picture = await buffer(process.stdin)
const thumbnail = await sharp(picture, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
  .autoOrient()
  .resize({ width: LONGEST_SIDE, height: LONGEST_SIDE, fit: 'inside', withoutEnlargement: true })
  // Without `keepMetadata` only the pixels go on: no place, no camera, no time, no earlier preview inside.
  .webp({ quality: 75 })
  .toBuffer()
process.stdout.write(thumbnail)
