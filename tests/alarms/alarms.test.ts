/** Alarms: raised once for what is much, told to those who keep watch, worked on and closed by somebody. */
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Actor } from '../../server/audit/actor.ts'
import { record, type AccessEvent } from '../../server/audit/record.ts'
import { newId } from '../../server/lib/ids.ts'
import { everybodyIn, mailsTo, outbox, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { plain, type Visitor } from '../support/visitor.ts'
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts'

let server: TestServer
let hook: WebhookReceiver
let dana: Visitor
let ada: Visitor
let felix: Visitor
let danaId: string
let adaId: string
let mariaId: string
const HOME = '/admin/alarms'
const SECRET = `whsec_${randomBytes(32).toString('base64')}`

before(async () => {
  hook = await startWebhookReceiver()
  server = await startTestServer({
    WATCH_WEBHOOK_URL: hook.url,
    WATCH_WEBHOOK_SECRET: SECRET,
    WATCH_WEBHOOK_PRIVATE: 'yes',
    TIME_ZONE: 'UTC',
  })
  const { cast } = server
  ;({ dana, felix, ada } = await everybodyIn(server, { dana: cast.dana, felix: cast.felix, ada: cast.ada }))
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const idOf = async (email: string) => (await findAccountByEmail(email))!.id
  ;[danaId, adaId, mariaId] = (await Promise.all(
    [cast.dana, cast.ada, cast.maria].map(({ email }) => idOf(email)),
  )) as [string, string, string]
  await set({})
  await look()
})
after(async () => {
  await server?.stop()
  await hook?.stop()
})

const MINUTE = 60_000
const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE)

/** The server looks by itself each minute: whichever look comes first, the alarm is the same one. */
async function look(now = new Date()) {
  const { lookForAlarms } = await import('../../server/alarms/look-for-alarms.job.ts')
  // What was recorded has its place in the tree first.
  await until(async () => (await server.sql('SELECT FROM waiting_events LIMIT 1')).length === 0, 'the sequencer')
  await lookForAlarms(now)
}

const person = (id: string, role: string, address = '198.51.100.7'): Actor => ({
  kind: 'account',
  id,
  role,
  strength: 'password+code',
  address,
})
async function happened(actor: Actor, event: AccessEvent, count: number, at: Date) {
  await record(
    actor,
    Array.from({ length: count }, () => event),
    undefined,
    at,
  )
}
const opened = (): AccessEvent => ({ act: 'message.opened', subject: { kind: 'message', id: newId() } })
const alarms = (rule: string) =>
  server.sql<{ id: string; count: number; threshold: number; account_id: string | null; closed_at: Date | null }>(
    'SELECT * FROM alarms WHERE rule = $1 ORDER BY raised_at, id',
    [rule],
  )
const open = async (rule: string) => (await alarms(rule)).filter(({ closed_at }) => !closed_at)
const closeAll = () =>
  server.sql(`UPDATE alarms SET closed_at = '2000-01-01', closed_by = $1 WHERE closed_at IS NULL`, [adaId])
const set = (values: Record<string, number>) =>
  import('../../server/settings/settings.ts').then(({ settingsVersion, useSettings }) =>
    useSettings(settingsVersion(), { nightFrom: 0, nightTo: 0, ...values }),
  )

