/** What a passkey must not be believed, forged by a device that a test can make say anything; and who may do without what. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'
import { SoftwarePasskey, type Lies, type RegistrationOptions } from '../support/software-passkey.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../support/visitor.ts'
import { allThatIsStored, withoutNumbers, writeTo } from '../enrolment/newcomer.ts'

const SECRET = randomBytes(32).toString('base64url')

let server: TestServer
let dana: Visitor
/** Enrolled by this passkey alone. */
let owner: { email: string; link: string; device: SoftwarePasskey }

before(async () => {
  server = await startTestServer()
  dana = await signedIn(server, server.cast.dana)
  owner = await enrolled('owner@mail.example')
})
after(() => server.stop())

async function enrolled(email: string, prf = SECRET) {
  const { link } = await writeTo(server, dana, email)
  const device = new SoftwarePasskey(server.port)
  const visitor = new Visitor(server)
  const done = await create(visitor, link, device, {}, prf)
  assert.equal(done.location, prf ? '/enrol/recovery-codes' : '/enrol/password')
  return { email, link, device, visitor }
}

test('“this was not me” takes away the passkey that was added, and not one that nobody could sign in without', async () => {
  const { linkToken } = await import('../../server/vault/vault.ts')
  const { disownChange } = await import('../../server/own-account/disown-change.ts')
  const mine = await enrolled('not.me@mail.example')
  const thiefs = new SoftwarePasskey(server.port)
  await mine.visitor.ask('/enrol/recovery-codes')
  await mine.visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  const options = await optionsAt<RegistrationOptions>(mine.visitor, '/account/passkeys/new')
  const fields = { answer: thiefs.create(options), prf: SECRET }
  assert.equal((await mine.visitor.submit('/account/passkeys', '/account/passkeys', fields)).status, 303)
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const accountId = (await findAccountByEmail('not.me@mail.example'))!.id
  const { listPasskeys } = await import('../../server/sign-in/passkey.store.ts')
  const [first, second] = await listPasskeys(accountId)
  const { sendSecurityNotice } = await import('../../server/notices/send-security-notice.job.ts')
  await sendSecurityNotice({ accountId, change: 'passkey-added', at: second!.addedAt.toISOString() })
  const [row] = await server.sql<{ id: string }>('SELECT id FROM security_links WHERE account_id = $1', [accountId])
  const path = `/not-me/${linkToken('not-me', row!.id)}`
  const nobody = new Visitor(server)
  assert.match((await nobody.ask(path)).body, /unless nobody could sign in without it/)
  await nobody.submit(path, path, {})
  assert.match((await nobody.ask(path)).body, /that was added can no longer sign in\./)
  assert.deepEqual(
    (await listPasskeys(accountId)).map(({ id }) => id),
    [first!.id],
  )
  assert.equal((await use(new Visitor(server), thiefs)).status, 422)
  assert.equal((await use(new Visitor(server), mine.device)).status, 303)
  const { findSecurityLink } = await import('../../server/sign-in/security-link.store.ts')
  await server.sql('UPDATE security_links SET used_at = NULL, happened_at = $2 WHERE id = $1', [
    row!.id,
    first!.addedAt,
  ])
  const link = await findSecurityLink(path.split('/').at(-1)!, new Date())
  await disownChange({ kind: 'anonymous', strength: 'none' }, link!)
  assert.deepEqual(
    (await listPasskeys(accountId)).map(({ id }) => id),
    [first!.id],
  )
  assert.match((await nobody.ask(path)).body, /can still sign in, because without it you could not/)
})

async function optionsAt<Options>(visitor: Visitor, path: string): Promise<Options> {
  const answer = await visitor.ask(path, { headers: { accept: 'application/json' } })
  assert.equal(answer.status, 200)
  return JSON.parse(answer.body) as Options
}

async function create(visitor: Visitor, link: string, device: SoftwarePasskey, lies: Lies = {}, prf = SECRET) {
  await visitor.ask(`${link}/password`)
  const options = await optionsAt<RegistrationOptions>(visitor, `${link}/passkey`)
  return visitor.submit(`${link}/password`, `${link}/passkey`, { answer: device.create(options, lies), prf })
}

async function use(visitor: Visitor, device: SoftwarePasskey, lies: Lies = {}, prf = SECRET): Promise<Answer> {
  await visitor.ask('/sign-in')
  const options = await optionsAt<{ challenge: string }>(visitor, '/sign-in/passkey')
  return visitor.submit('/sign-in', '/sign-in/passkey', { answer: device.use(options, lies), prf })
}

