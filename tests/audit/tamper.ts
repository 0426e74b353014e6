/**
 * A superuser of the database who changes the log, and covers it up as far as the database goes: the tree is made again as the server would make it, and
 * later checkpoints are taken away. What they cannot reach is the checkpoint that left the machine.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeLog } from '../../server/audit/export-log.ts'
import { leafOf } from '../../server/audit/leaf.ts'
import { addToTiles, listLeaves } from '../../server/audit/log-proof.store.ts'
import { leafHash } from '../../server/audit/merkle-tree.ts'
import { logVerifier, signCheckpoint } from '../../server/audit/sign-checkpoint.ts'
import { inTransaction } from '../../server/database/connection.ts'
import { newId } from '../../server/lib/ids.ts'
import type { Seeded } from '../support/seeded.ts'
import {
  growBy,
  keepLog,
  LOG_TABLES,
  openLogAlone,
  placeAll,
  putLogBack,
  verifyLog,
  verifyLogInThread,
  type LogAlone,
} from './log-alone.ts'

/** The kinds take turns, and all else is random. @returns how many tries of each kind there were; every one was found @throws AssertionError with what was not */
export async function tamperWithLog(
  tries: number,
  random: Seeded,
  tell: (tried: number) => void = () => {},
): Promise<Map<string, number>> {
  const log = await openLogAlone()
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-tampering-'))
  try {
    const before = await prepare(log, folder)
    const sound = await verifyKept(folder, 'sound')
    assert.equal(sound.code, 0, sound.said)
    const kinds = Object.entries(KINDS)
    const seen = new Map<string, number>()
    for (let at = 0; at < tries; at++) {
      const [kind, tamper] = kinds[at % kinds.length]!
      const { what, leaf } = await tamper(log, before, random)
      const found = await verifyKept(folder, `try-${at}`, at % AS_PROCESS === 0 ? verifyLog : verifyLogInThread)
      const named = Number(/^Leaf (\d+): /.exec(found.said)?.[1] ?? NaN)
      const isFound = found.code === 1 && (leaf === undefined ? named <= before.left : named === leaf)
      assert.ok(isFound, `${kind}, ${what}${leaf === undefined ? '' : ` (leaf ${leaf})`}: ${found.code} ${found.said}`)
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
      await putLogBack(log, 'now')
      // What every try leaves behind makes the next one slower.
      if (at % 100 === 99) for (const name of LOG_TABLES) await log.sql(`VACUUM FULL ${name}`)
      tell(at + 1)
    }
    return seen
  } finally {
    await log.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What there was: a checkpoint of `left` events left, and the log has grown since. */
interface Before {
  left: number
  size: number
}

interface Tampered {
  what: string
  /** The first bad one, where it can be told exactly. */
  leaf?: number
}

/** Yesterday's log is kept for a roll-back, today's for the next try. */
async function prepare(log: LogAlone, folder: string): Promise<Before> {
  await dropEmptyMonths(log)
  await growBy(60)
  await signCheckpoint()
  await keepLog(log, 'yesterday')
  await growBy(200)
  const left = await signCheckpoint()
  writeFileSync(join(folder, 'kept.checkpoint'), left!.note)
  writeFileSync(join(folder, 'kept.vkey'), await logVerifier())
  const size = await growBy(40)
  await signCheckpoint()
  await keepLog(log, 'now')
  return { left: left!.size, size }
}

/** Months that have no events yet would be planned for with every question. */
async function dropEmptyMonths(log: LogAlone): Promise<void> {
  const months = await log.sql<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'access_events'::regclass AND inhrelid::regclass::text ~ '_\\d{4}_\\d{2}$' ORDER BY 1`,
  )
  // The first two are this one, and the next, in which a long run may end.
  for (const { name } of months.slice(2)) await log.sql(`DROP TABLE ${name}`)
}

/** Every twentieth time the verifier is a process, as anybody runs it; else it is the same file in a thread. */
const AS_PROCESS = 20

async function verifyKept(folder: string, name: string, verify = verifyLog) {
  const file = join(folder, name)
  await writeLog(file)
  const kept = ['--checkpoint', join(folder, 'kept.checkpoint'), '--key', join(folder, 'kept.vkey')]
  const found = await verify(file, ...kept)
  for (const end of ['', '.checkpoints', '.vkey']) rmSync(`${file}${end}`)
  return found
}

const KINDS: Record<string, (log: LogAlone, before: Before, random: Seeded) => Promise<Tampered>> = {
  async change(log, { left }, random) {
    const leaf = random.below(left)
    const [column, value] = random.pick(CHANGES)
    const isCovered = random.below(2) === 1
    assert.equal(await changeRow(log, leaf, column, value), 1)
    if (isCovered) await coverUp(log)
    return { what: `${column} of leaf ${leaf}${isCovered ? ', covered up' : ''}`, ...(isCovered ? {} : { leaf }) }
  },

  async deletion(log, { left }, random) {
    const leaf = random.below(left)
    await log.sql(`DELETE FROM access_events e USING log_leaves l WHERE l.leaf = $1 AND ${SAME}`, [leaf])
    const how = random.below(3)
    if (how > 0) await log.sql('DELETE FROM log_leaves WHERE leaf = $1', [leaf])
    if (how < 2) return { what: `leaf ${leaf}${how === 1 ? ' with its place' : ''}`, leaf }
    await shift(log, leaf, -1)
    await coverUp(log)
    return { what: `leaf ${leaf}, covered up` }
  },

  async insertion(log, { left, size }, random) {
    const leaf = random.below(left)
    const how = random.pick(['without a place', 'in the middle, covered up', 'at the end, by the usual way'])
    const id = newId(new Date())
    await log.sql(
      `INSERT INTO access_events SELECT (jsonb_populate_record(e, jsonb_build_object('id', $2::text))).* FROM access_events e JOIN log_leaves l ON ${SAME}
       WHERE l.leaf = $1`,
      [leaf, id],
    )
    const at = '(SELECT at FROM access_events WHERE id = $1)'
    if (how === 'without a place') return { what: how, leaf: size }
    if (how === 'at the end, by the usual way') {
      await log.sql(`INSERT INTO waiting_events (event_at, event_id) VALUES (${at}, $1)`, [id])
      await placeAll()
      return { what: how, leaf: size }
    }
    await shift(log, leaf - 1, 1)
    await log.sql(`INSERT INTO log_leaves VALUES ($2, ${at}, $1)`, [id, leaf])
    await coverUp(log)
    return { what: `${how}, leaf ${leaf}` }
  },

  async reordering(log, { left }, random) {
    const one = random.below(left - 1)
    const other = one + 1 + random.below(left - one - 1)
    await log.sql('UPDATE log_leaves SET leaf = -1 - leaf WHERE leaf IN ($1, $2)', [one, other])
    await log.sql(
      'UPDATE log_leaves SET leaf = CASE leaf WHEN -1 - $1::bigint THEN $2::bigint ELSE $1::bigint END WHERE leaf < 0',
      [one, other],
    )
    const isCovered = random.below(2) === 1
    if (isCovered) await coverUp(log)
    return { what: `leaves ${one} and ${other}${isCovered ? ', covered up' : ''}`, ...(isCovered ? {} : { leaf: one }) }
  },

  async truncation(log, { left }, random) {
    const size = random.below(left)
    const withEvents = random.below(4) > 0
    await cut(log, size, withEvents)
    return { what: `to ${size}${withEvents ? '' : ', the events still there'}`, leaf: size }
  },

  async fork(log, { left }, random) {
    const size = left - 1 - random.below(40)
    await cut(log, size, true)
    const grown = await growBy(left - size + random.below(30))
    return { what: `after ${size}, grown to ${grown}` }
  },

  async 'roll-back'(log, { left }, random) {
    await putLogBack(log, 'yesterday')
    const size = await growBy(random.below(2) === 1 ? 0 : left)
    return { what: `to yesterday, grown to ${size}` }
  },
}

const SAME = 'e.at = l.event_at AND e.id = l.event_id'

/** Each as somebody would write it who wants the row to say something else. */
const CHANGES: [string, string][] = [
  ['id', "(left(e.id::text, 24) || 'aaaaaaaaaaaa')::uuid"],
  ['at', "e.at + interval '1 microsecond'"],
  ['at', "e.at - interval '1 day'"],
  ['actor_kind', "CASE e.actor_kind WHEN 'system' THEN 'account' ELSE 'system' END"],
  ['actor_id', "'0190aaaa-0000-7000-8000-000000000000'::uuid"],
  ['actor_role', "coalesce(e.actor_role, '') || 'x'"],
  ['strength', "e.strength || ' '"],
  ['act', "CASE e.act WHEN 'people.listed' THEN 'message.opened' ELSE 'people.listed' END"],
  ['subject_kind', "coalesce(e.subject_kind, '') || 's'"],
  ['subject_id', "'0190aaaa-0000-7000-8000-000000000001'::uuid"],
  ['outcome', "CASE e.outcome WHEN 'done' THEN 'denied' ELSE 'done' END"],
  ['request_id', "coalesce(e.request_id, '') || '0'"],
  ['details_sealed', "coalesce(set_byte(e.details_sealed, 9, 255 - get_byte(e.details_sealed, 9)), '\\x00')"],
  ['details_sealed', "CASE WHEN e.details_sealed IS NULL THEN '\\x00'::bytea END"],
  ['details_digest', "CASE WHEN e.details_digest IS NULL THEN sha256('x') END"],
  ['mac', "CASE WHEN e.mac IS NULL THEN sha256('x') END"],
]

async function changeRow(log: LogAlone, leaf: number, column: string, value: string): Promise<number> {
  const rows = await log.sql(
    `UPDATE access_events e SET ${column} = ${value} FROM log_leaves l WHERE l.leaf = $1 AND ${SAME} AND e.${column} IS DISTINCT FROM ${value}
     RETURNING e.id`,
    [leaf],
  )
  return rows.length
}

/** Moves the places after `after`. */
async function shift(log: LogAlone, after: number, by: number) {
  await log.sql('UPDATE log_leaves SET leaf = -1 - leaf WHERE leaf > $1', [after])
  await log.sql('UPDATE log_leaves SET leaf = -1 - leaf + $1 WHERE leaf < 0', [by])
}

async function cut(log: LogAlone, size: number, withEvents: boolean) {
  if (withEvents) await log.sql(`DELETE FROM access_events e USING log_leaves l WHERE l.leaf >= $1 AND ${SAME}`, [size])
  await log.sql('DELETE FROM log_leaves WHERE leaf >= $1', [size])
  await coverUp(log)
}

/** Everything in the database fits together again afterwards. */
async function coverUp(log: LogAlone) {
  const [row] = await log.sql<{ size: string }>('SELECT count(*) AS size FROM log_leaves')
  const size = Number(row!.size)
  await log.sql('DELETE FROM log_tiles')
  await log.sql('UPDATE log_state SET size = $1', [size])
  await log.sql('DELETE FROM log_checkpoints')
  const hashes = (await listLeaves(0, size)).map(({ event }) => leafHash(leafOf(event)))
  await inTransaction((transaction) => addToTiles(0, hashes, transaction))
}
