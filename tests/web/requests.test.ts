/** HTTP without domain: who may send a form, what every answer carries, and what an error tells. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../support/visitor.ts'

let server: TestServer
let maria: Visitor
let letter: string

before(async () => {
  server = await startTestServer()
  maria = await signedIn(server, server.cast.maria)
  letter = /href="(\/messages\/[0-9a-f-]{36})"/.exec((await maria.ask('/messages')).body)![1]!
  await addBrokenPages()
})
after(() => server.stop())

/** Pages that go wrong in every way a page can. */
async function addBrokenPages() {
  const { anyone } = await import('../../server/groups.ts')
  anyone.get('/broken/error', () => {
    throw new Error('secret words of an error')
  })
  anyone.get('/broken/string', () => {
    throw 'secret words of a string' as unknown as Error
  })
  anyone.get('/broken/nothing', () => Promise.reject(undefined as unknown as Error))
  anyone.get('/broken/later', async () => {
    await new Promise((done) => setTimeout(done, 5))
    throw Object.assign(new Error('secret words, later'), { status: 999, headers: { 'x-secret': 'words' } })
  })
  anyone.get('/broken/page', (request) => {
    Object.defineProperty(request, 'person', {
      get() {
        throw new Error('secret words of the error page')
      },
    })
    throw new Error('secret words')
  })
  anyone.get('/broken/half', (_request, response) => {
    response.write('half an answer')
    throw new Error('secret words')
  })
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** Headers that every answer carries, whatever happened. */
function assertProtected(answer: Answer, what: string) {
  const { headers } = answer
  assert.equal(
    headers['content-security-policy'],
    "default-src 'none';style-src 'self';img-src 'self';script-src 'self';connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
    what,
  )
  assert.equal(headers['cache-control'], 'no-store', what)
  assert.equal(headers['x-content-type-options'], 'nosniff', what)
  assert.equal(headers['x-frame-options'], 'DENY', what)
  assert.equal(headers['referrer-policy'], 'same-origin', what)
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin', what)
  assert.equal(headers['cross-origin-resource-policy'], 'same-origin', what)
  assert.match(headers['x-request-id'] as string, /^[0-9a-f-]{36}$/, what)
  for (const name of [
    'x-powered-by',
    'server',
    'etag',
    'access-control-allow-origin',
    'strict-transport-security',
    'via',
  ])
    assert.equal(headers[name], undefined, `${what}: ${name}`)
}

function assertTellsNothing(answer: Answer, what: string) {
  assert.doesNotMatch(
    answer.body,
    /secret words|node_modules|\bat .*\.(js|ts):\d+|express|postgres|sequelize|node\.?js|\d+\.\d+\.\d+/i,
    what,
  )
}

test('55. CSRF: form, fetch, text/plain JSON, method override, missing/foreign/old token, null Origin -> 403', async () => {
  const own = `http://localhost:${server.port}`
  const token = await maria.tokenOn(letter)
  const foreign = await (await signedIn(server, server.cast.dana)).tokenOn('/messages/new')
  const beforeSignIn = new Visitor(server)
  const old = await beforeSignIn.tokenOn('/sign-in')
  const urlencoded = (value: string) => `_csrf=${encodeURIComponent(value)}&saved=yes`
  const attempts: [string, Record<string, string>, string][] = [
    ['a form of another site', { ...FORM, origin: 'https://evil.example' }, urlencoded(token)],
    ['a null Origin', { ...FORM, origin: 'null' }, urlencoded(token)],
    ['an empty Origin', { ...FORM, origin: '' }, urlencoded(token)],
    ['our name with another port', { ...FORM, origin: 'http://localhost:1' }, urlencoded(token)],
    ['our name as a prefix', { ...FORM, origin: `${own}.evil.example` }, urlencoded(token)],
    ['our name as a user', { ...FORM, origin: `http://localhost:${server.port}@evil.example` }, urlencoded(token)],
    ['our name with https', { ...FORM, origin: own.replace('http:', 'https:') }, urlencoded(token)],
    ['cross-site', { ...FORM, 'sec-fetch-site': 'cross-site' }, urlencoded(token)],
    ['same-site', { ...FORM, origin: own, 'sec-fetch-site': 'same-site' }, urlencoded(token)],
    ['no token', { ...FORM, origin: own }, 'saved=yes'],
    ['an empty token', { ...FORM, origin: own }, urlencoded('')],
    ['the token of another person', { ...FORM, origin: own }, urlencoded(foreign)],
    ['the token of before sign-in', { ...FORM, origin: own }, urlencoded(old)],
    [
      'a token with one letter changed',
      { ...FORM, origin: own },
      urlencoded(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`),
    ],
    [
      'text/plain that looks like JSON',
      { 'content-type': 'text/plain', origin: own },
      `{"_csrf":"${token}","saved":"yes"}`,
    ],
    ['no content type', { origin: own }, urlencoded(token)],
    [
      'a token in a header',
      { ...FORM, origin: own, 'x-csrf-token': token, 'csrf-token': token, 'x-xsrf-token': token },
      'saved=yes',
    ],
  ]
  for (const path of ['/sign-out', '/enrol/recovery-codes', `${letter}/replies`])
    for (const [what, headers, body] of attempts)
      assert.equal((await maria.ask(path, { method: 'POST', headers, body })).status, 403, `${path}: ${what}`)
  assert.equal(
    (await maria.ask(`/sign-out?_csrf=${token}`, { method: 'POST', headers: { ...FORM, origin: own }, body: '' }))
      .status,
    403,
    'a token in the address',
  )
  for (const method of ['GET', 'HEAD']) {
    const headers = { 'x-http-method-override': 'POST', 'x-method-override': 'POST' }
    assert.equal((await maria.ask(`/sign-out?_method=POST&_csrf=${token}`, { method, headers })).status, 404, method)
  }
  for (const type of ['application/json', 'application/csp-report+json', 'application/JSON; charset=utf-8']) {
    const json = await maria.ask('/sign-out', {
      method: 'POST',
      headers: { 'content-type': type, origin: own },
      body: JSON.stringify({ _csrf: token }),
    })
    assert.equal(json.status, 400, type)
  }
  assert.equal((await maria.ask('/messages')).status, 200, 'still signed in')
  assert.equal(
    (
      await maria.ask('/enrol/recovery-codes', {
        method: 'POST',
        headers: { ...FORM, origin: own, 'sec-fetch-site': 'same-origin' },
        body: urlencoded(token),
      })
    ).status,
    303,
  )
})

test('55. A forged form with files leaves no file behind', async () => {
  const files = async () => (await server.sql('SELECT count(*)::int AS many FROM attachments'))[0]
  const before = await files()
  const boundary = 'x'
  const part = (head: string, content: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`
  const body = `${part('name="body"', 'forged')}${part('name="files"; filename="a.txt"\r\nContent-Type: text/plain', 'some text')}${part('name="_csrf"', 'x'.repeat(52))}--${boundary}--\r\n`
  const answer = await maria.ask(`${letter}/replies`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body,
  })
  assert.equal(answer.status, 403)
  assert.deepEqual(await files(), before)
})

test('56. Clickjacking -> frame-ancestors none', async () => {
  const maria = await signedIn(server, server.cast.maria)
  for (const path of ['/sign-in', '/help', '/messages', '/nothing-here', '/static/js/send-once.js']) {
    const { headers } = await maria.ask(path)
    assert.match(headers['content-security-policy'] as string, /frame-ancestors 'none'/, path)
    assert.equal(headers['x-frame-options'], 'DENY', path)
  }
})

test('58. XS-Leaks: what another site asks for with our cookies is kept from it, and tells nothing by frames', async () => {
  const maria = await signedIn(server, server.cast.maria)
  for (const path of ['/messages', '/sign-in', '/nothing-here', '/static/icon.svg']) {
    const { headers } = await maria.ask(path)
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path)
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin', path)
    assert.equal(headers['x-content-type-options'], 'nosniff', path)
  }
  // What another site asks for without leaving its page gets one answer, whoever is signed in and whatever is there.
  const refusals = new Set<string>()
  for (const visitor of [maria, new Visitor(server)])
    for (const path of ['/messages', letter, '/sign-in', '/nothing-here'])
      for (const [mode, dest] of [
        ['no-cors', 'image'],
        ['cors', 'empty'],
        ['navigate', 'iframe'],
        ['navigate', 'object'],
      ] as const)
        for (const site of ['cross-site', 'same-site']) {
          const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest }
          const { status, body } = await visitor.ask(path, { headers })
          refusals.add(`${status} ${/<h1[^>]*>(.*?)<\/h1>/.exec(body)?.[1]}`)
        }
  assert.equal(refusals.size, 1)
  assert.match([...refusals][0]!, /^400 /)
  const followed = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  assert.equal((await maria.ask(letter, { headers: followed })).status, 200)
  // A cookie that browsers do not send along from elsewhere leaves nothing to tell apart by timing or by what is kept.
  const fresh = new Visitor(server)
  const first = await fresh.submit('/sign-in', '/sign-in', {
    email: server.cast.maria.email,
    password: server.cast.maria.password,
  })
  for (const line of first.headers['set-cookie'] ?? []) assert.match(line, /SameSite=(Lax|Strict)/i)
  assert.equal((await maria.ask('/messages')).headers['cache-control'], 'no-store')
})

test('57. CORS with evil Origin/null -> no ACAO', async () => {
  for (const origin of ['https://evil.example', 'null', `http://localhost:${server.port}`])
    for (const [path, method] of [
      ['/', 'GET'],
      ['/sign-in', 'GET'],
      [letter, 'OPTIONS'],
      ['/static/css/page.css', 'GET'],
      ['/messages', 'OPTIONS'],
    ] as const) {
      const answer = await maria.ask(path, {
        method,
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-a' },
      })
      for (const name of Object.keys(answer.headers))
        assert.ok(!name.startsWith('access-control-'), `${method} ${path}: ${name}`)
    }
})

test('5. Host header with quote/SQL (Accellion CVE-2021-27101) -> 400, no query error', async () => {
  for (const host of [
    "localhost'--",
    `localhost:${server.port}'`,
    '"localhost"',
    "x' OR 1=1",
    'localhost;DROP TABLE accounts',
    'localhost,evil',
    'localhost@evil.example',
    'evil.example',
    'localhost.evil.example',
    '0.0.0.0',
    '[::ffff:127.0.0.1]',
    'LOCALHOST.',
    ' ',
    'a'.repeat(2000),
  ]) {
    const answer = await new Visitor(server).ask('/sign-in', { headers: { host } })
    assert.equal(answer.status, 400, host)
    assertTellsNothing(answer, host)
    assert.doesNotMatch(answer.body, /evil|DROP/)
  }
  for (const host of [`127.0.0.1:${server.port}`, `LOCALHOST:${server.port}`, `[::1]:${server.port}`, 'localhost'])
    assert.equal((await new Visitor(server).ask('/sign-in', { headers: { host } })).status, 200, host)
})

test('170. 400/403/404/405/413/429/500 pages -> no versions, no stack, same headers', async () => {
  const big = { method: 'POST', headers: FORM, body: `email=${'x'.repeat(1_100_000)}` }
  const odd = { method: 'POST', headers: FORM, body: 'a[b]=1' }
  const expected: [number, string, Parameters<Visitor['ask']>[1]?][] = [
    [200, '/sign-in'],
    [404, '/no/such/page'],
    [404, '/static/no-such-file.css'],
    [404, '/static/'],
    [404, '/sign-in/'],
    [404, '/Sign-In'],
    [404, '/index.php'],
    [404, '/.env'],
    [404, '/sign-in', { method: 'PUT' }],
    [404, '/messages', { method: 'DELETE' }],
    [404, '/sign-in', { method: 'TRACE' }],
    [404, letter, { method: 'PATCH' }],
    [404, '/health/detail'],
    [404, '/metrics'],
    [404, '/debug'],
    [400, '/%'],
    [400, '/m/%c0%ae'],
    [400, '/sign-in', odd],
    [413, '/sign-in', big],
    [403, '/sign-in', { method: 'POST', headers: FORM, body: 'a=1' }],
    [400, '/sign-in', { headers: { host: 'evil.example' } }],
    [500, '/broken/error'],
  ]
  for (const [status, path, ask] of expected) {
    const answer = await new Visitor(server).ask(path, ask)
    assert.equal(answer.status, status, `${ask?.method ?? 'GET'} ${path}`)
    assertProtected(answer, path)
    assertTellsNothing(answer, path)
    if (status >= 400)
      assert.ok(answer.body.includes(answer.headers['x-request-id'] as string), `${path}: the reference is on the page`)
  }
})

test('170. Too many tries are answered with the same headers, and when to come back', async () => {
  await server.sql('DELETE FROM rate_limits')
  const { limit } = await import('../../server/web/rate-limits.ts')
  for (let tries = 0; tries < 100; tries++) await limit('address', 100, 600).count('127.0.0.1')
  const answer = await new Visitor(server).submit('/sign-in', '/sign-in', { email: 'a@b.example', password: 'x' })
  assert.equal(answer.status, 429)
  assertProtected(answer, '429')
  assert.ok(Number(answer.headers['retry-after']) > 500)
  await letCodesCountAgain(server)
})

test('170. A page that needs a table that is broken -> 500 without a word of it', async () => {
  await server.sql('ALTER TABLE links RENAME TO links_gone')
  try {
    const answer = await new Visitor(server).ask(`/m/${'A'.repeat(43)}`)
    assert.equal(answer.status, 500)
    assertProtected(answer, 'no table')
    assertTellsNothing(answer, 'no table')
    assert.doesNotMatch(answer.body, /links|relation|42P01/)
  } finally {
    await server.sql('ALTER TABLE links_gone RENAME TO links')
  }
})

test('169. Unhandled rejection, thrown string, error in error handler -> 500 page with id, process lives', async () => {
  for (const kind of ['error', 'string', 'nothing', 'later', 'page']) {
    const answer = await maria.ask(`/broken/${kind}`)
    assert.equal(answer.status, 500, kind)
    assertProtected(answer, kind)
    assertTellsNothing(answer, kind)
    assert.equal(answer.headers['x-secret'], undefined)
    assert.ok(answer.body.includes(answer.headers['x-request-id'] as string), `${kind}: the reference is told`)
    assert.match(answer.body, /555-0100/)
  }
  await assert.rejects(maria.ask('/broken/half'), 'half an answer does not end as if it were whole')
  assert.equal((await maria.ask(letter)).status, 200)
  assert.equal((await maria.ask('/health/ready')).status, 200)
})

test('172. Static path traversal `/..%2f`, `%5c`, dotfiles, source maps -> 404', async () => {
  const visitor = new Visitor(server)
  assert.equal((await visitor.ask('/static/css/page.css')).status, 200)
  for (const path of [
    '..%2fpackage.json',
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e/package.json',
    '%2e%2e%2fpackage.json',
    '..%5cpackage.json',
    '..\\package.json',
    '../package.json',
    'css/../../package.json',
    'css/..%2f..%2fpackage.json',
    '....//package.json',
    '..;/package.json',
    '%252e%252e%252fpackage.json',
    '.env',
    '.git/config',
    '.gitignore',
    'css/.hidden',
    'js/send-once.js.map',
    'css/page.css.map',
    'css',
    'css/',
    '',
    'css/page.css/',
    'css/page.css%00.png',
    '/etc/passwd',
    '%2fetc%2fpasswd',
    'C:%5cwindows',
    '%c0%ae%c0%ae/package.json',
  ])
    for (const method of ['GET', 'HEAD']) {
      const answer = await visitor.ask(`/static/${path}`, { method })
      assert.ok(
        path.includes('%c0') ? [400, 404].includes(answer.status) : answer.status === 404,
        `${method} ${path}: ${answer.status}`,
      )
      assert.doesNotMatch(answer.body, /"name": "letterlock"|root:/)
    }
  for (const path of [
    '/package.json',
    '/server/main.ts',
    '/dist/server/main.js',
    '/views/words/en/layout.json',
    '/.data/master.key',
  ])
    assert.equal((await visitor.ask(path)).status, 404, path)
})

test('static files may be kept by a browser, and nothing else', async () => {
  for (const path of ['/static/css/page.css', '/static/js/send-once.js', '/static/icons.svg', '/static/icon.svg']) {
    const answer = await new Visitor(server).ask(path)
    assert.equal(answer.headers['cache-control'], 'public, max-age=300', path)
    assert.equal(answer.headers['set-cookie'], undefined)
  }
  for (const path of ['/messages', letter, '/privacy', '/help', '/check-notice', '/demo', '/demo/outbox.json'])
    assertProtected(await maria.ask(path), path)
})

test('80. Health tells nothing but whether it is well, and needs no host, cookie or sign-in', async () => {
  for (const path of ['/health/live', '/health/ready']) {
    const answer = await new Visitor(server).ask(path, { headers: { host: '10.1.2.3' } })
    assert.deepEqual([answer.status, answer.body], [200, 'ok\n'])
    assert.equal(answer.headers['set-cookie'], undefined)
    assertProtected(answer, path)
  }
})

test('198. Help, privacy and "is this notice real?" can be read before sign-in, and store nothing', async () => {
  for (const path of ['/help', '/privacy', '/check-notice']) {
    const answer = await new Visitor(server).ask(path)
    assert.equal(answer.status, 200, path)
    assert.ok(answer.h1)
  }
})
