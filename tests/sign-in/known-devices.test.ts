/** Devices on which somebody signed in wholly are known for thirty days: what that stores, what it says, and what it does not. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { codeOf, type Person } from '../support/cast.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../support/visitor.ts'
import { choosePassword, keyOnPage, writeTo } from '../enrolment/newcomer.ts'

const COOKIE = '__Host-device'
const PHONE = 'Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0'
const A_DAY = 24 * 60 * 60 * 1000

let server: TestServer
let maria: Person
let sam: Person
before(async () => {
  server = await startTestServer()
  ;({ maria, sam } = server.cast)
})
after(() => server.stop())
beforeEach(() => server.sql('DELETE FROM known_devices'))

const devices = () => import('../../server/sign-in/known-device.ts')
const deviceStore = () => import('../../server/sign-in/known-device.store.ts')
async function idOf({ email }: Pick<Person, 'email'>) {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(email))!.id
}

/** How often it was recorded that a device is new, and how often the person was told. */
async function counts(id: string) {
  const [row] = await server.sql<{ recorded: number; told: number }>(
    `SELECT (SELECT count(*) FROM access_events WHERE act = 'device.remembered' AND actor_id = $1)::int AS recorded,
      (SELECT count(*) FROM access_events WHERE act LIKE 'security-notice.%' AND subject_id = $1)::int
      + (SELECT count(*) FROM graphile_worker._private_jobs WHERE payload->>'accountId' = $1::text AND payload->>'change' = 'new-device')::int AS told`,
    [id],
  )
  return row!
}

/** Waits until notices that are on their way have been sent, so that none is counted in the queue and in the log. */
async function noticesSent() {
  for (let tries = 0; tries < 200; tries++) {
    const rows = await server.sql(`SELECT 1 FROM graphile_worker._private_jobs WHERE payload->>'change' IS NOT NULL`)
    if (rows.length === 0) return
    await new Promise((done) => setTimeout(done, 25))
  }
  throw new Error('notices wait')
}

const form = (server: TestServer, headers = {}) => ({
  method: 'POST',
  headers: {
    'content-type': 'application/x-www-form-urlencoded',
    origin: `http://localhost:${server.port}`,
    ...headers,
  },
})

async function signInOn(visitor: Visitor, person: Person, userAgent = PHONE): Promise<[Answer, Answer]> {
  await letCodesCountAgain(server)
  visitor.cookies.delete('__Host-session')
  const post = async (path: string, fields: Record<string, string>) =>
    visitor.ask(path, {
      ...form(server, { 'user-agent': userAgent }),
      body: new URLSearchParams({ _csrf: await visitor.tokenOn(path), ...fields }).toString(),
    })
  const first = await post('/sign-in', { email: person.email, password: person.password })
  return [first, await post('/sign-in/code', { code: codeOf(person) })]
}

const deviceCookie = ({ headers }: Answer) => headers['set-cookie']?.find((line) => line.startsWith(`${COOKIE}=`))

test('only a whole sign-in makes a device known: its cookie has 256 random bits and their MAC, is for this host only, and lasts thirty days', async () => {
  const visitor = new Visitor(server)
  const [first, second] = await signInOn(visitor, maria)
  assert.equal(deviceCookie(first), undefined)
  const [value, ...attributes] = deviceCookie(second)!.split('; ')
  assert.match(value!, /^__Host-device=[A-Za-z0-9_-]{64}$/)
  const expires = new Date(attributes.find((each) => each.startsWith('Expires='))!.slice(8)).getTime()
  assert.ok(Math.abs(expires - Date.now() - 30 * A_DAY) < 60_000)
  assert.deepEqual(attributes.filter((each) => !each.startsWith('Expires=')).sort(), [
    'HttpOnly',
    'Path=/',
    'SameSite=Lax',
    'Secure',
  ])
})

