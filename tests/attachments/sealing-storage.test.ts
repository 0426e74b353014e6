import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { request as sendRequest, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import express, { type ErrorRequestHandler, type Request } from 'express'
import { fileTypeOf } from '../../server/attachments/file-type.ts'
import { configureFileStore } from '../../server/attachments/file-store.ts'
import { folderStore } from '../../server/attachments/folder-store.ts'
import { readSealedWhole, removeSealed, writeSealed } from '../../server/attachments/sealed-files.ts'
import { FileRefused, receiveFiles, type FilePart } from '../../server/attachments/sealing-storage.ts'
import { TellableError } from '../../server/errors.ts'
import { newId } from '../../server/lib/ids.ts'
import { makeJpeg, makePdf, makePng } from '../support/files.ts'
import { until } from '../support/until.ts'

interface Kept extends FilePart {
  id: string
  size: number
}

interface Answer {
  body: Record<string, string>
  kept: Kept[]
  problems: { name: string; problem: string }[]
}

const key = randomBytes(32)
const MAX_FILE = 300_000
const dropped: Kept[] = []
let failWith: Error | undefined
let folder: string
let server: Server
let address: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'letterlock-uploads-'))
  configureFileStore(folderStore(folder))
  const app = express()
  const receive = receiveFiles<Kept>({
    field: 'files',
    maxFiles: 3,
    maxFileSize: MAX_FILE,
    maxFields: 5,
    maxRequestSize: 4_000_000,
    keep,
    drop,
  })
  app.post('/', receive, (request, response) => {
    response.json({ body: request.body as unknown, kept: request.keptFiles, problems: request.fileProblems })
  })
  const tell: ErrorRequestHandler = (error, _request, response, next) => {
    if (response.headersSent) return next(error)
    response.status(error instanceof TellableError ? error.status : 500).json({ error: String(error) })
  }
  app.use(tell)
  server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})

after(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true, force: true })
})

beforeEach(() => {
  dropped.length = 0
  failWith = undefined
})

async function keep(_request: Request, part: FilePart, source: Parameters<typeof writeSealed>[3]): Promise<Kept> {
  if (failWith) throw failWith
  const id = newId()
  const { head, tail, size } = await writeSealed(id, `attachment/${id}`, key, source, MAX_FILE)
  const found = await fileTypeOf(part.name, head, tail)
  if ('problem' in found) {
    await removeSealed(id)
    throw new FileRefused(found.problem)
  }
  return { ...part, id, size }
}

async function drop(_request: Request, kept: Kept): Promise<void> {
  dropped.push(kept)
  await removeSealed(kept.id)
}

