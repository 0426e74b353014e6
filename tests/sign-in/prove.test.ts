/** Proving once more who one is: what counts, what is counted, and what becomes of the session. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { codeOf, type Person } from '../support/cast.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../support/visitor.ts'
import { changeSession, copyOf, rowOf } from './session-rows.ts'

const COOKIE = '__Host-session'
const MINUTE = 60_000
const PAGE = '/prove?next=%2Fhelp'

let server: TestServer
let maria: Person
let dana: Person

before(async () => {
  server = await startTestServer()
  ;({ maria, dana } = server.cast)
})
after(() => server.stop())

/** Somebody who signed in a while ago. */
async function withOldProof(person: Person): Promise<Visitor> {
  const visitor = await signedIn(server, person)
  await changeSession(server, visitor, { provedAt: Date.now() - 6 * MINUTE })
  await letCodesCountAgain(server)
  return visitor
}

const prove = (visitor: Visitor, password: string, code: string, page = PAGE) =>
  visitor.submit(PAGE, page, { password, code })

function wrongCode(person: Person): string {
  const near = [-30, 0, 30, 60].map((seconds) => codeOf(person, new Date(Date.now() + seconds * 1000)))
  return ['000000', '111111', '222222', '333333', '444444'].find((code) => !near.includes(code))!
}

function assertRefused(answer: Answer, field: string, words: RegExp) {
  assert.equal(answer.status, 422)
  const [, href, text] = /<section class="summary"[\s\S]*?<li><a href="([^"]+)">([^<]+)<\/a>/.exec(answer.body) ?? []
  assert.deepEqual([href, words.test(text ?? '')], [`#${field}`, true], text)
}

async function proofEvents() {
  const rows = await server.sql<{ act: string; outcome: string; strength: string }>(
    `SELECT act, outcome, strength FROM access_events WHERE act LIKE 'identity.%' ORDER BY at, id`,
  )
  return rows.map(({ act, outcome }) => `${act} ${outcome}`)
}

test('the page says who is signed in and asks for the password and a code; with a fresh proof it leads on', async () => {
  const visitor = await withOldProof(maria)
  const page = await visitor.ask(PAGE)
  assert.equal(page.status, 200)
  assert.match(page.body, /You are signed in as <strong><bdi>maria\.gomez@mail\.example<\/bdi>/)
  assert.match(page.body, /<form method="post" action="\/prove\?next&#x3D;%2Fhelp"/)
  const fresh = await signedIn(server, maria)
  assert.deepEqual(await fresh.ask(PAGE).then(({ status, location }) => [status, location]), [303, '/help'])
  for (const path of ['/prove', PAGE])
    assert.match((await new Visitor(server).ask(path)).location, /^\/sign-in\?next=%2Fprove/)
})

test('43. The right password and code make a proof and a session of a new id; the old cookie is dead, and everything else goes on', async () => {
  const visitor = await withOldProof(maria)
  const inbox = await visitor.ask('/messages')
  const letter = /href="(\/messages\/[0-9a-f-]{36})"/.exec(inbox.body)![1]!
  const otherTab = await visitor.tokenOn(letter)
  const before = (await rowOf(server, visitor))!
  const thief = copyOf(server, visitor)
  const events = await proofEvents()
  const answer = await prove(visitor, maria.password, codeOf(maria))
  assert.deepEqual([answer.status, answer.location], [303, '/help'])
  assert.notEqual(visitor.cookies.get(COOKIE), thief.cookies.get(COOKIE))
  assert.deepEqual((await thief.ask('/messages')).location, '/sign-in')
  assert.equal(await rowOf(server, thief), undefined)
  const row = (await rowOf(server, visitor))!
  assert.ok(Date.now() - Number(row.sess['provedAt']) < MINUTE)
  assert.equal(row.sess['startedAt'], before.sess['startedAt'], 'the session lives no longer for it')
  assert.notEqual(row.sess['mailboxKey'], before.sess['mailboxKey'])
  assert.equal((await visitor.ask(letter)).status, 200, 'the mailbox is still open')
  const late = await visitor.ask('/prove', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `_csrf=${otherTab}`,
  })
  assert.equal(late.status, 422, 'a form in another tab is still good')
  assert.deepEqual((await proofEvents()).slice(events.length), ['identity.proved done'])
})

