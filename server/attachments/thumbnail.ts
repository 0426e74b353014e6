/**
 * Small pictures of pictures. Each is made in a process of its own with bounded memory and time, which gets neither
 * settings nor keys, writes nothing to a disk, and dies alone when a picture was made to break it.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { turns } from '../lib/turns.ts'

/**
 * At most 480 pixels wide and high, WebP, upright, and without anything that told where and with what it was taken.
 * `undefined` means that there is no preview. The picture is
 * read only when its turn has come, so that those that wait take no memory. The caller has made sure that it is JPEG, PNG, GIF, WebP or TIFF.
 */
export function makeThumbnail(read: () => Promise<Buffer>): Promise<Buffer | undefined> {
  return turn(async () => runProcess(await read()))
}

const turn = turns(2)
const MOST_MILLISECONDS = 10_000
const MOST_HEAP_MEGABYTES = 64
const MOST_THUMBNAIL_BYTES = 1_000_000
const PROGRAM = fileURLToPath(new URL('./thumbnail-process.js', import.meta.url))

function runProcess(bytes: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [`--max-old-space-size=${MOST_HEAP_MEGABYTES}`, PROGRAM], {
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: MOST_MILLISECONDS,
      killSignal: 'SIGKILL',
    })
    const pieces: Buffer[] = []
    let size = 0
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length
      if (size > MOST_THUMBNAIL_BYTES) child.kill('SIGKILL')
      else pieces.push(piece)
    })
    child.on('error', () => resolve(undefined))
    child.on('close', (code) => resolve(code === 0 && size > 0 ? Buffer.concat(pieces) : undefined))
    // It may die before it has read everything, which its exit code tells better than this.
    child.stdin.on('error', () => {})
    child.stdin.end(bytes)
  })
}
