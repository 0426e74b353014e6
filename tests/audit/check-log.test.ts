/** The server holds its own log against what was signed, every ten minutes what is new and once a night everything. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { growBy, keepLog, openLogAlone, placeAll, putLogBack, type LogAlone } from './log-alone.ts'

let log: LogAlone
before(async () => {
  log = await openLogAlone()
  await growBy(300)
  await sign()
})
after(() => log.stop())

async function sign() {
  const { signCheckpoint } = await import('../../server/audit/sign-checkpoint.ts')
  return (await signCheckpoint())!
}
async function check(everything = false) {
  const { checkLog } = await import('../../server/audit/check-log.ts')
  return checkLog(everything)
}
async function badge() {
  const { readIntegrity } = await import('../../server/reports/integrity.ts')
  return readIntegrity()
}
const tell = async () =>
  (await log.sql<{ count: string }>(`SELECT count(*) FROM access_events WHERE act = 'log.found-changed'`))[0]!.count

describe('The check of the access log', () => {
  test('goes up to the newest checkpoint, and the badge names the event', async () => {
    assert.match((await badge()).text, /Not checked yet/)
    const first = (await check())!
    const { size } = await sign()
    assert.deepEqual([first.found, first.badLeaf, first.everything], [null, null, true])
    assert.equal(first.checkedTo, first.size)
    assert.ok(first.size >= 300 && size >= first.size)
    const shown = await badge()
    assert.equal(shown.tone, 'ok')
    assert.ok(shown.text.startsWith(`Checked to event ${first.checkedTo.toLocaleString('en-US')} on `), shown.text)
  })

  test('looks only at what is new, and at nothing while nothing new was signed', async () => {
    await growBy(20)
    const { size } = await sign()
    const second = (await check())!
    assert.deepEqual([second.everything, second.checkedTo, second.found], [false, size, null])
    assert.equal(await check(), undefined)
    const all = (await check(true))!
    assert.deepEqual([all.everything, all.checkedTo], [true, size])
  })

  const KINDS: [string, string, string, number][] = [
    [
      'an event that was changed',
      `UPDATE access_events e SET outcome = 'done' FROM log_leaves l WHERE l.leaf = 299 AND e.id = l.event_id AND e.at = l.event_at`,
      'it was changed',
      299,
    ],
    [
      'an event that was removed',
      `DELETE FROM access_events e USING log_leaves l WHERE l.leaf = 7 AND e.id = l.event_id AND e.at = l.event_at`,
      'it was removed',
      7,
    ],
    ['a place that was removed', 'DELETE FROM log_leaves WHERE leaf = 11', 'its place is gone', 11],
    [
      'sealed details that were changed',
      `UPDATE access_events e SET details_sealed = '\\x00' FROM log_leaves l WHERE l.leaf = 5 AND e.id = l.event_id AND e.at = l.event_at`,
      'its details were changed or removed',
      5,
    ],
    [
      'what an event is searched by',
      `UPDATE log_leaves SET act = 'people.listed' WHERE leaf = 12`,
      'what it is searched by is not what it says',
      12,
    ],
  ]
  for (const [what, change, found, leaf] of KINDS)
    test(`finds ${what}, names it on a red badge, tells it once, and is well again when it is put back`, async () => {
      await keepLog(log, 'sound')
      // The outcome of the last one may be done already: it must become another one.
      if (leaf === 299)
        await log.sql(
          `UPDATE access_events e SET act = 'x' FROM log_leaves l WHERE l.leaf = 299 AND e.id = l.event_id AND e.at = l.event_at`,
        )
      await log.sql(change)
      const before = Number(await tell())
      const seen = (await check(true))!
      assert.deepEqual([seen.badLeaf, seen.found, seen.checkedTo], [leaf, found, leaf])
      const shown = await badge()
      assert.equal(shown.tone, 'bad')
      assert.match(shown.text, new RegExp(`^Broken at event ${leaf + 1}: ${found}`))
      assert.equal(shown.steps.length, 4)
      assert.equal(Number(await tell()), before + 1)
      const again = (await check())!
      assert.deepEqual([again.badLeaf, Number(await tell())], [leaf, before + 1])
      const checks = await log.sql('SELECT * FROM log_checks')
      await putLogBack(log, 'sound')
      assert.ok(checks.length > 0)
      assert.equal((await check())!.found, null)
      assert.equal((await badge()).tone, 'ok')
      await log.sql('DROP SCHEMA sound CASCADE')
    })

  test('finds a history that was written anew with all its hashes, though no event can be named', async () => {
    await keepLog(log, 'sound')
    const { addToTiles, listLeaves } = await import('../../server/audit/log-proof.store.ts')
    const { leafOf } = await import('../../server/audit/leaf.ts')
    const { leafHash } = await import('../../server/audit/merkle-tree.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    // In another order, each event as the server recorded it.
    for (const [from, to] of [
      [3, -1],
      [4, 3],
      [-1, 4],
    ])
      await log.sql('UPDATE log_leaves SET leaf = $2 WHERE leaf = $1', [from, to])
    await log.sql('DELETE FROM log_tiles')
    const leaves = await listLeaves(0, 100_000)
    await inTransaction((transaction) =>
      addToTiles(
        0,
        leaves.map(({ event }) => leafHash(leafOf(event))),
        transaction,
      ),
    )
    const seen = (await check(true))!
    assert.deepEqual([seen.badLeaf, seen.found], [null, 'the events fit the hashes, and those are not what was signed'])
    assert.match((await badge()).text, /The log is not what was signed/)
    await putLogBack(log, 'sound')
    assert.equal((await check())!.found, null)
    await log.sql('DROP SCHEMA sound CASCADE')
  })

  test('finds a line that nobody recorded, which has no place', async () => {
    const { newId } = await import('../../server/lib/ids.ts')
    const id = newId()
    await log.sql(
      `INSERT INTO access_events (id, at, actor_kind, strength, act, outcome) VALUES ($1, now(), 'system', 'internal', 'people.listed', 'done')`,
      [id],
    )
    const seen = (await check(true))!
    assert.ok(seen.found?.includes(id))
    await log.sql('DELETE FROM access_events WHERE id = $1', [id])
    assert.equal((await check())!.found, null)
  })

  const COUNTERS: [string, string][] = [
    [
      'hours that begin at a later place',
      `UPDATE access_event_hours SET first_leaf = last_leaf WHERE act = 'message.opened' AND first_leaf < last_leaf`,
    ],
    [
      'hours that end at an earlier place',
      `UPDATE access_event_hours SET last_leaf = first_leaf WHERE act = 'message.opened' AND first_leaf < last_leaf`,
    ],
    ['an hour that is gone', `DELETE FROM access_event_hours WHERE act = 'message.opened'`],
    [
      'an hour of which nothing is in the log',
      `INSERT INTO access_event_hours VALUES ('2020-01-01', 'message.opened', 'done', '', 1, 0, 0)`,
    ],
    ['a day of which more is counted', `UPDATE access_event_days SET count = count + 1 WHERE act = 'message.opened'`],
  ]
  for (const [what, change] of COUNTERS)
    test(`finds ${what}, which a search would believe, when everything is checked`, async () => {
      await placeAll()
      await keepLog(log, 'sound')
      await log.sql(change)
      const { found, badLeaf } = (await check(true))!
      assert.match(found ?? '', /^the counts of message\.opened since 20\d\d-.+ are not what the log says$/)
      assert.equal(badLeaf, null)
      await putLogBack(log, 'sound')
      assert.equal((await check())!.found, null)
      await log.sql('DROP SCHEMA sound CASCADE')
    })

  test('finds a line that somebody wrote by the way on which events are written, but without the key', async () => {
    const { newId } = await import('../../server/lib/ids.ts')
    const id = newId()
    await log.sql('ALTER TABLE access_events ENABLE ALWAYS TRIGGER let_wait')
    await log.sql(
      `INSERT INTO access_events (id, at, actor_kind, strength, act, outcome) VALUES ($1, now(), 'system', 'internal', 'people.listed', 'done')`,
      [id],
    )
    await log.sql('ALTER TABLE access_events ENABLE TRIGGER let_wait')
    await placeAll()
    await sign()
    const [place] = await log.sql<{ leaf: string }>('SELECT leaf FROM log_leaves WHERE event_id = $1', [id])
    const seen = (await check(true))!
    assert.deepEqual(
      [seen.badLeaf === null ? null : Number(seen.badLeaf), seen.found],
      [Number(place!.leaf), 'the server did not record it'],
    )
  })

  test('counts by the hour what the places say, whatever happened in between', async () => {
    await placeAll()
    const [differences] = await log.sql<{ count: string }>(
      `SELECT count(*) FROM (SELECT date_trunc('hour', event_at, 'UTC') AS hour, act, outcome, coalesce(actor_role, '') AS role, count(*) AS count FROM log_leaves GROUP BY 1, 2, 3, 4) l
       FULL JOIN access_event_hours h ON h.hour = l.hour AND h.act = l.act AND h.outcome = l.outcome AND h.actor_role = l.role WHERE h.count IS DISTINCT FROM l.count`,
    )
    assert.equal(Number(differences!.count), 0)
  })
})
