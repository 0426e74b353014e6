/**
 * The program that `draw.ts` starts: a line that says what to do and a file on standard input, parts on standard output, and nothing else. It
 * serves one file and ends, so that nothing of one file can reach the next one's.
 */
import { buffer } from 'node:stream/consumers'
import { closeProcess } from '../lib/closed-process.ts'
import { drawPdf, prepare } from './draw-pdf.ts'
import { drawPicture } from './draw-picture.ts'
import { packPart, type Part } from './drawing.ts'
import { tellsPlace, withoutMetadata } from './picture-metadata.ts'

closeProcess()

const MOST_MEMORY = 900 * 1024 * 1024

// What the engine does not bound: pictures are decoded outside of it, in threads of their own.
setInterval(() => process.memoryUsage.rss() > MOST_MEMORY && process.exit(1), 50).unref()
// One that is kept ready; a picture that comes at once does without.
setTimeout(() => void prepare().catch(() => {}), 500).unref()

const input = await buffer(process.stdin)
const line = input.indexOf('\n')
// Whoever started it has ended.
if (line < 0) process.exit(0)
const file = input.subarray(line + 1)

const say = (part: Part, bytes?: Buffer) =>
  new Promise<void>((done) => process.stdout.write(packPart(part, bytes), () => done()))

const WORK: Record<string, () => Promise<void>> = {
  picture: () => drawPicture(file, say),
  pdf: () => drawPdf(file, say),
  'tell-place': async () => {
    if (tellsPlace(file)) await say({ what: 'place' })
  },
  'remove-metadata': async () => {
    const clean = withoutMetadata(file)
    if (clean) await say({ what: 'bytes' }, clean)
  },
}
await WORK[input.toString('utf8', 0, line)]?.()