describe('A form with files', () => {
  it('arrives with its text and its files in order, sealed and byte for byte', async () => {
    const contents = [makePdf(), makeJpeg(), Buffer.concat([makePng(), randomBytes(200_000)])]
    const { status, answer } = await send([
      ['_csrf', 'token'],
      ['body', 'Guten Tag,\r\n日本'],
      ['files', contents[0]!, 'Befund – Größe.pdf'],
      ['files', contents[1]!, 'photo.jpg'],
      ['files', contents[2]!, 'scan.png'],
    ])
    assert.equal(status, 200)
    assert.deepEqual(answer.body, { _csrf: 'token', body: 'Guten Tag,\r\n日本' })
    assert.deepEqual(
      answer.kept.map(({ name, size }) => [name, size]),
      [
        ['Befund – Größe.pdf', contents[0]!.length],
        ['photo.jpg', contents[1]!.length],
        ['scan.png', contents[2]!.length],
      ],
    )
    assert.deepEqual(answer.problems, [])
    for (const [index, { id }] of answer.kept.entries()) {
      assert.ok((await readSealedWhole(id, `attachment/${id}`, key)).equals(contents[index]!))
    }
  })

  it('may have no file, or an input for files that was left empty', async () => {
    const none = await send([['body', 'only text']])
    assert.deepEqual([none.answer.kept, none.answer.problems], [[], []])
    const empty = await sendRaw(multipart(['Content-Disposition: form-data; name="files"; filename=""', '']))
    assert.deepEqual([empty.status, (JSON.parse(empty.text) as Answer).problems], [200, []])
  })

  it('loses only the files that we do not take, and says which: the text and the good ones stay', async () => {
    const { status, answer } = await send([
      ['body', 'my long text'],
      ['files', randomBytes(MAX_FILE + 1), 'big.pdf'],
      ['files', Buffer.alloc(0), 'empty.pdf'],
      ['files', Buffer.from('alert(1)'), 'picture.png'],
      ['files', makePdf(), 'too-many.pdf'],
      ['more', 'text after the files'],
    ])
    assert.equal(status, 200)
    assert.deepEqual(answer.body, { body: 'my long text', more: 'text after the files' })
    assert.deepEqual(answer.kept, [])
    assert.deepEqual(
      answer.problems,
      [
        { name: 'big.pdf', problem: 'too-big' },
        { name: 'empty.pdf', problem: 'empty' },
        { name: 'picture.png', problem: 'name-differs' },
        { name: 'too-many.pdf', problem: 'too-many' },
      ].sort(byName),
    )
    const mixed = await send([
      ['files', randomBytes(2_000_000), 'big.pdf'],
      ['body', 'text'],
      ['files', makePng(), 'good.png'],
      ['files', Buffer.from('MZ'), 'x.exe'],
    ])
    assert.deepEqual(
      mixed.answer.kept.map(({ name }) => name),
      ['good.png'],
    )
    assert.deepEqual(mixed.answer.problems, [
      { name: 'big.pdf', problem: 'too-big' },
      { name: 'x.exe', problem: 'wrong-type' },
    ])
    assert.equal(mixed.answer.body.body, 'text')
  })

  it('Filename `../../x`, `..\\x`, NUL, 4,096 bytes, RTL override, newline, quotes -> stored as text, never a path', async () => {
    const names: [string, string][] = [
      ['../../x.pdf', '.._.._x.pdf'],
      ['..\\x.pdf', '.._x.pdf'],
      ['C:\\fakepath\\x.pdf', 'C:_fakepath_x.pdf'],
      ['a\nb.pdf', 'ab.pdf'],
      ['say "hi".pdf', 'say "hi".pdf'],
      [`${'x'.repeat(4096)}.pdf`, `${'x'.repeat(251)}.pdf`],
      ['a\u202eb.pdf', 'ab.pdf'],
      ['<img src=x onerror=alert(1)>.pdf', '<img src=x onerror=alert(1)>.pdf'],
      ['-rf.pdf', '-rf.pdf'],
    ]
    for (const [typed, shown] of names) {
      const { answer } = await send([['files', makePdf(), typed]])
      assert.deepEqual(
        answer.kept.map(({ name }) => name),
        [shown],
      )
      const id = answer.kept[0]?.id ?? ''
      assert.deepEqual(
        await readdir(join(folder, id.slice(-2))).then((found) => found.filter((name) => name.includes(id))),
        [id],
      )
    }
  })
})

describe('A form that no page of ours sends', () => {
  it('is refused: too many fields, too long a field, files in another field, nested names', async () => {
    const fields = Array.from({ length: 6 }, (_, index): Part => [`field${index}`, 'x'])
    assert.equal((await send(fields)).status, 400)
    assert.equal((await send([['body', 'x'.repeat(1024 * 1024 + 1)]])).status, 413)
    assert.equal((await send([['other', makePdf(), 'x.pdf']])).status, 400)
    assert.equal((await send([['a[b][c]', 'x']])).status, 400)
    assert.equal((await send([[`${'n'.repeat(101)}`, 'x']])).status, 400)
    const many = Array.from({ length: 101 }, (_, index): Part => ['files', Buffer.from('x'), `${index}.txt`])
    assert.equal((await send(many)).status, 400)
  })

  it('takes back the files that came before the fault', async () => {
    assert.equal(
      (
        await send([
          ['files', makePdf(), 'x.pdf'],
          ['a[b]', 'x'],
        ])
      ).status,
      400,
    )
    assert.deepEqual(
      dropped.map(({ name }) => name),
      ['x.pdf'],
    )
    await assertNothingLeft(dropped)
  })

  it('is refused when it is malformed: no boundary, cut in the middle of a part, no names', async () => {
    assert.equal((await sendRaw(Buffer.from('x'), 'multipart/form-data')).status, 400)
    assert.equal((await sendRaw(Buffer.from('x'))).status, 400)
    const whole = multipart([
      'Content-Disposition: form-data; name="files"; filename="x.pdf"',
      makePdf().toString('latin1'),
    ])
    assert.equal((await sendRaw(whole.subarray(0, -60))).status, 400)
    assert.equal((await sendRaw(multipart(['Content-Disposition: form-data; filename="x.pdf"', 'x']))).status, 400)
    assert.equal((await sendRaw(multipart([`X-Long: ${'x'.repeat(70000)}`, 'x']))).status, 400)
    await assertNoHalves()
  })

  it('is refused before it is read when it says that it is too large, and cut off when it does not say', async () => {
    assert.equal((await sendRaw(Buffer.alloc(4_000_001))).status, 413)
    const head = '--b\r\nContent-Disposition: form-data; name="files"; filename="x.pdf"\r\n\r\n'
    // The answer may be lost with the connection.
    assert.equal(await sendChunked([head, ...Array<Buffer>(100).fill(Buffer.alloc(65536))]).catch(() => 413), 413)
    await assertNoHalves()
  })
})

