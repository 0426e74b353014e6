/** A server that is started on the database of yesterday, and one that was killed while it erased. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stopDatabase, startChildServer, type ChildServer } from '../faults/child-server.ts'
import { choosePassword } from '../enrolment/newcomer.ts'
import { codeOf } from '../support/cast.ts'
import { makePng } from '../support/files.ts'
import { linkIn, mailsTo, writeTo } from '../support/letters.ts'
import { until } from '../support/until.ts'
import { Visitor, letCodesCountAgain, plain, signedIn } from '../support/visitor.ts'

let server: ChildServer
before(async () => {
  server = await startChildServer()
})
after(() => server.stop())

const files = [{ name: 'photo.png', type: 'image/png', bytes: makePng() }]
const database = () => join(server.dataDir, 'postgres')
const recall = (who: Visitor, id: string) => who.submit('/help', `/messages/${id}/recall`, {})
const hasKey = async (id: string) =>
  (
    await server.sql<{ there: boolean }>('SELECT key_wrapped IS NOT NULL AS there FROM messages WHERE id = $1', [id])
  )[0]!.there

async function whatIsGoodOnce(): Promise<Record<string, string>> {
  const [counts] = await server.sql<Record<string, string>>(
    `SELECT (SELECT count(*) FROM password_resets) AS resets, (SELECT count(*) FROM enrolments) AS enrolments,
      (SELECT count(*) FROM known_devices) AS devices, (SELECT count(*) FROM openers WHERE kind = 'recovery-code') AS codes,
      (SELECT count(*) FROM access_codes WHERE proved_at IS NOT NULL OR expires_at > now()) AS access`,
  )
  return counts!
}

async function stopAll() {
  await server.end()
  await stopDatabase(server.dataDir)
}

describe('136. Started on the database of yesterday -> used tokens, TOTP steps, sessions dead; erased messages erased again from the ledger; the log says what was lost', () => {
  let yesterdays: Visitor
  let [erased, kept] = ['', '']
  let codeUsed = ''
  let said = ''

  before(async () => {
    yesterdays = await signedIn(server, server.cast.dana)
    erased = await writeTo(yesterdays, { to: server.cast.maria.email, body: 'Erased since', files })
    kept = await writeTo(yesterdays, { to: server.cast.maria.email, body: 'Still here' })
    await yesterdays.submit('/sign-in/forgot', '/sign-in/forgot', { email: server.cast.maria.email })
    await until(async () => (await server.sql('SELECT 1 FROM password_resets')).length > 0, 'a link for a new password')
    const withCode = { to: 'with-a-code@mail.example', subject: 'Fictitious', body: 'Fictitious', 'access-code': 'yes' }
    const draft = await yesterdays.upload('/messages/new', '/messages', { ...withCode, action: 'check' })
    await yesterdays.submit(draft.location, draft.location.replace(/check$/, 'send'), {})
    await writeTo(yesterdays, { to: 'half-made@mail.example' })
    const [mail] = await mailsTo(server, 'half-made@mail.example')
    await choosePassword(new Visitor(server), linkIn(mail!), 'three random words 7')
    const { devices: _, ...usable } = await whatIsGoodOnce()
    assert.ok(
      Object.values(usable).every((count) => count !== '0'),
      JSON.stringify(usable),
    )
    await stopAll()
    cpSync(database(), `${database()}-of-yesterday`, { recursive: true })
    await server.startAgain()
    const today = await signedIn(server, server.cast.dana)
    assert.equal((await recall(today, erased)).status, 303)
    assert.equal(await hasKey(erased), false)
    // A code that is used now, in the newer state: the older one does not know of it.
    await letCodesCountAgain(server)
    codeUsed = codeOf(server.cast.maria)
    const maria = new Visitor(server)
    await maria.submit('/sign-in', '/sign-in', {
      email: server.cast.maria.email,
      password: server.cast.maria.password,
    })
    assert.equal((await maria.submit('/sign-in/code', '/sign-in/code', { code: codeUsed })).status, 303)
    await stopAll()
    rmSync(database(), { recursive: true })
    renameSync(`${database()}-of-yesterday`, database())
    const length = server.said().length
    await server.startAgain()
    said = server.said().slice(length)
  })

  test('the terminal says that the database is older, from when to when, and what ended', () => {
    assert.match(said, /This database is older than the ledger .*: what happened from \S+ to \S+ is lost/)
    assert.match(said, /Everybody is signed out/)
    assert.match(said, /1 were erased again/)
  })

  test('the session of yesterday is dead, and a code that was used since counts no more', async () => {
    assert.equal((await yesterdays.ask('/messages')).status, 303)
    const maria = new Visitor(server)
    const first = await maria.submit('/sign-in', '/sign-in', {
      email: server.cast.maria.email,
      password: server.cast.maria.password,
    })
    assert.equal(first.location, '/sign-in/code')
    assert.equal((await maria.submit('/sign-in/code', '/sign-in/code', { code: codeUsed })).status, 422)
  })

  test('what can be used once has ended, recovery codes too, which still open the mail of their time', async () => {
    assert.deepEqual(await whatIsGoodOnce(), { resets: '0', enrolments: '0', devices: '0', codes: '0', access: '0' })
    const codes = await server.sql(`SELECT 1 FROM openers WHERE kind = 'earlier-code'`)
    assert.ok(codes.length > 0)
    const [state] = await server.sql<{ at: Date | null }>('SELECT older_at AS at FROM ledger_state')
    assert.notEqual(state!.at, null)
  })

  test('the erased message is erased again, with its files and a certificate that says so; the other one can be read', async () => {
    assert.equal(await hasKey(erased), false)
    assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE message_id = $1', [erased]), [])
    const [certificate] = await server.sql<{ note: string }>(
      'SELECT note FROM destruction_certificates WHERE message_id = $1',
      [erased],
    )
    assert.match(certificate!.note, /erased-again: /)
    const dana = await signedIn(server, server.cast.dana)
    assert.match(plain((await dana.ask(`/messages/${erased}`)).body), /You took this message back/)
    assert.match((await dana.ask(`/messages/${kept}`)).body, /Still here/)
  })

  test('the access log says what it does not know, and is started on once only', async () => {
    const events = `SELECT act, outcome FROM access_events WHERE act = 'database.older'`
    assert.deepEqual(await server.sql(events), [{ act: 'database.older', outcome: 'failed' }])
    await stopAll()
    await server.startAgain()
    assert.equal((await server.sql(events)).length, 1)
    assert.equal((await server.sql(`SELECT 1 FROM access_events WHERE act = 'ledger.refused'`)).length, 0)
  })

  test('kill -9 of everything is no older database', async () => {
    const dana = await signedIn(server, server.cast.dana)
    const id = await writeTo(dana, { to: server.cast.maria.email })
    assert.equal((await recall(dana, id)).status, 303)
    await server.killEverything()
    await server.startAgain()
    assert.equal(await hasKey(id), false)
    assert.equal((await server.sql(`SELECT 1 FROM access_events WHERE act = 'database.older'`)).length, 1)
  })
})

describe('Killed while it erases: never acknowledged and still readable, never half', () => {
  /** Lets every transaction that touches this table wait where `timing` says, until it is let go. */
  async function stopAt(timing: string, table: string) {
    await server.sql(
      `CREATE OR REPLACE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$`,
    )
    await server.sql(
      `CREATE CONSTRAINT TRIGGER stands_still AFTER ${timing} ON ${table} ${
        timing === 'UPDATE' ? 'DEFERRABLE INITIALLY DEFERRED' : 'NOT DEFERRABLE'
      } FOR EACH ROW EXECUTE FUNCTION stand_still()`,
    )
  }
  async function go(table: string) {
    await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)
    await until(
      async () => (await server.sql(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)).length === 0,
      'nobody sleeps',
    )
    await server.sql(`DROP TRIGGER stands_still ON ${table}`)
  }
  const inLedger = (id: string) =>
    existsSync(join(server.dataDir, 'ledger')) && readFileSync(join(server.dataDir, 'ledger'), 'utf8').includes(id)

  async function killWhileRecalling(timing: string, table: string) {
    const dana = await signedIn(server, server.cast.dana)
    const id = await writeTo(dana, { to: server.cast.maria.email, body: 'Half or whole', files })
    await stopAt(timing, table)
    const answer = recall(dana, id).then(
      ({ status }) => status,
      () => 'no answer' as const,
    )
    await until(
      async () => (await server.sql(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)).length > 0,
      'the transaction stands still',
    )
    const promised = inLedger(id)
    await server.kill()
    assert.equal(await answer, 'no answer')
    await go(table)
    const before = await hasKey(id)
    await server.startAgain()
    return { id, promised, before }
  }

  test('before the ledger has its line: nothing happened, and the message opens', async () => {
    const { id, promised, before } = await killWhileRecalling('INSERT', 'destruction_certificates')
    assert.deepEqual([promised, before], [false, true])
    assert.equal(await hasKey(id), true)
    const maria = await signedIn(server, server.cast.maria)
    assert.match((await maria.ask(`/messages/${id}`)).body, /Half or whole/)
  })

  test('between the ledger and the database: the next start erases it, whole', async () => {
    const { id, promised, before } = await killWhileRecalling('UPDATE', 'messages')
    assert.deepEqual([promised, before], [true, true])
    assert.equal(await hasKey(id), false)
    assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE message_id = $1', [id]), [])
    assert.equal((await server.sql('SELECT 1 FROM destruction_certificates WHERE message_id = $1', [id])).length, 1)
    assert.equal((await server.sql(`SELECT 1 FROM access_events WHERE act = 'database.older'`)).length, 1)
  })

  test('after the database and before its files are swept: they are swept later, and no key opens them until then', async () => {
    const dana = await signedIn(server, server.cast.dana)
    const id = await writeTo(dana, { to: server.cast.maria.email, files })
    const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id])
    await recall(dana, id)
    await server.kill()
    await server.startAgain()
    const sealed = () =>
      readdirSync(join(server.dataDir, 'files'), { recursive: true }).filter((name) => String(name).includes(file!.id))
    assert.equal(await hasKey(id), false)
    assert.equal(sealed().length, 1)
  })
})