/** What the log says last, with the reason that is sealed beside it. */
async function lastRefusal(): Promise<{ reason: string; subject: string | null }> {
  const { unsealField } = await import('../../server/vault/vault.ts')
  const [row] = await server.sql<{ id: string; act: string; details_sealed: Buffer; subject_id: string | null }>(
    `SELECT id, act, details_sealed, subject_id FROM access_events WHERE outcome = 'denied' ORDER BY at DESC, id DESC LIMIT 1`,
  )
  assert.equal(row!.act, 'sign-in.passkey-refused')
  const { reason } = JSON.parse(unsealField(`access-event/${row!.id}`, row!.details_sealed)) as { reason: string }
  return { reason, subject: row!.subject_id }
}

test('a passkey that opens the mailbox is the whole sign-in', async () => {
  const visitor = new Visitor(server)
  assert.equal((await use(visitor, owner.device)).location, '/messages')
  assert.equal((await visitor.ask('/messages')).status, 200)
  const [row] = await server.sql(
    `SELECT strength FROM access_events WHERE act = 'account.signed-in' ORDER BY at DESC LIMIT 1`,
  )
  assert.deepEqual(row, { strength: 'passkey' })
})

test('a device on which somebody signed in is counted by itself, and only its wrong tries: a network whose tries are used up keeps nobody out who is known', async () => {
  const { limit } = await import('../../server/web/rate-limits.ts')
  const first = new Visitor(server)
  assert.equal((await use(first, owner.device)).status, 303)
  const onTheDevice = () => {
    const visitor = new Visitor(server)
    visitor.cookies.set('__Host-device', first.cookies.get('__Host-device')!)
    return visitor
  }
  const wrong = { origin: 'https://evil.example' }
  const counted = () => server.sql(`SELECT points FROM rate_limits WHERE key LIKE 'passkey-device:%'`)
  await letCodesCountAgain(server)
  await Promise.all(Array.from({ length: 100 }, () => limit('passkey', 100, 600).count('127.0.0.1')))
  assert.equal((await use(new Visitor(server), owner.device)).status, 429)
  assert.equal((await use(onTheDevice(), owner.device)).status, 303)
  assert.deepEqual(await counted(), [{ points: 0 }])
  assert.equal((await use(onTheDevice(), owner.device, wrong)).status, 422)
  assert.deepEqual(await counted(), [{ points: 1 }])
  await server.sql(`UPDATE rate_limits SET points = 29 WHERE key LIKE 'passkey-device:%'`)
  assert.equal((await use(onTheDevice(), owner.device, wrong)).status, 422, 'the thirtieth')
  assert.equal((await use(onTheDevice(), owner.device)).status, 429)
  await letCodesCountAgain(server)
})

const REFUSED: [string, Lies, string][] = [
  ['wrong origin', { origin: 'https://evil.example' }, 'wrong-origin'],
  ['an origin that only begins like ours', { origin: 'http://localhost.evil.example' }, 'wrong-origin'],
  ['wrong RP id', { site: 'evil.example' }, 'wrong-site'],
  ['UV=0', { flags: 0x01 }, 'device-did-not-verify'],
  ['nobody present', { flags: 0x04 }, 'nobody-present'],
  ['cross-origin iframe flag', { crossOrigin: true }, 'in-a-frame'],
  [
    'cross-origin iframe flag, with whose page it is',
    { crossOrigin: true, topOrigin: 'https://evil.example' },
    'in-a-frame',
  ],
  ['counter back', { counter: 1 }, 'counter-back'],
  ["another holder's handle", { userHandle: randomBytes(32).toString('base64url') }, 'another-holder'],
  ['a challenge of nobody', { challenge: randomBytes(54).toString('base64url') }, 'challenge'],
  ['a registration in place of a use', { type: 'webauthn.create' }, 'garbled'],
  ['a signature of somebody else', { signature: Buffer.from('3006020101020101', 'hex') }, 'wrong-signature'],
]
for (const [what, lies, reason] of REFUSED)
  test(`37. Passkey: ${what} -> refused`, async () => {
    await server.sql('DELETE FROM rate_limits')
    const visitor = new Visitor(server)
    const answer = await use(visitor, owner.device, lies)
    assert.equal(answer.status, 422)
    assert.match(answer.body, /That did not work/)
    assert.equal((await lastRefusal()).reason, reason)
    assert.equal((await visitor.ask('/messages')).location, '/sign-in')
  })

test('37. Passkey: replayed challenge -> refused', async () => {
  const visitor = new Visitor(server)
  await visitor.ask('/sign-in')
  const options = await optionsAt<{ challenge: string }>(visitor, '/sign-in/passkey')
  const token = await visitor.tokenOn('/sign-in')
  const cookies = new Map(visitor.cookies)
  const post = (from: Visitor) =>
    from.ask('/sign-in/passkey', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ _csrf: token, answer: owner.device.use(options), prf: SECRET }).toString(),
    })
  assert.equal((await post(visitor)).location, '/messages')
  const again = new Visitor(server)
  for (const [name, value] of cookies) again.cookies.set(name, value)
  assert.equal((await post(again)).status, 422)
  assert.equal((await lastRefusal()).reason, 'challenge-used')
})

