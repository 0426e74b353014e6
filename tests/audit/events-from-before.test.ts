/** A server that is started on a database of before the log had a tree. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { system } from '../../server/audit/actor.ts'
import { leafFields } from '../../server/audit/leaf.ts'
import { listLeaves } from '../../server/audit/log-proof.store.ts'
import { record } from '../../server/audit/record.ts'
import { startTestServerFromBefore, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** The schema of before, and none of what the next start makes. */
const WITHOUT_PROOF = `DROP TRIGGER let_wait ON access_events; DROP FUNCTION let_access_events_wait;
  DROP TABLE waiting_events, log_leaves, log_tiles, log_state, log_checkpoints, log_publications, log_checks, access_event_hours, access_event_days;
  ALTER TABLE access_events DROP COLUMN mac, DROP COLUMN address_digest; DROP INDEX messages_sent_at_idx;
  DELETE FROM schema_migrations WHERE name ~ '^(0023-log-proof|0024-console|0030-checkpoints-by-webhook)'`

let server: TestServer
before(async () => {
  server = await startTestServerFromBefore(WITHOUT_PROOF)
})
after(() => server.stop())

const count = async (table: string) =>
  Number((await server.sql<{ count: string }>(`SELECT count(*) FROM ${table}`))[0]!.count)

test('events from before the log had a tree get their places first, and count as what they are', async () => {
  const before = await count('access_events')
  await record(
    system,
    Array.from({ length: 3 }, () => ({ act: 'people.listed' as const })),
  )
  await until(async () => (await count('waiting_events')) === 0, 'no event waits')
  const leaves = await listLeaves(0, 1000)
  assert.equal(leaves.length, before + 3)
  const kinds = leaves.map(({ event }) => leafFields(event)[0])
  const first = kinds.indexOf('letterlock-event-1')
  assert.ok(first > 10 && first <= before, `${first} of ${before}`)
  assert.ok(kinds.slice(0, first).every((kind) => kind === 'letterlock-unproved-event-1'))
  assert.ok(kinds.slice(first).every((kind) => kind === 'letterlock-event-1'))
})
