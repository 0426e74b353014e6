/** Where somebody is signed in: the list, ending from it, sessions that were carried elsewhere, and the sign-in before this one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Person } from '../support/cast.ts'
import { startTestServerInRealUse, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, Visitor, type Ask } from '../support/visitor.ts'
import { changeSession, rowOf } from '../sign-in/session-rows.ts'

const HOST = 'messages.riverside.example'
const MINUTE = 60_000
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'
const HOME = { 'x-forwarded-for': '203.0.113.7', 'user-agent': FIREFOX }
const PHONE = { 'x-forwarded-for': '2001:db8:77:1::9', 'user-agent': IPHONE }

let server: TestServer
let maria: Person
let dana: Person

/** Somebody at a place: every request comes from there, through the proxy. */
class VisitorFrom extends Visitor {
  place: Record<string, string>
  constructor(at: Pick<TestServer, 'port'>, place: Record<string, string>) {
    super(at)
    this.place = place
  }
  override ask(path: string, ask: Ask = {}) {
    const headers = { host: HOST, 'x-forwarded-proto': 'https', ...this.place, ...ask.headers }
    if ('origin' in headers) headers.origin = `https://${HOST}`
    return super.ask(path, { ...ask, headers })
  }
}

before(async () => {
  server = await startTestServerInRealUse({ BASE_URL: `https://${HOST}`, TRUSTED_PROXIES: '127.0.0.1' })
  ;({ maria, dana } = server.cast)
})
after(() => server.stop())

async function signedInFrom(person: Person, place: Record<string, string>): Promise<VisitorFrom> {
  await letCodesCountAgain(server)
  const visitor = new VisitorFrom(server, place)
  const answer = await visitor.signIn(person)
  assert.equal(answer.status, 303, answer.h1)
  return visitor
}

/** Somebody with the same cookies, elsewhere. */
function elsewhere(visitor: Visitor, place: Record<string, string>): VisitorFrom {
  const other = new VisitorFrom(server, place)
  for (const [name, value] of visitor.cookies) other.cookies.set(name, value)
  return other
}

const asked = async (visitor: Visitor, path = '/messages') => {
  const { status, location } = await visitor.ask(path)
  return [status, location]
}

const refs = (body: string) => [...body.matchAll(/name="session" value="([^"]+)"/g)].map((match) => match[1]!)

async function events(act: string) {
  return server.sql<{ outcome: string; subject: string }>(
    'SELECT outcome, subject_id AS subject FROM access_events WHERE act = $1 ORDER BY at, id',
    [act],
  )
}

/** How many notices of signing out everywhere wait; here no mail leaves, so they stay. */
async function noticesTold() {
  const [row] = await server.sql<{ many: number }>(
    `SELECT count(*)::int AS many FROM graphile_worker._private_jobs WHERE payload->>'change' = 'signed-out-everywhere'`,
  )
  return row!.many
}

test("the list shows each live session of the person in words, this one marked, and nobody else's", async () => {
  await server.sql('DELETE FROM sessions')
  const home = await signedInFrom(maria, HOME)
  const phone = await signedInFrom(maria, PHONE)
  await signedInFrom(dana, HOME)
  const idle = await signedInFrom(maria, HOME)
  await changeSession(server, idle, { seenAt: Date.now() - 16 * MINUTE })
  const page = await phone.ask('/account/devices')
  assert.equal(page.status, 200)
  const list = /<ul class="devices">([\s\S]*?)<\/ul>/.exec(page.body)![1]!
  const items = [...list.matchAll(/<li>([\s\S]*?)<\/li>/g)].map((match) => plain(match[1]!))
  assert.equal(items.length, 2)
  const here = items.filter((item) => /This browser/.test(item))
  assert.equal(here.length, 1)
  assert.match(
    here[0]!,
    /^Safari on iPhone This browser Last used \w+ .* Signed in \w+ .* With Password and code Network address 2001:db8:77:1::9/,
  )
  assert.match(
    items.find((item) => !here.includes(item))!,
    /^Firefox on Windows Last used .* Network address 203\.0\.113\.7/,
  )
  const [sid] = [(await rowOf(server, home))!.sid]
  for (const secret of [sid, ...home.cookies.values(), ...phone.cookies.values()])
    assert.ok(!page.body.includes(secret), 'nothing of it resumes a session')
})