test("37. Passkey: other user's challenge, another browser's, and one that is too old -> refused", async () => {
  const [one, other] = [new Visitor(server), new Visitor(server)]
  await one.ask('/sign-in')
  const { challenge } = await optionsAt<{ challenge: string }>(one, '/sign-in/passkey')
  assert.equal((await use(other, owner.device, { challenge })).status, 422)
  assert.equal((await lastRefusal()).reason, 'challenge')
  const { makeChallenge, endOfChallenge } = await import('../../server/sign-in/challenge.ts')
  const now = new Date()
  const asked = { purpose: 'second-factor', accountId: 'a', formSecret: 's' } as const
  const text = makeChallenge(asked, now).toString('base64url')
  const in10 = new Date(now.getTime() + 600_000)
  assert.deepEqual(endOfChallenge(text, asked, now), in10)
  assert.equal(endOfChallenge(text, { ...asked, accountId: 'b' }, now), undefined)
  assert.equal(endOfChallenge(text, { ...asked, purpose: 'prove' }, now), undefined)
  assert.equal(endOfChallenge(text, { ...asked, formSecret: 't' }, now), undefined)
  assert.equal(endOfChallenge(text, asked, in10), undefined)
})

for (const [name, algorithm] of [
  ['none', 0],
  ['RS1', -65535],
] as const)
  test(`37. Passkey: alg ${name} -> refused`, async () => {
    const { link } = await writeTo(server, dana, `alg-${name.toLowerCase()}@mail.example`)
    const before = await server.sql('SELECT 1 FROM passkeys')
    const answer = await create(new Visitor(server), link, new SoftwarePasskey(server.port), { algorithm })
    assert.equal(answer.status, 422)
    assert.equal((await lastRefusal()).reason, 'wrong-algorithm')
    assert.equal((await server.sql('SELECT 1 FROM passkeys')).length, before.length)
  })

test('37. A new passkey from another site, a frame or a device that did not verify -> refused', async () => {
  const { link } = await writeTo(server, dana, 'new-lies@mail.example')
  for (const lies of [
    { origin: 'https://evil.example' },
    { site: 'evil.example' },
    { flags: 0x01 },
    { crossOrigin: true },
  ]) {
    const answer = await create(new Visitor(server), link, new SoftwarePasskey(server.port), lies)
    assert.equal(answer.status, 422)
  }
  // It is still open to the right person.
  assert.equal((await create(new Visitor(server), link, new SoftwarePasskey(server.port))).status, 303)
})

test('38. Passkey options for unknown user -> same as known', async () => {
  const { link } = await writeTo(server, dana, server.cast.maria.email)
  const shapes = []
  for (const page of ['/sign-in', owner.link, link]) {
    const visitor = new Visitor(server)
    await visitor.ask(page)
    const before = await allThatIsStored(server)
    const { challenge, ...rest } = await optionsAt<{ challenge: string }>(visitor, '/sign-in/passkey')
    assert.equal(challenge.length, 72)
    assert.deepEqual(await allThatIsStored(server), before)
    shapes.push(rest)
  }
  assert.deepEqual(shapes[1], shapes[0])
  assert.deepEqual(shapes[2], shapes[0])
  assert.ok(
    !('allowCredentials' in shapes[0]!) || (shapes[0] as { allowCredentials?: unknown }).allowCredentials === undefined,
  )
})

test('23. Somebody with a passkey only is answered at the password as anybody', async () => {
  await server.sql('DELETE FROM rate_limits')
  const page = async (email: string) =>
    withoutNumbers(await new Visitor(server).submit('/sign-in', '/sign-in', { email, password: 'not their password' }))
  const [known, unknown] = [await page(owner.email), await page('nobody@mail.example')]
  assert.equal(known.replaceAll(owner.email, ''), unknown.replaceAll('nobody@mail.example', ''))
})

