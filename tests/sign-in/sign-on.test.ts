/** Sign-on against a provider, a browser and a network that lie. What a right one does stands in tests/journeys/sign-on.test.ts. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, mock, test } from 'node:test'
import { changeRows } from '../support/bound-rows.ts'
import type { Person } from '../support/cast.ts'
import { codeOf } from '../support/cast.ts'
import { startOddProvider, type Odd, type OddProvider } from '../support/odd-provider.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { rowOf } from './session-rows.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../support/visitor.ts'

const FAILED = '/sign-in?sign-on=failed'
const UNKNOWN = '/sign-in?sign-on=unknown'

let provider: OddProvider
let server: TestServer

before(async () => {
  provider = await startOddProvider()
  server = await startTestServer({ ...provider.settings, OIDC_SECOND_FACTOR_AMR: 'otp' })
  await link(await signedIn(server, server.cast.dana), 'dana-there')
  await link(await signedIn(server, server.cast.ada), 'ada-there')
})
after(async () => {
  await server?.stop()
  await provider?.stop()
})

/** The address at the provider that the product sends the browser to. */
async function begin(visitor: Visitor, path = '/sign-in/sign-on', headers: Record<string, string> = {}): Promise<URL> {
  const { status, location } = await visitor.ask(path, { headers })
  assert.equal(status, 303)
  return new URL(location, server.baseUrl)
}

/** The browser comes back with this. */
function back(visitor: Visitor, address: URL, code: string, changed: Record<string, string | null> = {}) {
  const query = new URLSearchParams({ code, state: address.searchParams.get('state')!, iss: provider.issuer })
  for (const [name, value] of Object.entries(changed))
    if (value === null) query.delete(name)
    else query.set(name, value)
  return visitor.ask(`/sign-in/sign-on/back?${query}`, {
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  })
}

async function signOn(visitor: Visitor, subject: string, odd: Odd = {}, path?: string): Promise<Answer> {
  const address = await begin(visitor, path)
  const code = randomUUID()
  provider.promise(code, address, subject, odd)
  return back(visitor, address, code)
}

async function link(visitor: Visitor, subject: string): Promise<Answer> {
  const found = await signOn(
    visitor,
    subject,
    { claims: { email: `${subject}@riverside.example` } },
    '/account/sign-on/begin',
  )
  assert.equal(found.location, '/account/sign-on')
  return visitor.submit('/account/sign-on', '/account/sign-on', {})
}

async function lastRefusal(): Promise<string> {
  const { unsealField } = await import('../../server/vault/vault.ts')
  const [row] = await server.sql<{ id: string; details_sealed: Buffer }>(
    `SELECT id, details_sealed FROM access_events WHERE act = 'sign-in.sign-on-refused' ORDER BY at DESC, id DESC LIMIT 1`,
  )
  return (JSON.parse(unsealField(`access-event/${row!.id}`, row!.details_sealed)) as { reason: string }).reason
}

async function idOf(person: Person): Promise<string> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(person.email))!.id
}

async function count(act: string, outcome: string): Promise<number> {
  const rows = await server.sql('SELECT id FROM access_events WHERE act = $1 AND outcome = $2', [act, outcome])
  return rows.length
}

test('who signs on is asked for password and code, in a session of a new id, and the event says how', async () => {
  const { dana } = server.cast
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const ids = new Set<string | undefined>()
  assert.equal((await signOn(visitor, 'dana-there')).location, '/sign-in/password')
  ids.add(visitor.cookies.get('__Host-session'))
  assert.ok(!visitor.cookies.has('__Host-sign-on'))
  assert.equal((await visitor.ask('/messages')).location, '/sign-in/password')
  const wrong = await visitor.submit('/sign-in/password', '/sign-in/password', { password: 'not the password 1' })
  assert.equal(wrong.status, 422)
  const right = await visitor.submit('/sign-in/password', '/sign-in/password', { password: dana.password })
  assert.equal(right.location, '/sign-in/code')
  ids.add(visitor.cookies.get('__Host-session'))
  assert.equal((await visitor.ask('/messages')).location, '/sign-in/code')
  assert.equal((await visitor.submit('/sign-in/code', '/sign-in/code', { code: codeOf(dana) })).location, '/messages')
  ids.add(visitor.cookies.get('__Host-session'))
  assert.equal((await visitor.ask('/messages')).status, 200)
  assert.equal(ids.size, 3)
  const [event] = await server.sql<{ strength: string }>(
    `SELECT strength FROM access_events WHERE act = 'account.signed-in' ORDER BY at DESC, id DESC LIMIT 1`,
  )
  assert.equal(event!.strength, 'sign-on+password+code')
})

