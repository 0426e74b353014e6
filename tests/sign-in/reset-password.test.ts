/** A forgotten password: a link by mail and a second factor together, in one step that signs nobody in. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openWindow, startBrowser } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { mailsTo, outbox } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, signedIn, Visitor } from '../support/visitor.ts'
import { allThatIsStored, withoutNumbers, writeTo } from '../enrolment/newcomer.ts'
import { changeSession, copyOf } from './session-rows.ts'
import {
  linkFor,
  newCodes,
  newPatient,
  nothingUnderWay,
  resetByApp,
  resetMails,
  resetPathIn,
  setBy,
} from './way-back.ts'
import { changeRows } from '../support/bound-rows.ts'
import { until } from '../support/until.ts'

let server: TestServer
let dana: Visitor
let maria: Person
before(async () => {
  server = await startTestServer()
  dana = await signedIn(server, server.cast.dana)
  maria = server.cast.maria
})
after(() => server.stop())

const FORGOT = '/sign-in/forgot'
const NEW = 'a wholly new password'
const ask = (email: string, visitor = new Visitor(server)) => visitor.submit(FORGOT, FORGOT, { email })
const signIn = (email: string, password: string) =>
  new Visitor(server).submit('/sign-in', '/sign-in', { email, password })

/** What a reset could change. */
async function secrets(email: string) {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(email))!
  const rows = await server.sql(
    `SELECT md5(c::text) AS credential, (SELECT md5(string_agg(o::text, '|' ORDER BY o.id)) FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id WHERE m.account_id = c.account_id) AS openers
     FROM credentials c WHERE account_id = $1`,
    [account.id],
  )
  return rows
}

test('the whole way: asked, mailed, set with a code from the app, and nobody is signed in by it', async () => {
  const patient = await newPatient(server, dana, 'whole-way')
  const { email } = patient.person
  const link = await linkFor(server, email)
  const [mail] = await resetMails(server, email)
  assert.ok(mail!.subject.replace('[Demo] ', '').length <= 60)
  assert.ok(mail!.text.includes(`${server.baseUrl}${link}`))
  assert.doesNotMatch(mail!.text, /Canary|password is|three words/)
  const page = await new Visitor(server).ask(link)
  assert.match(plain(page.body), /You will be able to read all your messages, also those from before/)
  await letCodesCountAgain(server)
  const browser = new Visitor(server)
  await server.sql(`DELETE FROM rate_limits WHERE key LIKE 'code:%'`)
  const answer = await browser.submit(link, link, { password: NEW, code: codeOf(patient.person) })
  assert.equal(answer.location, '/sign-in/password-set')
  // The right code counts for nothing against the hundred of a day.
  assert.deepEqual(await server.sql(`SELECT points FROM rate_limits WHERE key LIKE 'code:%'`), [{ points: 0 }])
  assert.equal((await browser.open('/sign-in/password-set')).h1, 'Your password is set')
  assert.equal((await browser.ask('/messages')).location, '/sign-in')
  // Every session that there was is over.
  assert.equal((await patient.visitor.ask('/messages')).location, '/sign-in')
  assert.equal((await signIn(email, patient.person.password)).status, 422)
  assert.equal((await signIn(email, NEW)).location, '/sign-in/code')
  const told = await mailsTo(server, email, 3)
  assert.ok(told.some(({ text }) => /A new password was set by “I forgot my password”/.test(text)))
  const acts = await server.sql<{ act: string }>(
    `SELECT DISTINCT act FROM access_events WHERE act LIKE 'password.%' OR act = 'mailbox.recovered' ORDER BY act`,
  )
  assert.deepEqual(
    acts.map(({ act }) => act),
    ['mailbox.recovered', 'password.reset', 'password.reset-asked'],
  )
})