test('the owner by passkey gets in while an attack on the password runs', async () => {
  const { limit } = await import('../../server/web/rate-limits.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { id } = (await findAccountByEmail(owner.email))!
  await server.sql('DELETE FROM rate_limits')
  const attack = limit('password', 10, 600, 600)
  for (let tries = 0; tries < 10; tries++) await attack.count(id)
  const guess = { email: owner.email, password: 'a guess of somebody' }
  assert.equal((await new Visitor(server).submit('/sign-in', '/sign-in', guess)).status, 429)
  assert.equal((await use(new Visitor(server), owner.device)).location, '/messages')
  await server.sql('DELETE FROM rate_limits')
})

test('without the secret of its device a passkey alone opens nothing, and one of somebody else is no second factor', async () => {
  assert.equal((await use(new Visitor(server), owner.device, {}, '')).status, 422)
  assert.equal((await lastRefusal()).reason, 'does-not-open')
  assert.equal((await use(new Visitor(server), owner.device, {}, randomBytes(32).toString('base64url'))).status, 422)
  await letCodesCountAgain(server)
  const { maria } = server.cast
  const visitor = new Visitor(server)
  await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  const options = await optionsAt<{ challenge: string }>(visitor, '/sign-in/code/passkey')
  const answer = await visitor.submit('/sign-in/code', '/sign-in/code/passkey', {
    answer: owner.device.use(options),
    prf: '',
  })
  assert.equal(answer.status, 422)
  assert.equal((await lastRefusal()).reason, 'another-account')
})

test('of two browsers that enrol at once by passkey without its secret, the first to choose a password wins', async () => {
  const { link } = await writeTo(server, dana, 'two.at.once@mail.example')
  const browsers = [new Visitor(server), new Visitor(server)]
  for (const visitor of browsers)
    assert.equal((await create(visitor, link, new SoftwarePasskey(server.port), {}, '')).location, '/enrol/password')
  const answers = await Promise.all(
    browsers.map((visitor, at) =>
      visitor.submit('/enrol/password', '/enrol/password', { password: `three random words ${at}` }),
    ),
  )
  assert.deepEqual(answers.map(({ location }) => location).sort(), ['/enrol/recovery-codes', '/sign-in'])
})

test('10. A half-made sign-in by passkey ends after 24 h, and nothing of it stays', async () => {
  const { visitor } = await enrolled('half.passkey@mail.example', '')
  assert.equal((await visitor.ask('/enrol/password')).status, 200)
  const { sweepSignIns } = await import('../../server/own-account/sweep-sign-ins.job.ts')
  await sweepSignIns(new Date(Date.now() + 24 * 60 * 60 * 1000 + 1000))
  assert.deepEqual(await server.sql(`SELECT 1 FROM enrolments WHERE state = 'passkey-set'`), [])
  assert.deepEqual(await server.sql('SELECT 1 FROM spent_challenges'), [])
  assert.equal((await visitor.ask('/enrol/password')).location, '/sign-in')
})

test('the options for a new passkey do not tell whoever holds the link whose it is', async () => {
  await letCodesCountAgain(server)
  dana = await signedIn(server, server.cast.dana)
  const { link } = await writeTo(server, dana, 'somebody.else@mail.example')
  const visitor = new Visitor(server)
  await visitor.ask(`${link}/password`)
  const answer = await visitor.ask(`${link}/passkey`, { headers: { accept: 'application/json' } })
  assert.equal(answer.status, 200)
  assert.doesNotMatch(answer.body, /somebody\.else/)
  const { user } = JSON.parse(answer.body) as { user: { name: string; displayName: string } }
  assert.equal(user.displayName, user.name)
})

test('whoever removes a passkey ends the sessions it began, whole or half-made', async () => {
  await letCodesCountAgain(server)
  dana = await signedIn(server, server.cast.dana)
  const { visitor, device } = await enrolled('removes@mail.example', '')
  const password = 'a fictitious lighthouse 9'
  await visitor.submit('/enrol/password', '/enrol/password', { password })
  await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  const spare = new SoftwarePasskey(server.port)
  await visitor.ask('/account/passkeys')
  const options = await optionsAt<RegistrationOptions>(visitor, '/account/passkeys/new')
  await visitor.submit('/account/passkeys', '/account/passkeys', { answer: spare.create(options), prf: SECRET })
  const [whole, half] = [new Visitor(server), new Visitor(server)]
  for (const thief of [whole, half]) assert.equal((await use(thief, device, {}, '')).location, '/sign-in/password')
  assert.equal((await whole.submit('/sign-in/password', '/sign-in/password', { password })).status, 303)
  assert.equal((await whole.ask('/messages')).status, 200)
  const { body } = await visitor.ask('/account/passkeys')
  const remove = /href="(\/account\/passkeys\/[^"]+\/remove)"/.exec(body)![1]!
  assert.equal((await visitor.submit(remove, remove, {})).location, '/account/passkeys?done=removed')
  for (const thief of [whole, half]) {
    const { status, location } = await thief.ask('/messages')
    assert.deepEqual([status, location], [303, '/sign-in'])
  }
  assert.equal((await visitor.ask('/messages')).status, 200)
})
