/** People and invitations, through the pages and through the script that makes the first administrator. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newId } from '../server/lib/ids.ts'
import { answerTo, enrol, everybodyIn, linkIn, mailsTo, outbox, writeTo } from './support/letters.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { bareEnvironment } from './support/template.ts'
import { plain, type Answer, type Visitor } from './support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let ada: Visitor
const INVITE = '/admin/people/invite'

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, ada } = await everybodyIn(server, { dana: cast.dana, maria: cast.maria, ada: cast.ada }))
})
after(() => server.stop())

const invite = (fields: Record<string, string>) =>
  ada.submit(INVITE, INVITE, { name: 'Ina Invited', role: 'provider', team: '', newTeam: '', ...fields })
const join = async (email: string) => (await enrol(server, linkIn((await mailsTo(server, email))[0]!))).visitor
const rowOf = (body: string, email: string) =>
  plain(new RegExp(`<tr role="row">(?:(?!</tr>)[\\s\\S])*${email}[\\s\\S]*?</tr>`).exec(body)![0])
const errorLinks = (answer: Answer) =>
  [.../<section class="summary"[\s\S]*?<\/section>/.exec(answer.body)![0].matchAll(/href="(#[^"]+)"/g)].map(
    (match) => match[1],
  )

describe('People', () => {
  test('are listed with role, team, state and last sign-in, patients are not, and reading it is in the log', async () => {
    const count = async () => (await server.sql(`SELECT 1 FROM access_events WHERE act = 'people.listed'`)).length
    const before = await count()
    const { body, h1 } = await ada.ask('/admin/people')
    assert.equal(h1, 'People')
    assert.match(
      rowOf(body, server.cast.dana.email),
      /Dana Ortiz, nurse dana\.ortiz@riverside\.example Care team Diabetes team Active Password and code app \d/,
    )
    assert.match(
      rowOf(body, server.cast.felix.email),
      /Felix Hahn, auditor .* Auditor None Active Password and code app Never/,
    )
    assert.doesNotMatch(body, /maria\.gomez|Maria Gomez/)
    assert.equal(await count(), before + 1)
  })
})

describe('An invitation', () => {
  test('with wrong fields is 422, says so at each, and keeps what was typed', async () => {
    const empty = await ada.submit(INVITE, INVITE, {})
    assert.equal(empty.status, 422)
    assert.deepEqual(errorLinks(empty), ['#name', '#email', '#role'])
    const teamless = await invite({ email: 'teamless@riverside.example' })
    assert.equal(teamless.status, 422)
    assert.deepEqual(errorLinks(teamless), ['#newTeam'])
    assert.match(teamless.body, /value="teamless@riverside\.example"/)
    assert.match(teamless.body, /value="Ina Invited"/)
    for (const [fields, at] of [
      [{ email: 'no address' }, '#email'],
      [{ email: server.cast.dana.email.toUpperCase() }, '#email'],
      [{ email: server.cast.maria.email }, '#email'],
      [{ name: 'x'.repeat(101) }, '#name'],
      [{ name: 'One\r\nBcc: x@mail.example' }, '#name'],
      [{ role: 'patient' }, '#role'],
      [{ role: 'superuser' }, '#role'],
      [{ newTeam: 'x'.repeat(101) }, '#newTeam'],
      [{ newTeam: 'Diabetes team' }, '#newTeam'],
      [{ team: 'garbled', newTeam: '' }, '#team'],
      [{ team: newId(), newTeam: '' }, '#newTeam'],
    ] as [Record<string, string>, string][]) {
      const answer = await invite({ email: 'wrong@riverside.example', newTeam: 'A new team', ...fields })
      assert.equal(answer.status, 422, JSON.stringify(fields))
      assert.deepEqual(errorLinks(answer), [at], JSON.stringify(fields))
    }
    assert.deepEqual(await outboxTo('wrong@riverside.example'), [])
  })

  test('of an administrator and an auditor leads to their own pages, and to no mail of anybody', async () => {
    for (const [role, home, refused] of [
      ['admin', '/admin/people', '/messages/new'],
      ['auditor', '/admin/access-events', '/admin/people'],
    ] as const) {
      const email = `new.${role}@riverside.example`
      const answer = await invite({ role, email })
      assert.match(answer.location, /^\/admin\/people\?invited=/)
      const list = await ada.ask(answer.location)
      assert.match(plain(list.body), /The invitation is on its way/)
      assert.match(rowOf(list.body, email), /Invited Never/)
      const visitor = await join(email)
      assert.equal((await visitor.ask(home)).status, 200)
      assert.equal((await visitor.ask(refused)).status, 404)
      assert.match(rowOf((await ada.ask('/admin/people')).body, email), /Active/)
    }
  })

  test('of a provider with a new team: they write for it, and whoever joins later reads its earlier messages', async () => {
    assert.equal((await invite({ email: 'first@riverside.example', newTeam: 'Heart team' })).status, 303)
    const first = await join('first@riverside.example')
    assert.equal((await first.ask('/messages')).h1, 'Heart team')
    const id = await writeTo(first, {
      to: server.cast.maria.email,
      subject: 'From the heart team',
      body: 'Before the second one came',
    })
    await answerTo(maria, id, { body: 'And the answer' })
    assert.equal((await dana.ask(`/messages/${id}`)).status, 404)
    const team = /<option value="([^"]+)">Heart team</.exec((await ada.ask(INVITE)).body)![1]!
    assert.equal((await invite({ email: 'second@riverside.example', team })).status, 303)
    const second = await join('second@riverside.example')
    const page = plain((await second.ask(`/messages/${id}`)).body)
    assert.match(page, /Before the second one came/)
    assert.match(page, /And the answer/)
    assert.match((await second.ask('/messages')).body, /From the heart team/)
    assert.equal((await answerTo(second, id, { body: 'From the second' })).status, 303)
    const events = await server.sql(
      `SELECT act FROM access_events WHERE act IN ('team.created', 'team.joined') AND actor_role = 'admin'`,
    )
    assert.deepEqual(events.map((event) => event['act']).toSorted(), ['team.created', 'team.joined', 'team.joined'])
    // The other team's mail stays closed to both.
    const ofDana = await writeTo(dana, { to: server.cast.maria.email })
    for (const who of [first, second]) assert.equal((await who.ask(`/messages/${ofDana}`)).status, 404)
  })

  test('sent ten times at once is one account and one mail', async () => {
    const email = 'at.once@riverside.example'
    const answers = await Promise.all(Array.from({ length: 10 }, () => invite({ email, role: 'auditor' })))
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [303, ...Array<number>(9).fill(422)])
    await mailsTo(server, email)
    await new Promise((done) => setTimeout(done, 200))
    assert.equal((await outboxTo(email)).length, 1)
  })

  test('cannot be done, or seen, by anybody else', async () => {
    const fields = { name: 'Eve', email: 'eve@riverside.example', role: 'admin' }
    for (const who of [dana, maria]) {
      assert.equal((await who.ask(INVITE)).status, 404)
      assert.equal((await who.submit('/help', INVITE, fields)).status, 404)
    }
    assert.deepEqual(await outboxTo('eve@riverside.example'), [])
  })
})

describe('npm run invite-admin', () => {
  const script = fileURLToPath(new URL('../scripts/invite-admin.js', import.meta.url))

  function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const env = { ...bareEnvironment(), DATA_DIR: server.dataDir, PORT: String(server.port), LOG_LEVEL: 'error' }
    return new Promise((done) => {
      execFile(process.execPath, [script, ...args], { env, timeout: 30_000 }, (error, out, err) => {
        done({ code: error ? Number((error as { code?: number }).code ?? -1) : 0, out, err })
      })
    })
  }

  test('makes an administrator, prints the link, and the running server mails it', async () => {
    const email = 'operator@riverside.example'
    const { code, out } = await run('--email', email, '--name', 'Olive Operator')
    assert.equal(code, 0)
    assert.match(out, /Invited operator@riverside\.example as an administrator/)
    const link = /http:\/\/localhost:\d+(\/m\/[\w-]+)/.exec(out)![1]!
    assert.equal(linkIn((await mailsTo(server, email))[0]!), link)
    const again = await run('--email', email)
    assert.equal(again.code, 0)
    assert.match(again.out, /operator@riverside\.example was invited before and has not begun\./)
    assert.ok(again.out.includes(link), 'the same link, and no second account')
    await mailsTo(server, email, 2)
    const { visitor } = await enrol(server, link)
    assert.equal((await run('--email', email)).code, 1, 'nothing once there is a sign-in')
    assert.match((await visitor.ask('/admin/people')).body, /Olive Operator/)
  })

  test('changes nothing for an address that has an account, and says what to do without one', async () => {
    const again = await run('--email', server.cast.dana.email)
    assert.equal(again.code, 1)
    assert.match(again.err, /already has an account\. Nothing was changed\./)
    for (const args of [[], ['--email', 'no address'], ['--email']]) {
      const { code, out, err } = await run(...args)
      assert.equal(code, 1)
      assert.equal(out, '')
      assert.ok(err.length > 10 && !err.includes(' at '), err)
    }
  })
})

const outboxTo = async (email: string) => (await outbox(server)).filter(({ to }) => to === email)
