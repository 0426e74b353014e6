/** The console: the overview, an event's own page, a patient's timeline, and the search by network and patient; always recorded first. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { everybodyIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { plain, type Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let ada: Visitor
let felix: Visitor
let message: string
let mariaId: string
const LOG = '/admin/access-events'

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, ada, felix } = await everybodyIn(server, {
    dana: cast.dana,
    maria: cast.maria,
    ada: cast.ada,
    felix: cast.felix,
  }))
  message = await writeTo(dana, { to: cast.maria.email, subject: 'Console canary', body: 'Console canary' })
  await maria.ask(`/messages/${message}`)
  await ada.ask(`/messages/${message}`)
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  mariaId = (await findAccountByEmail(cast.maria.email))!.id
})
after(() => server.stop())

const placed = () =>
  until(async () => (await server.sql('SELECT 1 FROM waiting_events')).length === 0, 'every event has its place')
const idsOf = async (act: string, subject: string) =>
  (
    await server.sql<{ id: string }>(
      'SELECT id FROM access_events WHERE act = $1 AND subject_id = $2 ORDER BY at, id',
      [act, subject],
    )
  ).map(({ id }) => id)
const newest = async (act: string) => {
  const [row] = await server.sql<{ id: string; outcome: string; subjectId: string | null; details: Buffer | null }>(
    `SELECT id, outcome, subject_id AS "subjectId", details_sealed AS details FROM access_events WHERE act = $1 ORDER BY at DESC, id DESC LIMIT 1`,
    [act],
  )
  if (!row) throw new Error(`no ${act}`)
  const { unsealField } = await import('../../server/vault/vault.ts')
  const details = row.details
    ? (JSON.parse(unsealField(`access-event/${row.id}`, row.details)) as Record<string, string>)
    : {}
  return { ...row, details }
}
const count = async (act: string) => (await server.sql('SELECT 1 FROM access_events WHERE act = $1', [act])).length

describe('The search of the access log', () => {
  test('finds by network address, which stands neither in an address nor in the database', async () => {
    const { location, status } = await felix.submit(LOG, LOG, { network: '127.0.0.1' })
    assert.equal(status, 303)
    assert.match(location, /^\/admin\/access-events\?network=[\w-]{22}$/)
    const { body } = await felix.ask(location)
    assert.match(body, /name="network" value="127\.0\.0\.1"/)
    assert.match(plain(body), /message\.opened/)
    const other = await felix.submit(LOG, LOG, { network: '203.0.113.9' })
    assert.match((await felix.ask(other.location)).body, /class="empty"/)
    const clear = await server.sql(`SELECT 1 FROM access_events e WHERE row_to_json(e)::text LIKE '%127.0.0.1%'`)
    assert.deepEqual(clear, [])
    assert.equal((await felix.submit(LOG, LOG, { network: 'the ward' })).status, 422)
  })

  test('finds everything about a patient: their account, and the messages of their conversations, whoever did it', async () => {
    await placed()
    const { location } = await felix.submit(LOG, LOG, { patient: server.cast.maria.email })
    assert.equal(location, `${LOG}?patient=${mariaId}`)
    const { body } = await felix.ask(location)
    for (const [act, who] of [
      ['message.dropped', 'Dana Ortiz, nurse'],
      ['message.opened', 'Maria Gomez'],
      ['message.opened', 'Ada Moss, administrator'],
    ] as const)
      assert.match(plain(body), new RegExp(`${who}[^№]{0,200}${act.replace('.', '\\.')}`), `${act} by ${who}`)
    assert.doesNotMatch(plain(body), /overview\.read|people\.listed/)
    assert.doesNotMatch(body, /Console canary/)
  })

  test('is recorded with what was looked for, sealed', async () => {
    await felix.ask(`${LOG}?patient=${mariaId}&what=openings&period=30`)
    const { details } = await newest('access-events.read')
    assert.equal(details['asked'], `what=openings&patient=${mariaId}&period=30`)
  })

  test('says how many fit and when, as the lines say it, and finds groups of acts', async () => {
    await placed()
    const { body } = await felix.ask(`${LOG}?what=openings`)
    const rows = [...(/<table class="events">([\s\S]*?)<\/table>/.exec(body)?.[1] ?? '').matchAll(/<td class="when">/g)]
      .length
    const said = Number(/<h2 class="matches">([\d,]+) event/.exec(body)?.[1])
    assert.ok(rows >= 2)
    assert.equal(said, rows)
    const numbers = [
      ...(/<table class="numbers">([\s\S]*?)<\/table>/.exec(body)?.[1] ?? '').matchAll(/<td>(\d+)<\/td>/g),
    ]
    assert.equal(
      numbers.reduce((sum, [, number]) => sum + Number(number), 0),
      rows,
    )
    assert.match(body, /<svg role="img" aria-labelledby="matches-title matches-desc"/)
    assert.doesNotMatch(body, / style=/)
  })

  test('158. Clock back 1 h -> order by index holds; clock state recorded', async () => {
    const { record } = await import('../../server/audit/record.ts')
    const { system } = await import('../../server/audit/actor.ts')
    const { newId } = await import('../../server/lib/ids.ts')
    const now = Date.now()
    const ids = [newId(), newId(), newId(), newId()]
    // Two as the clock was, two after it went back by an hour.
    for (const [at, minutes] of [0, 1, -59, -58].entries()) {
      await record(
        system,
        { act: 'files.checked', subject: { kind: 'page', id: ids[at]! } },
        undefined,
        new Date(now + minutes * 60_000),
      )
      await placed()
    }
    const { body } = await felix.ask(`${LOG}?what=files.checked`)
    const shown = [...body.matchAll(/<code class="quiet">([0-9a-f-]{36})</g)].map(([, id]) => id)
    assert.deepEqual(shown, ids.toReversed())
    const { unlessClockIsWrong } = await import('../../server/audit/clock.ts')
    await unlessClockIsWrong(async () => {}, new Date(now - 60 * 60_000))
    assert.equal((await newest('clock.disagreed')).outcome, 'failed')
  })
})

describe("An event's own page", () => {
  test('says who, what, when twice and where, its number, its hash and which checkpoint has it', async () => {
    await placed()
    const { signCheckpoint } = await import('../../server/audit/sign-checkpoint.ts')
    await signCheckpoint()
    const [id] = await idsOf('message.opened', message)
    const { body, status, h1 } = await felix.ask(`${LOG}/${id}`)
    assert.equal(status, 200)
    const [leaf] = await server.sql<{ leaf: string }>('SELECT leaf FROM log_leaves WHERE event_id = $1', [id])
    const number = (Number(leaf!.leaf) + 1).toLocaleString('en-US')
    assert.equal(h1, `Event ${number}`)
    const text = plain(body)
    for (const wanted of [
      /Who Maria Gomez Patient/,
      /What Opened a message message\.opened/,
      /When \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(\d{4}-\d\d-\d\dT[\d:.]+Z UTC\)/,
      /From where 127\.0\.0\.1/,
      /What stands here is what was recorded/,
      /Covered by the checkpoint of [\d,]+ events, signed on/,
      /Just before and after, by the same person/,
      /This event/,
    ])
      assert.match(text, wanted)
    const { leafOf } = await import('../../server/audit/leaf.ts')
    const { leafHash } = await import('../../server/audit/merkle-tree.ts')
    const { listLeaves } = await import('../../server/audit/log-proof.store.ts')
    const [there] = await listLeaves(Number(leaf!.leaf), 1)
    assert.ok(body.includes(leafHash(leafOf(there!.event)).toString('hex')))
    const { subjectId } = await newest('access-event.read')
    assert.equal(subjectId, id)
  })

  test('shows what was before and after, and what else the same request did', async () => {
    const { record } = await import('../../server/audit/record.ts')
    const { system } = await import('../../server/audit/actor.ts')
    const actor = { ...system, requestId: 'a-fictitious-request' }
    await record(actor, [
      { act: 'team.created', before: 'idle 15 minutes', after: 'idle 10 minutes' },
      { act: 'team.joined', said: 'A fictitious reason' },
    ])
    await placed()
    const { id } = await newest('team.created')
    const text = plain((await felix.ask(`${LOG}/${id}`)).body)
    assert.match(text, /Before idle 15 minutes After idle 10 minutes/)
    assert.match(text, /In the same request .*Joined a team .*A fictitious reason/)
  })

  test('is a 404 for what is no event, and the look is recorded', async () => {
    const { newId } = await import('../../server/lib/ids.ts')
    const before = await count('access-event.read')
    assert.equal((await felix.ask(`${LOG}/${newId()}`)).status, 404)
    assert.equal((await felix.ask(`${LOG}/1`)).status, 404)
    assert.equal(await count('access-event.read'), before + 1)
    assert.equal((await newest('access-event.read')).outcome, 'failed')
  })
})

describe("A patient's timeline", () => {
  test('is found by an address that stands in no address, and says who opened their messages in the last 30 days', async () => {
    await placed()
    const { location, status } = await felix.submit('/admin', '/admin/patients', {
      email: ` ${server.cast.maria.email} `,
    })
    assert.deepEqual([status, location], [303, `/admin/patients/${mariaId}`])
    const { body, h1 } = await felix.ask(location)
    assert.equal(h1, 'What happened to the messages of Maria Gomez')
    const openers = plain(/<ul class="plain-list around openers">([\s\S]*?)<\/ul>/.exec(body)![1]!)
    assert.match(openers, /Maria Gomez \(the patient\) \d+ times?, the last time on/)
    // Ada was refused: she opened nothing.
    assert.doesNotMatch(openers, /Ada Moss/)
    const lanes = /<table class="numbers">([\s\S]*?)<\/table>/.exec(body)![1]!
    assert.match(plain(lanes), /Ada Moss, administrator 0 0 1/)
    assert.equal((await newest('timeline.read')).subjectId, mariaId)
    assert.doesNotMatch(body, /Console canary/)
  })

  test('is there for patients only, and a wrong address is told at its field', async () => {
    const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
    const provider = (await findAccountByEmail(server.cast.dana.email))!
    assert.equal((await felix.ask(`/admin/patients/${provider.id}`)).status, 404)
    assert.equal((await newest('timeline.read')).outcome, 'failed')
    for (const email of ['', 'nobody@mail.example', server.cast.dana.email]) {
      const { status, body } = await felix.submit('/admin', '/admin/patients', { email })
      assert.equal(status, 422)
      assert.match(body, /href="#email"/)
    }
    assert.equal((await felix.ask(`/admin/patients/${mariaId}?period=2`)).status, 400)
  })

  test('is not shown when the look cannot be recorded, and neither are the overview and an event', async () => {
    const [id] = await idsOf('message.opened', message)
    await server.sql(
      `ALTER TABLE access_events ADD CONSTRAINT closed CHECK (act NOT IN ('timeline.read', 'overview.read', 'access-event.read')) NOT VALID`,
    )
    const answers = await Promise.all(
      [`/admin/patients/${mariaId}`, '/admin', `${LOG}/${id}`].map((path) => felix.ask(path)),
    )
    await server.sql('ALTER TABLE access_events DROP CONSTRAINT closed')
    assert.deepEqual(
      answers.map(({ status }) => status),
      [503, 503, 503],
    )
    for (const { body } of answers) assert.doesNotMatch(body, /Maria Gomez/)
  })
})

describe('The overview', () => {
  test('is where administrators and auditors begin, and its captions, tables and tiles say the same numbers', async () => {
    await placed()
    for (const who of [ada, felix]) assert.equal((await who.ask('/')).location, '/admin')
    const { body, status } = await felix.ask('/admin')
    assert.equal(status, 200)
    const [messages] = await server.sql<{ count: string }>(
      `SELECT count(*) FROM messages WHERE sent_at > now() - interval '30 days'`,
    )
    const tile = /<span>Messages sent, 30 days<\/span><span class="big">([\d,]+)</.exec(body)?.[1]
    assert.equal(tile, messages!.count)
    const figure = /<figure class="chart" id="per-day">([\s\S]*?)<\/figure>/.exec(body)![1]!
    const cells = [...figure.matchAll(/<td>(\d+)<\/td>/g)].map(([, cell]) => Number(cell))
    assert.equal(
      cells.reduce((sum, cell) => sum + cell, 0),
      Number(messages!.count),
    )
    assert.match(plain(figure), new RegExp(`${messages!.count} messages?, `))
    assert.match(plain(body), /How patients get in, 90 days Of \d+ patients? who/)
    assert.doesNotMatch(body, / style=|Console canary/)
    assert.equal((await newest('overview.read')).outcome, 'done')
  })
})