test('what is stored is a digest and sealed words, and only its owner gets them', async () => {
  const visitor = new Visitor(server)
  await signInOn(visitor, maria)
  const token = visitor.cookies.get(COOKIE)!
  const stored = JSON.stringify(await server.sql('SELECT *, encode(digest, $1) AS text FROM known_devices', ['escape']))
  for (const clear of [token, Buffer.from(token, 'base64url').toString('hex'), 'Firefox', 'Android'])
    assert.ok(!stored.includes(clear), clear)
  const { listKnownDevices } = await deviceStore()
  const id = await idOf(maria)
  const [device, ...others] = await listKnownDevices(id)
  assert.deepEqual([device!.browser, device!.system, others.length], ['Firefox', 'Android', 0])
  assert.equal(device!.firstSeenAt.getTime(), device!.lastSeenAt.getTime())
  assert.equal(device!.expiresAt.getTime() - device!.lastSeenAt.getTime(), 30 * A_DAY)
  assert.deepEqual(await listKnownDevices(await idOf(sam)), [])
  assert.deepEqual(await listKnownDevices(id, new Date(Date.now() + 31 * A_DAY)), [])
})

test('the first sign-in on a device is recorded and told, the next ones on it are not', async () => {
  const id = await idOf(maria)
  await noticesSent()
  const before = await counts(id)
  const visitor = new Visitor(server)
  await signInOn(visitor, maria)
  const token = visitor.cookies.get(COOKIE)
  await noticesSent()
  const first = await counts(id)
  assert.deepEqual(first, { recorded: before.recorded + 1, told: before.told + 1 })
  await server.sql(
    `UPDATE known_devices SET last_seen_at = now() - interval '20 days', expires_at = now() + interval '10 days'`,
  )
  const [, again] = await signInOn(visitor, maria)
  assert.equal(visitor.cookies.get(COOKIE), token, 'the same device')
  assert.ok(deviceCookie(again), 'for thirty days more')
  await noticesSent()
  assert.deepEqual(await counts(id), first)
  const [row] = await server.sql<{ days: number; many: number }>(
    `SELECT round(extract(epoch FROM min(expires_at) - now()) / 86400)::int AS days, count(*)::int AS many FROM known_devices`,
  )
  assert.deepEqual(row, { days: 30, many: 1 })
  await signInOn(new Visitor(server), maria)
  await noticesSent()
  assert.deepEqual(await counts(id), { recorded: first.recorded + 1, told: first.told + 1 }, 'another device')
})

test('after thirty days without a sign-in a device is as unknown as any other, and its row goes', async () => {
  const id = await idOf(maria)
  const visitor = new Visitor(server)
  await signInOn(visitor, maria)
  const { knownDeviceOf, digestOfDevice } = await devices()
  const token = visitor.cookies.get(COOKIE)!
  const actor = { kind: 'anonymous', strength: 'none', device: digestOfDevice(token) } as const
  const days = (count: number) => new Date(Date.now() + count * A_DAY)
  assert.ok(await knownDeviceOf(actor, id, days(29.9)))
  assert.equal(await knownDeviceOf(actor, id, days(30.1)), undefined)
  await server.sql(`UPDATE known_devices SET expires_at = now() - interval '1 second'`)
  const before = await counts(id)
  await signInOn(visitor, maria)
  assert.notEqual(visitor.cookies.get(COOKIE), token)
  assert.equal((await counts(id)).recorded, before.recorded + 1)
  const { sweepSignIns } = await import('../../server/own-account/sweep-sign-ins.job.ts')
  await sweepSignIns(days(31))
  assert.deepEqual(await server.sql('SELECT 1 FROM known_devices'), [])
})