test('known, unknown, closed and not enrolled addresses get the same answer, and only the known one a mail', async () => {
  await server.sql('DELETE FROM rate_limits')
  await writeTo(server, dana, 'not-enrolled@mail.example')
  const closed = await newPatient(server, dana, 'closed-account')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(closed.person.email))!
  await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE id = $1`, [account.id])
  const answers = []
  for (const email of ['nobody@mail.example', 'not-enrolled@mail.example', closed.person.email, maria.email]) {
    const { status, location, headers, body } = await ask(email)
    const page = await new Visitor(server).ask('/sign-in/forgot/asked')
    answers.push([status, location, headers['content-length'], body, withoutNumbers(page).length])
  }
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  assert.equal(answers[0]![0], 303)
  await mailsTo(server, maria.email)
  await until(async () => (await resetMails(server, maria.email)).length > 0, 'a link is mailed')
  // Jobs are done in their order: when hers is there, the others would be.
  for (const email of ['nobody@mail.example', 'not-enrolled@mail.example', closed.person.email])
    assert.deepEqual(await resetMails(server, email), [], email)
})

test('2. POST reset with changed/removed/duplicated user or token parameter -> 400, nothing reset', async () => {
  await server.sql('DELETE FROM rate_limits')
  const link = await linkFor(server, maria.email)
  const stored = await secrets(maria.email)
  const send = async (extra: string) => {
    const visitor = new Visitor(server)
    const fields = new URLSearchParams({ _csrf: await visitor.tokenOn(link), password: NEW, code: codeOf(maria) })
    return visitor.ask(link, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `${fields.toString()}&${extra}`,
    })
  }
  const token = link.split('/').at(-1)!
  for (const extra of [
    `token=${token}`,
    'user=1',
    `email=${maria.email}`,
    'account=2',
    'password=x',
    'code=1',
    'code[]=1',
  ])
    assert.equal((await send(extra)).status, 400, extra)
  assert.equal((await new Visitor(server).ask('/sign-in/reset', { method: 'POST' })).status, 404)
  assert.deepEqual(await secrets(maria.email), stored)
  assert.equal((await new Visitor(server).ask(link)).status, 200)
})

test('3. Reset step 3 called without steps 1-2 -> refused: there is one step, and it needs its page and its link', async () => {
  const link = await linkFor(server, maria.email)
  const stored = await secrets(maria.email)
  const form = {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ password: NEW, code: codeOf(maria) }).toString(),
  }
  assert.equal((await new Visitor(server).ask(link, form)).status, 403)
  const visitor = new Visitor(server)
  const madeUp = `/sign-in/reset/${'A'.repeat(43)}`
  assert.equal((await visitor.submit('/sign-in', madeUp, { password: NEW, code: codeOf(maria) })).status, 404)
  assert.deepEqual(await secrets(maria.email), stored)
})

test('4. Reset with Host: evil, X-Forwarded-Host: evil, Forwarded, absolute-form URI, two Host headers -> mail has configured origin, or 400', async () => {
  await server.sql('DELETE FROM rate_limits')
  const visitor = new Visitor(server)
  const token = await visitor.tokenOn(FORGOT)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams({ _csrf: token, email: maria.email }).toString()
  const evil = { host: 'evil.example' }
  assert.equal((await visitor.ask(FORGOT, { method: 'POST', headers: { ...headers, ...evil }, body })).status, 400)
  const before = (await resetMails(server, maria.email)).length
  const forwarded = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example', 'x-forwarded-proto': 'https' }
  const asked = await visitor.ask(FORGOT, { method: 'POST', headers: { ...headers, ...forwarded }, body })
  assert.equal(asked.status, 303)
  const absolute = `http://evil.example${FORGOT}`
  assert.ok([303, 400, 404].includes((await visitor.ask(absolute, { method: 'POST', headers, body })).status))
  await until(async () => (await resetMails(server, maria.email)).length > before, 'a link is mailed')
  for (const { text, html } of await resetMails(server, maria.email)) {
    assert.ok(text.includes(`${server.baseUrl}/sign-in/reset/`))
    assert.doesNotMatch(text + html, /evil/)
  }
})

test('6. GET a reset link 100 times as a scanner does (HEAD, GET, prefetch, Sec-Purpose) -> nothing stored, still good', async () => {
  await server.sql('DELETE FROM rate_limits')
  const link = await linkFor(server, maria.email)
  await settled()
  const stored = await allThatIsStored(server)
  const scanner = new Visitor(server)
  for (let each = 0; each < 25; each++) {
    assert.equal((await scanner.ask(link)).status, 200)
    assert.equal((await scanner.ask(link, { method: 'HEAD' })).status, 200)
    assert.equal((await scanner.ask(link, { headers: { 'sec-purpose': 'prefetch' } })).status, 200)
    assert.equal((await scanner.ask(link, { headers: { purpose: 'prefetch' } })).status, 200)
  }
  assert.deepEqual(await allThatIsStored(server), stored)
})

