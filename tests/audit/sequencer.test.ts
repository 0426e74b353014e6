/** Every access event gets its place in the log's tree, once, in order, by one process at a time. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

const count = async (table: string) =>
  Number((await server.sql<{ count: string }>(`SELECT count(*) FROM ${table}`))[0]!.count)

async function recordEvents(number: number) {
  const { record } = await import('../../server/audit/record.ts')
  const { system } = await import('../../server/audit/actor.ts')
  await record(
    system,
    Array.from({ length: number }, () => ({ act: 'people.listed' as const })),
  )
}

describe('The sequencer', () => {
  test('gives every event of the log one leaf, and the tiles have the hashes of all of them', async () => {
    await recordEvents(700)
    await until(async () => (await count('waiting_events')) === 0, 'no event waits')
    const events = await count('access_events')
    assert.ok(events > 700)
    assert.equal(await count('log_leaves'), events)
    const [gaps] = await server.sql<{ first: string; last: string }>(
      'SELECT min(leaf) AS first, max(leaf) AS last FROM log_leaves',
    )
    assert.deepEqual([Number(gaps!.first), Number(gaps!.last)], [0, events - 1])
    const { frontierOf, extend, EMPTY_TREE, leafHash, rootOf } = await import('../../server/audit/merkle-tree.ts')
    const { nodesOfTiles, listLeaves } = await import('../../server/audit/log-proof.store.ts')
    const { leafOf } = await import('../../server/audit/leaf.ts')
    const leaves = await listLeaves(0, events)
    const tree = extend(
      EMPTY_TREE,
      leaves.map(({ event }) => leafHash(leafOf(event))),
    )
    assert.equal(tree.size, events)
    assert.ok(rootOf(await frontierOf(events, nodesOfTiles())).equals(rootOf(tree)))
  })

  test('158. Clock back 1 h -> order by index holds; clock state recorded', async () => {
    const { record } = await import('../../server/audit/record.ts')
    const { system } = await import('../../server/audit/actor.ts')
    const now = new Date()
    const back = new Date(now.getTime() - 60 * 60 * 1000)
    await record(system, { act: 'holds.listed' }, undefined, now)
    await record(system, { act: 'holds.listed' }, undefined, back)
    await record(system, { act: 'holds.listed' }, undefined, new Date(back.getTime() + 1000))
    const placed = () =>
      server.sql<{ at: Date }>(
        `SELECT e.at FROM log_leaves l JOIN access_events e ON e.at = l.event_at AND e.id = l.event_id WHERE e.act = 'holds.listed' ORDER BY l.leaf`,
      )
    await until(async () => (await placed()).length === 3, 'all three have places')
    assert.deepEqual(
      (await placed()).map(({ at }) => at.getTime()),
      [now, back, new Date(back.getTime() + 1000)].map((at) => at.getTime()),
      'in the order in which they were recorded, whatever the clock said',
    )
    const { unlessClockIsWrong } = await import('../../server/audit/clock.ts')
    await unlessClockIsWrong(() => Promise.reject(new Error('nothing is deleted by it')), back)
    const [told] = await server.sql<{ outcome: string }>(
      `SELECT outcome FROM access_events WHERE act = 'clock.disagreed'`,
    )
    assert.equal(told?.outcome, 'failed')
    await until(async () => (await count('waiting_events')) === 0, 'no event waits')
  })

  test('159. Two sequencers after pause -> stale one fenced', async () => {
    const { takeTurn, endTurn } = await import('../../server/audit/log-proof.store.ts')
    const { giveNextPlaces, startSequencer } = await import('../../server/audit/sequence-events.ts')
    // The server's own has the turn, and nobody else gets it.
    assert.equal(await takeTurn(8), undefined)
    // Somebody thinks that it has not been seen for too long, and takes over.
    const taken = await takeTurn(0)
    assert.ok(taken)
    await recordEvents(3)
    const [stale, seen] = await Promise.all([
      giveNextPlaces({ ...taken, token: taken.token - 1 }),
      server.sql<{ size: string }>('SELECT size FROM log_state'),
    ])
    assert.deepEqual([stale, Number(seen[0]!.size)], [undefined, taken.size], 'the one that was replaced adds nothing')
    assert.equal(await count('waiting_events'), 3)
    const grown = await giveNextPlaces(taken)
    assert.equal(grown?.size, taken.size + 3)
    // And with the token of before nobody adds again, nor with a size that the tree no longer has.
    await recordEvents(2)
    assert.equal(await giveNextPlaces({ token: taken.token - 1, size: grown.size }), undefined)
    assert.equal(await giveNextPlaces(taken), undefined)
    assert.equal(await count('waiting_events'), 2)
    await endTurn(taken)
    const others = startSequencer()
    await until(async () => (await count('waiting_events')) === 0, 'another one goes on')
    await others.stop()
    assert.equal(await count('log_leaves'), await count('access_events'))
  })

  test('an event that is rolled back has no place, and none is kept for it', async () => {
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { record } = await import('../../server/audit/record.ts')
    const { system } = await import('../../server/audit/actor.ts')
    const before = await count('access_events')
    await assert.rejects(
      inTransaction(async (transaction) => {
        await record(system, { act: 'people.listed' }, transaction)
        throw new Error('back')
      }),
    )
    assert.equal(await count('access_events'), before)
    assert.equal(await count('waiting_events'), 0)
  })
})
