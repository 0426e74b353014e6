/**
 * A large file up and down again through a server of its own process, beside a bare one that seals nothing, from this process as the client:
 * seconds, and what the server's memory grows by. For the short test and for `npm run files`.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as ask, type IncomingMessage, type RequestOptions } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChildServer, type ChildServer } from '../faults/child-server.ts'
import { replyFields, writeTo } from '../support/letters.ts'
import { signedIn, type Visitor } from '../support/visitor.ts'
import { begun, finish, ROOM, senderOn, type Sender } from './pieces.ts'

/** Seconds of one round. */
export interface Round {
  rawUp: number
  formUp: number
  piecesUp: number
  rawDown: number
  down: number
}

/** Megabytes over idle, at most. */
export interface Growth {
  formUp: number
  piecesUp: number
  down: number
}

export interface Flow {
  rounds: Round[]
  growth: Growth
  idle: number
}

const BLOCK = Buffer.alloc(ROOM, 'A fictitious line of a large file.\n')
const BOUNDARY = 'a-fictitious-boundary'

/** @param bytes of the file @param say is told each round as it ends */
export async function fileFlow(bytes: number, rounds: number, say: (line: string) => void = () => {}): Promise<Flow> {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-flow-'))
  const megabytes = String(Math.max(1, Math.ceil(bytes / 1024 ** 2)))
  const server = await startChildServer({
    FILE_MEGABYTES: megabytes,
    UNSENT_MEGABYTES: String(10 * Number(megabytes)),
    LOG_LEVEL: 'error',
  })
  const plain = await startPlain(join(folder, 'plain'))
  try {
    return await measure(server, plain.port, bytes, rounds, say)
  } finally {
    plain.child.disconnect()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function startPlain(path: string): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(new URL('./plain-server.js', import.meta.url)), [path])
  const [port] = (await once(child, 'message')) as [number]
  return { child, port }
}

async function measure(
  server: ChildServer,
  plain: number,
  bytes: number,
  count: number,
  say: (line: string) => void,
): Promise<Flow> {
  const maria = await signedIn(server, server.cast.maria)
  const dana = await signedIn(server, server.cast.dana)
  const message = await writeTo(dana, { to: server.cast.maria.email })
  const sender = await senderOn(maria, `/messages/${message}`, server.baseUrl)
  // Once with a small file, so that what is loaded at the first one is not taken for what a large one needs.
  const warm = await sendForm(sender, server, message, 3 * ROOM)
  await down(server, maria, warm)
  const idle = memoryOf(server.pid())
  const growth = { formUp: 0, piecesUp: 0, down: 0 }
  const rounds: Round[] = []
  for (let round = 0; round < count; round++) {
    const rawUp = await timed(() => rawUpload(plain, bytes))
    const form = await watched(server.pid(), idle, () => sendForm(sender, server, message, bytes))
    const rawDown = await timed(() => rawDownload(plain, bytes))
    const back = await watched(server.pid(), idle, () => down(server, maria, form.result, bytes))
    await forget(server, form.result)
    const pieces = await watched(server.pid(), idle, () => sendPieces(sender, server, bytes))
    growth.formUp = Math.max(growth.formUp, form.grown)
    growth.down = Math.max(growth.down, back.grown)
    growth.piecesUp = Math.max(growth.piecesUp, pieces.grown)
    rounds.push({ rawUp, formUp: form.seconds, piecesUp: pieces.seconds, rawDown, down: back.seconds })
    say(JSON.stringify(rounds.at(-1)))
  }
  return { rounds, growth, idle }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return (performance.now() - from) / 1000
}

async function watched<T>(pid: number, idle: number, work: () => Promise<T>) {
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, memoryOf(pid))), 50)
  let result: T | undefined
  const seconds = await timed(async () => (result = await work()))
  clearInterval(timer)
  return { result: result!, seconds, grown: Math.max(0, most - idle) }
}

