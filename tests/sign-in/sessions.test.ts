/** Sessions: what their table tells, when they end, and what happens to words that come after the end. */
import assert from 'node:assert/strict'
import { request as send } from 'node:http'
import { after, before, test } from 'node:test'
import { codeOf, type Person } from '../support/cast.ts'
import { makePdf, makePng } from '../support/files.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../support/visitor.ts'
import { allThatIsStored } from '../enrolment/newcomer.ts'
import { changeSession, copyOf as sameCookies, rowOf as sessionRow, sidOf, tokenOf } from './session-rows.ts'
import { changeRows } from '../support/bound-rows.ts'

const COOKIE = '__Host-session'
const MINUTE = 60_000

let server: TestServer
let maria: Person
let dana: Person
/** A message that Maria may read. */
let letter: string

before(async () => {
  server = await startTestServer()
  ;({ maria, dana } = server.cast)
  const reader = await signedIn(server, maria)
  letter = /href="(\/messages\/[0-9a-f-]{36})"/.exec((await reader.ask('/messages')).body)![1]!
})
after(() => server.stop())

const rowOf = (visitor: Visitor) => sessionRow(server, visitor)
const copyOf = (visitor: Visitor) => sameCookies(server, visitor)

/** As if the session had begun, or been used last, so long ago. */
const setBack = (visitor: Visitor, name: 'seenAt' | 'startedAt', milliseconds: number) =>
  changeSession(server, visitor, { [name]: Date.now() - milliseconds })

/** Signs in again with the cookies that are there, as somebody does whose session has ended. @returns where it leads */
async function signInAgain(visitor: Visitor, person: Person): Promise<string> {
  await letCodesCountAgain(server)
  return (await visitor.signIn(person)).location
}

const asked = async (visitor: Visitor, path = '/messages') => {
  const { status, location } = await visitor.ask(path)
  return [status, location]
}

test('50. Session table dump -> opens no key and resumes no session', async () => {
  const visitor = await signedIn(server, maria)
  await visitor.ask(letter)
  const row = (await rowOf(visitor))!
  assert.ok(row, 'found by the digest of the token')
  const dump = JSON.stringify(await server.sql('SELECT * FROM sessions'))
  assert.ok(!dump.includes(tokenOf(visitor)) && !dump.includes(visitor.cookies.get(COOKIE)!))
  const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const mailbox = (await findMailboxOf({ accountId: (await findAccountByEmail(maria.email))!.id }))!
  const { privateKey } = await openMailboxByRecovery(mailbox)
  const sealed = Buffer.from(row.sess['mailboxKey'] as string, 'base64')
  assert.equal(sealed.indexOf(privateKey), -1)
  const { unsealEnvelope } = await import('../../server/vault/floe.ts')
  const { deriveKey } = await import('../../server/vault/derive.ts')
  const opens = (secret: Buffer) => unsealEnvelope(deriveKey(secret, 'session'), 'session/mailbox-key', sealed)
  assert.deepEqual(opens(Buffer.from(tokenOf(visitor), 'base64url')), privateKey, 'only the cookie opens it')
  for (const secret of [
    Buffer.from(row.sid, 'base64url'),
    Buffer.from(row.sid),
    Buffer.from(row.sess['csrfSecret'] as string),
  ])
    assert.throws(() => opens(secret))
  for (const value of [row.sid, `s%3A${row.sid}.x`, `s:${row.sid}`]) {
    const thief = new Visitor(server)
    thief.cookies.set(COOKIE, value)
    assert.deepEqual(await asked(thief), [303, '/sign-in'])
  }
})

