/** The short form of `npm run reports-bench`: a large export is streamed. Times are for the bench. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'
import { exportFlow } from './export-flow.ts'
import { makeManyEvents } from './many-events.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

test('156. Export 10,000,000 rows (here 30,000) -> streamed, <= 128 MiB, logged', async () => {
  await makeManyEvents(server, 30_000, [crypto.randomUUID()], [crypto.randomUUID()])
  const { rows, bytes, held, isWhole } = await exportFlow(server)
  assert.ok(rows >= 30_000 && bytes > 6 * 2 ** 20, `${rows} lines, ${bytes} bytes`)
  assert.ok(isWhole)
  assert.ok(held <= 32, `${held} MB`)
  const logged = await server.sql(`SELECT act FROM access_events WHERE act IN ('export.asked', 'export.prepared')`)
  assert.equal(logged.length, 2)
})
