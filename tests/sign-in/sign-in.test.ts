/** Signing in with a password and a code: wrong input, wrong guesses, used codes, forged forms. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { projectRoot } from '../../server/lib/root.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../support/visitor.ts'
import { allThatIsStored } from '../enrolment/newcomer.ts'

let server: TestServer
let maria: Person
let dana: Person

before(async () => {
  server = await startTestServer()
  ;({ maria, dana } = server.cast)
})
after(() => server.stop())

/** Somebody who has typed the right password. */
async function atTheCode(person: Person): Promise<Visitor> {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const answer = await visitor.submit('/sign-in', '/sign-in', { email: person.email, password: person.password })
  assert.deepEqual([answer.status, answer.location], [303, '/sign-in/code'])
  return visitor
}

const typeCode = (visitor: Visitor, code: string) => visitor.submit('/sign-in/code', '/sign-in/code', { code })

/** A wrong code, whatever the right ones are at the moment. */
function wrongCode(person: Person): string {
  const near = [-30, 0, 30, 60].map((seconds) => codeOf(person, new Date(Date.now() + seconds * 1000)))
  return ['000000', '111111', '222222', '333333', '444444'].find((code) => !near.includes(code))!
}

/** The form again, with a summary whose line leads to the field, and the field says the same. */
function assertShownAgain(answer: Answer, field: string, words: RegExp) {
  assert.equal(answer.status, 422)
  const [, href, text] = /<section class="summary"[\s\S]*?<li><a href="([^"]+)">([^<]+)<\/a>/.exec(answer.body) ?? []
  assert.equal(href, `#${field}`)
  assert.match(text ?? '', words)
  assert.match(answer.body, new RegExp(`<p class="error" id="${field}-error">`))
  assert.match(answer.body, new RegExp(`id="${field}"[^>]* aria-describedby="[^"]*${field}-error`))
  assert.match(answer.body, /<title>Error: /)
}

test('a sign-in without address or password is shown again, with the address as it was typed', async () => {
  const visitor = new Visitor(server)
  const nothing = await visitor.submit('/sign-in', '/sign-in', {})
  assertShownAgain(nothing, 'email', /Enter your e-mail address/)
  const noPassword = await visitor.submit('/sign-in', '/sign-in', { email: ' Maria.Gomez@mail.example', password: '' })
  assertShownAgain(noPassword, 'password', /Enter your password/)
  assert.match(noPassword.body, /value=" Maria\.Gomez@mail\.example"/)
  const odd = await visitor.submit('/sign-in', '/sign-in', { email: 'maria at mail', password: 'a secret of mine' })
  assertShownAgain(odd, 'email', /Enter your e-mail address/)
  assert.match(odd.body, /value="maria at mail"/)
  assert.doesNotMatch(odd.body, /a secret of mine/)
  const wrong = await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: 'a secret of mine' })
  assertShownAgain(wrong, 'password', /address or the password is not right/)
  assert.match(wrong.body, /value="maria\.gomez@mail\.example"/)
  assert.doesNotMatch(wrong.body, /a secret of mine/)
})

test('known, unknown and invited addresses get the same answer to a wrong password', async () => {
  await letCodesCountAgain(server)
  const answers = []
  for (const email of [maria.email, 'nobody.at.all@mail.example', 'james.lee@mail.example']) {
    const answer = await new Visitor(server).submit('/sign-in', '/sign-in', { email, password: 'a wrong password' })
    answers.push({
      status: answer.status,
      body: answer.body.replaceAll(email, '').replace(/name="_csrf" value="[^"]+"/g, ''),
    })
  }
  assert.equal(answers[0]!.status, 422)
  assert.deepEqual(answers[1], answers[0])
  assert.deepEqual(answers[2], answers[0])
})

test('fields that no page of ours sends are refused with 400, not 500', async () => {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const token = await visitor.tokenOn('/sign-in')
  const bodies = [
    `_csrf=${token}&email[$ne]=1&password=x`,
    `_csrf=${token}&email[]=a@b.example&password=x`,
    `_csrf=${token}&email=a@b.example&email=c@d.example&password=x`,
    `_csrf=${token}&email=a@b.example&password=x&password=y`,
    `_csrf=${token}&link=a&link=b&password=x`,
  ]
  for (const body of bodies) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.equal((await visitor.ask('/sign-in', { method: 'POST', headers, body })).status, 400, body)
  }
})

