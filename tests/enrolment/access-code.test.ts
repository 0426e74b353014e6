/** Access codes: where a sender asked for one, the link alone makes nobody the recipient. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { openWindow, startBrowser } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { signedIn, Visitor, type Answer } from '../support/visitor.ts'
import {
  allThatIsStored,
  choosePassword,
  codeOnPage,
  enrol,
  keyOnPage,
  linkOf,
  withoutNumbers,
  writeTo,
  writeWithCode,
} from './newcomer.ts'
import { changeRows } from '../support/bound-rows.ts'

const GOOD = 'three random words 7'
let server: TestServer
let dana: Visitor
let many = 0

before(async () => {
  server = await startTestServer()
  dana = await signedIn(server, server.cast.dana)
})
after(() => server.stop())
beforeEach(async () => {
  await server.sql('DELETE FROM rate_limits')
})

const somebody = (name: string) => `${name}.${++many}@mail.example`
const type = (visitor: Visitor, link: string, code: string) => visitor.submit(link, link, { code })
const other = (code: string) => `${code.startsWith('2') ? '3' : '2'}${code.slice(1)}`

async function accountOf(email: string) {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(email))!
}

async function events(act: string, subject: string, reason?: string) {
  const { unsealField } = await import('../../server/vault/vault.ts')
  const rows = await server.sql<{ id: string; details_sealed: Buffer; actor_id: string | null }>(
    'SELECT id, details_sealed, actor_id FROM access_events WHERE act = $1 AND subject_id = $2',
    [act, subject],
  )
  return rows.filter(
    ({ id, details_sealed }) =>
      !reason ||
      (JSON.parse(unsealField(`access-event/${id}`, details_sealed)) as { reason: string }).reason === reason,
  )
}

function assertAsks(answer: Answer, status: number, words?: RegExp) {
  assert.equal(answer.status, status)
  assert.equal(answer.h1, 'You have a secure message')
  assert.match(answer.body, /name="code"/)
  if (words) assert.match(answer.body, words)
}

test('a code that was asked for is shown once to the sender, is in no mail and nowhere in the database, and lets its reader in', async () => {
  const email = somebody('cora')
  const { link, message, code } = await writeWithCode(server, dana, email)
  assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
  const again = await dana.ask(`/messages/${message}/sent`)
  assert.equal(codeOnPage(again), undefined, 'only once')
  assert.match(again.body, /was shown before/)
  const mails = (await new Visitor(server).ask('/demo/outbox.json')).body
  assert.doesNotMatch(mails, new RegExp(`${code}|${code.replace('-', '')}|access code`, 'i'))
  const dump = JSON.stringify(await server.sql('SELECT * FROM access_codes'))
  assert.ok(!dump.includes(code) && !dump.includes(code.replace('-', '')))

  const visitor = new Visitor(server)
  const landing = await visitor.ask(link)
  assertAsks(landing, 200)
  assert.doesNotMatch(landing.body, new RegExp(code))
  const right = await type(visitor, link, code)
  assert.deepEqual([right.status, right.location], [303, `${link}/password`])
  const [cookie] = right.headers['set-cookie']!.filter((line) => line.startsWith('__Host-access='))
  assert.match(
    cookie!,
    /^__Host-access=[\w-]{43}; Max-Age=86400; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
  )
  const token = /=([^;]+)/.exec(cookie!)![1]!
  assert.ok(!JSON.stringify(await server.sql('SELECT * FROM access_codes')).includes(token))
  assert.doesNotMatch((await visitor.ask(link)).body, /name="code"/, 'this browser is not asked again')
  await choosePassword(visitor, link, GOOD)
  const done = await visitor.submit('/enrol/second-factor', '/enrol/second-factor', {
    code: codeOf({ totpSecret: await keyOnPage(visitor) }),
  })
  assert.equal(done.location, '/enrol/recovery-codes')
  const { id } = await accountOf(email)
  assert.deepEqual(await server.sql('SELECT 1 FROM access_codes WHERE account_id = $1', [id]), [], 'the row is gone')
  assert.equal((await events('access-code.made', id)).length, 1)
  assert.equal((await events('access-code.given', id)).length, 1)
})

test('case, spaces, hyphens and look-alikes do not matter; what has not eight letters is told so and stores nothing', async () => {
  const { link } = await writeWithCode(server, dana, somebody('leo'))
  const { lookupDigest } = await import('../../server/vault/vault.ts')
  const { account_id: id } = (
    await server.sql<{ account_id: string }>('SELECT account_id FROM access_codes ORDER BY made_at DESC LIMIT 1')
  )[0]!
  await server.sql('UPDATE access_codes SET code_digest = $2 WHERE account_id = $1', [
    id,
    lookupDigest('access-code', `${id}/01ABC01Z`),
  ])
  const visitor = new Visitor(server)
  const before = await allThatIsStored(server)
  for (const [typed, words] of [
    ['', /Enter the access code/],
    ['   ', /Enter the access code/],
    ['1234567', /eight letters and digits/],
    ['123456789', /eight letters and digits/],
    ['ABCD EFGU', /eight letters and digits/],
    ['０1ABC01Z', /eight letters and digits/],
    ["'; --", /eight letters and digits/],
    ['x'.repeat(100_000), /eight letters and digits/],
  ] as const)
    assertAsks(await type(visitor, link, typed), 422, words)
  const twice = await visitor.ask(link, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `_csrf=${await visitor.tokenOn(link)}&code=01ABC01Z&code=01ABC01Z`,
  })
  assert.equal(twice.status, 400)
  assert.deepEqual(await allThatIsStored(server), before)
  assert.equal((await type(visitor, link, ' oL-ab c0 I-z ')).location, `${link}/password`)
})

test('without the code no link of the account, no page and no use case makes its sign-in', async () => {
  const email = somebody('nina')
  const earlier = await writeTo(server, dana, email)
  const { link } = await writeWithCode(server, dana, email)
  const account = await accountOf(email)
  const stranger = new Visitor(server)
  const before = await allThatIsStored(server)
  for (const each of [earlier.link, link]) {
    assertAsks(await stranger.ask(each), 200)
    assert.equal((await stranger.ask(`${each}/password`)).location, each)
    const posted = await stranger.submit(each, `${each}/password`, { password: GOOD })
    assert.deepEqual([posted.status, posted.location], [303, each])
    assert.equal((await stranger.ask(`${each}/passkey`)).status, 404)
    assert.equal((await stranger.submit(each, `${each}/passkey`, {})).location, each)
  }
  assert.deepEqual(await allThatIsStored(server), before, 'none of it stored anything')
  const { beginEnrolment, enrolByPasskey } = await import('../../server/enrolment/enrol.ts')
  const nobody = { kind: 'anonymous', strength: 'none' } as const
  await assert.rejects(beginEnrolment(nobody, account, GOOD), /access code/)
  await assert.rejects(beginEnrolment({ ...nobody, accessProof: Buffer.alloc(32) }, account, GOOD), /access code/)
  await assert.rejects(enrolByPasskey(nobody, account, {} as never, {} as never), /access code/)
  assert.deepEqual(await server.sql('SELECT 1 FROM enrolments WHERE account_id = $1', [account.id]), [])
  assert.equal((await events('enrolment.refused', account.id, 'no-access-code')).length, 3)
})

test('an enrolment that was begun before the code was asked for is not completed without it', async () => {
  const email = somebody('earl')
  const earlier = await writeTo(server, dana, email)
  const quick = new Visitor(server)
  await choosePassword(quick, earlier.link, 'a quick stranger 123')
  const totpSecret = await keyOnPage(quick)
  const { link, code } = await writeWithCode(server, dana, email)
  const tried = await quick.submit('/enrol/second-factor', '/enrol/second-factor', { code: codeOf({ totpSecret }) })
  assert.deepEqual([tried.status, tried.location], [303, '/sign-in'])
  const account = await accountOf(email)
  assert.equal(account.state, 'invited')
  assert.equal((await events('enrolment.refused', account.id, 'no-access-code')).length, 1)
  const right = new Visitor(server)
  await type(right, link, code)
  await choosePassword(right, link, GOOD)
  const done = await right.submit('/enrol/second-factor', '/enrol/second-factor', {
    code: codeOf({ totpSecret: await keyOnPage(right) }),
  })
  assert.equal(done.location, '/enrol/recovery-codes')
})

test('a code is good in one browser; the same code in another is wrong, and the first goes on after closing its tab', async () => {
  const { link, code } = await writeWithCode(server, dana, somebody('otto'))
  const first = new Visitor(server)
  assert.equal((await type(first, link, code)).status, 303)
  assertAsks(await type(new Visitor(server), link, code), 422, /not right, or it no longer works/)
  // Only the proof is left of the first visit.
  const later = new Visitor(server)
  later.cookies.set('__Host-access', first.cookies.get('__Host-access')!)
  assert.equal((await later.submit(link, link, {})).location, `${link}/password`)
  assert.equal((await choosePassword(later, link, GOOD)).location, '/enrol/second-factor')
})

test('a proof lasts a day and a code thirty; after that the guard stays', async () => {
  const email = somebody('dora')
  const { link, code } = await writeWithCode(server, dana, email)
  const { id } = await accountOf(email)
  const { giveAccessCode, mayEnrol, digestOfProof } = await import('../../server/enrolment/access-code.ts')
  const nobody = { kind: 'anonymous', strength: 'none' } as const
  const at = (days: number) => new Date(Date.now() + days * 24 * 60 * 60 * 1000)
  assert.equal(await giveAccessCode(nobody, id, code, at(30.01)), 'wrong')
  const given = await giveAccessCode(nobody, id, code, at(29.9))
  assert.ok(typeof given === 'object')
  const holder = { ...nobody, accessProof: digestOfProof(given.proof) }
  assert.equal(await mayEnrol(holder, id, at(30.89)), true)
  assert.equal(await mayEnrol(holder, id, at(30.91)), false)
  assert.equal(await mayEnrol(nobody, id, at(1000)), false)
  assertAsks(await new Visitor(server).ask(link), 200)
})

test('five wrong codes an hour for an account from one network; then "call us" with the clock time, and nothing is destroyed', async () => {
  const email = somebody('wanda')
  const { link, code } = await writeWithCode(server, dana, email)
  const wrong = other(code)
  for (let times = 1; times <= 5; times++) assertAsks(await type(new Visitor(server), link, wrong), 422, /not right/)
  const refused = await type(new Visitor(server), link, code)
  assertAsks(refused, 429, /You can try again at \d{1,2}:\d\d [ap]m/)
  assert.match(refused.body, /call us:<\/?[^>]*>? ?<a href="tel:5550100">|call us: <a href="tel:5550100">/)
  assert.match(refused.body, /Monday to Friday/)
  assert.ok(Number(refused.headers['retry-after']) > 3000 && Number(refused.headers['retry-after']) <= 3600)
  const { id } = await accountOf(email)
  assert.equal((await events('access-code.refused', id)).length, 5)
  // A new code of the team works at once, and so would the old one after the hour.
  await server.sql(`DELETE FROM rate_limits WHERE key LIKE 'access-code:%'`)
  assert.equal((await type(new Visitor(server), link, code)).status, 303)
})

test('twenty wrong codes a day', async () => {
  const { link, code } = await writeWithCode(server, dana, somebody('dan'))
  for (let times = 1; times <= 20; times++) {
    await server.sql(`DELETE FROM rate_limits WHERE key LIKE 'access-code:%' OR key LIKE 'address%'`)
    assert.equal((await type(new Visitor(server), link, other(code))).status, 422, `${times}`)
  }
  await server.sql(`DELETE FROM rate_limits WHERE key LIKE 'access-code:%' OR key LIKE 'address%'`)
  const refused = await type(new Visitor(server), link, code)
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers['retry-after']) > 80_000)
})

test('whoever reads the mailbox does not keep the right code out from elsewhere; two hundred an hour do, until there is a new code', async () => {
  const email = somebody('otto')
  const { link, code } = await writeWithCode(server, dana, email)
  for (let times = 1; times <= 5; times++)
    assert.equal((await type(new Visitor(server), link, other(code))).status, 422)
  assert.equal((await type(new Visitor(server), link, code)).status, 429)
  const { giveAccessCode, makeAccessCode } = await import('../../server/enrolment/access-code.ts')
  const { SlowDown } = await import('../../server/errors.ts')
  const { id } = await accountOf(email)
  const from = (network: number) => ({ kind: 'anonymous', strength: 'none', address: `192.0.2.${network}` }) as const
  await server.sql(`UPDATE rate_limits SET points = 199 WHERE key LIKE 'access-code-account:%'`)
  assert.equal(await giveAccessCode(from(1), id, other(code)), 'wrong')
  await assert.rejects(giveAccessCode(from(100), id, code), SlowDown)
  const writer = {
    kind: 'account',
    id: (await accountOf(server.cast.dana.email)).id,
    strength: 'password+code',
  } as const
  const made = await makeAccessCode(writer, id)
  assert.equal(typeof (await giveAccessCode(from(1), id, made!.code)), 'object')
})

test('6. GET a notice link that asks for a code 100 times as a scanner does (HEAD, GET, prefetch, Sec-Purpose) -> nothing stored, still good', async () => {
  const { link, code } = await writeWithCode(server, dana, somebody('sue'))
  const before = await allThatIsStored(server)
  for (let times = 0; times < 50; times++)
    for (const method of ['GET', 'HEAD']) {
      const headers: Record<string, string> = times % 2 ? { 'sec-purpose': 'prefetch;prerender' } : {}
      const path = times % 3 === 2 ? `${link}/password` : link
      const answer = await new Visitor(server).ask(path, { method, headers })
      assert.equal(answer.status, path === link ? 200 : 303)
      assert.equal(answer.headers['cache-control'], 'no-store')
    }
  assert.deepEqual(await allThatIsStored(server), before)
  assert.equal((await type(new Visitor(server), link, code)).status, 303)
})

test('7. The same link opened by headless Chromium that runs scripts and presses its button -> nothing stored, still good', async () => {
  const { link, code } = await writeWithCode(server, dana, somebody('hal'))
  const before = await allThatIsStored(server)
  const browser = await startBrowser()
  try {
    const { page } = await openWindow(browser, server.baseUrl)
    await page.goto(link)
    await page.waitForLoadState('networkidle')
    await page.click('main button[type=submit]')
    assert.match(await page.innerText('#code-error'), /Enter the access code/)
  } finally {
    await browser.close()
  }
  assert.deepEqual(await allThatIsStored(server), before)
  assert.equal((await type(new Visitor(server), link, code)).status, 303)
})

test('8. A scanner posts the form of the code without cookie or CSRF token -> 403, nothing stored, still good', async () => {
  const { link, code } = await writeWithCode(server, dana, somebody('eve'))
  const before = await allThatIsStored(server)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const token = await new Visitor(server).tokenOn(link)
  for (const body of ['', `code=${code}`, `_csrf=&code=${code}`, `_csrf=${token}&code=${code}`])
    assert.equal((await new Visitor(server).ask(link, { method: 'POST', headers, body })).status, 403, body)
  const cross = new Visitor(server)
  const own = await cross.tokenOn(link)
  const forged = { ...headers, origin: 'https://evil.example' }
  const body = `_csrf=${own}&code=${code}`
  assert.equal((await cross.ask(link, { method: 'POST', headers: forged, body })).status, 403)
  assert.deepEqual(await allThatIsStored(server), before)
  assert.equal((await type(cross, link, code)).status, 303)
})

test('10. Link with one bit changed and the right code -> same as unknown', async () => {
  const { link, code } = await writeWithCode(server, dana, somebody('bit'))
  const token = link.slice('/m/'.length)
  const unknown = await new Visitor(server).ask(`/m/${'A'.repeat(43)}`)
  for (const path of [`/m/${token.slice(1)}${token[0]}`, `${link}.`, `${link}%00`]) {
    const visitor = new Visitor(server)
    const _csrf = await visitor.tokenOn('/sign-in')
    const posted = await visitor.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ _csrf, code }).toString(),
    })
    assert.equal(posted.status, 404, path)
    assert.equal(withoutNumbers(posted), withoutNumbers(unknown))
  }
})

test('12. Link of a deleted account that asks for a code -> same as unknown', async () => {
  const email = somebody('gone')
  const { link } = await writeWithCode(server, dana, email)
  const { id } = await accountOf(email)
  await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE id = $1`, [id])
  const answer = await new Visitor(server).ask(link)
  assert.equal(answer.status, 404)
  assert.equal(withoutNumbers(answer), withoutNumbers(await new Visitor(server).ask(`/m/${'A'.repeat(43)}`)))
})

test('a code of one account opens no other, and neither does its proof', async () => {
  const one = await writeWithCode(server, dana, somebody('one'))
  const two = await writeWithCode(server, dana, somebody('two'))
  assertAsks(await type(new Visitor(server), one.link, two.code), 422, /not right/)
  const visitor = new Visitor(server)
  await type(visitor, one.link, one.code)
  assertAsks(await visitor.ask(two.link), 200)
  assert.equal((await visitor.ask(`${two.link}/password`)).location, two.link)
})

test('a later message that asks for a code leaves the one that counts, and says so to its sender', async () => {
  const email = somebody('twice')
  const { link, code } = await writeWithCode(server, dana, email)
  const { cast } = server
  const sam = await signedIn(server, cast.sam)
  const fields = { to: email, subject: 'Another', body: 'One.', 'access-code': 'yes', action: 'check' }
  const kept = await sam.upload('/messages/new', '/messages', fields)
  const check = await sam.ask(kept.location)
  assert.match(check.body, /asked for an access code before, and that one still counts/)
  const sent = await sam.submit(kept.location, kept.location.replace(/check$/, 'send'), {})
  const page = await sam.ask(sent.location)
  assert.equal(codeOnPage(page), undefined)
  assert.match(page.body, /was shown before[\s\S]*\/access-code"/)
  const second = await linkOf(server, sent.location.split('/')[2]!)
  assertAsks(await new Visitor(server).ask(second), 200)
  assert.equal((await type(new Visitor(server), link, code)).status, 303)
})

test('the tick for somebody who has a sign-in does nothing, and the check page says so', async () => {
  const { maria } = server.cast
  const fields = { to: maria.email, subject: 'Hello', body: 'A text.', 'access-code': 'yes', action: 'check' }
  const kept = await dana.upload('/messages/new', '/messages', fields)
  assert.match((await dana.ask(kept.location)).body, /have a sign-in here already, so the code is not needed/)
  const sent = await dana.submit(kept.location, kept.location.replace(/check$/, 'send'), {})
  assert.doesNotMatch((await dana.ask(sent.location)).body, /access code/i)
  const { id } = await accountOf(maria.email)
  assert.deepEqual(await server.sql('SELECT 1 FROM access_codes WHERE account_id = $1', [id]), [])
})

test('the tick is kept in the draft', async () => {
  const fields = { to: '', subject: 'Later', body: 'A text.', 'access-code': 'yes', action: 'save' }
  const kept = await dana.upload('/messages/new', '/messages', fields)
  assert.match((await dana.ask(kept.location)).body, /name="access-code" value="yes" checked/)
  assert.doesNotMatch((await dana.ask('/messages/new')).body, /name="access-code" value="yes" checked/)
})

test('the team makes a new code from the conversation: the old one is dead and so is what was begun with it; recorded', async () => {
  const email = somebody('nele')
  const { link, message, code } = await writeWithCode(server, dana, email)
  const begun = new Visitor(server)
  await type(begun, link, code)
  await choosePassword(begun, link, GOOD)
  const totpSecret = await keyOnPage(begun)

  const sam = await signedIn(server, server.cast.sam)
  const path = `/messages/${message}/access-code`
  const thread = await sam.ask(`/messages/${message}`)
  assert.ok(thread.body.includes(`href="${path}"`))
  const before = await sam.ask(path)
  assert.match(before.body, /It was typed on/)
  assert.equal(codeOnPage(before), undefined)
  assert.equal((await sam.submit(path, path, {})).location, path)
  const fresh = codeOnPage(await sam.ask(path))!
  assert.match(fresh, /^\w{4}-\w{4}$/)
  assert.notEqual(fresh, code)
  assert.equal(codeOnPage(await sam.ask(path)), undefined, 'shown once')
  const { id } = await accountOf(email)
  const made = await events('access-code.made', id)
  const makers = await Promise.all([server.cast.dana, server.cast.sam].map(({ email }) => accountOf(email)))
  assert.deepEqual(made.map(({ actor_id }) => actor_id).sort(), makers.map(({ id }) => id).sort())

  const done = await begun.submit('/enrol/second-factor', '/enrol/second-factor', { code: codeOf({ totpSecret }) })
  assert.equal(done.location, '/sign-in')
  assertAsks(await type(begun, link, code), 422, /not right/)
  assert.equal((await type(begun, link, fresh)).status, 303)
  const { person } = await enrolHere(begun, link, email)
  assert.equal((await sam.ask(path)).location, `/messages/${message}`, 'nothing to ask for any more')
  assert.equal((await sam.submit(`/messages/${message}`, path, {})).location, `/messages/${message}`)
  assert.deepEqual(await server.sql('SELECT 1 FROM access_codes WHERE account_id = $1', [id]), [])
  assert.equal((await signedIn(server, person)).cookies.has('__Host-session'), true)
})

async function enrolHere(visitor: Visitor, link: string, email: string) {
  await choosePassword(visitor, link, GOOD)
  const person = { role: 'patient', name: '', email, password: GOOD, totpSecret: await keyOnPage(visitor) }
  const done = await visitor.submit('/enrol/second-factor', '/enrol/second-factor', { code: codeOf(person) })
  assert.equal(done.location, '/enrol/recovery-codes')
  await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  return { person }
}

test('a code can be asked for after the message was sent, and others than the team that wrote cannot', async () => {
  const email = somebody('late')
  const { message, link } = await writeTo(server, dana, email)
  const path = `/messages/${message}/access-code`
  assert.match((await dana.ask(path)).body, /No access code is asked for/)
  await dana.submit(path, path, {})
  assert.match(codeOnPage(await dana.ask(path))!, /^\w{4}-\w{4}$/)
  assertAsks(await new Visitor(server).ask(link), 200)
  const maria = await signedIn(server, server.cast.maria)
  for (const method of ['GET', 'POST']) {
    const _csrf = await maria.tokenOn('/help')
    const asked = { method, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    const body = new URLSearchParams({ _csrf }).toString()
    assert.equal((await maria.ask(path, method === 'POST' ? { ...asked, body } : asked)).status, 404)
  }
})

test('an account without a code is enrolled as before', async () => {
  const email = somebody('plain')
  const { link } = await writeTo(server, dana, email)
  assert.doesNotMatch((await new Visitor(server).ask(link)).body, /name="code"/)
  const { person } = await enrol(server, link, email, GOOD)
  assert.equal(person.email, email)
})
