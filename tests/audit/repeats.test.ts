/** What nobody who is signed in does again and again: the log says how often, and is not filled by it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { linkOf } from '../enrolment/newcomer.ts'
import { writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { signedIn, Visitor } from '../support/visitor.ts'

let server: TestServer
const HOUR = 60 * 60 * 1000

before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

interface Kept {
  id: string
  outcome: string
  details: { address?: string; times?: number; found?: string; reason?: string }
}

async function kept(act: string): Promise<Kept[]> {
  const { unsealField } = await import('../../server/vault/vault.ts')
  const rows = await server.sql<{ id: string; outcome: string; sealed: Buffer }>(
    'SELECT id, outcome, details_sealed AS sealed FROM access_events WHERE act = $1 ORDER BY at, id',
    [act],
  )
  return rows.map(({ id, outcome, sealed }) => ({
    id,
    outcome,
    details: JSON.parse(unsealField(`access-event/${id}`, sealed)) as Kept['details'],
  }))
}

describe('Refusals of nobody', () => {
  async function refuse(times: number, address: string, now: Date) {
    const { record } = await import('../../server/audit/record.ts')
    const actor = { kind: 'anonymous', strength: 'none', address } as const
    const event = { act: 'sign-in.refused', outcome: 'denied', reason: 'unknown' } as const
    for (let time = 0; time < times; time++) await record(actor, event, undefined, now)
  }
  const tell = async (now: Date) => (await import('../../server/audit/tell-repeats.job.ts')).tellRepeats(now)

  test('the first twenty of an hour from one network are events by themselves, the others are one event with their number', async () => {
    const begun = new Date()
    await refuse(300, '192.0.2.7', begun)
    await refuse(3, '198.51.100.9', begun)
    assert.equal((await kept('sign-in.refused')).length, 23)
    await tell(new Date(begun.getTime() + HOUR - 1000))
    assert.equal((await kept('sign-in.refused')).length, 23, 'not before the hour is over')
    await tell(new Date(begun.getTime() + HOUR + 1000))
    const events = await kept('sign-in.refused')
    assert.equal(events.length, 24)
    const counted = events.at(-1)!
    assert.equal(counted.outcome, 'denied')
    assert.deepEqual(
      [counted.details.times, counted.details.address, counted.details.reason],
      [280, '192.0.2.7', 'unknown'],
    )
    const all = events.reduce((sum, { details }) => sum + (details.times ?? 1), 0)
    assert.equal(all, 303, 'every one of them is told of')
    await tell(new Date(begun.getTime() + 3 * HOUR))
    assert.equal((await kept('sign-in.refused')).length, 24, 'once')
  })

  test('a flood from many networks is collapsed too', async () => {
    const { isRecordedByItself } = await import('../../server/audit/repeats.ts')
    const event = { act: 'help.refused', outcome: 'denied', reason: 'wrong-or-used' } as const
    let recorded = 0
    for (let network = 0; network < 60; network++) {
      const actor = { kind: 'anonymous', strength: 'none', address: `203.0.113.${network}` } as const
      for (let time = 0; time < 20; time++) if (await isRecordedByItself(actor, event, new Date())) recorded++
    }
    assert.equal(recorded, 1000)
  })

  test('a network below its own limit is told by name too when all networks together were too many', async () => {
    const before = (await kept('help.refused')).length
    await tell(new Date(Date.now() + HOUR + 1000))
    const told = (await kept('help.refused')).slice(before)
    assert.deepEqual(
      told.map(({ details }) => `${details.address} ${details.times}`).sort(),
      Array.from({ length: 10 }, (_, at) => `203.0.113.${at + 50} 20`),
    )
  })

  test('of very many networks two hundred an hour are told by name, those that did most, and the others as one number', async () => {
    const { isRecordedByItself } = await import('../../server/audit/repeats.ts')
    const event = { act: 'password.reset-refused', outcome: 'denied', reason: 'wrong-or-used' } as const
    const begun = Date.now()
    const refuse = (address: string, at: number) =>
      isRecordedByItself({ kind: 'anonymous', strength: 'none', address }, event, new Date(at))
    assert.ok(await refuse('192.0.2.1', begun))
    // As 999 more from other networks would leave it.
    await server.sql(`UPDATE repeated_events SET count = 1000, recorded = 1000 WHERE act = $1 AND key = kind`, [
      event.act,
    ])
    // Spread over the hour, as whoever wants to be told late would do it.
    for (let network = 0; network < 230; network++)
      assert.equal(await refuse(`198.51.100.${network}`, begun + network * 15_000), false)
    await refuse('198.51.100.229', begun + HOUR - 2000)
    await tell(new Date(begun + HOUR + 1000))
    await tell(new Date(begun + HOUR + 60_000))
    await tell(new Date(begun + 2 * HOUR + 60_000))
    const told = await kept('password.reset-refused')
    const named = told.filter(({ details }) => details.address)
    const others = told.filter(({ details }) => !details.address)
    assert.equal(named.length, 200)
    assert.equal(named.find(({ details }) => details.address === '198.51.100.229')?.details.times, 2)
    assert.deepEqual(
      others.map(({ details }) => details.times),
      [30],
    )
    assert.deepEqual(await server.sql(`SELECT FROM repeated_events WHERE act = 'password.reset-refused'`), [])
  })

  test('what somebody who is signed in is refused stands in the log each time', async () => {
    const dana = await signedIn(server, server.cast.dana)
    const unknown = '0199c000-0000-7000-8000-000000000000'
    for (let time = 0; time < 25; time++) assert.equal((await dana.ask(`/messages/${unknown}`)).status, 404)
    const rows = await server.sql(`SELECT FROM access_events WHERE act = 'message.opened' AND subject_id = $1`, [
      unknown,
    ])
    assert.equal(rows.length, 25)
  })
})

describe('A link that is asked for', () => {
  test('is an event of its own kind, a few times an hour, and no opening', async () => {
    const dana = await signedIn(server, server.cast.dana)
    const message = await writeTo(dana, { to: server.cast.maria.email })
    const link = await linkOf(server, message)
    for (let time = 0; time < 10; time++)
      await new Visitor(server).ask(link, { method: time % 2 ? 'HEAD' : 'GET', headers: { 'user-agent': 'A scanner' } })
    const events = await kept('link.fetched')
    assert.equal(events.length, 3)
    const rows = await server.sql<{ actor_kind: string; subject_id: string }>(
      `SELECT actor_kind, subject_id FROM access_events WHERE act = 'link.fetched'`,
    )
    assert.deepEqual(
      new Set(rows.map((row) => `${row.actor_kind} ${row.subject_id}`)),
      new Set([`anonymous ${message}`]),
    )
    assert.deepEqual(
      await server.sql('SELECT FROM message_recipients WHERE message_id = $1 AND opened_at IS NOT NULL', [message]),
      [],
    )
  })
})
