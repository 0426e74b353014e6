/** Making a sign-in: a one-way machine from an invited account to an active one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { codeOf, type Person } from '../support/cast.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../support/visitor.ts'
import { allThatIsStored, choosePassword, enrol, keyOnPage, writeTo } from './newcomer.ts'

let server: TestServer
let dana: Visitor
let maria: Person

before(async () => {
  server = await startTestServer()
  maria = server.cast.maria
  dana = await signedIn(server, server.cast.dana)
})
after(() => server.stop())

const GOOD = 'three random words 7'
const typeCode = (visitor: Visitor, code: string) =>
  visitor.submit('/enrol/second-factor', '/enrol/second-factor', { code })

function assertShownAgain(answer: Answer, field: string, words: RegExp) {
  assert.equal(answer.status, 422)
  const [, href, text] = /<section class="summary"[\s\S]*?<li><a href="([^"]+)">([^<]+)<\/a>/.exec(answer.body) ?? []
  assert.equal(href, `#${field}`)
  assert.match(text ?? '', words)
  assert.match(answer.body, new RegExp(`<p class="error" id="${field}-error">`))
}

async function stateOf(email: string): Promise<string> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(email))!.state
}

test('1. Enrol link replayed against ACTIVE account -> login page only, no state change, event logged', async () => {
  const { link } = await writeTo(server, dana, maria.email)
  const visitor = new Visitor(server)
  const before = await allThatIsStored(server)
  for (const path of [link, `${link}/password`]) {
    const page = await visitor.open(path)
    assert.deepEqual([page.status, page.h1], [200, 'Sign in to read your message'])
    assert.doesNotMatch(page.body, /new-password/)
  }
  const posted = await visitor.submit(link, `${link}/password`, { password: GOOD })
  assert.deepEqual([posted.status, posted.location], [303, link])
  const after = await allThatIsStored(server)
  const [logged] = await server.sql(
    `SELECT act, outcome, subject_kind FROM access_events ORDER BY at DESC, id DESC LIMIT 1`,
  )
  assert.deepEqual(logged, { act: 'enrolment.refused', outcome: 'denied', subject_kind: 'account' })
  const changed = Object.keys(after).filter((name) => after[name] !== before[name])
  assert.ok(
    changed.every((name) => name.startsWith('access_events') || name === 'rate_limits'),
    changed.join(),
  )
  await letCodesCountAgain(server)
  assert.equal((await new Visitor(server).signIn({ ...maria, password: GOOD })).status, 422)
  assert.equal((await new Visitor(server).signIn(maria)).location, '/messages')
})

test('1. A half-made enrolment cannot go on once another one was first', async () => {
  const { link } = await writeTo(server, dana, 'first.comes@mail.example')
  const slow = new Visitor(server)
  await choosePassword(slow, link, 'a slow stranger 123')
  const key = await keyOnPage(slow)
  const { person } = await enrol(server, link, 'first.comes@mail.example', GOOD)
  const before = await allThatIsStored(server)
  const late = await slow.ask('/enrol/second-factor')
  assert.deepEqual([late.status, late.location], [303, '/sign-in'])
  const token = /name="_csrf" value="([^"]+)"/.exec((await slow.ask('/sign-in')).body)![1]!
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const posted = await slow.ask('/enrol/second-factor', {
    method: 'POST',
    headers,
    body: `_csrf=${token}&code=${codeOf({ totpSecret: key })}`,
  })
  assert.deepEqual([posted.status, posted.location], [303, '/sign-in'])
  assert.equal((await slow.ask('/messages')).location, '/enrol/second-factor')
  // All but the stranger's own session, which is kept a little longer by each step.
  const after = await allThatIsStored(server)
  assert.deepEqual({ ...after, sessions: '' }, { ...before, sessions: '' })
  await letCodesCountAgain(server)
  assert.equal((await new Visitor(server).signIn(person)).location, '/messages')
})

test('a new password that is missing, short, long, well known or made of own words is shown again, never with what was typed', async () => {
  const { link } = await writeTo(server, dana, 'wilma.wrong@mail.example')
  const visitor = new Visitor(server)
  for (const [password, words] of [
    ['', /Enter a password/],
    ['elevenchars', /Too short: 1 more character\. Your password needs 12 or more/],
    ['🔑'.repeat(8), /Too short: 4 more characters/],
    ['é'.normalize('NFD').repeat(11), /12 or more/],
    ['x1'.repeat(65), /128 characters/],
    ['password!2024!', /easy to guess/],
    ['aaaaaaaaaaaaaa', /easy to guess/],
    ['abcabcabcabcabc', /easy to guess/],
    ['Password1234', /easy to guess/],
    ['wilma.wrong@mail.example', /easy to guess/],
    ['RiversideClinic', /easy to guess/],
  ] as const) {
    const answer = await choosePassword(visitor, link, password)
    assertShownAgain(answer, 'password', words)
    if (password) assert.ok(!answer.body.includes(`"${password}"`) && !answer.body.includes(`>${password}`), password)
  }
  assert.equal((await visitor.ask('/enrol/second-factor')).location, '/sign-in')
  assert.equal(await stateOf('wilma.wrong@mail.example'), 'invited')
})

test('a wrong code at enrolment is shown again, the key stays the same, and nothing else opens before it is right', async () => {
  const { link } = await writeTo(server, dana, 'cora.code@mail.example')
  const visitor = new Visitor(server)
  await choosePassword(visitor, link, GOOD)
  const key = await keyOnPage(visitor)
  assert.match(key, /^[A-Z2-7]{32}$/)
  assertShownAgain(await typeCode(visitor, ''), 'code', /Enter the six-digit code/)
  for (const code of ['12345', '1234567', '１２３４５６', 'abcdef'])
    assertShownAgain(await typeCode(visitor, code), 'code', /six digits/)
  const ahead = codeOf({ totpSecret: key }, new Date(Date.now() + 10 * 60_000))
  assertShownAgain(await typeCode(visitor, ahead), 'code', /not right/)
  assert.equal(await keyOnPage(visitor), key)
  for (const path of ['/messages', '/enrol/recovery-codes', '/enrol/recovery-codes.txt', '/messages/new'])
    assert.equal((await visitor.ask(path)).location, '/enrol/second-factor', path)
  const page = await visitor.ask('/enrol/second-factor')
  assert.equal(page.headers['cache-control'], 'no-store')
  const right = codeOf({ totpSecret: key })
  assert.equal((await typeCode(visitor, `${right.slice(0, 3)} ${right.slice(3)}`)).location, '/enrol/recovery-codes')
  const [row] = await server.sql(
    `SELECT count(*)::int AS openers FROM openers WHERE kind = 'waiting' AND mailbox_id = (SELECT mailbox_id FROM openers WHERE kind = 'password' ORDER BY created_at DESC LIMIT 1)`,
  )
  assert.deepEqual(row, { openers: 0 }, 'the opener under the master key is gone')
})

test('the code of enrolment does not sign in once more', async () => {
  const { link } = await writeTo(server, dana, 'rita.replay@mail.example')
  const { person } = await enrol(server, link, 'rita.replay@mail.example', GOOD)
  const visitor = new Visitor(server)
  const password = await visitor.submit('/sign-in', '/sign-in', { email: person.email, password: person.password })
  assert.equal(password.location, '/sign-in/code')
  const { totp_last_step: lastStep } = (
    await server.sql<{ totp_last_step: string }>(
      'SELECT totp_last_step FROM credentials ORDER BY changed_at DESC LIMIT 1',
    )
  )[0]!
  const used = codeOf(person, new Date(Number(lastStep) * 30_000))
  assert.equal((await visitor.submit('/sign-in/code', '/sign-in/code', { code: used })).status, 422)
})

test('recovery codes are shown until somebody says that they are kept, as a file too, and then never again', async () => {
  const { link } = await writeTo(server, dana, 'rosa.recovery@mail.example')
  const visitor = new Visitor(server)
  await choosePassword(visitor, link, GOOD)
  await typeCode(visitor, codeOf({ totpSecret: await keyOnPage(visitor) }))
  const page = await visitor.ask('/enrol/recovery-codes')
  const codes = [...page.body.matchAll(/<code dir="ltr">([^<]+)<\/code>/g)].map((match) => match[1]!)
  assert.equal(new Set(codes).size, 10)
  for (const code of codes) assert.match(code, /^([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}$/)
  const file = await visitor.ask('/enrol/recovery-codes.txt')
  assert.match(file.headers['content-disposition'] ?? '', /^attachment; filename="?recovery-codes\.txt"?$/)
  for (const code of codes) assert.ok(file.body.includes(code))
  const unticked = await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', {})
  assertShownAgain(unticked, 'saved', /Tick the box/)
  assert.ok(unticked.body.includes(codes[0]!))
  const [session] = await server.sql<{ sess: string }>(
    `SELECT sess::text FROM sessions WHERE sess->>'recoveryCodes' IS NOT NULL`,
  )
  assert.ok(session && codes.every((code) => !session.sess.includes(code)), 'sealed in the session')
  const kept = await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  assert.match(kept.location, /^\/messages\/[0-9a-f-]{36}$/)
  assert.equal((await visitor.ask('/enrol/recovery-codes')).location, '/messages')
  assert.equal((await visitor.ask('/enrol/recovery-codes.txt')).status, 404)
})

test('39. A recovery code signs in once, in any spelling, and of fifty at once one is taken', async () => {
  const { link } = await writeTo(server, dana, 'ruth.recovery@mail.example')
  const { person, recoveryCodes } = await enrol(server, link, 'ruth.recovery@mail.example', GOOD)
  const afterCode = '/account/recovery-code-used?next=%2Fmessages'
  const atTheCode = async () => {
    const visitor = new Visitor(server)
    assert.equal(
      (await visitor.submit('/sign-in', '/sign-in', { email: person.email, password: GOOD })).location,
      '/sign-in/code',
    )
    return visitor
  }
  const type = (visitor: Visitor, code: string) =>
    visitor.submit('/sign-in/recovery-code', '/sign-in/recovery-code', { code })
  const visitor = await atTheCode()
  assertShownAgain(await type(visitor, ''), 'code', /Enter one of your recovery codes/)
  const unknown = await type(visitor, '00000-00000-00000-0000Z')
  assertShownAgain(unknown, 'code', /not right, or it was used/)
  assert.ok(!unknown.body.includes('0000Z"'))
  const sloppy = ` ${recoveryCodes[0]!.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')} `
  const answer = await type(visitor, sloppy)
  assert.deepEqual([answer.status, answer.location], [303, afterCode])
  assert.equal((await visitor.ask('/messages')).status, 200)
  assert.match((await visitor.open(link)).body, /It is fine\./, 'and it opens the mailbox')
  assertShownAgain(await type(await atTheCode(), recoveryCodes[0]!), 'code', /not right, or it was used/)
  const [event] = await server.sql(
    `SELECT count(*)::int AS used FROM access_events WHERE act = 'sign-in.recovery-code-used'`,
  )
  assert.deepEqual(event, { used: 1 })

  const visitors = [await atTheCode(), await atTheCode()]
  const tokens = await Promise.all(visitors.map((each) => each.tokenOn('/sign-in/recovery-code')))
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  // So that all fifty meet: as if each browser had many tries. One wrong try makes the rows that are changed.
  for (const each of visitors) await type(each, '00000-00000-00000-0000Z')
  await server.sql('UPDATE rate_limits SET points = -1000')
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      visitors[index % 2]!.ask('/sign-in/recovery-code', {
        method: 'POST',
        headers,
        body: `_csrf=${tokens[index % 2]!}&code=${recoveryCodes[1]!}`,
      }),
    ),
  )
  assert.equal(answers.filter(({ location }) => location === afterCode).length, 1)
  assert.equal((await server.sql(`SELECT 1 FROM access_events WHERE act = 'sign-in.recovery-code-used'`)).length, 2)
})

test('11. A half-made enrolment ends after 24 hours, and its password opener goes with it', async () => {
  const { link } = await writeTo(server, dana, 'hugo.half@mail.example')
  const visitor = new Visitor(server)
  await choosePassword(visitor, link, GOOD)
  const key = await keyOnPage(visitor)
  const token = await visitor.tokenOn('/enrol/second-factor')
  const [{ hours }] = (await server.sql<{ hours: number }>(
    `SELECT extract(epoch FROM max(expires_at) - now())::int / 3600.0 AS hours FROM enrolments`,
  )) as [{ hours: number }]
  assert.ok(hours > 23.9 && hours <= 24, `${hours} hours`)
  await server.sql(`UPDATE enrolments SET expires_at = now() - interval '1 second'`)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const late = await visitor.ask('/enrol/second-factor', {
    method: 'POST',
    headers,
    body: `_csrf=${token}&code=${codeOf({ totpSecret: key })}`,
  })
  assert.deepEqual([late.status, late.location], [303, '/sign-in'])
  assert.equal((await visitor.ask('/enrol/second-factor')).location, '/sign-in')
  assert.equal(await stateOf('hugo.half@mail.example'), 'invited')
  const { sweepSignIns } = await import('../../server/own-account/sweep-sign-ins.job.ts')
  await sweepSignIns()
  assert.deepEqual(await server.sql('SELECT id FROM enrolments'), [])
  await enrol(server, link, 'hugo.half@mail.example', GOOD)
  assert.equal(await stateOf('hugo.half@mail.example'), 'active')
})

test('33. Nothing in the form of the second factor chooses another account', async () => {
  const [one, other] = [
    await writeTo(server, dana, 'one.of.two@mail.example'),
    await writeTo(server, dana, 'two.of.two@mail.example'),
  ]
  const visitor = new Visitor(server)
  await choosePassword(visitor, one.link, GOOD)
  const stranger = new Visitor(server)
  await choosePassword(stranger, other.link, GOOD)
  const [{ id }] = (await server.sql<{ id: string }>('SELECT id FROM enrolments ORDER BY id DESC LIMIT 1')) as [
    { id: string },
  ]
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const target = (await findAccountByEmail('two.of.two@mail.example'))!.id
  const fields = {
    code: codeOf({ totpSecret: await keyOnPage(visitor) }),
    accountId: target,
    account: target,
    enrolmentId: id,
    role: 'admin',
    state: 'active',
    email: 'two.of.two@mail.example',
  }
  assert.equal(
    (await visitor.submit('/enrol/second-factor', '/enrol/second-factor', fields)).location,
    '/enrol/recovery-codes',
  )
  assert.deepEqual(
    [await stateOf('one.of.two@mail.example'), await stateOf('two.of.two@mail.example')],
    ['active', 'invited'],
  )
  assert.equal((await findAccountByEmail('one.of.two@mail.example'))!.role, 'patient')
  // Once active there is no second time.
  assert.equal((await visitor.ask('/enrol/second-factor')).location, '/sign-in')
})

test('thirty passwords at once for one invited link: ten an hour count, and nobody else is kept from signing in', async () => {
  await letCodesCountAgain(server)
  const { link } = await writeTo(server, dana, 'thirty.times@mail.example')
  const stranger = new Visitor(server)
  const path = `${link}/password`
  const _csrf = await stranger.tokenOn(path)
  const [cookie] = [...stranger.cookies].map(([name, value]) => `${name}=${value}`)
  const post = () => {
    const visitor = new Visitor(server)
    visitor.cookies.set(...(cookie!.split('=') as [string, string]))
    return visitor.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
      body: new URLSearchParams({ _csrf, password: GOOD }).toString(),
    })
  }
  const posts = Array.from({ length: 30 }, post)
  const others = await Promise.all(
    [1, 2, 3].map(() => new Visitor(server).submit('/sign-in', '/sign-in', maria as never)),
  )
  for (const answer of others) assert.deepEqual([answer.status, answer.location], [303, '/sign-in/code'])
  const statuses = (await Promise.all(posts)).map(({ status }) => status)
  assert.deepEqual(
    [statuses.filter((status) => status === 303).length, statuses.filter((status) => status === 429).length],
    [10, 20],
  )
  const [{ tries }] = (await server.sql<{ tries: number }>(
    `SELECT points AS tries FROM rate_limits WHERE key LIKE 'address:%' ORDER BY points DESC LIMIT 1`,
  )) as [{ tries: number }]
  assert.equal(tries, 33, 'all of them count for the network address')
})

test('of many half-made sign-ins of one account the ten newest stay open', async () => {
  const { beginEnrolment } = await import('../../server/enrolment/enrol.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  await writeTo(server, dana, 'half.made@mail.example')
  const account = (await findAccountByEmail('half.made@mail.example'))!
  const ids: string[] = []
  for (let times = 0; times < 12; times++) {
    if (times === 9) await letCodesCountAgain(server)
    ids.push(await beginEnrolment({ kind: 'anonymous', strength: 'none' }, account, GOOD))
  }
  const rows = await server.sql<{ id: string }>('SELECT id FROM enrolments WHERE account_id = $1 ORDER BY id', [
    account.id,
  ])
  assert.deepEqual(
    rows.map(({ id }) => id),
    ids.slice(-10),
  )
})

test('passwords posted to the link of somebody who is enrolled: ten an hour are in the log, the others are refused with 429', async () => {
  await letCodesCountAgain(server)
  const { link } = await writeTo(server, dana, maria.email)
  const visitor = new Visitor(server)
  const events = async () =>
    (await server.sql(`SELECT id FROM access_events WHERE act = 'enrolment.refused' AND outcome = 'denied'`)).length
  const before = await events()
  const post = () => visitor.submit(link, `${link}/password`, { password: GOOD })
  for (let times = 1; times <= 10; times++) assert.equal((await post()).status, 303, `${times}`)
  for (let times = 11; times <= 13; times++) assert.equal((await post()).status, 429, `${times}`)
  assert.equal(await events(), before + 10)
  const { link: another } = await writeTo(server, dana, maria.email)
  assert.equal((await visitor.submit(another, `${another}/password`, { password: GOOD })).status, 303, 'another link')
})
