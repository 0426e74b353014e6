/** One installation on two processes: whatever is good once is good once on both together. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { after, before, test } from 'node:test'
import { changeRows } from '../support/bound-rows.ts'
import { codeOf } from '../support/cast.ts'
import type { Account } from '../../server/accounts/account.store.ts'
import { freePort } from '../support/free-port.ts'
import { rememberedStretchingFile } from '../support/remembered-stretching.ts'
import { onAnother } from '../support/second-process.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { bareEnvironment, mainFile } from '../support/template.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../support/visitor.ts'
import { enrolmentRound } from './races/enrolment.ts'
import { newHolder, recoveryCodeRound } from './races/recovery-code-at-sign-in.ts'
import { totpStepRound } from './races/totp-step.ts'

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
  process2 = spawn(process.execPath, ['--import', loadedFirst, '--import', rememberedStretchingFile, mainFile], {
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

test('30. 50 parallel same valid code, two nodes -> exactly one session', async () => {
  await totpStepRound(server, second)
})

test('9. Enrolment completed 50 times in parallel on two processes -> one account, one password', async () => {
  const dana = await signedIn(server, server.cast.dana)
  await enrolmentRound(server, second, dana, 'fifty.fold@mail.example')
})

test('39. A recovery code typed 50 times in parallel on two processes -> one session, and it is used up', async () => {
  const holder = await newHolder(server, 'fifty.codes@mail.example')
  await recoveryCodeRound(server, second, holder)
})

test('a session counts on both processes, and signing out of one ends it on the other', async () => {
  const visitor = await signedIn(server, server.cast.maria)
  const other = onAnother(second, visitor)
  assert.equal((await other.ask('/messages')).status, 200)
  assert.equal((await other.submit('/messages', '/sign-out', {})).status, 303)
  assert.deepEqual(await visitor.ask('/messages').then(({ status, location }) => [status, location]), [303, '/sign-in'])
})

const lives = async (visitor: Visitor) => (await visitor.ask('/help')).body.includes('id="sign-out"')

test('48. Stolen cookie after logout, password change, disable, delete, role change -> dead within 1 s on both nodes', async () => {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { endSessionsOf } = await import('../../server/sign-in/sessions.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const { sam } = server.cast
  const { id } = (await findAccountByEmail(sam.email))!
  const set = (name: keyof Account, value: string) =>
    changeRows(server, `UPDATE accounts SET ${name} = $2 WHERE id = $1`, [id, value])
  const ways: [string, (owner: Visitor) => Promise<unknown>, () => Promise<unknown>][] = [
    ['sign-out', (owner) => owner.submit('/help', '/sign-out', {}), async () => {}],
    // What every change of a password, of an address and every reset calls in its transaction.
    ['password change', () => inTransaction((transaction) => endSessionsOf(id, transaction)), async () => {}],
    [
      'sign out everywhere',
      (owner) => owner.submit('/account/devices', '/account/devices/end-all', {}),
      async () => {},
    ],
    ['closing', () => set('state', 'closed'), () => set('state', 'active')],
    ['role change', () => set('role', 'admin'), () => set('role', 'provider')],
    [
      'deletion of the row',
      () => server.sql(`DELETE FROM sessions WHERE sess->>'accountId' = $1`, [id]),
      async () => {},
    ],
  ]
  for (const way of ways) {
    // Dead at the first question is what counts; on a busy machine that question may come late, and proves nothing then.
    let asked = Infinity
    for (let tries = 0; tries < 10 && asked >= 1000; tries++) asked = await diesBy(...way)
    assert.ok(asked < 1000, `${way[0]}: asked after ${asked} ms`)
  }

  /** @returns the milliseconds after which both processes had been asked */
  async function diesBy(name: string, end: (owner: Visitor) => Promise<unknown>, undo: () => Promise<unknown>) {
    const owner = await signedIn(server, sam)
    const thieves = [onAnother(server, owner), onAnother(second, owner)]
    for (const thief of thieves) assert.equal(await lives(thief), true, `before: ${name}`)
    await end(owner)
    const ended = Date.now()
    for (const thief of thieves) {
      const { status, location } = await thief.ask('/messages')
      assert.deepEqual([status, location], [303, '/sign-in'], name)
    }
    const asked = Date.now() - ended
    await undo()
    for (const thief of thieves) assert.equal(await lives(thief), false, `${name}: it does not come back`)
    return asked
  }
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
  const other = onAnother(second, visitor)
  assert.equal((await other.submit('/sign-in/code', '/sign-in/code', { code: codeOf(sam) })).status, 429)
})

test('169. A rejection that nobody waits for does not end the process', async () => {
  process2.kill('SIGUSR2')
  for (let tries = 0; tries < 1000 && !/left alone.*Error/.test(told); tries++)
    await new Promise((done) => setTimeout(done, 20))
  assert.match(told, /A promise was left alone: Error/)
  assert.doesNotMatch(told, /a string/)
  assert.equal(process2.exitCode, null)
  assert.equal((await new Visitor(second).ask('/health/ready')).status, 200)
})
