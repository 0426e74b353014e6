/** A job belongs to the transaction of whoever enqueued it, and carries ids only. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../support/until.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
  // What the template's own process had taken up when it was stopped stays locked to it for hours; it is not what is looked at here.
  await server.sql("DELETE FROM graphile_worker._private_jobs WHERE locked_at < now() - interval '1 second'")
})
after(() => server.stop())

const NOBODY = '00000000-0000-7000-8000-000000000000'

const waiting = async () =>
  (await server.sql<{ c: string }>('SELECT count(*) AS c FROM graphile_worker._private_jobs'))[0]!.c

test('a transaction that is rolled back leaves no job, one that is kept leaves it', async () => {
  const { enqueue } = await import('../../server/jobs/enqueue.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  await until(async () => (await waiting()) === '0', 'an empty queue')
  const seen: string[] = []
  await assert.rejects(
    inTransaction(async (transaction) => {
      await enqueue('send-invitation', { accountId: NOBODY }, transaction)
      seen.push(await waiting())
      throw new Error('rolled back')
    }),
    /rolled back/,
  )
  assert.deepEqual([seen, await waiting()], [['0'], '0'])
  await inTransaction((transaction) => enqueue('send-invitation', { accountId: NOBODY }, transaction))
  await until(async () => (await waiting()) === '0', 'the job to be done')
})

test('a job that fails is kept, tried again later, and what is stored of its failure is in nobody’s log', async () => {
  await server.sql(
    `SELECT graphile_worker.add_job('send-invitation', '{"accountId":"not an id"}'::json, max_attempts => 20)`,
  )
  const [row] = await until(async () => {
    const rows = await server.sql<{ attempts: number; later: boolean }>(
      `SELECT attempts, run_at > now() AS later FROM graphile_worker._private_jobs WHERE attempts > 0 AND locked_at IS NULL`,
    )
    return rows.length > 0 && rows
  }, 'a failed job')
  assert.deepEqual(row, { attempts: 1, later: true })
  await server.sql('DELETE FROM graphile_worker._private_jobs')
})

test('every job on the timetable and in the code has a function', async () => {
  const { jobs, timetable } = await import('../../server/work.ts')
  const names = timetable
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[5]!)
  assert.deepEqual(
    names.filter((name) => !(name in jobs)),
    [],
  )
  assert.ok(names.length >= 3)
})
