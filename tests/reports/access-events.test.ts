/** The page of the access log: who did what, found again, and never content. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { system, type Actor, type SignInStrength } from '../../server/audit/actor.ts'
import { record } from '../../server/audit/record.ts'
import { newId } from '../../server/lib/ids.ts'
import { everybodyIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let ada: Visitor
let felix: Visitor
const LOG = '/admin/access-events'
const DAY = 24 * 60 * 60 * 1000

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, ada, felix } = await everybodyIn(server, {
    dana: cast.dana,
    maria: cast.maria,
    ada: cast.ada,
    felix: cast.felix,
  }))
})
after(() => server.stop())

const accountOf = async (email: string) => {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(email))!
}
const read = (query: Record<string, string> = {}, who = felix) =>
  who.ask(`${LOG}?${new URLSearchParams(query).toString()}`)
/** What the form leads to. */
const search = (fields: Record<string, string>, who = felix) => who.submit(LOG, LOG, fields)
const find = async (fields: Record<string, string>, who = felix) => {
  const { location, status, body } = await search(fields, who)
  assert.equal(status, 303, plain(body).slice(0, 300))
  return who.ask(location)
}
const rowsIn = (body: string) =>
  [
    ...(/<table class="events">[\s\S]*?<tbody>([\s\S]*?)<\/tbody>/.exec(body)?.[1] ?? '').matchAll(
      /<tr>([\s\S]*?)<\/tr>/g,
    ),
  ].map((match) => match[1]!)
const codesIn = (body: string) => rowsIn(body).map((row) => /<code class="quiet">([a-z-]+\.[a-z-]+)</.exec(row)![1]!)
const idsIn = (body: string) =>
  rowsIn(body).flatMap((row) => /<code class="quiet">([0-9a-f-]{36})</.exec(row)?.[1] ?? [])