test('a claim of the provider that it proved a second factor counts for nothing when the settings do not say so', async () => {
  const { dana } = server.cast
  const visitor = new Visitor(server)
  assert.equal(
    (await signOn(visitor, 'dana-there', { claims: { amr: ['mfa', 'hwk'], acr: 'mfa' } })).location,
    '/sign-in/password',
  )
  const right = await visitor.submit('/sign-in/password', '/sign-in/password', { password: dana.password })
  assert.equal(right.location, '/sign-in/code')
})

test('a claim counts when the settings name it and it is not older than a quarter of an hour', async () => {
  const { provesSecondFactor } = await import('../../server/sign-in/sign-on.ts')
  const now = new Date('2026-11-17T12:00:00Z')
  const trusted = { amr: ['hwk'], acr: ['two'] }
  const at = (minutes: number) => new Date(now.getTime() - minutes * 60_000)
  const said = (amr: string[], acr: string, authenticatedAt: Date) =>
    provesSecondFactor({ amr, acr, authenticatedAt }, trusted, now)
  assert.equal(said(['pwd', 'hwk'], '', at(14)), true)
  assert.equal(said([], 'two', at(0)), true)
  assert.equal(said(['pwd', 'hwk'], '', at(16)), false)
  assert.equal(said(['hwk'], '', at(-5)), false)
  assert.equal(said(['pwd'], '', at(1)), false)
  assert.equal(said([], '', at(1)), false)
  assert.equal(provesSecondFactor({ amr: ['mfa'], acr: '', authenticatedAt: now }, { amr: [], acr: [] }, now), false)
})

test('a second factor of the provider stands for ours while it is fresh: who types their password later is asked for the code', async (context) => {
  const { dana } = server.cast
  const auth_time = Math.floor(Date.now() / 1000) - 14 * 60
  for (const [later, place] of [
    [0, '/messages'],
    [61_000, '/sign-in/code'],
  ] as const) {
    const visitor = new Visitor(server)
    await signOn(visitor, 'dana-there', { claims: { amr: ['pwd', 'otp'], auth_time } })
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() + later })
    const right = await visitor.submit('/sign-in/password', '/sign-in/password', { password: dana.password })
    context.mock.timers.reset()
    assert.equal(right.location, place)
  }
})

const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const past = Math.floor(Date.now() / 1000) - 4000
const LIES: Record<string, Odd> = {
  'the nonce of another sign-on': { claims: { nonce: 'another' } },
  'no nonce': { claims: { nonce: undefined } },
  'another audience': { claims: { aud: 'another' } },
  'another issuer': { claims: { iss: 'https://evil.example' } },
  'an end in the past': { claims: { iat: past, exp: past + 60 } },
  'a sign-in at the provider days ago': { claims: { auth_time: past - 100 * 3600 } },
  'no word of when that was': { claims: { auth_time: undefined } },
  'no subject': { claims: { sub: undefined } },
  'the algorithm none': { alg: 'none' },
  'a signature under a shared secret': { alg: 'HS256' },
  'the signature of another key': { key: stranger },
  'an error instead of a token': { status: 500 },
  'more than 256 KB in it': { claims: { padding: 'x'.repeat(300 * 1024) } },
}
for (const [lie, odd] of Object.entries(LIES))
  test(`an ID token with ${lie} signs nobody on`, async () => {
    const visitor = new Visitor(server)
    const answer = await signOn(visitor, 'dana-there', odd)
    assert.equal(answer.status, 303)
    assert.equal(answer.location, FAILED)
    assert.equal((await visitor.ask('/sign-in/password')).location, '/sign-in')
    const reasons = ['wrong-answer', 'too-long-ago', 'provider-refused', 'provider-away', 'too-long-an-answer']
    assert.ok(reasons.includes(await lastRefusal()))
  })

