/** A session that is ended while a request of it is under way stays ended, whatever that request proved. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { codeOf, type Person } from '../support/cast.ts'
import { secondLook, startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../support/visitor.ts'
import { changeSession, copyOf } from './session-rows.ts'

let server: TestServer
let maria: Person

before(async () => {
  server = await startTestServer()
  maria = server.cast.maria
  // What somebody signs in with changes only after they were found right, and before the session goes on: here it ends.
  await server.sql(
    `CREATE FUNCTION end_sessions() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
     BEGIN DELETE FROM sessions WHERE sess->>'accountId' = NEW.account_id::text; RETURN NEW; END $$`,
  )
})
after(() => server.stop())

async function whileSessionsEnd<Result>(act: () => Promise<Result>): Promise<Result> {
  await server.sql('CREATE TRIGGER ends AFTER UPDATE ON credentials FOR EACH ROW EXECUTE FUNCTION end_sessions()')
  try {
    return await act()
  } finally {
    await server.sql('DROP TRIGGER ends ON credentials')
  }
}

/** How often it was recorded that somebody signed in. */
async function signIns(): Promise<number> {
  const [row] = await server.sql<{ count: number }>(
    `SELECT count(*)::int FROM access_events WHERE act = 'account.signed-in'`,
  )
  return row!.count
}

async function assertOut(...visitors: Visitor[]) {
  for (const visitor of visitors) {
    const { status, location } = await visitor.ask('/messages')
    assert.deepEqual([status, location], [303, '/sign-in'])
  }
  const left = await server.sql(`SELECT FROM sessions WHERE sess->>'accountId' IS NOT NULL`)
  assert.equal(left.length, 0)
}

test('a proof under way does not bring back a session that its owner ended', async () => {
  const visitor = await signedIn(server, maria)
  await changeSession(server, visitor, { provedAt: 0 })
  await letCodesCountAgain(server)
  const before = copyOf(server, visitor)
  await visitor.ask('/prove')
  const fields = { password: maria.password, code: codeOf(maria) }
  const answer = await whileSessionsEnd(() => visitor.submit('/prove', '/prove', fields))
  assert.deepEqual([answer.status, answer.location], [303, '/sign-in'])
  await assertOut(visitor, before)
})

test('a sign-in that was ended at its second step does not become one', async () => {
  const visitor = new Visitor(server)
  await letCodesCountAgain(server)
  await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
  const before = await signIns()
  await server.sql('DELETE FROM known_devices')
  const answer = await whileSessionsEnd(() => visitor.submit('/sign-in/code', '/sign-in/code', { code: codeOf(maria) }))
  assert.deepEqual([answer.status, answer.location], [303, '/sign-in'])
  assert.equal(await signIns(), before, 'nobody signed in')
  assert.deepEqual(await server.sql('SELECT FROM known_devices'), [], 'and no device is known by it')
  await assertOut(visitor)
})

test('a sign-in whose password is being looked at while all sessions are ended makes no session after that', async () => {
  await letCodesCountAgain(server)
  // A try is counted when the account is known and before its password is looked at.
  await server.sql(
    `CREATE FUNCTION end_all() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
     BEGIN UPDATE accounts SET session_endings = session_endings + 1; DELETE FROM sessions; RETURN NEW; END $$`,
  )
  await server.sql(
    `CREATE TRIGGER ends AFTER INSERT OR UPDATE ON rate_limits FOR EACH ROW WHEN (NEW.key LIKE 'password:%') EXECUTE FUNCTION end_all()`,
  )
  const visitor = new Visitor(server)
  const fields = { email: maria.email, password: maria.password }
  const answer = await visitor.submit('/sign-in', '/sign-in', fields)
  await server.sql('DROP TRIGGER ends ON rate_limits')
  assert.deepEqual([answer.status, answer.location], [303, '/sign-in'])
  assert.equal((await visitor.ask('/sign-in/code')).location, '/sign-in')
  await assertOut(visitor)
  assert.equal((await new Visitor(server).submit('/sign-in', '/sign-in', fields)).location, '/sign-in/code')
})

test('a password that is changed while it is being looked at is a wrong one, and one that is only stored anew is the right one', async () => {
  const { sam } = server.cast
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  const { openMailboxByRecovery, sealOpener } = await import('../../server/accounts/mailbox-key.ts')
  const { hashPassword } = await import('../../server/sign-in/password.ts')
  const { id } = (await findAccountByEmail(sam.email))!
  const mailbox = (await findMailboxOf({ accountId: id }))!
  const { privateKey } = await openMailboxByRecovery(mailbox)
  const database = await secondLook(server.dataDir)
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  try {
    for (const [becomes, status] of [
      [sam.password, 303],
      ['a fictitious lighthouse 9', 422],
    ] as const) {
      await letCodesCountAgain(server)
      const { stored, opener } = await hashPassword(becomes, id)
      await owner.query('BEGIN')
      await owner.query('LOCK TABLE openers IN ACCESS EXCLUSIVE MODE')
      const answer = new Visitor(server).submit('/sign-in', '/sign-in', { email: sam.email, password: sam.password })
      await someoneWaits()
      await owner.query(
        'UPDATE credentials SET password_salt = $2, password_parameters = $3, password_verifier = $4 WHERE account_id = $1',
        [id, stored.passwordSalt, stored.passwordParameters, stored.passwordVerifier],
      )
      const envelope = sealOpener(mailbox, 'password', opener, privateKey)
      await owner.query(`UPDATE openers SET envelope = $2 WHERE mailbox_id = $1 AND kind = 'password'`, [
        mailbox.id,
        envelope,
      ])
      await owner.query('COMMIT')
      assert.equal((await answer).status, status, becomes)
    }
  } finally {
    await owner.end()
    await database.stop()
  }
})

/** The sign-in has found the password right, and asks for what it opens. */
async function someoneWaits() {
  for (let tries = 0; tries < 1000; tries++) {
    const waiting = await server.sql(`SELECT FROM pg_locks WHERE NOT granted AND relation = 'openers'::regclass`)
    if (waiting.length > 0) return
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error('nobody asks for an opener')
}

test('a session that was ended meanwhile changes no password', async () => {
  await letCodesCountAgain(server)
  const visitor = await signedIn(server, maria)
  const fields = { current: maria.password, password: 'a fictitious lighthouse 7' }
  const answer = await whileSessionsEnd(() => visitor.submit('/account/password', '/account/password', fields))
  assert.deepEqual([answer.status, answer.location], [303, '/sign-in'])
  // The trigger's own work was rolled back with the change, so the row is there; the password is the old one.
  await server.sql('DELETE FROM sessions')
  await letCodesCountAgain(server)
  assert.equal((await (await signedIn(server, maria)).ask('/messages')).status, 200)
})

test('the one who changes the password goes on under a new id, and the old cookie is nobody', async () => {
  await letCodesCountAgain(server)
  const visitor = await signedIn(server, maria)
  const before = copyOf(server, visitor)
  await letCodesCountAgain(server)
  const other = await signedIn(server, maria)
  const fields = { current: maria.password, password: 'a fictitious lighthouse 8' }
  assert.equal(
    (await visitor.submit('/account/password', '/account/password', fields)).location,
    '/account?done=password',
  )
  assert.equal((await visitor.ask('/messages')).status, 200)
  for (const gone of [before, other]) assert.equal((await gone.ask('/messages')).location, '/sign-in')
})