test('the cookie is __Host-, Secure, HttpOnly, for the whole site and gone with the browser', async () => {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const form = await visitor.ask('/sign-in')
  const [formCookie] = form.headers['set-cookie']!
  assert.match(formCookie!, /^__Host-form=[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
  assert.equal(form.headers['set-cookie']!.length, 1, 'no session for somebody who only looks')
  const answer = await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  const cookie = answer.headers['set-cookie']!.find((line) => line.startsWith(COOKIE))
  assert.match(cookie!, /^__Host-session=s%3A[\w-]{43}\.[^;]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
})

test('49. Two cookies of the same name -> refused', async () => {
  const visitor = await signedIn(server, maria)
  const other = await signedIn(server, dana)
  const one = `${COOKIE}=${visitor.cookies.get(COOKIE)}`
  const two = `${COOKIE}=${other.cookies.get(COOKIE)}`
  const stranger = new Visitor(server)
  assert.equal((await stranger.ask('/messages', { headers: { cookie: one } })).status, 200)
  for (const cookie of [
    `${one}; ${two}`,
    `${two}; ${one}`,
    `${one}; ${one}`,
    `${one};${two}`,
    `${one}; ${COOKIE}=`,
    `${COOKIE}=; ${one}`,
  ])
    assert.equal(
      (await stranger.ask('/messages', { headers: { cookie } })).status,
      400,
      cookie.replace(/s%3A[^;]+/g, '…'),
    )
  // The same for the cookie before sign-in: the token of the form counts for neither.
  const forms = [new Visitor(server), new Visitor(server)]
  const tokens = await Promise.all(forms.map((each) => each.tokenOn('/sign-in')))
  const cookie = forms.map((each) => `__Host-form=${each.cookies.get('__Host-form')}`).join('; ')
  for (const token of tokens) {
    const headers = { cookie, 'content-type': 'application/x-www-form-urlencoded' }
    const body = new URLSearchParams({ _csrf: token, email: maria.email, password: maria.password }).toString()
    assert.equal((await new Visitor(server).ask('/sign-in', { method: 'POST', headers, body })).status, 403)
  }
})

test('49. A session cookie without __Host- or with another signature -> refused', async () => {
  const visitor = await signedIn(server, maria)
  const value = visitor.cookies.get(COOKIE)!
  for (const [name, other] of [
    ['session', value],
    ['host-session', value],
    ['__host-session', value],
    ['__Secure-session', value],
    ['connect.sid', value],
    [COOKIE, value.slice(0, -2)],
    [COOKIE, value.replace(/\..*/, '')],
    [COOKIE, tokenOf(visitor)],
  ] as const) {
    const stranger = new Visitor(server)
    stranger.cookies.set(name, other)
    assert.deepEqual(await asked(stranger), [303, '/sign-in'], name)
  }
})

test('48. Signing out ends the session: its cookie is dead at once, its row is gone', async () => {
  const visitor = await signedIn(server, maria)
  const thief = copyOf(visitor)
  assert.equal((await thief.ask(letter)).status, 200)
  const answer = await visitor.submit('/messages', '/sign-out', {})
  assert.deepEqual([answer.status, answer.location], [303, '/sign-in?signed-out'])
  assert.match((await visitor.ask(answer.location)).body, /You have signed out\./)
  assert.deepEqual(await asked(thief), [303, '/sign-in'])
  assert.deepEqual(await asked(thief, letter), [303, `/sign-in?next=${encodeURIComponent(letter)}`])
  assert.equal(await rowOf(thief), undefined)
  const [event] = await server.sql(
    `SELECT act, actor_role FROM access_events WHERE act = 'account.signed-out' ORDER BY at DESC LIMIT 1`,
  )
  assert.deepEqual(event, { act: 'account.signed-out', actor_role: 'patient' })
})

test('48. A request that was under way while its session was signed out does not bring the session back', async () => {
  const visitor = await signedIn(server, maria)
  const thief = copyOf(visitor)
  const token = await visitor.tokenOn(letter)
  await setBack(visitor, 'seenAt', 2 * MINUTE)
  const slow = slowForm(visitor, `${letter}/replies`)
  await slow.begun
  await visitor.submit('/messages', '/sign-out', {})
  assert.equal(await rowOf(thief), undefined)
  await slow.end(new URLSearchParams({ _csrf: token, body: '', submission: '' }).toString())
  assert.equal(await rowOf(thief), undefined)
  assert.deepEqual(await asked(thief), [303, '/sign-in'])
})

/** A form whose body comes later: the session was read when it began. */
function slowForm(visitor: Visitor, path: string) {
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const headers = {
    host: `localhost:${server.port}`,
    cookie,
    'content-type': 'application/x-www-form-urlencoded',
    'transfer-encoding': 'chunked',
  }
  const outgoing = send({ host: '127.0.0.1', port: server.port, path, method: 'POST', headers })
  const status = new Promise<number>((done, fail) => {
    outgoing.on('error', fail)
    outgoing.on('response', (incoming) => incoming.resume().on('end', () => done(incoming.statusCode!)))
  })
  outgoing.write('first=part&')
  return {
    begun: new Promise((done) => setTimeout(done, 150)),
    async end(rest: string) {
      outgoing.end(rest)
      return status
    },
  }
}

test('48. Ending all sessions of an account (closing it) kills each of them', async () => {
  const { inTransaction } = await import('../../server/database/connection.ts')
  const { endSessionsOf } = await import('../../server/sign-in/sessions.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const [phone, laptop, other] = [
    await signedIn(server, maria),
    await signedIn(server, maria),
    await signedIn(server, dana),
  ]
  const account = (await findAccountByEmail(maria.email))!
  await inTransaction((transaction) => endSessionsOf(account.id, transaction))
  for (const visitor of [phone, laptop]) assert.deepEqual(await asked(visitor), [303, '/sign-in'])
  assert.equal((await other.ask('/messages')).status, 200)
  const again = await signedIn(server, maria)
  await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE id = $1`, [account.id])
  assert.deepEqual(await asked(again), [303, '/sign-in'])
  await changeRows(server, `UPDATE accounts SET state = 'active' WHERE id = $1`, [account.id])
  assert.deepEqual(await asked(again), [303, '/sign-in'], 'it does not come back')
})

test('15 minutes without a click end a session, and its keys leave the table', async () => {
  const visitor = await signedIn(server, maria)
  await setBack(visitor, 'seenAt', 14 * MINUTE)
  assert.equal((await visitor.ask(letter)).status, 200)
  await setBack(visitor, 'seenAt', 15 * MINUTE + 1000)
  assert.deepEqual(await asked(visitor, letter), [303, `/sign-in?next=${encodeURIComponent(letter)}`])
  const page = await visitor.ask('/sign-in')
  assert.match(page.body, /You were signed out to keep your messages safe\./)
  assert.doesNotMatch(page.body, /We saved what you wrote|Maria/)
  assert.equal((await rowOf(visitor))!.sess['mailboxKey'], undefined)
  assert.equal(await signInAgain(visitor, maria), '/messages')
})

test('keys of sessions that nobody comes back to are taken out by the sweep', async () => {
  const [left, used] = [await signedIn(server, maria), await signedIn(server, maria)]
  await setBack(left, 'seenAt', 16 * MINUTE)
  const { sweepSignIns } = await import('../../server/own-account/sweep-sign-ins.job.ts')
  await sweepSignIns()
  assert.equal((await rowOf(left))!.sess['mailboxKey'], undefined)
  assert.ok((await rowOf(used))!.sess['mailboxKey'])
  assert.equal((await used.ask(letter)).status, 200)
  assert.equal((await left.ask(letter)).status, 303)
})

test('52. Absolute limit under continuous use -> expires', async () => {
  const visitor = await signedIn(server, maria)
  await setBack(visitor, 'startedAt', 12 * 60 * MINUTE - 5000)
  assert.equal((await visitor.ask(letter)).status, 200)
  await setBack(visitor, 'startedAt', 12 * 60 * MINUTE + 1000)
  assert.deepEqual(await asked(visitor), [303, '/sign-in'])
  const row = (await rowOf(visitor))!
  assert.equal(row.sess['mailboxKey'], undefined)
  assert.equal((await copyOf(visitor).ask(letter)).status, 303)
})

test('51. Idle 15 min with background polling -> still expires (polling does not count)', async () => {
  const visitor = await signedIn(server, maria)
  const seenAt = async () => Number((await rowOf(visitor))!.sess['seenAt'])
  const background: [string, Record<string, string>][] = [
    [letter, { 'sec-fetch-mode': 'cors' }],
    [letter, { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    [letter, { 'sec-fetch-mode': 'same-origin' }],
    ['/messages', { accept: 'image/avif,image/webp,*/*;q=0.8' }],
    ['/messages', { accept: 'application/json' }],
  ]
  await setBack(visitor, 'seenAt', 10 * MINUTE)
  const before = await seenAt()
  for (const [path, headers] of background) {
    await visitor.ask(path, { headers })
    assert.equal(await seenAt(), before, JSON.stringify(headers))
  }
  // A page that somebody goes to counts, with headers as browsers send them and without.
  const clicks: Record<string, string>[] = [{ 'sec-fetch-mode': 'navigate' }, { accept: 'text/html,*/*;q=0.8' }, {}]
  for (const headers of clicks) {
    await setBack(visitor, 'seenAt', 10 * MINUTE)
    await visitor.ask('/help', { headers })
    assert.ok(Date.now() - (await seenAt()) < MINUTE, JSON.stringify(headers))
  }
  await setBack(visitor, 'seenAt', 15 * MINUTE + 1000)
  for (const [path, headers] of background) assert.match((await visitor.ask(path, { headers })).location, /^\/sign-in/)
})

test('the limits are settings: 5 minutes without a click, one hour in all', async () => {
  const { stateOf, endsOf } = await import('../../server/sign-in/sessions.ts')
  const { config, readConfig } = await import('../../server/config.ts')
  assert.deepEqual([config().idleMinutes, config().sessionHours], [15, 12])
  assert.deepEqual(
    [readConfig({ IDLE_MINUTES: '5' }).idleMinutes, readConfig({ SESSION_HOURS: '1' }).sessionHours],
    [5, 1],
  )
  for (const wrong of [{ IDLE_MINUTES: '4' }, { IDLE_MINUTES: '61' }, { SESSION_HOURS: '0' }, { SESSION_HOURS: '25' }])
    assert.throws(() => readConfig(wrong), /must be a whole number/)
  const data = { accountId: 'a', stage: 'signed-in' as const, startedAt: 0, seenAt: 11 * 60 * MINUTE + 50 * MINUTE }
  assert.deepEqual(endsOf(data), { idle: data.seenAt + 15 * MINUTE, last: 12 * 60 * MINUTE })
  assert.equal(stateOf(data, 12 * 60 * MINUTE), 'signed-in')
  assert.equal(stateOf(data, 12 * 60 * MINUTE + 1), 'ended')
})

test('48. Role change -> dead at the next request, and it does not come back with the old role', async () => {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const visitor = await signedIn(server, server.cast.felix)
  assert.equal((await visitor.ask('/admin/access-events')).status, 200)
  const { id } = (await findAccountByEmail(server.cast.felix.email))!
  const begun = copyOf(visitor)
  await changeRows(server, `UPDATE accounts SET role = 'admin' WHERE id = $1`, [id])
  assert.deepEqual(await asked(visitor, '/admin/people'), [303, '/sign-in?next=%2Fadmin%2Fpeople'])
  await changeRows(server, `UPDATE accounts SET role = 'auditor' WHERE id = $1`, [id])
  assert.deepEqual(await asked(begun), [303, '/sign-in'])
  assert.equal(await rowOf(begun), undefined)
})

test('a step of the sign-in that is left alone ends like a session', async () => {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  await setBack(visitor, 'seenAt', 16 * MINUTE)
  assert.deepEqual(await asked(visitor, '/sign-in/code'), [303, '/sign-in'])
  const token = /name="_csrf" value="([^"]+)"/.exec((await visitor.ask('/sign-in')).body)![1]!
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const late = await visitor.ask('/sign-in/code', {
    method: 'POST',
    headers,
    body: `_csrf=${token}&code=${codeOf(maria)}`,
  })
  assert.deepEqual([late.status, late.location], [303, '/sign-in'])
})

test('186. A reply that comes after its session has ended is kept with its files, nothing is sent, and it is offered after sign-in', async () => {
  const visitor = await signedIn(server, maria)
  const page = await visitor.ask(letter)
  const form = multipart({ ...fieldsOf(page.body), body: 'My foot hurts <again> & more.', action: 'send' }, [
    { name: 'my foot.png', type: 'image/png', bytes: makePng() },
    { name: 'diary.pdf', type: 'application/pdf', bytes: makePdf() },
  ])
  const before = await messagesAndNotices()
  await setBack(visitor, 'seenAt', 20 * MINUTE)
  const late = await visitor.ask(`${letter}/replies`, form)
  assert.deepEqual([late.status, late.location], [303, '/sign-in'])
  assert.deepEqual(await messagesAndNotices(), before)
  const [draft] = await server.sql<{ envelope: Buffer }>('SELECT envelope FROM drafts ORDER BY saved_at DESC LIMIT 1')
  assert.equal(draft!.envelope.indexOf('foot'), -1)
  const signIn = await visitor.ask('/sign-in')
  assert.match(signIn.body, /We saved what you wrote/)
  assert.doesNotMatch(signIn.body, /my foot|hurts|diary/)
  assert.equal(await signInAgain(visitor, maria), letter)
  const again = await visitor.ask(letter)
  assert.equal(again.status, 200)
  assert.match(again.body, /<textarea[^>]*>\nMy foot hurts &lt;again&gt; &amp; more\.<\/textarea>/)
  assert.match(again.body, /<fieldset class="added">[\s\S]*my foot\.png[\s\S]*diary\.pdf[\s\S]*<\/fieldset>/)
  const sent = await visitor.ask(
    `${letter}/replies`,
    multipart({ ...fieldsOf(again.body), body: 'My foot hurts again.', action: 'send' }),
  )
  assert.match(sent.location, /\/sent$/)
  const thread = await visitor.ask(letter)
  assert.match(thread.body, /My foot hurts again\./)
  assert.match(thread.body, /<article class="letter mine"[\s\S]*my foot\.png[\s\S]*diary\.pdf/)
  assert.doesNotMatch(thread.body, /<fieldset class="added">/)
})

test('on a shared computer the place where one person stopped is not where the next one begins', async () => {
  const visitor = await signedIn(server, dana)
  const form = multipart({
    ...fieldsOf((await visitor.ask('/messages/new')).body),
    body: 'Not for Maria.',
    action: 'check',
  })
  await setBack(visitor, 'seenAt', 20 * MINUTE)
  assert.equal((await visitor.ask('/messages', form)).location, '/sign-in')
  assert.equal(await signInAgain(visitor, maria), '/messages')
})

test('186. A new message that comes after its session has ended is kept with its files and offered after sign-in', async () => {
  const visitor = await signedIn(server, dana)
  const page = await visitor.ask('/messages/new')
  const written = {
    to: 'late.comer@mail.example',
    subject: 'Kept for later',
    body: 'Every word of it.',
    action: 'check',
  }
  const form = multipart({ ...fieldsOf(page.body), ...written }, [
    { name: 'plan.pdf', type: 'application/pdf', bytes: makePdf() },
  ])
  const before = await messagesAndNotices()
  await setBack(visitor, 'seenAt', 20 * MINUTE)
  const late = await visitor.ask('/messages', form)
  assert.deepEqual([late.status, late.location], [303, '/sign-in'])
  assert.deepEqual(await messagesAndNotices(), before)
  assert.match((await visitor.ask('/sign-in')).body, /We saved what you wrote/)
  const place = await signInAgain(visitor, dana)
  assert.match(place, /^\/messages\/new\?draft=[0-9a-f-]{36}$/)
  const again = await visitor.ask(place)
  for (const words of ['value="late.comer@mail.example"', 'value="Kept for later"', 'Every word of it.', 'plan.pdf'])
    assert.ok(again.body.includes(words), words)
  // Nobody else finds it.
  const other = await signedIn(server, server.cast.sam)
  assert.equal((await other.ask(place)).status, 404)
})

test('a late form with a foreign token, from another site, or a day later is not kept', async () => {
  const visitor = await signedIn(server, maria)
  const { submission, seen } = fieldsOf((await visitor.ask(letter)).body)
  await setBack(visitor, 'seenAt', 20 * MINUTE)
  await visitor.ask('/sign-in') // its keys go
  const before = await allThatIsStored(server)
  const file = { name: 'a.pdf', type: 'application/pdf', bytes: makePdf() }
  const fields = { submission: submission!, seen: seen!, body: 'forged', action: 'send' }
  const forged = await visitor.ask(`${letter}/replies`, multipart({ ...fields, _csrf: 'x'.repeat(52) }, [file]))
  assert.equal(forged.status, 403)
  const own = multipart({ ...fieldsOf((await visitor.ask('/sign-in')).body), ...fields })
  const elsewhere = await visitor.ask(`${letter}/replies`, {
    ...own,
    headers: { ...own.headers, origin: 'https://evil.example' },
  })
  assert.equal(elsewhere.status, 403)
  const after = await allThatIsStored(server)
  for (const table of ['drafts', 'attachments', 'messages']) assert.equal(after[table], before[table], table)
  await server.sql(`UPDATE sessions SET expire = now() - interval '1 second' WHERE sid = $1`, [sidOf(visitor)])
  const gone = await visitor.ask(`${letter}/replies`, own)
  assert.deepEqual([gone.status, gone.h1], [403, 'Your message was not sent'])
  assert.equal((await allThatIsStored(server))['drafts'], before['drafts'])
})

test('where to go on after the sign-in rests under the cookie: it may hold the token of a link', async () => {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const token = 'T'.repeat(43)
  const page = `/sign-in?next=${encodeURIComponent(`/account/address/new/${token}`)}`
  await visitor.submit(page, page, { email: maria.email, password: maria.password })
  assert.ok((await rowOf(visitor))!.sess['after'])
  assert.ok(!JSON.stringify((await rowOf(visitor))!.sess).includes(token))
  const done = await visitor.submit('/sign-in/code', '/sign-in/code', { code: codeOf(maria) })
  assert.equal(done.location, `/account/address/new/${token}`)
})

test('somebody else who signs in on the same device is not offered what was kept', async () => {
  const visitor = await signedIn(server, maria)
  const form = multipart({ ...fieldsOf((await visitor.ask(letter)).body), body: 'For my team only.', action: 'send' })
  await setBack(visitor, 'seenAt', 20 * MINUTE)
  await visitor.ask(`${letter}/replies`, form)
  await letCodesCountAgain(server)
  const answer = await visitor.signIn(server.cast.felix)
  const page = await visitor.open(answer.location)
  assert.doesNotMatch(page.body, /For my team only/)
  assert.notEqual(page.status, 500)
})

async function messagesAndNotices() {
  const [row] = await server.sql(
    `SELECT (SELECT count(*) FROM messages)::int AS messages, (SELECT count(*) FROM access_events WHERE act = 'notice.sent')::int AS mails`,
  )
  return row
}

/** The hidden fields of a page's form. */
function fieldsOf(body: string): Record<string, string> {
  const form = /<main[\s\S]*<\/main>/.exec(body)![0]
  return Object.fromEntries(
    [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map((match) => [match[1]!, match[2]!]),
  )
}

/** A form with files as a browser encodes it. */
function multipart(fields: Record<string, string>, files: { name: string; type: string; bytes: Buffer }[] = []) {
  const boundary = '----letterlock-test'
  const part = (head: string, content: string | Buffer) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]
  const body = Buffer.concat([
    ...Object.entries(fields).flatMap(([name, value]) => part(`name="${name}"`, value)),
    ...files.flatMap(({ name, type, bytes }) =>
      part(`name="files"; filename="${name}"\r\nContent-Type: ${type}`, bytes),
    ),
    Buffer.from(`--${boundary}--\r\n`),
  ])
  return {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, origin: `http://localhost:${server.port}` },
    body,
  }
}
