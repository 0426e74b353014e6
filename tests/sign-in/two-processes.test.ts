/** One installation on two processes: whatever is good once is good once on both together. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { after, before, test } from 'node:test'
import { codeOf } from '../support/cast.ts'
import { freePort } from '../support/free-port.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { bareEnvironment, mainFile } from '../support/template.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../support/visitor.ts'
import { choosePassword, keyOnPage, writeTo } from './newcomer.ts'

/** Leaves a promise alone when told to. */
const LEAVES_PROMISES = `process.on('SIGUSR2', () => { void Promise.reject(new Error('left alone')); void Promise.reject('a string') })`

let server: TestServer
let second: { port: number }
let process2: ChildProcess
let told = ''

before(async () => {
  server = await startTestServer()
  second = { port: await freePort() }
  const settings = { ...bareEnvironment(), DATA_DIR: server.dataDir, PORT: String(second.port), LOG_LEVEL: 'error' }
  const loadedFirst = `data:text/javascript,${encodeURIComponent(LEAVES_PROMISES)}`
  process2 = spawn(process.execPath, ['--import', loadedFirst, mainFile], {
    env: settings,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  process2.stderr!.on('data', (chunk: Buffer) => (told += chunk.toString()))
  await new Promise<void>((done, fail) => {
    process2.stdout!.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Letterlock is running')) done()
    })
    process2.on('exit', () => fail(new Error(`the second process did not start: ${told}`)))
  })
})
after(async () => {
  const ended = new Promise((done) => process2.on('exit', done))
  process2.kill('SIGTERM')
  await ended
  await server.stop()
})

/** The same browser, asking the other process. */
function onTheOther(visitor: Visitor): Visitor {
  const same = new Visitor(second)
  for (const [name, value] of visitor.cookies) same.cookies.set(name, value)
  return same
}

const form = (fields: Record<string, string>) => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
})

test('30. 50 parallel same valid code, two nodes -> exactly one session', async () => {
  const { maria } = server.cast
  await letCodesCountAgain(server)
  await server.sql('DELETE FROM sessions')
  const waiting: { first: Visitor; token: string }[] = []
  for (let each = 0; each < 5; each++) {
    const first = new Visitor(server)
    const { location } = await first.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
    assert.equal(location, '/sign-in/code')
    waiting.push({ first, token: await first.tokenOn('/sign-in/code') })
  }
  const code = codeOf(maria)
  const asks = Array.from({ length: 50 }, (_, index) => {
    const { first, token } = waiting[index % 5]!
    const copy = index % 2 === 0 ? onTheOther(first) : first
    return copy.ask('/sign-in/code', form({ _csrf: token, code }))
  })
  const answers = await Promise.all(asks)
  assert.equal(answers.filter(({ location }) => location === '/messages').length, 1)
  assert.ok(
    answers.every(({ status }) => [303, 422, 403].includes(status)),
    answers.map(({ status }) => status).join(),
  )
  const sessions = await server.sql(`SELECT 1 FROM sessions WHERE sess->>'stage' = 'signed-in'`)
  assert.equal(sessions.length, 1)
})

test('9. Enrolment completed 50 times in parallel on two processes -> one account, one password', async () => {
  const email = 'fifty.fold@mail.example'
  const { link } = await writeTo(server, await signedIn(server, server.cast.dana), email)
  const attempts: { first: Visitor; token: string; password: string; code: string }[] = []
  for (let each = 0; each < 10; each++) {
    const first = new Visitor(server)
    const password = `three random words ${each}`
    assert.equal((await choosePassword(first, link, password)).location, '/enrol/second-factor')
    const code = codeOf({ totpSecret: await keyOnPage(first) })
    attempts.push({ first, token: await first.tokenOn('/enrol/second-factor'), password, code })
  }
  const before = await credentials()
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const { first, token, code, password } = attempts[index % 10]!
      const copy = index % 20 < 10 ? onTheOther(first) : first
      return { ...(await copy.ask('/enrol/second-factor', form({ _csrf: token, code }))), password }
    }),
  )
  const winners = answers.filter(({ location }) => location === '/enrol/recovery-codes')
  assert.equal(winners.length, 1)
  assert.ok(
    answers.every(({ status }) => [303, 403].includes(status)),
    answers.map(({ status }) => status).join(),
  )
  assert.equal(await credentials(), before + 1)
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(email))!
  assert.equal(account.state, 'active')
  const openers = await server.sql(
    `SELECT kind, count(*)::int AS many FROM openers JOIN mailboxes ON mailboxes.id = mailbox_id WHERE mailboxes.account_id = $1 GROUP BY kind ORDER BY kind`,
    [account.id],
  )
  assert.deepEqual(openers, [
    { kind: 'password', many: 1 },
    { kind: 'recovery', many: 1 },
    { kind: 'recovery-code', many: 10 },
  ])
  assert.deepEqual(await server.sql('SELECT 1 FROM enrolments WHERE account_id = $1', [account.id]), [])
  const events = await server.sql(`SELECT 1 FROM access_events WHERE act = 'account.enrolled' AND subject_id = $1`, [
    account.id,
  ])
  assert.equal(events.length, 1)
  await server.sql('DELETE FROM rate_limits')
  const other = attempts.find(({ password }) => password !== winners[0]!.password)!
  for (const [password, status] of [
    [winners[0]!.password, 303],
    [other.password, 422],
  ] as const)
    assert.equal((await new Visitor(server).submit('/sign-in', '/sign-in', { email, password })).status, status)
})

async function credentials() {
  const [row] = await server.sql<{ many: number }>('SELECT count(*)::int AS many FROM credentials')
  return row!.many
}

test('a session counts on both processes, and signing out of one ends it on the other', async () => {
  const visitor = await signedIn(server, server.cast.maria)
  const other = onTheOther(visitor)
  assert.equal((await other.ask('/messages')).status, 200)
  assert.equal((await other.submit('/messages', '/sign-out', {})).status, 303)
  assert.deepEqual(await visitor.ask('/messages').then(({ status, location }) => [status, location]), [303, '/sign-in'])
})

test('31. Wrong codes are counted over both processes together', async () => {
  const { limit } = await import('../../server/web/rate-limits.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { sam } = server.cast
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  await visitor.submit('/sign-in', '/sign-in', { email: sam.email, password: sam.password })
  const account = (await findAccountByEmail(sam.email))!
  for (let tries = 0; tries < 100; tries++) await limit('code', 100, 24 * 60 * 60).count(account.id)
  const other = onTheOther(visitor)
  assert.equal((await other.submit('/sign-in/code', '/sign-in/code', { code: codeOf(sam) })).status, 429)
})

test('169. A rejection that nobody waits for does not end the process', async () => {
  process2.kill('SIGUSR2')
  for (let tries = 0; tries < 100 && !/left alone.*Error/.test(told); tries++)
    await new Promise((done) => setTimeout(done, 20))
  assert.match(told, /A promise was left alone: Error/)
  assert.doesNotMatch(told, /a string/)
  assert.equal(process2.exitCode, null)
  assert.equal((await new Visitor(second).ask('/health/ready')).status, 200)
})