test('28. Code used in a failed login then reused -> refused, here too', async () => {
  const visitor = await withOldProof(maria)
  const code = codeOf(maria)
  const cookie = visitor.cookies.get(COOKIE)
  const events = await proofEvents()
  const wrong = await prove(visitor, 'not my password', code)
  assertRefused(wrong, 'password', /password is not right/)
  assert.doesNotMatch(wrong.body, /id="code-error"/, 'nothing is said about the code')
  assertRefused(await prove(visitor, maria.password, code), 'code', /not right, or it was used before/)
  assert.equal(visitor.cookies.get(COOKIE), cookie)
  assert.ok(Date.now() - Number((await rowOf(server, visitor))!.sess['provedAt']) > 5 * MINUTE)
  assert.deepEqual((await proofEvents()).slice(events.length), [
    'identity.prove-refused denied',
    'identity.prove-refused denied',
  ])
})

test('26. TOTP same code twice -> second refused, also when the first one signed in or proved', async () => {
  const visitor = await withOldProof(maria)
  const code = codeOf(maria)
  assert.equal((await prove(visitor, maria.password, code)).status, 303)
  await changeSession(server, visitor, { provedAt: 0 })
  assertRefused(await prove(visitor, maria.password, code), 'code', /used before/)
})

test('wrong, empty and odd input is told at its field and never is a proof', async () => {
  const visitor = await withOldProof(maria)
  assertRefused(await prove(visitor, '', ''), 'password', /Enter your password/)
  assertRefused(await prove(visitor, maria.password, ''), 'code', /Enter the six-digit code/)
  assertRefused(await prove(visitor, maria.password, wrongCode(maria)), 'code', /not right/)
  assertRefused(await prove(visitor, maria.password, codeOf(dana)), 'code', /not right/)
  assertRefused(await prove(visitor, dana.password, codeOf(maria)), 'password', /not right/)
  assertRefused(await prove(visitor, 'x'.repeat(1001), codeOf(maria)), 'password', /not right/)
  const token = await visitor.tokenOn(PAGE)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const body of ['password[]=a&code=1', 'password=a&password=b&code=1', 'password=a&code=1&code=2'])
    assert.equal((await visitor.ask('/prove', { method: 'POST', headers, body: `_csrf=${token}&${body}` })).status, 400)
  assert.ok(Date.now() - Number((await rowOf(server, visitor))!.sess['provedAt']) > 5 * MINUTE)
})

test('tries are counted with those of the sign-in: whoever uses them up here waits there, and the other way round', async () => {
  const visitor = await withOldProof(maria)
  let answer = await prove(visitor, 'not my password', wrongCode(maria))
  for (let tries = 0; tries < 20 && answer.status === 422; tries++)
    answer = await prove(visitor, 'not my password', wrongCode(maria))
  assert.equal(answer.status, 429)
  assert.match(answer.body, /You can try again at/)
  assert.ok(Number(answer.headers['retry-after']) > 0)
  assert.equal((await prove(visitor, maria.password, codeOf(maria))).status, 429)
})

test('59. Open redirect in next -> own path only', async () => {
  const visitor = await withOldProof(maria)
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', '/%09/evil.example', '/%0d%0aX:y']) {
    await letCodesCountAgain(server)
    await changeSession(server, visitor, { provedAt: 0 })
    const answer = await prove(
      visitor,
      maria.password,
      codeOf(maria),
      `/prove?next=${next.startsWith('/%') ? next : encodeURIComponent(next)}`,
    )
    assert.deepEqual([answer.status, answer.location], [303, '/'], next)
  }
})

test('25. A page that asks for a recent proof leads to it and back; a form without one is refused with 403', async () => {
  const { provedRecently } = await import('../../server/sign-in/guards.ts')
  const asked = (method: string, provedAt: number | undefined) => {
    let told = ''
    const request = { method, originalUrl: '/account/password?a=b', session: { provedAt } }
    const response = { redirect: (status: number, path: string) => (told = `${status} ${path}`) }
    try {
      provedRecently(request as never, response as never, () => (told = 'passes'))
    } catch (error) {
      told = String((error as { status: number }).status)
    }
    return told
  }
  const lead = '303 /prove?next=%2Faccount%2Fpassword%3Fa%3Db'
  assert.equal(asked('GET', Date.now() - 4 * MINUTE), 'passes')
  assert.equal(asked('POST', Date.now() - 4 * MINUTE), 'passes')
  assert.equal(asked('GET', Date.now() - 5 * MINUTE - 1000), lead)
  assert.equal(asked('GET', undefined), lead)
  assert.equal(asked('POST', Date.now() - 5 * MINUTE - 1000), '403')
  assert.equal(asked('POST', undefined), '403')
})