test("names of an object's prototype as fields reach nothing", async () => {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const fields = {
    constructor: 'x',
    toString: 'x',
    email: maria.email,
    password: 'a wrong password',
  }
  assertShownAgain(await visitor.submit('/sign-in', '/sign-in', fields as never), 'password', /not right/)
  assert.equal(Object.getPrototypeOf({}), Object.prototype)
  assert.equal(typeof {}.toString, 'function')
})

test('27. Code with spaces or hyphens -> accepted; seven digits, five digits, full-width digits, letters -> 422; array, object, `code[]=` -> 400; never 500', async () => {
  const wrong = [
    '1234567',
    '12345',
    '１２３４５６',
    'abcdef',
    '12 34',
    '١٢٣٤٥٦',
    '1e5',
    '-12345',
    '0x1234',
    '123456;',
    ' ',
  ]
  let visitor = await atTheCode(maria)
  for (const [index, code] of wrong.entries()) {
    if (index % 4 === 0) visitor = await atTheCode(maria)
    const answer = await typeCode(visitor, code)
    assertShownAgain(answer, 'code', /six digits|six-digit/)
  }
  visitor = await atTheCode(maria)
  const token = await visitor.tokenOn('/sign-in/code')
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const body of ['code[]=123456', 'code=1&code=2', 'code[a]=1', 'code[$gt]=', 'code[0]=1'])
    for (const action of ['/sign-in/code', '/sign-in/recovery-code']) {
      const answer = await visitor.ask(action, { method: 'POST', headers, body: `_csrf=${token}&${body}` })
      assert.equal(answer.status, 400, `${action} ${body}`)
    }
  const json = { 'content-type': 'application/json' }
  for (const body of ['{"code":123456}', '{"code":{"$ne":1}}', '{"code":["1"]}'])
    assert.equal((await visitor.ask('/sign-in/code', { method: 'POST', headers: json, body })).status, 400, body)
  const spaced = await typeCode(visitor, codeOf(maria).replace(/^(..)(..)(..)$/, ' $1-$2 $3 '))
  assert.deepEqual([spaced.status, spaced.location], [303, '/messages'])
})

test('26. TOTP same code twice (otplib accepts it) -> second refused', async () => {
  const first = await atTheCode(maria)
  const second = await atTheCode(maria)
  const code = codeOf(maria)
  assert.equal((await typeCode(first, code)).location, '/messages')
  const again = await typeCode(second, code)
  assertShownAgain(again, 'code', /not right|used/)
  assert.equal((await second.ask('/messages')).location, '/sign-in/code')
})

test('28. Code of a step that was used, in another session of the same person -> refused, also with spaces in it', async () => {
  const first = await atTheCode(maria)
  const second = await atTheCode(maria)
  const code = codeOf(maria)
  assert.equal((await typeCode(first, code)).status, 303)
  for (const same of [code, `${code.slice(0, 3)} ${code.slice(3)}`, ` ${code} `])
    assert.equal((await typeCode(second, same)).status, 422)
})

