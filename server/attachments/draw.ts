/**
 * Pictures of files. Each file is drawn in a process of its own with bounded memory and time, which gets neither settings nor keys, writes
 * nothing to a disk, and dies alone when a file was made to break it. The file streams through, so that this process holds nothing of it. One
 * process is kept ready, because starting takes longer than drawing a page; it is used once.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { turns } from '../lib/turns.ts'
import { unpackParts, type Drawing } from './drawing.ts'

type Read = () => Promise<Readable>
type Work = 'picture' | 'pdf' | 'tell-place' | 'remove-metadata'

/**
 * The file's pages as pictures, and a small one. The file is read only when its turn has come. The caller has made sure that it is JPEG, PNG,
 * GIF, WebP or TIFF, or a PDF, and of at most `MOST_DRAWN_BYTES`.
 */
export async function draw(kind: 'picture' | 'pdf', read: Read): Promise<Drawing> {
  const { parts, whole } = await run(kind, read)
  const drawing: Drawing = { thumbnail: undefined, pages: [], total: 0, problem: whole ? undefined : 'too-much' }
  for (const part of parts) {
    if (part.what === 'thumbnail') drawing.thumbnail = part.bytes
    if (part.what === 'page') drawing.pages.push({ ...part, picture: part.bytes })
    if (part.what === 'total') drawing.total = part.total
    if (part.what === 'problem') drawing.problem = part.problem
  }
  return drawing
}

/** Whether a picture says where it was taken. */
export async function tellsPlace(read: Read): Promise<boolean> {
  return (await run('tell-place', read)).parts.some(({ what }) => what === 'place')
}

/** The same picture without place, camera, time and earlier pictures inside; undefined when that cannot be done without drawing it anew. */
export async function removeMetadata(read: Read): Promise<Buffer | undefined> {
  const { parts, whole } = await run('remove-metadata', read)
  return whole ? parts.find(({ what }) => what === 'bytes')?.bytes : undefined
}

/** Ends the process that waits for the next file. */
export function endDrawing(): void {
  ready?.kill('SIGKILL')
  ready = undefined
}

type Process = ChildProcessByStdio<Writable, Readable, null>

const turn = turns(2)
const MOST_MILLISECONDS = 30_000
const MOST_HEAP_MEGABYTES = 160
// Of 64 KiB each: 512 MiB.
const MOST_WASM_PAGES = 8192
const MOST_OUTPUT = 64 * 1024 * 1024
const READY_MILLISECONDS = 5 * 60_000
const PROGRAM = fileURLToPath(new URL('./draw-process.js', import.meta.url))

let ready: Process | undefined

function run(work: Work, read: Read) {
  return turn(async () => {
    const source = await read()
    const child = ready ?? begin()
    ready = undefined
    const answer = answerOf(child)
    child.stdin.write(`${work}\n`)
    // It may die before it has read everything, which its exit code tells better than this. A file that does not unseal ends it unanswered.
    let broken: Error | undefined
    source.once('error', (error) => {
      // One that ends because the process did is sound.
      if (!child.stdin.destroyed) broken = error
      child.kill('SIGKILL')
    })
    await pipeline(source, child.stdin).catch(() => {})
    const { packed, code } = await answer
    if (broken) throw broken
    ready ??= keepReady()
    return { parts: unpackParts(packed), whole: code === 0 }
  })
}

function begin(): Process {
  const bounds = [`--max-old-space-size=${MOST_HEAP_MEGABYTES}`, `--wasm-max-mem-pages=${MOST_WASM_PAGES}`]
  const child = spawn(process.execPath, [...bounds, PROGRAM], { env: {}, stdio: ['pipe', 'pipe', 'ignore'] })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  return child
}

/** What one process answers until it has ended, by itself or because it took too long or said too much. */
function answerOf(child: Process): Promise<{ packed: Buffer; code: number | null }> {
  child.ref()
  for (const pipe of [child.stdin, child.stdout]) (pipe as Socket).ref()
  const pieces: Buffer[] = []
  let size = 0
  const late = setTimeout(() => child.kill('SIGKILL'), MOST_MILLISECONDS)
  return new Promise((done) => {
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length
      if (size > MOST_OUTPUT) child.kill('SIGKILL')
      else pieces.push(piece)
    })
    child.once('close', (code) => {
      clearTimeout(late)
      done({ packed: Buffer.concat(pieces), code })
    })
    child.once('error', () => done({ packed: Buffer.alloc(0), code: null }))
  })
}

/** Waits for the next file without keeping this program alive, and not for ever. */
function keepReady(): Process {
  const child = begin()
  child.unref()
  for (const pipe of [child.stdin, child.stdout]) (pipe as Socket).unref()
  const forget = () => {
    if (ready === child) ready = undefined
  }
  child.once('exit', forget)
  setTimeout(() => {
    if (ready === child) endDrawing()
  }, READY_MILLISECONDS).unref()
  return child
}
