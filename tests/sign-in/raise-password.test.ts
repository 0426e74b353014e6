/** A password that was stored with older parameters gets today's when its owner signs in, and nobody notices. */
import assert from 'node:assert/strict'
import argon2 from 'argon2'
import { after, before, beforeEach, test } from 'node:test'
import type { Person } from '../support/cast.ts'
import { codeOf } from '../support/cast.ts'
import { stretchForReal } from '../support/remembered-stretching.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../support/visitor.ts'
import { until } from '../support/until.ts'

const OLD = 'm=19456,t=2,p=1'
const TODAY = 'm=65536,t=3,p=1'

let server: TestServer
let maria: Person
let account: string

before(async () => {
  stretchForReal()
  server = await startTestServer()
  maria = server.cast.maria
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  account = (await findAccountByEmail(maria.email))!.id
})
after(() => server.stop())
beforeEach(() => storeWithOldParameters(maria.password))

/** Behind the product's back: the same password, as if it had been chosen years ago. */
async function storeWithOldParameters(password: string) {
  const { openMailboxByRecovery, openerRow, sealOpener } = await import('../../server/accounts/mailbox-key.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  const { deriveKey } = await import('../../server/vault/derive.ts')
  const { pepper } = await import('../../server/vault/vault.ts')
  const salt = Buffer.alloc(16, 7)
  const stretched = await argon2.hash(password, {
    type: argon2.argon2id,
    raw: true,
    hashLength: 64,
    salt,
    memoryCost: 19456,
    timeCost: 2,
    parallelism: 1,
  })
  const verifier = deriveKey(stretched.subarray(0, 32), `password-verifier/${account}`, 32, pepper())
  const opener = deriveKey(stretched.subarray(32), `password-opener/${account}`, 32, pepper())
  const mailbox = (await findMailboxOf({ accountId: account }))!
  const { privateKey } = await openMailboxByRecovery(mailbox)
  const { envelope } = openerRow(mailbox, 'password', sealOpener(mailbox, 'password', opener, privateKey), new Date())
  await server.sql(
    `UPDATE credentials SET password_salt = $2, password_parameters = $3, password_verifier = $4, changed_at = '2020-01-01' WHERE account_id = $1`,
    [account, salt, OLD, verifier],
  )
  await server.sql(`UPDATE openers SET envelope = $2 WHERE mailbox_id = $1 AND kind = 'password'`, [
    mailbox.id,
    envelope,
  ])
}

async function stored() {
  const [row] = await server.sql<{ parameters: string; verifier: Buffer; changed: Date; openers: Buffer[] }>(
    `SELECT password_parameters AS parameters, password_verifier AS verifier, changed_at AS changed,
       (SELECT array_agg(envelope) FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id WHERE m.account_id = $1 AND o.kind = 'password') AS openers
     FROM credentials WHERE account_id = $1`,
    [account],
  )
  return row!
}

async function untilRaised() {
  return until(async () => {
    const now = await stored()
    return now.parameters === TODAY && now
  }, 'it is raised')
}

test('after a sign-in the row has the parameters of today with verifier and opener made anew, and both sign-ins work', async () => {
  const old = await stored()
  assert.equal(old.parameters, OLD)
  const first = await signedIn(server, maria)
  assert.equal((await first.ask('/messages')).status, 200)
  const raised = await untilRaised()
  assert.notDeepEqual(raised.verifier, old.verifier)
  assert.equal(raised.openers.length, 1)
  assert.notDeepEqual(raised.openers, old.openers)
  assert.deepEqual(raised.changed, old.changed, 'the day on which it was chosen stays')
  const second = await signedIn(server, maria)
  for (const visitor of [first, second]) {
    const list = await visitor.ask('/messages')
    const message = /href="(\/messages\/[0-9a-f-]{36})"/.exec(list.body)![1]!
    assert.equal((await visitor.ask(message)).status, 200)
  }
  assert.deepEqual(await stored(), raised, 'and then it stays')
})

test('a wrong password raises nothing, and the raising does not keep the answer waiting', async () => {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const wrong = { email: maria.email, password: 'not her password' }
  assert.equal((await visitor.submit('/sign-in', '/sign-in', wrong)).status, 422)
  await new Promise((done) => setTimeout(done, 500))
  assert.equal((await stored()).parameters, OLD)
  // The only place for new passwords is taken for many times as long as a sign-in: the new run has to wait.
  const { stretchPassword } = await import('../../server/sign-in/stretch-password.ts')
  const long = { password: Buffer.from('fictitious'), salt: Buffer.alloc(16), memory: 65536, passes: 40, lanes: 1 }
  const taken = stretchPassword('new-password', long)
  const right = await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  assert.equal(right.location, '/sign-in/code')
  assert.equal((await stored()).parameters, OLD, 'answered before the new run was over')
  await taken
  await untilRaised()
})

test('a transaction that is killed half-way leaves the old password whole', async () => {
  const old = await stored()
  // The new opener cannot be kept: the verifier before it was written already.
  await server.sql(`ALTER TABLE openers ADD CONSTRAINT no_password CHECK (kind <> 'password') NOT VALID`)
  try {
    const first = await signedIn(server, maria)
    assert.equal((await first.ask('/messages')).status, 200)
    await assert.rejects(raiseNow())
    assert.deepEqual(await stored(), old)
  } finally {
    await server.sql('ALTER TABLE openers DROP CONSTRAINT no_password')
  }
  assert.equal((await (await signedIn(server, maria)).ask('/messages')).status, 200)
  await untilRaised()
})

test('a password that was changed while it was being raised is not brought back, and of two raisings one wins', async () => {
  const { findCredential } = await import('../../server/sign-in/credential.store.ts')
  const checked = (await findCredential(account))!.password!
  assert.deepEqual((await Promise.all([raiseNow(checked), raiseNow(checked)])).sort(), [false, true])
  const raised = await stored()
  assert.equal(await raiseNow(checked), false)
  assert.deepEqual(await stored(), raised)
})

async function raiseNow(checked?: { passwordSalt: Buffer; passwordParameters: string; passwordVerifier: Buffer }) {
  const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  const { findCredential } = await import('../../server/sign-in/credential.store.ts')
  const { raisePassword } = await import('../../server/sign-in/raise-password.ts')
  const mailbox = (await findMailboxOf({ accountId: account }))!
  const pair = await openMailboxByRecovery(mailbox)
  const given = checked ?? (await findCredential(account))!.password!
  return raisePassword(account, { ...mailbox, ...pair }, maria.password, given)
}

test('codes of the app still count once while a password is raised', async () => {
  const visitor = new Visitor(server)
  await letCodesCountAgain(server)
  await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  const code = codeOf(maria)
  assert.equal((await visitor.submit('/sign-in/code', '/sign-in/code', { code })).location, '/messages')
  await untilRaised()
  const again = new Visitor(server)
  await again.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  assert.equal((await again.submit('/sign-in/code', '/sign-in/code', { code })).status, 422)
})