async function invitationTo(accountId: string): Promise<string> {
  const { insertInvitationLink } = await import('../../server/accounts/link.store.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const { linkToken } = await import('../../server/vault/vault.ts')
  await inTransaction((transaction) => insertInvitationLink(accountId, new Date(), transaction))
  return linkToken('invitation', accountId)
}

test('a device that two people share is known for both by one cookie, and forgetting it for one leaves the other', async () => {
  const [mariasId, samsId] = [await idOf(maria), await idOf(sam)]
  const { forgetDevice, isDeviceOf, listKnownDevices } = await deviceStore()
  const visitor = new Visitor(server)
  await signInOn(visitor, maria)
  const token = visitor.cookies.get(COOKIE)
  await visitor.submit('/messages', '/sign-out', {})
  await signInOn(visitor, sam)
  assert.equal(visitor.cookies.get(COOKIE), token)
  const [hers] = await listKnownDevices(mariasId)
  const [his] = await listKnownDevices(samsId)
  assert.ok(hers!.digest.equals(his!.digest))
  assert.notEqual(hers!.id, his!.id)
  const link = await invitationTo(mariasId)
  const now = new Date()
  for (const [claimed, known] of [
    [{ email: maria.email }, true],
    [{ email: sam.email }, true],
    [{ email: server.cast.dana.email }, false],
    [{ link: link }, true],
    [{ link: '' }, false],
  ] as const)
    assert.equal(await isDeviceOf(hers!.digest, claimed, now), known, JSON.stringify(claimed))
  assert.equal(await forgetDevice(samsId, hers!.id), false, 'not his')
  assert.equal(await forgetDevice(mariasId, hers!.id), true)
  assert.equal(await forgetDevice(mariasId, hers!.id), false)
  assert.deepEqual(await listKnownDevices(mariasId), [])
  assert.equal((await listKnownDevices(samsId)).length, 1)
})

test('forgetting all devices of a person is undone with its transaction', async () => {
  const id = await idOf(maria)
  const { forgetDevicesOf, listKnownDevices } = await deviceStore()
  const { inTransaction } = await import('../../server/database/connection.ts')
  for (let count = 0; count < 2; count++) await signInOn(new Visitor(server), maria)
  await assert.rejects(
    inTransaction(async (transaction) => {
      await forgetDevicesOf(id, transaction)
      throw new Error('undone')
    }),
  )
  assert.equal((await listKnownDevices(id)).length, 2)
  await inTransaction((transaction) => forgetDevicesOf(id, transaction))
  assert.equal((await listKnownDevices(id)).length, 0)
})

test('a token that we did not make is not taken up, and two cookies of the name are as good as none', async () => {
  const { digestOfDevice } = await devices()
  const { listKnownDevices } = await deviceStore()
  const invented = 'A'.repeat(43)
  const visitor = new Visitor(server)
  visitor.cookies.set(COOKIE, invented)
  await signInOn(visitor, maria)
  const token = visitor.cookies.get(COOKIE)!
  assert.notEqual(token, invented)
  const [device] = await listKnownDevices(await idOf(maria))
  assert.ok(device!.digest.equals(digestOfDevice(token)))
  const { tokenOfDevice } = await devices()
  for (const cookie of [
    `${COOKIE}=${token}; ${COOKIE}=${invented}`,
    `${COOKIE}=short`,
    `${COOKIE}=${token}x`,
    `device=${token}`,
    '',
  ])
    assert.equal(tokenOfDevice({ headers: { cookie } } as never), undefined, cookie)
})

test('who has only the cookie of a known device is asked for everything as anybody else', async () => {
  const owner = new Visitor(server)
  await signInOn(owner, maria)
  const thief = new Visitor(server)
  thief.cookies.set(COOKIE, owner.cookies.get(COOKIE)!)
  assert.deepEqual(await thief.ask('/messages').then(({ status, location }) => [status, location]), [303, '/sign-in'])
  const wrong = await thief.submit('/sign-in', '/sign-in', { email: maria.email, password: 'a wrong password' })
  assert.equal(wrong.status, 422)
  await letCodesCountAgain(server)
  const right = await thief.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  assert.equal(right.location, '/sign-in/code')
  assert.equal((await thief.ask('/messages')).location, '/sign-in/code')
})

test('the device on which a sign-in was made is known from then on, and nobody is told of what they do themselves', async () => {
  const email = 'first.time@mail.example'
  const { link } = await writeTo(server, await signedIn(server, server.cast.dana), email)
  const visitor = new Visitor(server)
  assert.equal((await choosePassword(visitor, link, 'three random words 7')).location, '/enrol/second-factor')
  assert.equal(visitor.cookies.get(COOKIE), undefined)
  const code = codeOf({ totpSecret: await keyOnPage(visitor) })
  const done = await visitor.submit('/enrol/second-factor', '/enrol/second-factor', { code })
  assert.equal(done.location, '/enrol/recovery-codes')
  const id = await idOf({ email })
  const { listKnownDevices } = await deviceStore()
  assert.equal((await listKnownDevices(id)).length, 1)
  assert.deepEqual(await counts(id), { recorded: 1, told: 0 })
})
