/** How many people, files and messages a change of the settings would concern. Each is one count, made when somebody asks before saving. */
import { ask } from '../database/connection.ts'

const MINUTE = 60 * 1000

/** People who are signed in now, and of these the ones whom other limits would have signed out already. */
export async function countSignedIn(
  limits: { idleMinutes: number; sessionHours: number },
  wanted: { idleMinutes: number; sessionHours: number },
  now: Date,
): Promise<{ people: number; atOnce: number }> {
  const ends = (of: typeof limits) => [
    now.getTime() - of.idleMinutes * MINUTE,
    now.getTime() - of.sessionHours * 60 * MINUTE,
  ]
  const [row] = await ask<{ people: number; atOnce: number }>(
    `SELECT count(DISTINCT sess->>'accountId')::int AS people,
       count(DISTINCT sess->>'accountId') FILTER (
         WHERE (sess->>'seenAt')::bigint < $3 OR (sess->>'startedAt')::bigint < $4)::int AS at_once
     FROM sessions WHERE sess->>'stage' = 'signed-in' AND sess->>'movedAt' IS NULL
       AND (sess->>'seenAt')::bigint >= $1 AND (sess->>'startedAt')::bigint >= $2`,
    [...ends(limits), ...ends(wanted)],
  )
  return row!
}

/** Messages that were dropped before then and are not erased. */
export async function countMessagesBefore(then: Date): Promise<number> {
  const [row] = await ask<{ count: number }>(
    'SELECT count(*)::int AS count FROM messages WHERE sent_at < $1 AND erased_why IS NULL',
    [then],
  )
  return row!.count
}

/** Drafts with more files than this. */
export async function countDraftsWithMoreFiles(files: number): Promise<number> {
  const [row] = await ask<{ count: number }>(
    `SELECT count(*)::int AS count FROM (
       SELECT FROM attachments WHERE draft_id IS NOT NULL AND message_id IS NULL GROUP BY draft_id HAVING count(*) > $1) AS more`,
    [files],
  )
  return row!.count
}

/** Files in drafts that are larger than this, as they rest: sealing makes them a little longer. */
export async function countUnsentLargerThan(bytes: number): Promise<number> {
  const [row] = await ask<{ count: number }>(
    'SELECT count(*)::int AS count FROM attachments WHERE message_id IS NULL AND sealed_bytes > $1::bigint',
    [bytes],
  )
  return row!.count
}

/** Erased messages of which a backup may still hold something by one of the two numbers and not by the other. */
export async function countErasedBetween(from: Date, to: Date): Promise<number> {
  const [row] = await ask<{ count: number }>(
    'SELECT count(*)::int AS count FROM destruction_certificates WHERE erased_at >= $1 AND erased_at < $2',
    [from < to ? from : to, from < to ? to : from],
  )
  return row!.count
}

/** Notices that wait to be sent. */
export async function countWaitingNotices(): Promise<number> {
  const [row] = await ask<{ count: number }>(
    `SELECT count(*)::int AS count FROM graphile_worker.jobs WHERE task_identifier = 'send-notice' AND attempts < max_attempts`,
  )
  return row!.count
}