const olderIn = (body: string) =>
  /href="([^"]*before[^"]*)"/.exec(body)?.[1]?.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')

describe('The access log', () => {
  test('shows a line for each thing that happened, the refusals too, and no content', async () => {
    const id = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: 'Log canary subject',
      body: 'Log canary body',
    })
    await maria.ask(`/messages/${id}`)
    await ada.ask(`/messages/${id}`)
    const { body } = await read()
    const lines = rowsIn(body)
      .map(plain)
      .filter((line) => line.includes(id))
    assert.equal(lines.filter((line) => /Dana Ortiz, nurse .* message\.dropped .* Done/.test(line)).length, 1)
    assert.equal(lines.filter((line) => /Maria Gomez .* message\.opened .* Done/.test(line)).length, 1)
    assert.equal(
      lines.filter((line) => /Ada Moss, administrator .* message\.opened .* Denied It is not theirs/.test(line)).length,
      1,
    )
    assert.doesNotMatch(body, /Log canary/)
  })

  test('has words for every act, reason, outcome and strength that the code can record', async () => {
    const { ACTS } = await import('../../server/audit/acts.ts')
    const { REASONS } = await import('../../server/audit/reasons.ts')
    const { words } = await import('../../server/lib/words.ts')
    const strengths: SignInStrength[] = [
      ...(['password', 'sign-on+password'] as const).flatMap((first) =>
        (['code', 'recovery-code', 'passkey'] as const).map((second) => `${first}+${second}` as const),
      ),
      'sign-on+password',
      'passkey',
    ]
    const keys = [
      ...ACTS.map((act) => `reports:acts.${act}`),
      ...REASONS.map((reason) => `reports:reasons.${reason}`),
      ...['done', 'denied', 'failed'].map((outcome) => `reports:outcomes.${outcome}`),
      ...[...strengths, 'enrolment'].map((strength) => `reports:strengths.${strength}`),
    ]
    const without = keys.filter(
      (key) => key.endsWith(words('en')(key, {})) || !/^[A-Zw]|^by /.test(words('en')(key, {})),
    )
    assert.deepEqual(without, [])
    assert.equal(new Set(REASONS).size, REASONS.length)
  })

  test('says how somebody signed in, what staff looked up to help, what opened a mailbox, and what did not open', async () => {
    const { email } = server.cast.maria
    assert.match(plain((await read({ what: 'account.signed-in' })).body), /Signed in with password and code/)
    await dana.submit('/help-sign-in', '/help-sign-in', { email })
    assert.match(
      plain(rowsIn((await read({ what: 'help.looked-up' })).body)[0]!),
      /Dana Ortiz.*to help them sign in again.*Maria Gomez/,
    )
    const id = (await accountOf(email)).id
    const person: Actor = { kind: 'account', id, role: 'patient', strength: 'none' }
    await record(person, { act: 'mailbox.recovered', subject: { kind: 'account', id } })
    const [opened] = rowsIn((await read({ what: 'mailbox.recovered' })).body)
    assert.match(plain(opened!), /The organisation’s recovery key when Maria Gomez set a new password Opened a mailbox/)
    const found = 'the padding is not empty'
    await record(person, { act: 'envelope.refused', outcome: 'failed', reason: 'not-as-sealed', found })
    const [refused] = rowsIn((await read({ what: 'envelope.refused' })).body)
    assert.match(plain(refused!), /What was stored is not what was sealed the padding is not empty/)
  })

  test('is found by who, what, outcome and day, and by all of them together', async () => {
    const { email } = server.cast.maria
    const byWho = rowsIn((await find({ who: email })).body)
    assert.ok(byWho.length > 0 && byWho.every((row) => row.includes('Maria Gomez')))
    assert.deepEqual(rowsIn((await find({ who: ` ${email.toUpperCase()} ` })).body), byWho)
    const byWhat = codesIn((await read({ what: 'message.dropped' })).body)
    assert.ok(byWhat.length > 0 && byWhat.every((code) => code === 'message.dropped'))
    const denied = rowsIn((await read({ outcome: 'denied' })).body)
    assert.ok(denied.length > 0 && denied.every((row) => row.includes('class="chip bad"')))
    const today = new Date().toISOString().slice(0, 10)
    assert.ok(rowsIn((await read({ from: today, to: today })).body).length > 0)
    assert.equal(rowsIn((await read({ from: new Date(Date.now() + DAY).toISOString().slice(0, 10) })).body).length, 0)
    assert.equal(rowsIn((await read({ to: '2020-01-01' })).body).length, 0)
    const together = await find({ who: email, what: 'message.opened', outcome: 'done', from: today, to: today })
    assert.ok(codesIn(together.body).every((code) => code === 'message.opened'))
    assert.equal((await read({ what: 'nothing.such' })).status, 200)
    for (const who of ['nobody@mail.example', 'Maria', '%', `${'x'.repeat(255)}@mail.example`]) {
      const { status, body } = await search({ who })
      assert.equal(status, 422, who)
      assert.match(plain(body), /Nobody here has this e-mail address/, who)
    }
  })

  test('keeps what was asked in its form and its address, says it beside the count, and offers to clear it', async () => {
    const { email } = server.cast.maria
    const { body } = await find({
      who: email,
      what: 'message.opened',
      outcome: 'denied',
      from: '2026-01-01',
      to: '2026-12-31',
    })
    assert.ok(body.includes(`name="who" value="${email}"`))
    assert.match(body, /<option value="message\.opened" selected>/)
    assert.match(body, /<option value="denied" selected>/)
    assert.match(body, /name="from" value="2026-01-01"/)
    assert.match(body, /<a href="\/admin\/access-events">/)
    const chips = [...body.matchAll(/<a class="quiet-button" href="([^"]+)">([^<]+)</g)].map(([, , text]) => text)
    assert.deepEqual(chips, ['By Maria Gomez', 'Opened a message', 'Denied', 'Since 2026-01-01', 'Until 2026-12-31'])
    assert.match(plain((await read()).body), /events in the last 3 months, which is what the log shows first/)
  })

  test('comes a hundred on a page, newest first, nothing twice and nothing left out', async () => {
    const when = new Date('2026-03-03T12:00:00Z')
    const ids = Array.from({ length: 250 }, () => newId())
    // Many at the very same moment, across the edge of a page.
    for (const [index, id] of ids.entries())
      await record(
        system,
        { act: 'people.listed', subject: { kind: 'page', id } },
        undefined,
        new Date(when.getTime() + Math.floor(index / 60)),
      )
    const seen: string[] = []
    const sizes: number[] = []
    let path: string | undefined = `${LOG}?from=2026-03-03&to=2026-03-03&what=people.listed`
    while (path) {
      const { body, status } = await felix.ask(path)
      assert.equal(status, 200)
      seen.push(...idsIn(body))
      sizes.push(rowsIn(body).length)
      path = olderIn(body)
    }
    assert.deepEqual(sizes, [100, 100, 50])
    assert.deepEqual(seen.toSorted(), ids.toSorted())
    const index = new Map(ids.map((id, place) => [id, Math.floor(place / 60)]))
    assert.deepEqual(
      seen.map((id) => index.get(id)),
      seen.map((id) => index.get(id)).toSorted((a, b) => b! - a!),
    )
  })

  test('78. answers a filter that its form cannot send with 400', async () => {
    const id = newId()
    const odd = [
      'what=DROP',
      'what=message.opened;--',
      'outcome=perhaps',
      'from=yesterday',
      'from=2026-13-45',
      'to=2026-02-30x',
      'from=NaN',
      'before=1',
      'before=x.y',
      `before=1.${id}`,
      `before=${id}`,
      'who=maria@mail.example',
      'patient=1',
      'network=203.0.113.7',
      'period=2',
      'who=a&who=b',
      'outcome=done&outcome=denied',
    ]
    for (const query of odd) assert.equal((await felix.ask(`${LOG}?${query}`)).status, 400, query)
    for (const query of ['limit=1000000000', 'page=-1', 'sort=details_sealed', 'order=x', 'who[$ne]=x'])
      assert.equal((await felix.ask(`${LOG}?${query}`)).status, 200, query)
  })

  test('records that it was read, by whom, each time', async () => {
    const count = async (role: string) =>
      (
        await server.sql(
          `SELECT 1 FROM access_events WHERE act = 'access-events.read' AND actor_role = $1 AND outcome = 'done'`,
          [role],
        )
      ).length
    const [auditor, admin] = [await count('auditor'), await count('admin')]
    await read({}, felix)
    await find({ who: server.cast.maria.email }, felix)
    await read({}, ada)
    // The page that the search form stands on is one too.
    assert.deepEqual([await count('auditor'), await count('admin')], [auditor + 3, admin + 1])
    const { body } = await search({ patient: 'nobody@mail.example' }, ada)
    assert.match(body, /Nobody here has this e-mail address/)
    const refused = `SELECT 1 FROM access_events WHERE act = 'access-events.read' AND actor_role = 'admin' AND outcome = 'failed'`
    assert.equal((await server.sql(refused)).length, 1)
    assert.ok(codesIn((await read()).body)[0] === 'access-events.read')
  })

  test('is not shown when its reading cannot be recorded', async () => {
    await server.sql(`ALTER TABLE access_events ADD CONSTRAINT closed CHECK (act <> 'access-events.read') NOT VALID`)
    const answer = await read()
    await server.sql('ALTER TABLE access_events DROP CONSTRAINT closed')
    assert.equal(answer.status, 503)
    assert.equal(rowsIn(answer.body).length, 0)
  })

  test('shows an event whose details do not open, and the others with it', async () => {
    const id = newId()
    await server.sql(
      `INSERT INTO access_events (id, at, actor_kind, strength, act, outcome, details_sealed) VALUES ($1, now(), 'system', 'internal', 'people.listed', 'done', '\\x00')`,
      [id],
    )
    const { body, status } = await read()
    assert.equal(status, 200)
    assert.match(body, /The details of this line do not open/)
    assert.ok(rowsIn(body).length > 5)
  })
})