test('42. Login CSRF: an answer of another browser, without a state, with another one, or of another issuer (mix-up) -> refused, and one’s own sign-on goes on', async () => {
  const [attacker, victim] = [new Visitor(server), new Visitor(server)]
  const [theirs, own] = [await begin(attacker), await begin(victim)]
  provider.promise('attackers', theirs, 'ada-there')
  provider.promise('own', own, 'dana-there')
  const asked = provider.asked
  assert.equal((await back(victim, theirs, 'attackers')).location, FAILED)
  assert.equal(await lastRefusal(), 'another-state')
  assert.equal((await back(victim, own, 'own', { state: null })).location, FAILED)
  const foreign = new Visitor(server)
  foreign.cookies.set('__Host-sign-on', `${'A'.repeat(60)}.${'A'.repeat(43)}`)
  assert.equal((await back(foreign, theirs, 'attackers')).location, FAILED)
  assert.equal(await lastRefusal(), 'not-begun-here')
  assert.equal(provider.asked, asked, 'the provider was asked for nothing')
  assert.equal((await back(victim, own, 'own')).location, '/sign-in/password')
  for (const iss of ['https://evil.example', null]) {
    const other = new Visitor(server)
    const address = await begin(other)
    provider.promise('mixed-up', address, 'dana-there')
    assert.equal((await back(other, address, 'mixed-up', { iss })).location, FAILED)
  }
  assert.equal(provider.asked, asked + 1)
})

test('answers that come without a sign-on of this browser are neither counted nor recorded, and a known device signs on when its network has no tries left', async () => {
  const { lookupDigest } = await import('../../server/vault/vault.ts')
  const owner = await signedIn(server, server.cast.dana)
  owner.cookies.delete('__Host-session')
  await letCodesCountAgain(server)
  const refused = await count('sign-in.sign-on-refused', 'denied')
  assert.equal((await new Visitor(server).ask('/sign-in/sign-on/back?x')).location, FAILED)
  assert.equal(await count('sign-in.sign-on-refused', 'denied'), refused)
  assert.deepEqual(await server.sql('SELECT key FROM rate_limits'), [])
  const full = `sign-on:${lookupDigest('limit', '127.0.0.1').toString('base64url')}`
  await server.sql('INSERT INTO rate_limits VALUES ($1, 101, $2)', [full, Date.now() + 600_000])
  assert.equal((await signOn(new Visitor(server), 'dana-there')).status, 429)
  assert.equal((await signOn(owner, 'dana-there')).location, '/sign-in/password')
  await letCodesCountAgain(server)
})

test('a code that was made for another browser’s sign-on is worth nothing in one’s own', async () => {
  const [attacker, victim] = [new Visitor(server), new Visitor(server)]
  provider.promise('stolen', await begin(victim), 'dana-there')
  assert.equal((await back(attacker, await begin(attacker), 'stolen')).location, FAILED)
  assert.equal(await lastRefusal(), 'provider-refused')
})

test('an answer is used once: again, and fifty at one moment, with a provider that takes a code as often as it comes', async () => {
  const visitor = new Visitor(server)
  const address = await begin(visitor)
  const cookie = visitor.cookies.get('__Host-sign-on')!
  provider.promise('fifty', address, 'dana-there')
  const asked = provider.asked
  const many = Array.from({ length: 50 }, () => {
    const same = new Visitor(server)
    same.cookies.set('__Host-sign-on', cookie)
    return back(same, address, 'fifty')
  })
  const places = (await Promise.all(many)).map(({ location }) => location)
  assert.deepEqual(
    [places.filter((place) => place === '/sign-in/password').length, places.filter((place) => place === FAILED).length],
    [1, 49],
  )
  assert.equal(provider.asked, asked + 1)
  visitor.cookies.set('__Host-sign-on', cookie)
  assert.equal((await back(visitor, address, 'fifty')).location, FAILED)
  assert.equal(await lastRefusal(), 'used-before')
  await letCodesCountAgain(server)
})

test('nobody is known by an address: the verified one of an administrator signs nobody on', async () => {
  const claims = { email: server.cast.ada.email, email_verified: true }
  const visitor = new Visitor(server)
  assert.equal((await signOn(visitor, 'somebody-else', { claims })).location, UNKNOWN)
  assert.equal(
    (await signOn(visitor, 'somebody-else', { claims: { ...claims, email_verified: false } })).location,
    UNKNOWN,
  )
  assert.equal((await visitor.ask('/admin/people')).location, '/sign-in?next=%2Fadmin%2Fpeople')
})