describe('An alarm', () => {
  test('is raised for an account and an address that open far more than usual, once each, and not for those who do not', async () => {
    await happened(person(danaId, 'provider'), opened(), 199, ago(30))
    await happened(person(mariaId, 'patient', '203.0.113.9'), opened(), 20, ago(30))
    await look()
    assert.deepEqual(await alarms('mass-opening'), [])
    await happened(person(danaId, 'provider'), opened(), 1, ago(20))
    await look()
    await look()
    const raised = await alarms('mass-opening')
    assert.deepEqual(raised.map(({ account_id }) => account_id).sort(), [danaId, null].sort())
    assert.ok(raised.every(({ count, threshold }) => count === 200 && threshold === 200))
    // More of the same is the same alarm, with another count.
    await happened(person(danaId, 'provider'), opened(), 10, ago(5))
    await look()
    assert.deepEqual(
      (await alarms('mass-opening')).map(({ count }) => count),
      [210, 210],
    )
    await closeAll()
  })

  test('is none where so much is usual, and is one again when it is five times as much', async () => {
    const busy = newId()
    await accountLike(busy)
    for (const days of [1, 2, 3])
      await happened(
        person(busy, 'auditor', '192.0.2.40'),
        opened(),
        100,
        new Date(ago(30).getTime() - days * 24 * 60 * MINUTE),
      )
    await happened(person(busy, 'auditor', '192.0.2.40'), opened(), 400, ago(25))
    await look()
    assert.deepEqual(
      (await alarms('mass-opening')).filter(({ account_id, closed_at }) => account_id === busy && !closed_at),
      [],
    )
    await happened(person(busy, 'auditor', '192.0.2.40'), opened(), 100, ago(15))
    await look()
    const [raised] = (await alarms('mass-opening')).filter(
      ({ account_id, closed_at }) => account_id === busy && !closed_at,
    )
    assert.equal(raised!.count, 500)
    assert.equal(raised!.threshold, 500)
    await closeAll()
  })

  test('is raised for openings of staff at unusual hours, and not for those who work at night', async () => {
    const night = ago(5)
    await set({ nightFrom: night.getUTCHours(), nightTo: (night.getUTCHours() + 2) % 24 })
    await happened(person(adaId, 'admin', '192.0.2.1'), opened(), 10, night)
    await happened(person(mariaId, 'patient', '192.0.2.2'), opened(), 12, night)
    for (const days of [1, 2])
      await happened(
        person(danaId, 'provider', '192.0.2.3'),
        opened(),
        3,
        new Date(night.getTime() - days * 24 * 60 * MINUTE),
      )
    await happened(person(danaId, 'provider', '192.0.2.3'), opened(), 12, night)
    await look()
    await set({})
    assert.deepEqual(
      (await alarms('unusual-hours')).map(({ account_id }) => account_id),
      [adaId],
    )
    await closeAll()
  })

  test('is raised for a burst of refusals, by the address from which they come, also when nobody was signed in', async () => {
    const stranger: Actor = { kind: 'anonymous', strength: 'none', address: '198.51.100.99' }
    await happened(stranger, { act: 'sign-in.refused', outcome: 'denied', reason: 'wrong-password' }, 15, ago(2))
    await look()
    assert.deepEqual(await alarms('refusals'), [])
    // Most of these do not stand in the log by themselves: they are counted when they happen, not when they are told an hour later.
    await happened(stranger, { act: 'sign-in.refused', outcome: 'denied', reason: 'wrong-password' }, 40, ago(1))
    await look()
    await look()
    const raised = await alarms('refusals')
    assert.equal(raised.length, 1)
    assert.equal(raised[0]!.count, 55)
    const { body } = await felix.ask(HOME)
    assert.match(plain(body), /Many refusals.*198\.51\.100\.99/)
    // The address stands sealed in the database.
    assert.doesNotMatch(JSON.stringify(await server.sql('SELECT alarms::text FROM alarms')), /198\.51\.100\.99/)
    const { tellRepeats } = await import('../../server/audit/tell-repeats.job.ts')
    await tellRepeats(new Date(Date.now() + 61 * MINUTE))
    await look()
    assert.deepEqual(
      (await alarms('refusals')).map(({ count }) => count),
      [55],
    )
    await closeAll()
  })

  test('is raised for an account that many networks try, for an IPv6 network as one, and for the whole server', async () => {
    await server.sql('DELETE FROM alarm_counts')
    const tried: AccessEvent = {
      act: 'sign-in.refused',
      outcome: 'denied',
      reason: 'wrong-password',
      subject: { kind: 'account', id: mariaId },
    }
    const from = (address: string): Actor => ({ kind: 'anonymous', strength: 'none', address })
    for (let network = 0; network < 40; network++) await happened(from(`203.0.113.${network}`), tried, 1, ago(2))
    await look()
    assert.deepEqual(
      (await open('refusals')).map(({ account_id, count }) => [account_id, count]),
      [[mariaId, 40]],
    )
    await closeAll()
    const page: AccessEvent = { act: 'help.refused', outcome: 'denied', reason: 'wrong-or-used' }
    for (let host = 1; host <= 45; host++) await happened(from(`2001:db8:7:7::${host}`), page, 1, ago(2))
    await look()
    assert.deepEqual(
      (await open('refusals')).map(({ account_id, count }) => [account_id, count]),
      [[null, 45]],
    )
    assert.match(plain((await felix.ask(HOME)).body), /Many refusals.*2001:db8:7:7::\/64/)
    await closeAll()
    for (let network = 0; network < 255; network++) await happened(from(`198.51.100.${network}`), page, 1, ago(2))
    await look()
    assert.deepEqual(
      (await open('refusals')).map(({ count, threshold }) => [count, threshold]),
      [[340, 300]],
    )
    assert.match(plain((await felix.ask(HOME)).body), /Many refusals.*The whole server/)
    await closeAll()
  })

  test('is raised when events wait for their place in the log, and when what grew is not signed', async () => {
    const { ask } = await import('../../server/database/connection.ts')
    const { lookForAlarms } = await import('../../server/alarms/look-for-alarms.job.ts')
    const later = new Date(Date.now() + 6 * MINUTE)
    // Whoever holds the turn to sequence keeps it from everybody else.
    await until(async () => (await server.sql('SELECT FROM waiting_events LIMIT 1')).length === 0, 'the sequencer')
    await server.sql(`UPDATE log_state SET token = token + 1, seen_at = now() + interval '1 hour'`)
    await happened(person(danaId, 'provider'), { act: 'inbox.listed' }, 1, ago(0))
    await lookForAlarms(later)
    await server.sql(`UPDATE log_state SET seen_at = '1970-01-01'`)
    assert.equal((await alarms('log-behind')).length, 1)
    const { publishCheckpoint } = await import('../../server/notices/publish-checkpoint.job.ts')
    await publishCheckpoint()
    await happened(person(danaId, 'provider'), { act: 'inbox.listed' }, 1, ago(0))
    await look()
    assert.equal((await alarms('checkpoint-behind')).length, 0)
    await lookForAlarms(new Date(Date.now() + 16 * MINUTE))
    assert.equal((await alarms('checkpoint-behind')).length, 1)
    await closeAll()
    assert.ok(await ask('SELECT 1 AS one'))
  })

  test('is raised when the log cannot be verified, and when a job gave up', async () => {
    const { system } = await import('../../server/audit/actor.ts')
    await record(system, { act: 'log.refused', outcome: 'failed', reason: 'not-as-sealed' })
    await look()
    assert.equal((await alarms('log-unverifiable')).length, 1)
    await server.sql(
      `SELECT graphile_worker.add_job('never-made', '{}'::json, run_at => now() + interval '1 day', max_attempts => 1)`,
    )
    await server.sql(`UPDATE graphile_worker._private_jobs SET attempts = 1, updated_at = now() WHERE max_attempts = 1`)
    await look()
    await look()
    assert.equal((await alarms('job-gave-up')).length, 1)
    assert.match(plain((await felix.ask(HOME)).body), /A job gave up.*never-made/)
    await closeAll()
  })

  test('135. 10,000 openings in a minute by one session -> alarm, then slowed', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, subject: 'Canary', body: 'Canary' })
    await set({ openingsPerMinute: 10 })
    const answers = []
    for (let at = 0; at < 14; at++) answers.push(await dana.ask(`/messages/${id}`))
    const statuses = answers.map(({ status }) => status)
    assert.equal(statuses.filter((status) => status === 200).length, 10)
    const slowed = answers.filter(({ status }) => status === 429)
    assert.equal(slowed.length, 4)
    assert.ok(slowed.every(({ headers, body }) => Number(headers['retry-after']) <= 60 && !body.includes('Canary')))
    // By account: a new session does not help, and others are not slowed.
    const { dana: again } = await everybodyIn(server, { dana: server.cast.dana })
    await until(
      async () => (await server.sql(`SELECT FROM access_events WHERE act = 'openings.slowed'`)).length >= 4,
      'the events',
    )
    await set({})
    await look()
    const raised = (await alarms('mass-opening')).filter(
      ({ account_id, closed_at }) => account_id === danaId && !closed_at,
    )
    assert.equal(raised.length, 1)
    assert.ok(again)
    await closeAll()
  })
})