/** Nothing is being written any more: jobs that were under way are done, and what the minute's sweep would take is gone. */
async function settled() {
  const { sweepSignIns } = await import('../../server/own-account/sweep-sign-ins.job.ts')
  await sweepSignIns()
  await nothingUnderWay(server)
}

test('7. The same link opened by headless Chromium that runs scripts and waits -> nothing stored, still good', async () => {
  await server.sql('DELETE FROM rate_limits')
  const link = await linkFor(server, maria.email)
  await settled()
  const stored = await allThatIsStored(server)
  const browser = await startBrowser()
  try {
    const { page } = await openWindow(browser, server.baseUrl)
    await page.goto(link, { waitUntil: 'networkidle' })
    await page.mouse.move(100, 100)
  } finally {
    await browser.close()
  }
  assert.deepEqual(await allThatIsStored(server), stored)
  assert.equal((await new Visitor(server).ask(link)).status, 200)
})

test('8. A scanner posts its form without cookie or CSRF token -> 403, nothing stored, still good', async () => {
  await server.sql('DELETE FROM rate_limits')
  const link = await linkFor(server, maria.email)
  await settled()
  const stored = await allThatIsStored(server)
  const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
  for (const body of ['', 'password=&code=', `password=${NEW}&code=${codeOf(maria)}`, '_csrf=x&password=a&code=b'])
    assert.equal((await new Visitor(server).ask(link, { ...form, body })).status, 403)
  assert.equal((await new Visitor(server).submit(link, link, { password: '', code: '' })).status, 422)
  assert.deepEqual(await allThatIsStored(server), stored)
  assert.equal((await new Visitor(server).ask(link)).status, 200)
})