test('nothing of the place rests clear in the table', async () => {
  await signedInFrom(maria, HOME)
  const dump = JSON.stringify(await server.sql('SELECT * FROM sessions'))
  for (const clear of ['203.0.113', 'Firefox', 'Windows', 'iPhone', '2001:db8']) assert.ok(!dump.includes(clear), clear)
})

test('one session is ended from the list of another, at once; a foreign or made-up one is not found', async () => {
  const home = await signedInFrom(maria, HOME)
  const phone = await signedInFrom(maria, PHONE)
  const other = await signedInFrom(dana, HOME)
  const theirs = String((await rowOf(server, other))!.sess['ref'])
  for (const ref of [theirs, 'x', '', String((await rowOf(server, other))!.sid)])
    assert.equal((await phone.submit('/account/devices', '/account/devices/end', { session: ref })).status, 404)
  assert.equal((await other.ask('/messages')).status, 200)
  const before = (await events('session.ended')).length
  const ref = String((await rowOf(server, home))!.sess['ref'])
  assert.ok(refs((await phone.ask('/account/devices')).body).includes(ref))
  const answer = await phone.submit('/account/devices', '/account/devices/end', { session: ref })
  assert.deepEqual([answer.status, answer.location], [303, '/account/devices?ended=one'])
  assert.match((await phone.ask(answer.location)).body, /That browser is signed out\./)
  assert.deepEqual(await asked(home), [303, '/sign-in'])
  assert.equal((await events('session.ended')).length, before + 1)
  const own = String((await rowOf(server, phone))!.sess['ref'])
  const out = await phone.submit('/account/devices', '/account/devices/end', { session: own })
  assert.deepEqual([out.status, out.location], [303, '/sign-in?signed-out'])
  assert.deepEqual(await asked(phone), [303, '/sign-in'])
})

test('everywhere else, and everywhere: all dead at once, recorded and told', async () => {
  const home = await signedInFrom(maria, HOME)
  const phone = await signedInFrom(maria, PHONE)
  await letCodesCountAgain(server)
  const half = new VisitorFrom(server, HOME)
  await half.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  const other = await signedInFrom(dana, HOME)
  const told = await noticesTold()
  const answer = await phone.submit('/account/devices', '/account/devices/end-others', {})
  assert.deepEqual([answer.status, answer.location], [303, '/account/devices?ended=others'])
  assert.deepEqual(await asked(home), [303, '/sign-in'])
  assert.deepEqual(await asked(half, '/sign-in/code'), [303, '/sign-in'], 'half-made sign-ins too')
  assert.equal((await phone.ask('/messages')).status, 200)
  assert.equal(await noticesTold(), told + 1)
  const again = await signedInFrom(maria, HOME)
  const gone = await phone.submit('/account/devices', '/account/devices/end-all', {})
  assert.deepEqual([gone.status, gone.location], [303, '/sign-in?after=all-devices'])
  assert.match(plain((await phone.ask(gone.location)).body), /You were signed out on every device\./)
  assert.equal(gone.headers['clear-site-data'], '"cache", "storage"')
  for (const visitor of [phone, again]) assert.deepEqual(await asked(visitor), [303, '/sign-in'])
  assert.equal(await noticesTold(), told + 2)
  assert.equal((await other.ask('/messages')).status, 200)
})

test('the page asks for a recent proof, so that a device left open cannot sign its owner out', async () => {
  const visitor = await signedInFrom(maria, HOME)
  const token = await visitor.tokenOn('/account/devices')
  await changeSession(server, visitor, { provedAt: Date.now() - 6 * MINUTE })
  assert.deepEqual(await asked(visitor, '/account/devices'), [303, '/prove?next=%2Faccount%2Fdevices'])
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const path of ['/account/devices/end', '/account/devices/end-others', '/account/devices/end-all'])
    assert.equal((await visitor.ask(path, { method: 'POST', headers, body: `_csrf=${token}` })).status, 403)
  assert.equal((await visitor.ask('/messages')).status, 200)
})