describe('Those who keep watch', () => {
  let alarm: string

  test('see a banner on every page while one is open; others do not', async () => {
    await server.sql('DELETE FROM alarm_counts')
    await happened(person(danaId, 'provider', '198.51.100.50'), opened(), 250, ago(3))
    await look()
    const raised = (await alarms('mass-opening')).filter(({ closed_at }) => !closed_at)
    alarm = raised.find(({ account_id }) => account_id === danaId)!.id
    for (const who of [ada, felix])
      for (const page of ['/account', '/admin/access-events', '/help'])
        assert.match(plain((await who.ask(page)).body), /2 alarms are open\. Look at them\./, page)
    assert.doesNotMatch((await dana.ask('/account')).body, /alarms are open/)
  })

  test('get one mail for each alarm, which names nobody', async () => {
    const mails = (await mailsTo(server, server.cast.ada.email)).filter(({ subject }) => subject.includes('An alarm'))
    assert.ok(mails.length > 0)
    const mine = await until(
      async () => (await outbox(server)).filter(({ text, to }) => text.includes(alarm) && to === server.cast.ada.email),
      'the mail',
    )
    await until(async () => hook.received.some(({ body }) => body.includes(alarm)), 'the webhook')
    assert.equal(mine.length, 1)
    assert.match(mine[0]!.text, /Many openings/)
    for (const { text, html } of mails) assert.doesNotMatch(text + html, /Dana|Ortiz|198\.51/)
  })

  test('get a signed post with ids, rule and time only, the same id again when it is tried again', async () => {
    const post = hook.received.find(({ body }) => body.includes(alarm))!
    const { type, data } = JSON.parse(post.body) as { type: string; data: Record<string, string> }
    assert.equal(type, 'alarm.raised')
    assert.deepEqual(Object.keys(data).sort(), ['id', 'raised_at', 'rule'])
    const {
      'webhook-id': id,
      'webhook-timestamp': at,
      'webhook-signature': signature,
    } = post.headers as Record<string, string>
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
    assert.equal(signature, `v1,${createHmac('sha256', key).update(`${id}.${at}.${post.body}`).digest('base64')}`)
    assert.ok(Math.abs(Number(at) - Date.now() / 1000) < 120)
    const { sendAlarmWebhook } = await import('../../server/alarms/send-alarm-webhook.job.ts')
    for (const status of [500, 302, 410]) {
      hook.answers.push(status)
      await assert.rejects(sendAlarmWebhook({ alarmId: alarm }), new RegExp(`webhook not taken: ${status}`))
    }
    const same = hook.received.filter(({ headers }) => headers['webhook-id'] === id)
    assert.equal(same.length, 4)
    assert.equal(new Set(same.map(({ body }) => body)).size, 1)
  })

  test('take it on, note what they find and close it with a note; each is recorded, and it stays listed', async () => {
    const page = `${HOME}/${alarm}`
    assert.match(plain((await ada.ask(page)).body), /Many openings.*Dana Ortiz, nurse.*Nobody has taken it on/)
    assert.equal((await ada.submit(page, `${page}/take`, {})).status, 303)
    assert.equal((await felix.submit(page, `${page}/take`, {})).status, 303)
    assert.match(plain((await felix.ask(page)).body), /Taken on by Ada Moss, administrator/)
    assert.equal((await ada.submit(page, page, { note: ' ' })).status, 422)
    await ada.submit(page, page, { note: 'Called her: she prepared an audit.' })
    const closed = await felix.submit(page, page, { note: 'It was her & it was allowed.', do: 'close' })
    assert.equal(closed.location, `${HOME}?closed=${alarm}`)
    const { body } = await ada.ask(page)
    for (const told of [
      /Ada Moss, administrator took it on/,
      /Called her: she prepared an audit\./,
      /Felix .* closed it .*It was her & it was allowed\./,
    ])
      assert.match(plain(body), told)
    assert.doesNotMatch(body, /name="note"/)
    assert.match(plain((await ada.ask(HOME)).body), /Closed alarms.*Many openings ?, Dana Ortiz, nurse/)
    const acts = await server.sql<{ act: string }>(
      `SELECT act FROM access_events WHERE subject_id = $1 AND actor_kind = 'account' ORDER BY at, id`,
      [alarm],
    )
    const worked = acts.map(({ act }) => act).filter((act) => act !== 'alarm.read')
    assert.deepEqual(worked, ['alarm.taken', 'alarm.noted', 'alarm.closed'])
    assert.ok(acts.some(({ act }) => act === 'alarm.read'))
    // What came before it was closed raises no other.
    await look()
    assert.equal(
      (await alarms('mass-opening')).filter(({ account_id, closed_at }) => account_id === danaId && !closed_at).length,
      0,
    )
  })

  test('cannot close one that is about themselves', async () => {
    await happened(person(adaId, 'admin', '198.51.100.60'), opened(), 200, ago(3))
    await look()
    const mine = (await alarms('mass-opening')).find(({ account_id, closed_at }) => account_id === adaId && !closed_at)!
    const page = `${HOME}/${mine.id}`
    const { body } = await ada.ask(page)
    assert.match(plain(body), /somebody else has to close it/)
    assert.equal((await ada.submit(page, page, { note: 'Nothing.', do: 'close' })).status, 403)
    assert.deepEqual(await closings(mine.id), [['denied', adaId]])
    assert.equal((await felix.submit(page, page, { note: 'Asked her.', do: 'close' })).status, 303)
    await closeAll()
  })

  test('cannot close one that is about the network from which they come', async () => {
    await server.sql('DELETE FROM alarm_counts')
    await happened(person(newId(), 'provider', '127.0.0.1'), opened(), 200, ago(3))
    await look()
    const ours = (await open('mass-opening')).find(({ account_id }) => account_id === null)!
    const page = `${HOME}/${ours.id}`
    assert.match(plain((await ada.ask(page)).body), /somebody else has to close it, from another network/)
    assert.equal((await ada.submit(page, page, { note: 'Nothing.', do: 'close' })).status, 403)
    assert.equal((await ada.submit(page, page, { note: 'From the ward.' })).status, 303)
    assert.deepEqual(await closings(ours.id), [['denied', adaId]])
    assert.equal(
      (await open('mass-opening')).some(({ id }) => id === ours.id),
      true,
    )
    await closeAll()
  })

  async function closings(id: string) {
    const rows = await server.sql<{ outcome: string; actor_id: string }>(
      `SELECT outcome, actor_id FROM access_events WHERE act = 'alarm.closed' AND subject_id = $1 ORDER BY at, id`,
      [id],
    )
    return rows.map(({ outcome, actor_id }) => [outcome, actor_id])
  }

  test('are not providers or patients, and there is no page for an alarm that is not there', async () => {
    for (const path of [HOME, `${HOME}/${alarm}`]) assert.equal((await dana.ask(path)).status, 404)
    assert.equal((await ada.ask(`${HOME}/${newId()}`)).status, 404)
    assert.equal((await ada.ask(`${HOME}/nothing`)).status, 404)
  })
})

/** Somebody more, so that an alarm about them has somebody to name */
async function accountLike(id: string) {
  const { insertAccount } = await import('../../server/accounts/account.store.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  await inTransaction(async (transaction) => {
    await insertAccount(
      { id, role: 'auditor', email: 'busy@riverside.example', name: 'Busy', invitedAt: new Date() },
      transaction,
    )
  })
}
