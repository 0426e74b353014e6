/** The try-out's beginning, as its log tells it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

test('people are invited, enrol, join their team and write, in this order', async () => {
  const events = await server.sql<{ act: string; who: string; at: Date }>(
    `SELECT act, coalesce(subject_id, actor_id) AS who, at FROM access_events
     WHERE act IN ('account.invited', 'account.enrolled', 'team.created', 'team.joined', 'message.dropped') ORDER BY at, id`,
  )
  const acts = events.map(({ act }) => act)
  const order = ['account.invited', 'account.enrolled', 'team.created', 'team.joined', 'message.dropped']
  // James Lee is invited by the last message.
  assert.equal(acts.filter((act) => act === 'account.invited').length, 6)
  const first = acts.slice(0, acts.indexOf('message.dropped') + 1)
  assert.deepEqual(
    first,
    first.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)),
  )
  assert.deepEqual([...new Set(first)], order)
})
