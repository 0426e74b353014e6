/** The access log as the database keeps it: nobody changes it, there is always room, and without it nothing is revealed. */
import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { askAs } from '../faults/child-server.ts'
import { everybodyIn, textFile, writeTo } from '../support/letters.ts'
import { choosePassword, linkOf } from '../enrolment/newcomer.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, Visitor } from '../support/visitor.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

const asApp = (text: string, values: unknown[] = []) => askAs(server.dataDir, 'app', text, values)

async function partitions(): Promise<string[]> {
  const rows = await server.sql<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'access_events'::regclass ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

const count = async () => (await server.sql<{ count: string }>('SELECT count(*) FROM access_events'))[0]!.count

describe('148. UPDATE/DELETE/TRUNCATE audit', () => {
  const statements = (table: string) => [
    `UPDATE ${table} SET outcome = 'done'`,
    `UPDATE ${table} SET details_sealed = NULL`,
    `DELETE FROM ${table}`,
    `TRUNCATE ${table}`,
  ]

  test('as app role, on the log and on every partition -> permission denied', async () => {
    const all = await partitions()
    assert.ok(all.length >= 26, `${all.length} partitions`)
    for (const table of ['access_events', ...all])
      for (const statement of [...statements(table), `DROP TABLE ${table}`, `ALTER TABLE ${table} DISABLE TRIGGER ALL`])
        await assert.rejects(asApp(statement), { code: '42501' }, statement)
  })

  test('as app role, past the triggers by other ways -> permission denied', async () => {
    for (const statement of [
      'ALTER TABLE access_events DETACH PARTITION access_events_other_times',
      'CREATE OR REPLACE FUNCTION refuse_change_of_access_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
      'DROP TRIGGER never_changed ON access_events',
      'SET ROLE letterlock_owner',
      "SET session_replication_role = 'replica'",
    ])
      await assert.rejects(asApp(statement), { code: '42501' }, statement)
    // A grant that one may not give is a warning only: it must not have given anything.
    await asApp('GRANT ALL ON access_events TO letterlock_app')
    const held = await server.sql(
      `SELECT privilege_type AS name FROM information_schema.role_table_grants
       WHERE grantee = 'letterlock_app' AND table_schema = 'public' AND table_name LIKE 'access\\_events%' ORDER BY 1`,
    )
    assert.deepEqual(held, [{ name: 'INSERT' }, { name: 'SELECT' }])
  })

  test('as owner, on the log and on every partition that holds something or could -> the trigger refuses', async () => {
    const before = await count()
    assert.notEqual(before, '0')
    for (const statement of statements('access_events'))
      await assert.rejects(server.sql(statement), /access events are never changed/, statement)
    for (const table of await partitions()) {
      await assert.rejects(server.sql(`TRUNCATE ${table}`), /access events are never changed/, table)
      const [held] = await server.sql<{ count: string }>(`SELECT count(*) FROM ${table}`)
      if (held!.count !== '0')
        for (const statement of statements(table))
          await assert.rejects(server.sql(statement), /access events are never changed/, statement)
    }
    assert.equal(await count(), before)
  })
})

describe('Room for access events', () => {
  const month = (ahead: number) => {
    const now = new Date()
    const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1))
    return `access_events_${day.toISOString().slice(0, 7).replace('-', '_')}`
  }

  test('there is a partition for this month and for each of the two years that follow, and what happens now goes there', async () => {
    const all = await partitions()
    for (let ahead = 0; ahead <= 24; ahead++) assert.ok(all.includes(month(ahead)), month(ahead))
    const rows = await server.sql<{ place: string }>(
      "SELECT DISTINCT tableoid::regclass::text AS place FROM access_events WHERE at > now() - interval '1 minute'",
    )
    await new Visitor(server).submit('/sign-in', '/sign-in', {
      email: 'nobody@mail.example',
      password: 'not this one at all',
    })
    const [row] = await server.sql<{ place: string }>(
      'SELECT tableoid::regclass::text AS place FROM access_events ORDER BY at DESC LIMIT 1',
    )
    assert.equal(row!.place, month(0))
    assert.ok(rows.every(({ place }) => place === month(0)))
  })

  test('an event far in the future or the past still fits', async () => {
    const { record } = await import('../../server/audit/record.ts')
    const { system } = await import('../../server/audit/actor.ts')
    for (const at of ['1970-01-01T00:00:00Z', '2199-12-31T23:59:59.999Z']) {
      await record(system, { act: 'people.listed' }, undefined, new Date(at))
      const [row] = await server.sql<{ place: string }>(
        'SELECT tableoid::regclass::text AS place FROM access_events WHERE at = $1',
        [at],
      )
      assert.equal(row?.place, 'access_events_other_times', at)
    }
  })

  test('the application may make room, as often as it likes, up to ten years, and can make nothing else', async () => {
    await asApp('SELECT make_room_for_access_events(30)')
    await asApp('SELECT make_room_for_access_events(30)')
    const all = await partitions()
    assert.ok(all.includes(month(30)) && !all.includes(month(31)))
    await assert.rejects(asApp('DELETE FROM ' + month(30)), { code: '42501' })
    await assert.rejects(server.sql('TRUNCATE ' + month(30)), /never changed/)
    for (const statement of [
      'CREATE TABLE public.mine ()',
      "CREATE TABLE public.mine PARTITION OF access_events FOR VALUES FROM ('2300-01-01') TO ('2300-02-01')",
      "CREATE FUNCTION public.mine() RETURNS void LANGUAGE sql AS ''",
      'CREATE SCHEMA mine',
    ])
      await assert.rejects(asApp(statement), { code: '42501' }, statement)
    // What stands before `public` in the caller's own path must not become what the owner's function calls.
    await asApp(
      "CREATE FUNCTION graphile_worker.to_char(date, text) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$; SET search_path = graphile_worker, public; SELECT public.make_room_for_access_events(31)",
    )
    assert.ok((await partitions()).includes(month(31)))
    await asApp('DROP FUNCTION graphile_worker.to_char(date, text)')
  })
})