/** Megabytes that the process has in memory. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

/** A reply with a file, as one plain form. @returns the file's id */
async function sendForm(sender: Sender, server: ChildServer, message: string, bytes: number): Promise<string> {
  const fields = { ...(await replyFields(sender.visitor, message)), _csrf: sender.token, body: 'x', action: 'send' }
  const texts = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const head = `${texts.join('')}--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="large.txt"\r\nContent-Type: text/plain\r\n\r\n`
  const tail = `\r\n--${BOUNDARY}--\r\n`
  const answer = await send(
    {
      port: server.port,
      path: `/messages/${message}/replies`,
      method: 'POST',
      headers: {
        ...headersOf(sender),
        host: `localhost:${server.port}`,
        'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
        'content-length': head.length + bytes + tail.length,
      },
    },
    bytes,
    head,
    tail,
  )
  const sent = /^\/messages\/([0-9a-f-]{36})\/sent$/.exec(answer.headers.location ?? '')?.[1]
  if (!sent) throw new Error(`the form was not taken: ${answer.statusCode}`)
  const [row] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [sent])
  return row!.id
}

async function sendPieces(sender: Sender, server: ChildServer, bytes: number): Promise<void> {
  const id = await begun(sender, 'large.txt', bytes)
  for (let offset = 0; offset < bytes; offset += 128 * ROOM) {
    const length = Math.min(128 * ROOM, bytes - offset)
    const headers = {
      ...headersOf(sender),
      host: `localhost:${server.port}`,
      'x-form-token': sender.token,
      'upload-offset': offset,
      'content-length': length,
    }
    const answer = await send({ port: server.port, path: `/uploads/${id}`, method: 'PATCH', headers }, length)
    if (answer.statusCode !== 200) throw new Error(`a piece was not taken: ${answer.statusCode}`)
  }
  const finished = await finish(sender, id)
  if (finished.status !== 200) throw new Error(`not finished: ${finished.status}`)
  await sender.visitor.ask(`/uploads/${id}`, {
    method: 'DELETE',
    headers: { ...headersOf(sender), 'x-form-token': sender.token },
  })
}

/** Behind the product's back, so that rounds do not fill the disk. */
async function forget(server: ChildServer, id: string): Promise<void> {
  rmSync(join(server.dataDir, 'files', id.slice(-2), id), { force: true })
}

async function down(server: ChildServer, visitor: Visitor, id: string, bytes?: number): Promise<void> {
  const headers = { host: `localhost:${server.port}`, cookie: cookieOf(visitor) }
  const got = await swallow({ port: server.port, path: `/attachments/${id}/download`, headers })
  if (bytes !== undefined && got !== bytes) throw new Error(`${got} bytes came`)
}

async function rawUpload(port: number, bytes: number): Promise<void> {
  await send({ port, method: 'POST', path: '/', headers: { 'content-length': bytes } }, bytes)
}

async function rawDownload(port: number, bytes: number): Promise<void> {
  const got = await swallow({ port, path: '/' })
  if (got !== bytes) throw new Error(`${got} bytes came`)
}

function headersOf({ visitor, origin }: Sender) {
  return { origin, cookie: cookieOf(visitor) }
}

function cookieOf(visitor: Visitor): string {
  return [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
}

async function send(options: RequestOptions, bytes: number, head = '', tail = ''): Promise<IncomingMessage> {
  const outgoing = ask({ host: '127.0.0.1', ...options })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => {})
  if (head) outgoing.write(head)
  for (let left = bytes; left > 0; left -= BLOCK.length)
    if (!outgoing.write(BLOCK.subarray(0, Math.min(left, BLOCK.length)))) await once(outgoing, 'drain')
  outgoing.end(tail)
  const [incoming] = await answered
  incoming.resume()
  await once(incoming, 'end')
  return incoming
}

async function swallow(options: RequestOptions): Promise<number> {
  const outgoing = ask({ host: '127.0.0.1', ...options })
  outgoing.end()
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  let got = 0
  incoming.on('data', (chunk: Buffer) => (got += chunk.length))
  await once(incoming, 'end')
  return got
}
