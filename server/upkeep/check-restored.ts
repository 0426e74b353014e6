/** What is looked at in a restored database: that it is the schema of this version, that every row came, that its log can be read. */
import { ask } from '../database/connection.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import { unsealField } from '../vault/vault.ts'
import { openCanaryThread } from './canary-thread.ts'
import type { Loaded } from './load-backup.ts'
import { PASSING_TABLES } from './snapshot.ts'

/** One thing that was looked at. */
export interface Check {
  what: string
  /** What was found, when it is as it should be; otherwise what is wrong. */
  found: string
  good: boolean
}

export async function checkRestored(loaded: Loaded): Promise<Check[]> {
  const checks = [checkWhole, checkRows, checkLogAndMessages, checkDetails, checkCanary]
  const done: Check[] = []
  for (const check of checks) done.push(await check(loaded))
  return done
}

async function checkWhole({ contents, damagedTables, damagedFiles, gaps, files, rows }: Loaded): Promise<Check> {
  const wrong = [
    ...(contents ? [] : ['its end is missing']),
    ...(gaps > 0 ? [`${gaps} places do not open`] : []),
    ...(damagedTables.length > 0 ? [`tables that are not whole: ${damagedTables.join(', ')}`] : []),
    ...(damagedFiles.length > 0 ? [`files that are not whole: ${damagedFiles.join(', ')}`] : []),
    ...(contents && contents.missing.length > 0
      ? [`files lost before it was made: ${contents.missing.join(', ')}`]
      : []),
  ]
  return judged('digests of every table and every file', wrong, `${rows.size} tables and ${files} files`)
}

/** A restore itself ends what was under way and writes into the log. */
const CHANGED_BY_RESTORING = [
  'sessions',
  'enrolments',
  'password_resets',
  'address_changes',
  'assisted_resets',
  'known_devices',
  'access_events',
  'waiting_events',
]

async function checkRows({ rows }: Loaded): Promise<Check> {
  const wrong: string[] = []
  let counted = 0
  for (const [name, expected] of rows) {
    if (PASSING_TABLES[name] || CHANGED_BY_RESTORING.includes(name)) continue
    const [row] = await ask<{ count: string }>(`SELECT count(*) FROM "${name}"`)
    counted += Number(row!.count)
    if (Number(row!.count) !== expected) wrong.push(`${name} has ${row!.count} rows instead of ${expected}`)
  }
  return judged('rows of every table', wrong, `${counted} rows`)
}

/** Every message that was dropped is in the log, and every message that the log says was dropped is there. */
async function checkLogAndMessages(): Promise<Check> {
  const [row] = await ask<{ unlogged: string; gone: string; events: string }>(
    `SELECT (SELECT count(*) FROM messages m WHERE NOT EXISTS
         (SELECT FROM access_events e WHERE e.subject_id = m.id AND e.act = 'message.dropped')) AS unlogged,
       (SELECT count(*) FROM access_events e WHERE e.act = 'message.dropped' AND e.outcome = 'done'
         AND NOT EXISTS (SELECT FROM messages m WHERE m.id = e.subject_id)) AS gone,
       (SELECT count(*) FROM access_events) AS events`,
  )
  const wrong = [
    ...(row!.unlogged === '0' ? [] : [`${row!.unlogged} messages of which it does not know that they were sent`]),
    ...(row!.gone === '0' ? [] : [`${row!.gone} messages that it says were sent are not there`]),
  ]
  return judged('access log against messages', wrong, `${row!.events} events`)
}

const DETAILS_OPENED = 500

/** The sealed details of every event have the digest that stands in the event; of the newest ones it is tried whether they open. */
async function checkDetails(): Promise<Check> {
  const [row] = await ask<{ changed: string; sealed: string }>(
    `SELECT count(*) AS sealed, count(*) FILTER (WHERE sha256(details_sealed) IS DISTINCT FROM details_digest) AS changed
     FROM access_events WHERE details_sealed IS NOT NULL`,
  )
  const newest = await ask<{ id: string; detailsSealed: Buffer }>(
    `SELECT id, details_sealed FROM access_events WHERE details_sealed IS NOT NULL ORDER BY at DESC, id DESC LIMIT $1`,
    [DETAILS_OPENED],
  )
  const closed = newest.filter(({ id, detailsSealed }) => !opens(`access-event/${id}`, detailsSealed)).length
  const wrong = [
    ...(row!.changed === '0' ? [] : [`${row!.changed} events whose details are not those that were recorded`]),
    ...(closed === 0 ? [] : [`${closed} of the newest ${newest.length} whose details do not open`]),
  ]
  return judged(
    'details in the access log',
    wrong,
    `${row!.sealed} with the right digest, ${newest.length} of them opened`,
  )
}

function opens(binding: string, sealed: Buffer): boolean {
  try {
    unsealField(binding, sealed)
    return true
  } catch (error) {
    if (error instanceof EnvelopeRefused) return false
    throw error
  }
}

async function checkCanary(): Promise<Check> {
  const wrong = await openCanaryThread().then(
    () => [],
    (error: Error) => [error.message],
  )
  return judged('canary thread, from the master key to text and file', wrong, 'opened')
}

function judged(what: string, wrong: string[], found: string): Check {
  return { what, found: wrong.length === 0 ? found : wrong.join('; '), good: wrong.length === 0 }
}