describe('152. Audit insert fails / times out / DB gone -> no PHI sent', () => {
  const SUBJECT = 'Only after the record'
  const BODY = 'never without its event'
  let dana: Visitor
  let maria: Visitor
  let message: string
  let file: string

  before(async () => {
    ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
    message = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: SUBJECT,
      body: BODY,
      files: [textFile('sheet.txt', BODY)],
    })
    file = (await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message]))[0]!.id
  })

  async function withoutLog(work: () => Promise<void>) {
    await server.sql('REVOKE INSERT ON access_events FROM letterlock_app')
    try {
      await work()
    } finally {
      await server.sql('GRANT INSERT ON access_events TO letterlock_app')
    }
  }

  const states = () =>
    server.sql(
      `SELECT (SELECT count(*) FROM messages) AS messages, (SELECT count(*) FROM message_recipients WHERE opened_at IS NOT NULL) AS opened,
        (SELECT count(*) FROM attachment_receipts) AS receipts, (SELECT count(*) FROM accounts) AS accounts,
        (SELECT count(*) FROM messages WHERE recalled_at IS NOT NULL) AS recalled, (SELECT sum(unread_count) FROM thread_mailboxes) AS unread`,
    )

  test('every page that shows something private: 503, nothing of it, and nothing noted as opened', async () => {
    const ada = (await everybodyIn(server, { ada: server.cast.ada })).ada
    const before = await states()
    const paths: [Visitor, string][] = [
      [maria, '/messages'],
      [maria, `/messages/${message}`],
      [maria, `/attachments/${file}`],
      [maria, `/attachments/${file}/download`],
      [dana, '/messages'],
      [ada, '/admin/people'],
      [ada, '/admin/access-events'],
    ]
    await withoutLog(async () => {
      for (const [visitor, path] of paths) {
        const answer = await visitor.ask(path)
        assert.equal(answer.status, 503, path)
        assert.doesNotMatch(answer.body, /Only after|never without|sheet\.txt|Felix|Hahn|@/, path)
        assert.equal(answer.headers['content-disposition'], undefined, path)
      }
    })
    assert.deepEqual(await states(), before)
    for (const [visitor, path] of paths) assert.equal((await visitor.ask(path)).status, 200, path)
  })

  test('what would change something: 503, and nothing was changed', async () => {
    const fresh = await writeTo(dana, { to: server.cast.maria.email, subject: SUBJECT, body: BODY })
    const before = await states()
    const letter = { draft: '', to: server.cast.maria.email, subject: SUBJECT, body: BODY, action: 'check' }
    const kept = await dana.upload('/messages/new', '/messages', letter)
    const sendToken = await dana.tokenOn(kept.location)
    const recallToken = await dana.tokenOn(`/messages/${fresh}/recall`)
    const post = (visitor: Visitor, path: string, token: string) =>
      visitor.ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
        body: new URLSearchParams({ _csrf: token }).toString(),
      })
    await letCodesCountAgain(server)
    await withoutLog(async () => {
      assert.equal((await post(dana, kept.location.replace('/check', '/send'), sendToken)).status, 503)
      assert.equal((await post(dana, `/messages/${fresh}/recall`, recallToken)).status, 503)
      const stranger = new Visitor(server)
      const answer = await stranger.signIn(server.cast.sam)
      assert.equal(answer.status, 503)
    })
    assert.deepEqual(await states(), before)
    assert.equal((await post(dana, kept.location.replace('/check', '/send'), sendToken)).status, 303)
  })

  test('a password for a new account: 503, and no half-made sign-in stays', async () => {
    const link = await linkOf(
      server,
      await writeTo(dana, { to: 'newcomer@mail.example', subject: SUBJECT, body: BODY }),
    )
    const halfMade = () => server.sql('SELECT id FROM enrolments')
    const visitor = new Visitor(server)
    await withoutLog(async () => {
      assert.equal((await choosePassword(visitor, link, 'three random words 7')).status, 503)
    })
    assert.deepEqual(await halfMade(), [])
    assert.equal((await choosePassword(visitor, link, 'three random words 7')).status, 303)
    assert.equal((await halfMade()).length, 1)
  })

  test('signing out: 503, on a page that greets nobody, and signed out all the same', async () => {
    const sam = (await everybodyIn(server, { sam: server.cast.sam })).sam
    await withoutLog(async () => {
      const answer = await sam.submit('/help', '/sign-out', {})
      assert.equal(answer.status, 503)
      assert.ok(!answer.body.includes('/sign-out') && !answer.body.includes(server.cast.sam.name))
      assert.equal((await sam.ask('/messages')).location, '/sign-in')
    })
  })

  test('the log can be written, but its transaction is rolled back: then nothing is shown either', async () => {
    await server.sql(
      `CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'late'; END $$`,
    )
    await server.sql(
      'CREATE CONSTRAINT TRIGGER late AFTER INSERT ON access_events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_late()',
    )
    try {
      for (const path of [`/messages/${message}`, `/attachments/${file}/download`]) {
        const answer = await maria.ask(path)
        assert.ok([500, 503].includes(answer.status), `${answer.status} for ${path}`)
        assert.doesNotMatch(answer.body, /Only after|never without/, path)
      }
    } finally {
      await server.sql('DROP TRIGGER late ON access_events')
    }
  })

  test('DB gone: 503 everywhere, nothing is shown, and the process lives', async () => {
    const { findServer, signalServer } = await import('../../server/database/embedded-server.ts')
    const folder = `${server.dataDir}/postgres`
    const found = findServer(folder)!
    // It would be started again at once, but for its folder, which is not where it was.
    renameSync(folder, `${folder}-away`)
    writeFileSync(folder, '')
    signalServer(found, 'SIGINT')
    while (signalServer(found, 0)) await new Promise((go) => setTimeout(go, 10))
    for (const path of ['/messages', `/messages/${message}`, `/attachments/${file}/download`]) {
      const answer = await maria.ask(path)
      assert.equal(answer.status, 503, path)
      assert.doesNotMatch(answer.body, /Only after|never without|ECONNREFUSED|127\.0\.0\.1/, path)
    }
    assert.equal((await maria.ask('/health/live')).status, 200)
    assert.equal((await maria.ask('/health/ready')).status, 503)
    rmSync(folder)
    renameSync(`${folder}-away`, folder)
  })
})
