/** Nothing is deleted by a wrong clock. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'
import { runScript } from '../upkeep/operate.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())
beforeEach(() => server.sql(`UPDATE ledger_state SET marked_at = now()`))

const MINUTE = 60 * 1000
const DAY = 24 * 60 * MINUTE
const clock = () => import('../../server/audit/clock.ts')

async function isDone(now: Date): Promise<boolean> {
  let done = false
  await (
    await clock()
  ).unlessClockIsWrong(() => {
    done = true
    return Promise.resolve()
  }, now)
  return done
}

describe('193. Retention job with clock +10 years -> pauses, asks', () => {
  test('the right time deletes; four minutes are nothing', async () => {
    for (const minutes of [0, 4, 0, -4, 0])
      assert.ok(await isDone(new Date(Date.now() + minutes * MINUTE)), `${minutes}`)
  })

  test('ours is ahead of the database: it pauses, and the log says so', async () => {
    assert.equal(await isDone(new Date(Date.now() + 3652 * DAY)), false)
    const [event] = await server.sql(`SELECT outcome FROM access_events WHERE act = 'clock.disagreed'`)
    assert.deepEqual(event, { outcome: 'failed' })
    const { whatIsWrongWithTheClock } = await clock()
    assert.match((await whatIsWrongWithTheClock(new Date(Date.now() + 3652 * DAY)))!, /3652 days ahead of the database/)
  })

  test('a clock that was moved while it runs is doubted, until it is put right', async () => {
    assert.ok(await isDone(new Date(Date.now() + 4 * MINUTE)))
    const { whatIsWrongWithTheClock } = await clock()
    assert.match((await whatIsWrongWithTheClock(new Date(Date.now() - 4 * MINUTE)))!, /was moved while this server ran/)
    assert.ok(await isDone(new Date()))
  })

  test('both are years ahead of the newest mark: it pauses until somebody says that the clock is right', async () => {
    await server.sql(`UPDATE ledger_state SET marked_at = now() - interval '10 years'`)
    assert.equal(await isDone(new Date()), false)
    const { markWhatIsNew } = await import('../../server/audit/mark-ledger.job.ts')
    await markWhatIsNew()
    assert.equal(await isDone(new Date()), false, 'a wrong clock gives itself no mark')
    const { code, said } = await runScript('confirm-clock', [], { DATA_DIR: server.dataDir })
    assert.equal(code, 0, said)
    assert.match(
      said,
      /^Nothing that is old is deleted for now: the newest mark of the ledger is \d+ days old.*\nThe clock is taken for right/m,
    )
    assert.ok(await isDone(new Date()))
    const confirmed = `SELECT actor_kind AS kind, outcome FROM access_events WHERE act = 'clock.confirmed'`
    assert.deepEqual(await server.sql(confirmed), [{ kind: 'system', outcome: 'done' }])
  })
})

describe('180. Clock -1 h/+1 h/+400 d/1970 on app, on DB -> nothing deleted by a wrong clock', () => {
  for (const [name, away] of [
    ['-1 h', -60 * MINUTE],
    ['+1 h', 60 * MINUTE],
    ['+400 d', 400 * DAY],
    ['1970', -Date.now()],
  ] as const)
    test(`${name} on one of the two, and both against the newest mark`, async () => {
      assert.equal(await isDone(new Date(Date.now() + away)), false)
      // Both clocks are away by as much as the mark is the other way.
      await server.sql(`UPDATE ledger_state SET marked_at = $1`, [new Date(Math.max(0, Date.now() - away))])
      assert.equal(await isDone(new Date()), Math.abs(away) < 7 * DAY && away > 0)
    })

  test('the jobs that delete ask first', async () => {
    const { jobs } = await import('../../server/work.ts')
    await server.sql(`UPDATE ledger_state SET marked_at = now() + interval '1 hour'`)
    const old = `INSERT INTO spent_challenges VALUES ('\\x01', now() - interval '2 days') ON CONFLICT DO NOTHING`
    await server.sql(old)
    await jobs['sweep-sign-ins']()
    const count = async () => (await server.sql('SELECT 1 FROM spent_challenges')).length
    assert.equal(await count(), 1)
    await server.sql(`UPDATE ledger_state SET marked_at = now()`)
    await jobs['sweep-sign-ins']()
    assert.equal(await count(), 0)
  })
})
