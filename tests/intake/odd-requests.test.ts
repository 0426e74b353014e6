/** Requests that no browser of an honest person sends: refused quickly, and nothing is left of them. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { newId } from '../../server/lib/ids.ts'
import { everybodyIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { Visitor } from '../support/visitor.ts'
import { until } from '../support/until.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let felix: Visitor
let message: string
let page: string

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, felix } = await everybodyIn(server, { dana: cast.dana, maria: cast.maria, felix: cast.felix }))
  message = await writeTo(dana, { to: cast.maria.email })
  page = `/messages/${message}`
})
after(() => server.stop())

/** 5,000 take minutes: `DROPPED_CONNECTIONS=5000 npm test -- odd-requests`. */
const DROPPED = Number(process.env['DROPPED_CONNECTIONS'] ?? 100)
const BOUNDARY = 'a-fictitious-boundary'
const part = (head: string, content: string) => `--${BOUNDARY}\r\n${head}\r\n\r\n${content}\r\n`
const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value)
const file = (name: string, content: string, type = 'text/plain') =>
  part(`Content-Disposition: form-data; name="files"; filename="${name}"\r\nContent-Type: ${type}`, content)
const END = `--${BOUNDARY}--\r\n`

function post(who: Visitor, path: string, type: string, body: string | Buffer, headers: Record<string, string> = {}) {
  return who.ask(path, { method: 'POST', headers: { 'content-type': type, origin: server.baseUrl, ...headers }, body })
}

const form = (parts: string, boundary = BOUNDARY) =>
  post(maria, `${page}/replies`, `multipart/form-data; boundary=${boundary}`, parts + END)

async function honest(): Promise<string> {
  return field('_csrf', await maria.tokenOn(page)) + field('submission', newId()) + field('action', 'save')
}