describe('While the server runs', () => {
  const ledger = () => join(server.dataDir, 'ledger')

  test('the ledger is taken away: nothing is written into another one, nothing is erased, and the next start tells and writes the lines again', async () => {
    const dana = await signedIn(server, server.cast.dana)
    const [first, second] = [
      await writeTo(dana, { to: server.cast.maria.email, body: 'Erased before' }),
      await writeTo(dana, { to: server.cast.maria.email, body: 'Not erased meanwhile' }),
    ]
    assert.equal((await recall(dana, first)).status, 303)
    rmSync(ledger())
    assert.equal((await recall(dana, second)).status, 503)
    assert.equal(await hasKey(second), true)
    await server.end()
    const length = server.said().length
    await server.startAgain()
    assert.match(server.said().slice(length), /lines on erased messages were missing and were written again/)
    assert.ok(readFileSync(ledger(), 'utf8').includes(first))
    assert.ok(
      (await server.sql(`SELECT 1 FROM access_events WHERE act = 'ledger.refused' AND outcome = 'failed'`)).length > 0,
    )
    assert.equal((await recall(await signedIn(server, server.cast.dana), second)).status, 303)
  })

  test('a row of an erased message is put back: the next start erases it again, and its certificate is the one of then', async () => {
    const dana = await signedIn(server, server.cast.dana)
    const id = await writeTo(dana, { to: server.cast.maria.email, body: 'Put back' })
    const columns = 'key_wrapped, subject_sealed, body_sealed'
    await server.sql(`CREATE TABLE put_aside AS SELECT id, ${columns} FROM messages WHERE id = $1`, [id])
    assert.equal((await recall(dana, id)).status, 303)
    const note = async () =>
      (await server.sql<{ note: string }>('SELECT note FROM destruction_certificates WHERE message_id = $1', [id]))[0]!
        .note
    const before = await note()
    await server.sql(
      `UPDATE messages m SET (${columns}, recalled_at, erased_why) = (SELECT ${columns}, NULL::timestamptz, NULL::text FROM put_aside) WHERE id = $1`,
      [id],
    )
    await server.sql('DROP TABLE put_aside')
    assert.equal(await hasKey(id), true)
    await server.end()
    await server.startAgain()
    assert.equal(await hasKey(id), false)
    assert.equal(await note(), before)
  })

  test('an older database comes into the place of the newer one: the process ends, and the next start says so', async () => {
    const dana = await signedIn(server, server.cast.dana)
    await server.sql('UPDATE ledger_state SET mark = mark - 3')
    await dana.ask('/messages')
    await server.sql(`SELECT graphile_worker.add_job('mark-ledger', '{}')`)
    await until(() => /The database is older than the ledger/.test(server.said()), 'it ends')
    await until(async () => (await dana.ask('/messages').catch(() => undefined)) === undefined, 'it has ended')
    const length = server.said().length
    await server.startAgain()
    assert.match(server.said().slice(length), /This database is older than the ledger/)
    assert.equal((await dana.ask('/messages')).status, 303, 'nobody is signed in')
  })
})