test('10. Link with one bit changed, other case, trailing dot, %00, unicode look-alike -> same as unknown', async () => {
  await server.sql('DELETE FROM rate_limits')
  const link = await linkFor(server, maria.email)
  const token = link.split('/').at(-1)!
  const unknown = await new Visitor(server).ask(`/sign-in/reset/${'A'.repeat(43)}`)
  assert.equal(unknown.status, 404)
  assert.equal(unknown.h1, 'This link does not work any more')
  const flipped = (token.startsWith('A') ? 'B' : 'A') + token.slice(1)
  const swapped = [...token].map((letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  )
  for (const other of [
    flipped,
    swapped.join(''),
    `${token}.`,
    `${token}%00`,
    `${token.slice(0, 42)}%D0%B0`,
    `${token}A`,
  ]) {
    const answer = await new Visitor(server).ask(`/sign-in/reset/${other}`)
    assert.deepEqual([answer.status, withoutNumbers(answer)], [404, withoutNumbers(unknown)], other)
  }
})

test('11. Reset link 1 s after expiry; after the application clock was set back 1 h -> expired', async () => {
  await server.sql('DELETE FROM rate_limits')
  const token = (await linkFor(server, maria.email)).split('/').at(-1)!
  const { findReset, useReset } = await import('../../server/sign-in/password-reset.store.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const [row] = await server.sql<{ expires_at: Date }>(
    'SELECT expires_at FROM password_resets ORDER BY asked_at DESC LIMIT 1',
  )
  const expiry = row!.expires_at.getTime()
  assert.ok(await findReset(token, new Date(expiry - 1000)))
  assert.equal(await findReset(token, new Date(expiry + 1000)), undefined)
  assert.equal(await inTransaction((transaction) => useReset(token, new Date(expiry + 1000), transaction)), false)
  // Past its hour by the database's clock; the application's says that it was asked for a minute ago.
  await changeRows(
    server,
    `UPDATE password_resets SET asked_at = now() - interval '61 minutes', expires_at = now() - interval '1 minute'`,
  )
  const setBack = new Date(Date.now() - 60 * 60 * 1000)
  assert.equal(await findReset(token, setBack), undefined)
  assert.equal(await inTransaction((transaction) => useReset(token, setBack, transaction)), false)
  assert.equal((await new Visitor(server).ask(`/sign-in/reset/${token}`)).status, 404)
})

test('12. Link for deleted user -> same as unknown', async () => {
  await server.sql('DELETE FROM rate_limits')
  const patient = await newPatient(server, dana, 'gone')
  const link = await linkFor(server, patient.person.email)
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(patient.person.email))!
  await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE id = $1`, [account.id])
  const unknown = await new Visitor(server).ask(`/sign-in/reset/${'A'.repeat(43)}`)
  const answer = await new Visitor(server).ask(link)
  assert.deepEqual([answer.status, withoutNumbers(answer)], [404, withoutNumbers(unknown)])
  const code = codeOf(patient.person)
  assert.equal((await new Visitor(server).submit('/sign-in', link, { password: NEW, code })).status, 404)
})

test('13. Old reset link after a newer one was asked for -> dead', async () => {
  await server.sql('DELETE FROM rate_limits')
  const older = await linkFor(server, maria.email)
  const newer = await linkFor(server, maria.email)
  assert.notEqual(older, newer)
  assert.equal((await new Visitor(server).ask(older)).status, 404)
  assert.equal((await new Visitor(server).ask(newer)).status, 200)
})

test('9. Reset link used twice -> one success', async () => {
  await server.sql('DELETE FROM rate_limits')
  const patient = await newPatient(server, dana, 'used-twice')
  const link = await linkFor(server, patient.person.email)
  const visitor = new Visitor(server)
  const token = await visitor.tokenOn(link)
  const send = (password: string) =>
    visitor.ask(link, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ _csrf: token, password, code: codeOf(patient.person) }).toString(),
    })
  await letCodesCountAgain(server)
  assert.equal((await send(NEW)).location, '/sign-in/password-set')
  await letCodesCountAgain(server)
  assert.equal((await send('the second password')).status, 404)
  assert.equal((await signIn(patient.person.email, NEW)).location, '/sign-in/code')
})

test('18. Two addresses that differ by domain case or ASCII case are one person; by dots, plus or look-alike letters (ſ, ı, K) two -> never crossed by a reset', async () => {
  await server.sql('DELETE FROM rate_limits')
  const patient = await newPatient(server, dana, 'kit.simson')
  const { email } = patient.person
  const before = (await resetMails(server, email)).length
  const others = [
    'kitsimson@mail.example',
    'kit.simson+x@mail.example',
    'kit.ſimson@mail.example',
    'kıt.simson@mail.example',
    '\u212Ait.simson@mail.example',
  ]
  for (const other of others) assert.ok([303, 422].includes((await ask(other)).status), other)
  await settled()
  assert.equal((await resetMails(server, email)).length, before)
  assert.equal((await ask('KIT.Simson@Mail.EXAMPLE')).status, 303)
  await settled()
  assert.equal((await resetMails(server, email)).length, before + 1)
  for (const other of others) assert.deepEqual(await resetMails(server, other), [])
})

test('19. Many resets for one address in 1 h -> at most 5 mails', async () => {
  await server.sql('DELETE FROM rate_limits')
  const patient = await newPatient(server, dana, 'flooded')
  await settled()
  const { askPasswordReset } = await import('../../server/sign-in/ask-reset.ts')
  const from = (address: string) => ({ kind: 'anonymous' as const, strength: 'none' as const, address })
  // From as many places as there are tries, so that only the account's own count holds them.
  for (let round = 0; round < 4; round++)
    await Promise.all(
      Array.from({ length: 10 }, (_, each) =>
        askPasswordReset(from(`198.51.100.${round * 10 + each}`), patient.person.email),
      ),
    )
  await settled()
  assert.equal((await resetMails(server, patient.person.email)).length, 5)
})

test('one network address that asks for many is told to wait', async () => {
  await server.sql('DELETE FROM rate_limits')
  const { askPasswordReset } = await import('../../server/sign-in/ask-reset.ts')
  const actor = { kind: 'anonymous' as const, strength: 'none' as const, address: '203.0.113.9' }
  for (let each = 0; each < 100; each++) await askPasswordReset(actor, `nobody-${each}@mail.example`)
  await assert.rejects(askPasswordReset(actor, 'one-more@mail.example'), { status: 429 })
  await server.sql('DELETE FROM rate_limits')
})

test('20. Reset page: no Referer leaks (outside link click) -> Referer empty', async () => {
  const link = await linkFor(server, maria.email)
  const page = await new Visitor(server).ask(link)
  assert.equal(page.headers['referrer-policy'], 'same-origin')
  assert.match(page.headers['cache-control']!, /no-store/)
  const outside = [...page.body.matchAll(/(?:href|src|action)="([^"]+)"/g)].map((match) => match[1]!)
  assert.deepEqual(
    outside.filter((place) => !place.startsWith('/') && !place.startsWith('#') && !place.startsWith('tel:')),
    [],
  )
})

test('24. Top 3,000 and breached passwords -> refused at reset, and the link stays good', async () => {
  await server.sql('DELETE FROM rate_limits')
  const link = await linkFor(server, maria.email)
  for (const password of ['password1234', 'qwertyuiop123', 'short', 'maria.gomez1', 'x'.repeat(129)])
    assert.equal((await setBy(server, link, { password, code: codeOf(maria) })).status, 422, password)
  assert.equal((await new Visitor(server).ask(link)).status, 200)
})

test('28. A wrong or used code keeps the link good; five tries an hour, then later', async () => {
  await letCodesCountAgain(server)
  const patient = await newPatient(server, dana, 'five-tries')
  const { person } = patient
  await letCodesCountAgain(server)
  await signedIn(server, person)
  await server.sql('DELETE FROM rate_limits')
  const link = await linkFor(server, person.email)
  // Used at the sign-in a moment ago.
  assert.equal((await setBy(server, link, { password: NEW, code: codeOf(person) })).status, 422)
  for (const code of ['000000', 'AAAAA-AAAAA-AAAAA-AAAAA', 'nonsense', '12345'])
    assert.equal((await setBy(server, link, { password: NEW, code })).status, 422, code)
  const later = await setBy(server, link, { password: NEW, code: patient.codes[0]! })
  assert.equal(later.status, 429)
  assert.match(plain(later.body), /Nothing was changed/)
  assert.equal((await signIn(person.email, person.password)).location, '/sign-in/code')
  await server.sql('DELETE FROM rate_limits')
  const done = await setBy(server, link, { password: NEW, code: patient.codes[0]! })
  assert.equal(done.location, '/sign-in/password-set')
})

test('39. Recovery code twice / after set replaced -> once / never', async () => {
  await letCodesCountAgain(server)
  const patient = await newPatient(server, dana, 'codes')
  const { person } = patient
  const [first, second] = patient.codes as [string, string]
  assert.equal((await setBy(server, await linkFor(server, person.email), { password: NEW, code: first })).status, 303)
  const again = await linkFor(server, person.email)
  assert.equal((await setBy(server, again, { password: 'yet another password', code: first })).status, 422)
  const visitor = await signedIn(server, { ...person, password: NEW })
  const codes = await newCodes(visitor)
  assert.equal(codes.length, 10)
  const link = await linkFor(server, person.email)
  assert.equal((await setBy(server, link, { password: 'yet another password', code: second })).status, 422)
  assert.equal((await setBy(server, link, { password: 'yet another password', code: codes[0]! })).status, 303)
})

test('40. Recovery removes TOTP and logs in by itself -> must not', async () => {
  await letCodesCountAgain(server)
  const patient = await newPatient(server, dana, 'keeps-its-app')
  const link = await linkFor(server, patient.person.email)
  const browser = new Visitor(server)
  const answer = await browser.submit(link, link, { password: NEW, code: patient.codes[0]! })
  assert.equal(answer.location, '/sign-in/password-set')
  assert.equal((await browser.ask('/messages')).location, '/sign-in')
  // The app's code is still asked for, and still the same app's.
  const person = { ...patient.person, password: NEW }
  const visitor = new Visitor(server)
  await letCodesCountAgain(server)
  assert.equal((await visitor.submit('/sign-in', '/sign-in', person)).location, '/sign-in/code')
  assert.equal((await visitor.ask('/messages')).location, '/sign-in/code')
  assert.equal((await visitor.submit('/sign-in/code', '/sign-in/code', { code: codeOf(person) })).location, '/messages')
})

test('one recovery code sets the password and signs in with it: once, in the same browser, for its person, and within the time of a session', async () => {
  await letCodesCountAgain(server)
  const { person, codes } = await newPatient(server, dana, 'one-code')
  const other = await newPatient(server, dana, 'another-person')
  await nothingUnderWay(server)
  const mailsBefore = (await outbox(server)).filter(({ to }) => to === person.email).length
  const set = async (password: string, code: string) => {
    const browser = new Visitor(server)
    const link = await linkFor(server, person.email)
    assert.equal((await browser.submit(link, link, { password, code })).location, '/sign-in/password-set')
    assert.match(plain((await browser.ask('/sign-in/password-set')).body), /Your recovery code counts for this too/)
    return browser
  }
  const signInBy = async (browser: Visitor, { email }: Person, password: string) => {
    await server.sql('DELETE FROM rate_limits')
    return (await browser.submit('/sign-in', '/sign-in', { email, password })).location
  }
  const used = `/account/recovery-code-used?next=${encodeURIComponent('/messages')}`
  const browser = await set(NEW, codes[0]!)
  for (const path of ['/messages', '/sign-in/code', '/account'])
    assert.match((await browser.ask(path)).location, /^\/sign-in/)
  assert.equal(
    await signInBy(new Visitor(server), person, NEW),
    '/sign-in/code',
    'elsewhere the second step is asked for',
  )
  const copy = copyOf(server, browser)
  assert.equal(await signInBy(browser, person, NEW), used)
  assert.equal((await browser.ask('/messages')).status, 200)
  const [event] = await server.sql(
    `SELECT strength FROM access_events WHERE act = 'account.signed-in' ORDER BY at DESC LIMIT 1`,
  )
  assert.deepEqual(event, { strength: 'password+recovery-code' })
  assert.equal(await signInBy(copy, person, NEW), '/sign-in/code', 'once')
  await browser.submit('/account', '/sign-out', {})
  assert.equal(await signInBy(browser, person, NEW), '/sign-in/code')
  await nothingUnderWay(server)
  const mails = (await outbox(server)).filter(({ to }) => to === person.email).length
  assert.equal(mails - mailsBefore, 2, 'the link, and one notice of what was done')
  const ended = await set('yet another password', codes[1]!)
  await changeSession(server, ended, { seenAt: Date.now() - 16 * 60_000 })
  assert.equal(await signInBy(ended, person, 'yet another password'), '/sign-in/code')
  const shared = await set('a third new password', codes[2]!)
  assert.equal(await signInBy(shared, other.person, other.person.password), '/sign-in/code')
})

test('the table of links tells nobody a link, and lapsed ones are swept', async () => {
  await server.sql('DELETE FROM rate_limits')
  const token = (await linkFor(server, maria.email)).split('/').at(-1)!
  const [row] = await server.sql<{ all: string }>(`SELECT string_agg(r::text, ' ') AS all FROM password_resets r`)
  assert.doesNotMatch(row!.all, new RegExp(token))
  assert.doesNotMatch(row!.all, new RegExp(Buffer.from(token, 'base64url').toString('hex')))
  const { sweepSignIns } = await import('../../server/own-account/sweep-sign-ins.job.ts')
  await changeRows(server, `UPDATE password_resets SET expires_at = now() - interval '1 second'`)
  await sweepSignIns()
  assert.deepEqual(await server.sql('SELECT 1 FROM password_resets'), [])
})

test('resetting one’s password leaves everybody else’s as it was', async () => {
  await letCodesCountAgain(server)
  const patient = await newPatient(server, dana, 'only-mine')
  const before = [await secrets(maria.email), await secrets(server.cast.sam.email)]
  await resetByApp(server, patient.person, NEW)
  assert.deepEqual([await secrets(maria.email), await secrets(server.cast.sam.email)], before)
  assert.match(resetPathIn((await resetMails(server, patient.person.email))[0]!.text), /^\/sign-in\/reset\//)
})