test('a link that was moved by somebody who only writes the database is answered as unknown', async () => {
  const [dana, sam] = [await idOf(server.cast.dana), await idOf(server.cast.sam)]
  const before = await count('envelope.refused', 'failed')
  const move = (from: string, to: string) =>
    server.sql('UPDATE sign_on_identities SET account_id = $2 WHERE account_id = $1', [from, to])
  await move(dana, sam)
  assert.equal((await signOn(new Visitor(server), 'dana-there')).location, UNKNOWN)
  assert.equal(await lastRefusal(), 'unknown')
  assert.equal(await count('envelope.refused', 'failed'), before + 1)
  await move(sam, dana)
  assert.equal((await signOn(new Visitor(server), 'dana-there')).location, '/sign-in/password')
})

test('a closed account signs nobody on, and one that is closed after the provider has no next step', async () => {
  const id = await idOf(server.cast.felix)
  await link(await signedIn(server, server.cast.felix), 'felix-closed')
  const halfWay = new Visitor(server)
  assert.equal((await signOn(halfWay, 'felix-closed')).location, '/sign-in/password')
  const token = await halfWay.tokenOn('/sign-in/password')
  await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE id = $1`, [id])
  assert.equal((await signOn(new Visitor(server), 'felix-closed')).location, UNKNOWN)
  assert.equal(await lastRefusal(), 'closed')
  assert.equal((await halfWay.ask('/sign-in/password')).status, 404)
  const sent = await halfWay.ask('/sign-in/password', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
    body: new URLSearchParams({ _csrf: token, password: server.cast.felix.password }).toString(),
  })
  assert.equal(sent.status, 404)
  await changeRows(server, `UPDATE accounts SET state = 'active' WHERE id = $1`, [id])
  await server.sql('DELETE FROM sign_on_identities WHERE account_id = $1', [id])
})

test('a patient whose account has a true link is answered as unknown', async () => {
  const { inTransaction } = await import('../../server/database/connection.ts')
  const { signOnSettings } = await import('../../server/sign-in/openid.ts')
  const { digestOfIdentity, insertIdentity } = await import('../../server/sign-in/sign-on-identity.store.ts')
  const { issuer } = signOnSettings()
  const maria = await idOf(server.cast.maria)
  await inTransaction((transaction) =>
    insertIdentity(maria, issuer, digestOfIdentity(issuer, 'maria-there'), new Date(), transaction),
  )
  const visitor = new Visitor(server)
  assert.equal((await signOn(visitor, 'maria-there')).location, UNKNOWN)
  assert.equal((await visitor.ask('/sign-in/password')).location, '/sign-in')
  await server.sql('DELETE FROM sign_on_identities WHERE account_id = $1', [maria])
})

test('a changed role: who signs on has the role of now, the session ends with it, and one that was raised in the database signs nobody on', async () => {
  const { dana } = server.cast
  const id = await idOf(dana)
  const become = (role: string) => changeRows(server, 'UPDATE accounts SET role = $2 WHERE id = $1', [id, role])
  await become('auditor')
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  await signOn(visitor, 'dana-there')
  await visitor.submit('/sign-in/password', '/sign-in/password', { password: dana.password })
  const whole = await visitor.submit('/sign-in/code', '/sign-in/code', { code: codeOf(dana) })
  assert.equal(whole.location, '/admin')
  assert.equal((await visitor.ask('/admin/access-events')).status, 200)
  assert.equal((await visitor.ask('/messages/new')).status, 404)
  await become('provider')
  const { status, location } = await visitor.ask('/messages')
  assert.deepEqual([status, location], [303, '/sign-in'])
  await server.sql(`UPDATE accounts SET role = 'admin' WHERE id = $1`, [id])
  assert.equal((await signOn(new Visitor(server), 'dana-there')).status, 500)
  await server.sql(`UPDATE accounts SET role = 'provider' WHERE id = $1`, [id])
  assert.equal((await signOn(new Visitor(server), 'dana-there')).location, '/sign-in/password')
})

test('patients have no such page, a link to one account is not made to a second, and it is recorded', async () => {
  const maria = await signedIn(server, server.cast.maria)
  assert.equal((await maria.ask('/account/sign-on')).status, 404)
  assert.equal((await maria.ask('/account/sign-on/begin')).status, 404)
  const felix = await signedIn(server, server.cast.felix)
  assert.equal((await link(felix, 'dana-there')).status, 409)
  assert.equal((await signOn(new Visitor(server), 'dana-there')).location, '/sign-in/password')
  assert.equal((await link(felix, 'felix-there')).location, '/account/sign-on?done=linked')
  const removed = await felix.submit('/account/sign-on', '/account/sign-on/remove', {})
  assert.equal(removed.location, '/account/sign-on?done=removed')
  assert.equal((await signOn(new Visitor(server), 'felix-there')).location, UNKNOWN)
})

test('the form that links, sent twice at one moment, links once and refuses nobody; a second person at the provider is not linked with one account', async () => {
  const felix = await signedIn(server, server.cast.felix)
  const denied = await count('sign-on.linked', 'denied')
  const linked = await count('sign-on.linked', 'done')
  await signOn(felix, 'felix-twice', {}, '/account/sign-on/begin')
  const form = await felix.tokenOn('/account/sign-on')
  const send = () =>
    felix.ask('/account/sign-on', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
      body: new URLSearchParams({ _csrf: form }).toString(),
    })
  const answers = await Promise.all([send(), send()])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [303, 303],
  )
  assert.equal(await count('sign-on.linked', 'done'), linked + 1)
  assert.equal(await count('sign-on.linked', 'denied'), denied)

  await signOn(felix, 'felix-a-second', {}, '/account/sign-on/begin')
  const second = await felix.submit('/account/sign-on', '/account/sign-on', {})
  assert.equal(second.status, 409)
  assert.match(second.body, /Your account is linked with another sign-in at Riverside account\. Nothing was changed\./)
  assert.equal(await count('sign-on.linked', 'denied'), denied + 1)
  assert.equal((await signOn(new Visitor(server), 'felix-a-second')).location, UNKNOWN)
  await felix.submit('/account/sign-on', '/account/sign-on/remove', {})
})

test('a link is made only with somebody who signed in at the provider anew, whatever the provider made of being asked for it', async () => {
  const felix = await signedIn(server, server.cast.felix)
  const path = '/account/sign-on/begin'
  const ago = (seconds: number) => ({ claims: { auth_time: Math.floor(Date.now() / 1000) - seconds } })
  assert.equal((await signOn(felix, 'felix-before', ago(120), path)).location, '/account/sign-on?failed')
  assert.equal(await lastRefusal(), 'too-long-ago')
  assert.equal(
    (await signOn(felix, 'felix-before', { claims: { auth_time: undefined } }, path)).location,
    '/account/sign-on?failed',
  )
  assert.equal((await signOn(felix, 'felix-before', ago(30), path)).location, '/account/sign-on')
})

test('a link is made only in the session that asked, and only when its owner says that it is them', async () => {
  const [sam, other] = [await signedIn(server, server.cast.sam), await signedIn(server, server.cast.felix)]
  const address = await begin(sam, '/account/sign-on/begin')
  provider.promise('for-sam', address, 'sam-there')
  other.cookies.set('__Host-sign-on', sam.cookies.get('__Host-sign-on')!)
  assert.equal((await back(other, address, 'for-sam')).location, '/sign-in')
  assert.equal(await lastRefusal(), 'another-session')
  assert.equal((await signOn(sam, 'sam-there', {}, '/account/sign-on/begin')).location, '/account/sign-on')
  assert.equal((await signOn(new Visitor(server), 'sam-there')).location, UNKNOWN)
})

test('59. Open redirect: no `next` leads elsewhere, and another site begins no sign-on', async () => {
  for (const next of [
    '//evil.example',
    '/\\evil.example',
    'https:evil.example',
    '/%09/evil.example',
    'http://a@evil.example',
  ]) {
    const visitor = new Visitor(server)
    const path = `/sign-in/sign-on?next=${encodeURIComponent(next)}`
    assert.equal((await signOn(visitor, 'nobody', {}, path)).location, UNKNOWN)
  }
  const kept = await signOn(new Visitor(server), 'nobody', {}, '/sign-in/sign-on?next=%2Fmessages')
  assert.equal(kept.location, `${UNKNOWN}&next=%2Fmessages`)
  for (const site of ['cross-site', 'same-site']) {
    const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    const { status, location, headers: sent } = await new Visitor(server).ask('/sign-in/sign-on', { headers })
    assert.deepEqual([status, location], [303, '/sign-in'])
    assert.ok(!JSON.stringify(sent['set-cookie'] ?? []).includes('__Host-sign-on'))
  }
})

test('the provider is asked for no more than who it is, with PKCE, at the one address that is registered', async () => {
  const address = await begin(new Visitor(server))
  const { state, nonce, code_challenge, ...rest } = Object.fromEntries(address.searchParams)
  assert.deepEqual(rest, {
    client_id: 'letterlock',
    redirect_uri: `${server.baseUrl}/sign-in/sign-on/back`,
    response_type: 'code',
    scope: 'openid',
    code_challenge_method: 'S256',
    max_age: '43200',
  })
  for (const secret of [state, nonce, code_challenge]) assert.match(secret!, /^[\w-]{43}$/)
  assert.equal(new Set([state, nonce, code_challenge]).size, 3)
})

test('a provider that says of itself what is not so leads nobody anywhere: another issuer, an address elsewhere, more than 256 KB', async () => {
  let met = 0
  const elsewhere = createServer((_, response) => {
    met += 1
    response.end()
  })
  await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done))
  const other = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  /** What it says of itself is asked once an hour. */
  const anHourLater = (saysOfItself: Record<string, unknown>) => {
    provider.saysOfItself = saysOfItself
    mock.timers.setTime(Date.now() + 61 * 60 * 1000)
  }
  try {
    for (const lie of [
      { issuer: other },
      { issuer: `${provider.issuer}/another` },
      { authorization_endpoint: `${other}/authorize` },
      { authorization_endpoint: 'https://evil.example/authorize' },
      { padding: 'x'.repeat(300 * 1024) },
    ]) {
      anHourLater(lie)
      const visitor = new Visitor(server)
      const { status, location } = await visitor.ask('/sign-in/sign-on')
      assert.deepEqual([status, location], [303, FAILED], Object.keys(lie)[0])
      assert.ok(!visitor.cookies.has('__Host-sign-on'))
    }
    for (const lie of [{ token_endpoint: `${other}/token` }, { jwks_uri: `${other}/keys` }]) {
      anHourLater(lie)
      assert.equal((await signOn(new Visitor(server), 'dana-there')).location, FAILED, Object.keys(lie)[0])
      assert.equal(await lastRefusal(), 'another-host')
    }
    assert.equal(met, 0, 'nobody elsewhere was asked for anything')
    anHourLater({})
    assert.equal((await signOn(new Visitor(server), 'dana-there')).location, '/sign-in/password')
  } finally {
    provider.saysOfItself = {}
    mock.timers.reset()
    elsewhere.close()
  }
})

test('no token of the provider is sent to the browser, or rests in a cookie or in the table of sessions', async () => {
  const sam = await signedIn(server, server.cast.sam)
  const halfWay = new Visitor(server)
  const had = Object.keys((await rowOf(server, sam))!.sess)
  provider.gave.length = 0
  const answers = [await signOn(halfWay, 'dana-there'), await signOn(sam, 'sam-there', {}, '/account/sign-on/begin')]
  assert.equal(provider.gave.length, 4)
  const told = JSON.stringify(answers.map(({ headers, body }) => [headers, body]))
  const cookies = JSON.stringify([...halfWay.cookies, ...sam.cookies])
  const sessions = JSON.stringify(await server.sql('SELECT sess FROM sessions'))
  for (const token of provider.gave)
    for (const place of [told, cookies, sessions])
      for (const written of [token, ...token.split('.').slice(-1), Buffer.from(token).toString('base64')])
        assert.ok(!place.includes(written))
  assert.deepEqual([...halfWay.cookies.keys()].toSorted(), ['__Host-form', '__Host-session'])
  // Not sealed either: what is kept is what these names say, and the one that is sealed has room for who it was and no more.
  assert.deepEqual(
    Object.keys((await rowOf(server, halfWay))!.sess).toSorted(),
    [
      'accountId',
      'after',
      'browser',
      'cookie',
      'csrfSecret',
      'from',
      'mac',
      'network',
      'provesUntil',
      'ref',
      'seenAt',
    ].concat(['signOnId', 'stage', 'startedAt']),
  )
  const kept = Object.entries((await rowOf(server, sam))!.sess).filter(([name]) => !had.includes(name))
  assert.deepEqual(
    kept.map(([name]) => name),
    ['signOnFound'],
  )
  assert.ok(String(kept[0]![1]).length < 300)
})

test('while the provider is away a sign-on says so at once, and signing in by password works', async () => {
  provider.away = true
  try {
    const visitor = new Visitor(server)
    const address = await begin(visitor)
    assert.equal((await back(visitor, address, 'no-answer')).location, FAILED)
    const page = await visitor.ask(FAILED)
    assert.equal(page.status, 200)
    assert.match(
      page.body,
      /Signing in with Riverside account did not work\. Sign in with your address and password instead\./,
    )
    await signedIn(server, server.cast.sam)
  } finally {
    provider.away = false
  }
})