test('a cookie from another network and another browser at once is an ended session, for good; one of the two alone is fine', async () => {
  const visitor = await signedInFrom(maria, HOME)
  for (const place of [
    { ...HOME, 'x-forwarded-for': '203.0.113.200' },
    { ...HOME, 'x-forwarded-for': '198.51.100.9' },
    { ...HOME, 'user-agent': IPHONE },
    { ...HOME, 'x-forwarded-for': '198.51.100.9', 'user-agent': FIREFOX.replaceAll('140.0', '151.0') },
    { ...PHONE, 'x-forwarded-for': '203.0.113.99' },
  ])
    assert.equal((await elsewhere(visitor, place).ask('/messages')).status, 200, JSON.stringify(place))
  const before = await events('session.moved')
  const thief = elsewhere(visitor, PHONE)
  assert.deepEqual(await asked(thief), [303, '/sign-in'])
  assert.match((await thief.ask('/sign-in')).body, /You came back from another place and another browser\./)
  assert.equal((await rowOf(server, visitor))!.sess['mailboxKey'], undefined)
  assert.deepEqual(await asked(visitor), [303, '/sign-in'], 'its owner signs in again too')
  const after = await events('session.moved')
  assert.deepEqual(
    after.slice(before.length).map(({ outcome }) => outcome),
    ['denied'],
  )
})

test('a reply that comes from elsewhere is kept like one of an ended session, also without scripts, and nothing is sent', async () => {
  const visitor = await signedInFrom(maria, HOME)
  const letter = /href="(\/messages\/[0-9a-f-]{36})"/.exec((await visitor.ask('/messages')).body)![1]!
  const page = await visitor.ask(letter)
  const form = /<form method="post" action="\/messages\/[\s\S]*?<\/form>/.exec(page.body)![0]
  const fields = Object.fromEntries(
    [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map((match) => [match[1]!, match[2]!]),
  )
  const thief = elsewhere(visitor, PHONE)
  const many = async () => (await server.sql<{ many: number }>('SELECT count(*)::int AS many FROM messages'))[0]!.many
  const before = await many()
  const late = await thief.ask(`${letter}/replies`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...fields, body: 'Written on the train.', action: 'send' }).toString(),
  })
  assert.deepEqual([late.status, late.location], [303, '/sign-in'])
  assert.equal(await many(), before)
  const signIn = await thief.ask('/sign-in')
  assert.match(signIn.body, /You came back from another place/)
  assert.match(signIn.body, /We saved what you wrote/)
  assert.doesNotMatch(signIn.body, /train/)
  await letCodesCountAgain(server)
  assert.equal((await thief.signIn(maria)).location, letter)
  assert.match((await thief.ask(letter)).body, /Written on the train\.<\/textarea>/)
})

test('the sign-in before this one is told on the first page, once', async () => {
  await signedInFrom(maria, HOME)
  await server.sql(
    `UPDATE accounts SET last_signed_in_at = '2026-11-20T14:14:00Z' WHERE id = (SELECT id FROM accounts WHERE last_signed_in_at IS NOT NULL ORDER BY last_signed_in_at DESC LIMIT 1)`,
  )
  const visitor = await signedInFrom(maria, PHONE)
  const first = await visitor.ask('/messages')
  assert.match(plain(first.body), /You last signed in on Friday 20 November( 2026)? at 2:14 pm\. Was this not you\?/)
  const second = await visitor.ask('/messages')
  assert.doesNotMatch(second.body, /You last signed in/)
})

test('browsers and systems are told apart by what they say of themselves', async () => {
  const { whereFrom, widerNetworkOf } = await import('../../server/sign-in/where-from.ts')
  const agents: [string, string][] = [
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
      'Chrome Windows',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
      'Edge Windows',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
      'Safari Mac',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 Mobile/15E148 Safari/604.1',
      'Chrome iPhone',
    ],
    [
      'Mozilla/5.0 (Linux; Android 14; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36',
      'Samsung Internet Android',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox Linux'],
    [
      'Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
      'Chrome ChromeOS',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0',
      'Opera Windows',
    ],
    ['curl/8.5.0', ' '],
    ['', ' '],
  ]
  for (const [userAgent, expected] of agents) {
    const { browser, system } = whereFrom({ userAgent })
    assert.equal(`${browser} ${system}`, expected, userAgent)
  }
  for (const [address, network] of [
    ['203.0.113.7', '203.0.113'],
    ['::ffff:203.0.113.7', '203.0.113'],
    ['2001:db8:77:1::9', '2001:db8:77'],
    ['2001:db8:77:ffff:1:2:3:4', '2001:db8:77'],
  ] as const)
    assert.equal(widerNetworkOf({ address }), network)
})