function sealedFiles(): string[] {
  if (!existsSync(join(server.dataDir, 'files'))) return []
  const entries = readdirSync(join(server.dataDir, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

const openDescriptors = () => readdirSync('/proc/self/fd').length
const leftBehind = async () => ({
  files: sealedFiles().length,
  rows: (await server.sql('SELECT 1 FROM attachments')).length,
  drafts: (await server.sql('SELECT 1 FROM drafts')).length,
})

/** Counted is what this process, in which the server runs, has worked: whatever else the machine does. */
async function quickly<T>(work: () => Promise<T>, milliseconds = 2000): Promise<T> {
  const begin = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(begin)
  assert.ok(user + system < milliseconds * 1000, `it took ${(user + system) / 1000} ms`)
  return result
}

describe('81. multipart', () => {
  test('an honest form passes, so that the others fail for their own reason', async () => {
    const answer = await form((await honest()) + field('body', 'honest'))
    assert.equal(answer.status, 303)
  })

  test('empty field name, nested names, names of prototypes, a file in another field, too many fields -> 400', async () => {
    const start = await honest()
    const before = await leftBehind()
    const odd: [string, string][] = [
      ['empty name', field('', 'x')],
      ['no name', part('Content-Disposition: form-data', 'x')],
      ['nested', field(`a${'[b]'.repeat(20)}`, 'x')],
      ['nested 1e4', field(`a${'[b]'.repeat(10_000)}`, 'x')],
      ['prototype', field('__proto__', 'x')],
      ['nested prototype', field('__proto__[admin]', 'x')],
      ['array', field('body[]', 'x')],
      ['long name', field('n'.repeat(200), 'x')],
      ['another field', file('x.txt', 'text').replace('name="files"', 'name="other"')],
      ['1e4 fields', Array.from({ length: 10_000 }, (_, number) => field(`f${number}`, 'x')).join('')],
      ['1e4 files', Array.from({ length: 10_000 }, (_, number) => file(`${number}.txt`, 'x')).join('')],
    ]
    for (const [name, parts] of odd) {
      const answer = await quickly(() => form(start + file('kept.txt', 'text') + parts), 15_000)
      assert.equal(answer.status, 400, name)
    }
    assert.deepEqual(await leftBehind(), before)
    assert.equal(({} as Record<string, unknown>)['admin'], undefined)
  })

  test('bad, missing or long boundary, cut in the middle of a part, a part with 64 KiB of headers -> 400', async () => {
    const start = await honest()
    const before = await leftBehind()
    const whole = start + file('cut.txt', 'x'.repeat(5000)) + END
    const url = `${page}/replies`
    const odd: [string, string, string][] = [
      ['no boundary', 'multipart/form-data', whole],
      ['another boundary', 'multipart/form-data; boundary=other', whole],
      ['a long boundary that is not in it', `multipart/form-data; boundary=${'b'.repeat(200)}`, whole],
      ['cut', `multipart/form-data; boundary=${BOUNDARY}`, whole.slice(0, -2000)],
      ['cut in a header', `multipart/form-data; boundary=${BOUNDARY}`, whole.slice(0, whole.indexOf('filename') + 4)],
      ['nothing', `multipart/form-data; boundary=${BOUNDARY}`, ''],
      [
        '64 KiB',
        `multipart/form-data; boundary=${BOUNDARY}`,
        start + part(`Content-Disposition: form-data; name="x"\r\nX-Long: ${'h'.repeat(65_536 * 2)}`, 'x') + END,
      ],
    ]
    for (const [name, type, body] of odd)
      assert.equal((await quickly(() => post(maria, url, type, body))).status, 400, name)
    // Without a boundary that can be read it is no multipart form, and has no token.
    assert.equal((await post(maria, url, 'multipart/form-data; boundary=', whole)).status, 403)
    assert.deepEqual(await leftBehind(), before)
  })

  test('a file without a name is no file, as when nothing was chosen', async () => {
    const answer = await form((await honest()) + field('body', 'text') + file('', ''))
    assert.equal(answer.status, 303)
  })

  test('two Content-Types: the first one counts, and a form of another kind has no token', async () => {
    const answer = await raw(
      `POST ${page}/replies HTTP/1.1\r\nHost: localhost:${server.port}\r\nCookie: ${cookies(maria)}\r\nOrigin: ${server.baseUrl}\r\n` +
        `Content-Type: text/plain\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd`,
    )
    assert.match(answer, /^HTTP\/1\.1 403 /)
  })

  test('1e6 fields -> 400, or cut off before they were read', async () => {
    const before = await leftBehind()
    const many = Buffer.from((await honest()) + file('kept.txt', 'text') + field('a', 'x').repeat(1_000_000) + END)
    const answer = await quickly(
      () => post(maria, `${page}/replies`, `multipart/form-data; boundary=${BOUNDARY}`, many).catch(() => undefined),
      30_000,
    )
    assert.ok(answer === undefined || answer.status === 400, String(answer?.status))
    await until(() => sealedFiles().length === before.files, 'nothing is left')
    assert.deepEqual(await leftBehind(), before)
    assert.equal((await maria.ask('/messages')).status, 200)
  })

  test('100 dropped connections -> 0 exits, 0 files left, no growth of open descriptors', async () => {
    const start =
      (await honest()) +
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\n`
    const before = await leftBehind()
    const descriptors = openDescriptors()
    for (let round = 0; round < DROPPED / 10; round++)
      await Promise.all(Array.from({ length: 10 }, (_, number) => drop(start + 'x'.repeat(number * 9000))))
    await until(() => openDescriptors() <= descriptors + 5 && sealedFiles().length === before.files, 'nothing is left')
    assert.deepEqual(await leftBehind(), before)
    assert.equal((await maria.ask('/messages')).status, 200)
  })

  async function drop(body: string) {
    const head = `POST ${page}/replies HTTP/1.1\r\nHost: localhost:${server.port}\r\nCookie: ${cookies(maria)}\r\nOrigin: ${server.baseUrl}\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: 1000000\r\n\r\n`
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    await new Promise<void>((done) => socket.write(head + body, () => done()))
    await new Promise((done) => setTimeout(done, 20))
    socket.destroy()
  }
})

describe('95. JSON and other bodies that are no form', () => {
  test('1e6 deep, large, double keys, `__proto__`, BOM, wrong charset -> 400, fast', async () => {
    const deep = '['.repeat(1_000_000)
    for (const type of [
      'application/json',
      'application/json; charset=utf-7',
      'application/ld+json',
      'Application/JSON',
    ])
      for (const body of [deep, '{"body":1,"body":2}', '{"__proto__":{"admin":true}}', '\ufeff{}'])
        for (const path of ['/sign-in', `${page}/replies`]) {
          const answer = await quickly(() => post(maria, path, type, body))
          assert.equal(answer.status, 400, `${type} ${path}`)
        }
    assert.equal(({} as Record<string, unknown>)['admin'], undefined)
  })

  test('gzip bomb -> 413; an unknown encoding or charset -> 400', async () => {
    const type = 'application/x-www-form-urlencoded'
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, 'a'))
    assert.equal((await quickly(() => post(maria, '/sign-in', type, bomb, { 'content-encoding': 'gzip' }))).status, 413)
    assert.equal((await post(maria, '/sign-in', type, 'a=b', { 'content-encoding': 'odd' })).status, 400)
    assert.equal((await post(maria, '/sign-in', `${type}; charset=utf-7`, 'a=b')).status, 400)
    assert.equal((await quickly(() => post(maria, '/sign-in', type, 'a='.padEnd(2_000_000, 'x')))).status, 413)
  })

  test('plain text and XML are read by nobody, and have no token', async () => {
    for (const type of ['text/plain', 'application/xml', 'application/octet-stream'])
      for (const path of ['/sign-in', `${page}/replies`])
        assert.equal((await post(maria, path, type, 'a=b')).status, 403)
  })
})

describe('Forms of nobody, whose texts would be given back', () => {
  const type = `multipart/form-data; boundary=${BOUNDARY}`
  const nobody = () => new Visitor(server)

  test('hold a few fields of what can be typed, and no more', async () => {
    assert.equal((await post(nobody(), '/messages', type, field('body', 'a letter') + END)).status, 403)
    assert.equal((await post(nobody(), '/messages', type, field('a', '1').repeat(13) + END)).status, 400)
    assert.equal((await post(nobody(), '/messages', type, field('body', 'x'.repeat(400_000)) + END)).status, 413)
  })

  test('twenty that never end keep nobody waiting and take no more memory; when they break off there is room again', async () => {
    const text = field('body', 'x'.repeat(300_000)).slice(0, -2)
    const head = `POST /messages HTTP/1.1\r\nHost: localhost:${server.port}\r\nContent-Type: ${type}\r\nContent-Length: 400000000\r\n\r\n`
    const sockets = Array.from({ length: 20 }, () =>
      connect(server.port, '127.0.0.1', function (this: Socket) {
        this.write(head + text)
      }),
    )
    for (const socket of sockets) socket.on('error', () => {})
    const next = () => post(nobody(), '/messages', type, field('body', 'a letter') + END)
    await until(async () => (await next()).status === 429, 'the twenty have begun')
    assert.equal((await nobody().ask('/sign-in')).status, 200)
    for (const socket of sockets) socket.destroy()
    await until(async () => (await next()).status === 403, 'the twenty broke off')
  })
})

describe('96. Names of fields', () => {
  const type = 'application/x-www-form-urlencoded'

  test('`a[]` x 1e5, nested 1e4 -> 413 or 400, no stall', async () => {
    assert.equal((await quickly(() => post(maria, '/sign-in', type, 'a[]=1&'.repeat(100_000)))).status, 413)
    assert.equal((await quickly(() => post(maria, '/sign-in', type, `a${'[b]'.repeat(10_000)}=1`))).status, 400)
  })

  test('`a[__proto__]`, `__proto__`, `constructor[prototype]`, brackets, dots -> 400', async () => {
    for (const name of [
      'a[__proto__]',
      '__proto__',
      '__proto__[x]',
      'constructor[prototype][x]',
      'email[]',
      'email[$ne]',
      'a.b',
      '$where',
    ])
      assert.equal((await post(maria, '/sign-in', type, `${encodeURIComponent(name)}=1&email=x`)).status, 400, name)
    // Dropped before anybody looks; what is left has no token.
    assert.equal((await post(maria, '/sign-in', type, '=1&email=x')).status, 403)
    assert.equal(({} as Record<string, unknown>)['x'], undefined)
  })

  test('in an address -> flat texts, never objects', async () => {
    for (const query of ['show[__proto__]=all', 'show[]=unread', '__proto__[show]=unread', 'a[]='.repeat(500)])
      assert.equal((await maria.ask(`/messages?${query}`)).status, 200, query.slice(0, 40))
    assert.equal((await maria.ask(`/messages?${'a&'.repeat(20_000)}`)).status, 431)
  })
})

describe('99. What databases and query builders misread', () => {
  test('SQL, JSON paths, `:x`, `$1`, `?` in every text -> text', async () => {
    const nasty = `x'); DROP TABLE messages; -- a::text)-- :body :replacements $1 $$ ? ?? \\ " \` {"$where":"1"} %s`
    const id = await writeTo(dana, { to: server.cast.maria.email, subject: nasty, body: nasty })
    const { plain } = await import('../support/visitor.ts')
    const shown = (body: string) => plain(body.replaceAll('&#x3D;', '=').replaceAll('&#x60;', '`'))
    assert.ok(shown((await maria.ask(`/messages/${id}`)).body).includes(nasty))
    assert.ok(shown((await dana.ask('/messages?show=all')).body).includes(nasty))
  })

  test('in ids and filters -> 404, 400 or nothing found', async () => {
    for (const id of [`${message}'--`, `${message} OR 1=1`, '1 OR 1=1', `${message}::text`, '*', '%', '$1', ':message'])
      for (const path of ['messages', 'attachments'])
        assert.equal((await maria.ask(`/${path}/${encodeURIComponent(id)}`)).status, 404, id)
    const ask = (query: Record<string, string>) =>
      felix.ask(`/admin/access-events?${new URLSearchParams(query).toString()}`)
    const odd: Record<string, string>[] = [
      { what: "message.opened' OR '1'='1" },
      { outcome: "done'--" },
      { from: "2026-01-01'::date" },
      { before: "1.x' OR 1=1" },
      { network: "' OR '1'='1" },
    ]
    for (const query of odd) assert.equal((await ask(query)).status, 400)
    const log = '/admin/access-events'
    for (const text of ["' OR '1'='1", '%', '*', '$1', ':who', '{"$ne":1}', 'a::text)--'])
      for (const field of ['who', 'patient', 'network']) {
        assert.equal((await felix.submit(log, log, { [field]: text })).status, 422, text)
        assert.equal((await ask({ [field]: text })).status, 400, text)
      }
  })
})

const cookies = (visitor: Visitor) => [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')

function raw(request: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(server.port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    socket.on('end', () => done(answer))
    socket.on('error', fail)
    socket.write(request)
  })
}