test('29. Code for step T-2, T+1 -> refused; T-1 after T used -> refused', async () => {
  const { checkCodeOf } = await import('../../server/sign-in/check-sign-in.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(maria.email))!
  const actor = { kind: 'anonymous', strength: 'password' } as const
  const now = new Date(Math.floor(Date.now() / 30_000) * 30_000 + 12_000)
  const at = (steps: number) => codeOf(maria, new Date(now.getTime() + steps * 30_000))
  await letCodesCountAgain(server)
  assert.equal(await checkCodeOf(actor, account, at(-2), now), false, 'T-2')
  assert.equal(await checkCodeOf(actor, account, at(1), now), false, 'T+1')
  assert.equal(await checkCodeOf(actor, account, at(0), now), true, 'T')
  assert.equal(await checkCodeOf(actor, account, at(-1), now), false, 'T-1 after T')
  assert.equal(await checkCodeOf(actor, account, at(0), now), false, 'T again')
  await letCodesCountAgain(server)
  assert.equal(await checkCodeOf(actor, account, at(-1), now), true, 'T-1 before T')
})

test('35. A clock that jumps 400 days ahead and back opens no window in which a code counts again', async () => {
  const { checkCodeOf } = await import('../../server/sign-in/check-sign-in.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(maria.email))!
  const actor = { kind: 'anonymous', strength: 'password' } as const
  const now = new Date()
  const ahead = new Date(now.getTime() + 400 * 24 * 60 * 60 * 1000)
  await letCodesCountAgain(server)
  assert.equal(await checkCodeOf(actor, account, codeOf(maria, now), now), true)
  assert.equal(await checkCodeOf(actor, account, codeOf(maria, ahead), ahead), true)
  assert.equal(await checkCodeOf(actor, account, codeOf(maria, now), now), false)
})

test('31. TOTP guess 1,000,000 -> capped at 100/day; success odds <= 2e-4 a day (two live steps)', async () => {
  const { checkCodeOf } = await import('../../server/sign-in/check-sign-in.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const visitor = await atTheCode(dana)
  const account = (await findAccountByEmail(dana.email))!
  const actor = { kind: 'anonymous', strength: 'password' } as const
  for (let tries = 1; tries <= 99; tries++)
    assert.equal(await checkCodeOf(actor, account, wrongCode(dana)), false, `try ${tries}`)
  // The hundredth through the door, as the others might have come.
  assert.equal((await typeCode(visitor, wrongCode(dana))).status, 422)
  const right = await typeCode(visitor, codeOf(dana))
  assert.equal(right.status, 429)
  assert.ok(Number(right.headers['retry-after']) > 23 * 60 * 60, `Retry-After ${right.headers['retry-after']}`)
  const recovery = await visitor.submit('/sign-in/recovery-code', '/sign-in/recovery-code', { code: 'A'.repeat(20) })
  assert.equal(recovery.status, 422, 'recovery codes are counted apart: the owner can still use one')
  // At most two codes are right at any moment: two steps, six digits.
  assert.ok((100 * 2) / 1e6 <= 2e-4)
  await letCodesCountAgain(server)
  assert.equal((await typeCode(visitor, codeOf(dana))).location, '/messages')
})

test('five wrong codes lead back to the password', async () => {
  const visitor = await atTheCode(maria)
  for (let tries = 1; tries <= 4; tries++)
    assertShownAgain(await typeCode(visitor, wrongCode(maria)), 'code', /not right/)
  const fifth = await typeCode(visitor, wrongCode(maria))
  assert.deepEqual([fifth.status, fifth.location], [303, '/sign-in?after=wrong-codes'])
  assert.equal((await visitor.ask('/sign-in/code')).location, '/sign-in')
  assert.equal((await visitor.ask('/messages')).location, '/sign-in')
})

test('of twenty wrong codes at the same moment five are looked at, and then it is back to the password', async () => {
  const visitor = await atTheCode(maria)
  const _csrf = await visitor.tokenOn('/sign-in/code')
  const refusals = async () =>
    Number((await server.sql(`SELECT count(*) FROM access_events WHERE act = 'sign-in.code-refused'`))[0]!['count'])
  const before = await refusals()
  const form = {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
    body: new URLSearchParams({ _csrf, code: wrongCode(maria) }).toString(),
  }
  const paths = Array.from({ length: 20 }, (_, at) => (at % 2 ? '/sign-in/code' : '/sign-in/recovery-code'))
  const answers = await Promise.all(paths.map((path) => visitor.ask(path, form)))
  assert.equal((await refusals()) - before, 5)
  assert.equal(answers.filter(({ status }) => status === 422).length, 4)
  // The others were too many, or came when the session, and with it their form's token, had gone.
  for (const { status, location } of answers.filter(({ status }) => status !== 422))
    assert.ok(
      (status === 303 && /^\/sign-in(\?after=wrong-codes)?$/.test(location)) || status === 403,
      `${status} ${location}`,
    )
  assert.equal((await visitor.ask('/sign-in/code')).location, '/sign-in')
})

test('ten wrong passwords make the address wait, and the page says until when and whom to call', async () => {
  await letCodesCountAgain(server)
  const { limit } = await import('../../server/web/rate-limits.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(maria.email))!
  // Seven that somebody else made, so that not every one costs a run of argon2.
  for (let tries = 1; tries <= 7; tries++) await limit('password', 10, 600, 600).count(account.id)
  const visitor = new Visitor(server)
  const wrong = { email: maria.email, password: 'a wrong password' }
  for (const told of [/2 tries left/, /1 try left/, /That was the last try for now/])
    assertShownAgain(await visitor.submit('/sign-in', '/sign-in', wrong), 'password', told)
  const blocked = await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  assert.equal(blocked.status, 429)
  assert.ok(Number(blocked.headers['retry-after']) > 500)
  assert.match(blocked.body, /Please wait a little[\s\S]*You can try again at \d{1,2}:\d\d [ap]m[\s\S]*tel:5550100/)
  assert.doesNotMatch(blocked.body, new RegExp(maria.password))
})

test('32. Password ok, TOTP pending: call any other route, API, download -> redirect', async () => {
  const visitor = await atTheCode(maria)
  const { router } = await import('../../server/groups.ts')
  const routes = router.stack.flatMap(({ route }) =>
    route ? [{ path: route.path, methods: Object.keys(methodsOf(route)) }] : [],
  )
  const open = [...readFileSync(join(projectRoot, 'server/routes.ts'), 'utf8').matchAll(/anyone\.\w+\('([^']+)'/g)]
  const closed = routes.filter(({ path }) => !open.some(([, each]) => each === path))
  assert.ok(closed.length >= 18, `${closed.length} routes`)
  const id = '01890000-0000-7000-8000-000000000000'
  const token = await visitor.tokenOn('/sign-in/code')
  for (const { path, methods } of closed)
    for (const method of methods) {
      const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `_csrf=${token}` }
      const answer = await visitor.ask(path.replace(/:\w+/g, id), {
        method: method.toUpperCase(),
        ...(method === 'post' ? form : {}),
      })
      assert.deepEqual([answer.status, answer.location], [303, '/sign-in/code'], `${method} ${path}`)
    }
})

function methodsOf(route: object): Record<string, boolean> {
  return (route as { methods: Record<string, boolean> }).methods
}

test("42. Login CSRF (attacker's account into victim's browser) -> refused by pre-session token + Origin", async () => {
  await letCodesCountAgain(server)
  const victim = new Visitor(server)
  await victim.ask('/sign-in')
  const attacker = new Visitor(server)
  const foreignToken = await attacker.tokenOn('/sign-in')
  const ownToken = await victim.tokenOn('/sign-in')
  const before = await allThatIsStored(server)
  const post = (token: string, headers: Record<string, string>) =>
    victim.ask('/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({ _csrf: token, email: dana.email, password: dana.password }).toString(),
    })
  const own = `http://localhost:${server.port}`
  for (const [token, headers] of [
    [ownToken, { origin: 'https://evil.example' }],
    [ownToken, { origin: 'null' }],
    [ownToken, { origin: `http://localhost.evil.example:${server.port}` }],
    [ownToken, { 'sec-fetch-site': 'cross-site' }],
    [ownToken, { 'sec-fetch-site': 'same-site' }],
    [ownToken, { 'sec-fetch-site': 'none' }],
    [foreignToken, { origin: own }],
    ['', { origin: own }],
    ['x'.repeat(36), { origin: own }],
  ] as [string, Record<string, string>][]) {
    const answer = await post(token, headers)
    assert.equal(answer.status, 403, JSON.stringify([token, headers]))
    assert.match(answer.h1, /form|page/i)
  }
  assert.deepEqual(await allThatIsStored(server), before)
  assert.equal((await post(ownToken, { origin: own, 'sec-fetch-site': 'same-origin' })).location, '/sign-in/code')
})

test('43. Session fixation: preset cookie before login -> replaced; old value dead', async () => {
  const name = '__Host-session'
  const attacker = await atTheCode(dana)
  const preset = attacker.cookies.get(name)!
  await letCodesCountAgain(server)
  const victim = new Visitor(server)
  victim.cookies.set(name, preset)
  const token = /name="_csrf" value="([^"]+)"/.exec((await victim.ask('/sign-in')).body)![1]!
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` }
  const body = new URLSearchParams({ _csrf: token, email: maria.email, password: maria.password }).toString()
  assert.equal((await victim.ask('/sign-in', { method: 'POST', headers, body })).location, '/sign-in/code')
  const pending = victim.cookies.get(name)!
  assert.notEqual(pending, preset)
  assert.equal((await typeCode(victim, codeOf(maria))).location, '/messages')
  const kept = victim.cookies.get(name)!
  assert.ok(![preset, pending].includes(kept))
  assert.equal((await victim.ask('/messages')).status, 200)
  for (const old of [preset, pending]) {
    const stranger = new Visitor(server)
    stranger.cookies.set(name, old)
    assert.deepEqual(await stranger.ask('/messages').then(({ status, location }) => [status, location]), [
      303,
      '/sign-in',
    ])
  }
  // A made-up one is not taken up either.
  const inventor = new Visitor(server)
  inventor.cookies.set(name, 's%3Aof-my-own-making.c2lnbmF0dXJl')
  await inventor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  assert.doesNotMatch(inventor.cookies.get(name)!, /of-my-own-making/)
})

test('somebody who is signed in is not asked again', async () => {
  const visitor = await signedIn(server, maria)
  for (const path of ['/sign-in', '/', '/sign-in?next=//evil.example'])
    assert.deepEqual(
      await visitor.ask(path).then(({ status, location }) => [status, location]),
      [303, '/messages'],
      path,
    )
})

test('59. Open redirect: `//evil`, `/\\evil`, `https:evil`, `/%09/evil`, `http://a@evil`, CRLF in `next` (Express CVE-2024-29041) -> own path only', async () => {
  const { ownPath } = await import('../../server/sign-in/guards.ts')
  const foreign = [
    '//evil.example',
    '/\\evil.example',
    '\\\\evil',
    'https:evil',
    'https://evil.example',
    '/%09/evil',
    '/\t/evil',
    'http://a@evil',
    '/\r\nLocation: //evil',
    '/a\r\nX: y',
    '/%0d%0a',
    'javascript:alert(1)',
    '/..//evil',
    '/./evil',
    '/a/../../evil',
    '',
    ' /messages',
    '/@evil',
    '/messages#x',
    '/http://evil',
    ['/messages', '/x'],
    { a: 1 },
    undefined,
    `/${'a'.repeat(400)}`,
  ]
  for (const path of foreign) assert.equal(ownPath(path, '/fallback'), '/fallback', JSON.stringify(path))
  for (const path of ['/messages', '/messages/new?draft=01890000-0000-7000-8000-000000000000', '/'])
    assert.equal(ownPath(path, '/fallback'), path)
  const visitor = new Visitor(server)
  for (const path of foreign.filter((each) => typeof each === 'string')) {
    const page = await visitor.ask(`/sign-in?next=${encodeURIComponent(path)}`)
    assert.match(page.body, /<form method="post" action="\/sign-in" /, path)
  }
  await letCodesCountAgain(server)
  const next = `/sign-in?next=${encodeURIComponent('//evil.example/messages')}`
  assert.equal(
    (await visitor.submit(next, next, { email: maria.email, password: maria.password })).location,
    '/sign-in/code',
  )
  assert.equal((await typeCode(visitor, codeOf(maria))).location, '/messages')
})

test('a page that was asked for is there after sign-in', async () => {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const asked = await visitor.ask('/messages/new')
  assert.equal(asked.location, '/sign-in?next=%2Fmessages%2Fnew')
  await visitor.submit(asked.location, asked.location, { email: dana.email, password: dana.password })
  assert.equal((await typeCode(visitor, codeOf(dana))).location, '/messages/new')
})

test('somebody who only has the password uses up the tries of app codes, and a recovery code still counts; a success gives back its own try and no other', async () => {
  const { checkCodeOf, checkRecoveryCodeOf } = await import('../../server/sign-in/check-sign-in.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(dana.email))!
  const actor = { kind: 'anonymous', strength: 'password' } as const
  const counted = async () =>
    (await server.sql<{ key: string; points: number }>(`SELECT key, points FROM rate_limits ORDER BY key`))
      .map(({ key, points }) => `${key.split(':')[0]} ${points}`)
      .filter((line) => !line.startsWith('told'))
  await letCodesCountAgain(server)
  for (let tries = 1; tries <= 100; tries++) assert.equal(await checkCodeOf(actor, account, wrongCode(dana)), false)
  await assert.rejects(checkCodeOf(actor, account, codeOf(dana)), { status: 429 })
  for (let tries = 1; tries <= 100; tries++)
    assert.equal(await checkRecoveryCodeOf(actor, account, 'A'.repeat(20)), false, `try ${tries}`)
  await assert.rejects(checkRecoveryCodeOf(actor, account, 'A'.repeat(20)), { status: 429 })
  assert.deepEqual(await counted(), ['code 101', 'recovery-code 101'])
  await letCodesCountAgain(server)
  for (let tries = 1; tries <= 60; tries++) assert.equal(await checkCodeOf(actor, account, wrongCode(dana)), false)
  assert.equal(await checkCodeOf(actor, account, codeOf(dana)), true)
  assert.deepEqual(await counted(), ['code 60'])
})