describe('When keeping fails', () => {
  it('a file that is refused before a byte of it was read does not hold up the rest of the form', async () => {
    failWith = new FileRefused('wrong-type')
    const { status, answer } = await send([
      ['files', randomBytes(2_000_000), 'one.pdf'],
      ['files', randomBytes(200_000), 'two.pdf'],
      ['body', 'text after them'],
    ])
    assert.equal(status, 200)
    assert.equal(answer.body.body, 'text after them')
    assert.deepEqual(
      answer.problems.map(({ name, problem }) => [name, problem]),
      [
        ['one.pdf', 'wrong-type'],
        ['two.pdf', 'wrong-type'],
      ],
    )
  })

  it('the error goes on as it is, and files that were kept before are dropped', async () => {
    failWith = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    const { status, text } = await send([
      ['body', 'x'],
      ['files', randomBytes(250_000), 'x.pdf'],
      ['files', makePdf(), 'y.pdf'],
    ])
    assert.equal(status, 500)
    assert.match(text, /no space left/)
  })

  it('a connection that is lost in the middle leaves nothing, and the server goes on', async () => {
    for (let round = 0; round < 5; round++) {
      const socket = connect(Number(new URL(address).port), '127.0.0.1')
      const head = '--b\r\nContent-Disposition: form-data; name="files"; filename="x.pdf"\r\n\r\n'
      socket.write(
        `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 250000\r\n\r\n${head}`,
      )
      socket.write(randomBytes(100_000))
      await until(async () => (await halves()) === 1, 'its file has begun')
      socket.destroy()
      await until(async () => (await halves()) === 0, 'nothing is left of it')
    }
    await assertNoHalves()
    assert.equal((await send([['files', makePdf(), 'x.pdf']])).answer.kept.length, 1)
  })

  const halves = async () =>
    (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.part')).length
})

type Part = [name: string, value: string] | [name: string, content: Buffer, fileName: string]

async function send(parts: Part[]): Promise<{ status: number; text: string; answer: Answer }> {
  const form = new FormData()
  for (const [name, value, fileName] of parts) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, new Blob([Uint8Array.from(value)]), fileName)
  }
  const response = await fetch(address, { method: 'POST', body: form })
  const text = await response.text()
  const answer = JSON.parse(text) as Answer
  // Files are stored side by side, so that problems are told in the order in which they were found.
  answer.problems?.sort(byName)
  return { status: response.status, text, answer }
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1
}

async function sendRaw(
  body: Buffer,
  type = 'multipart/form-data; boundary=b',
): Promise<{ status: number; text: string }> {
  const response = await fetch(address, {
    method: 'POST',
    body: Uint8Array.from(body),
    headers: { 'Content-Type': type },
  })
  return { status: response.status, text: await response.text() }
}

function multipart(...parts: [headers: string, content: string][]): Buffer {
  const body = parts.map(([headers, content]) => `--b\r\n${headers}\r\n\r\n${content}\r\n`).join('')
  return Buffer.from(`${body}--b--\r\n`, 'latin1')
}

function sendChunked(pieces: (string | Buffer)[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = sendRequest(address, {
      method: 'POST',
      headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
    })
    outgoing.on('response', (response) => resolve(response.statusCode ?? 0)).on('error', reject)
    for (const piece of pieces) outgoing.write(piece)
    outgoing.end()
  })
}

async function assertNothingLeft(kept: Kept[]): Promise<void> {
  const names = await readdir(folder, { recursive: true })
  for (const { id } of kept) assert.ok(!names.some((name) => name.includes(id)))
}

/** They go a moment after the answer. */
async function assertNoHalves(): Promise<void> {
  await until(
    async () => !(await readdir(folder, { recursive: true })).some((name) => name.endsWith('.part')),
    'no half is left',
  )
}
