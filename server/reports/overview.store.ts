/** What the overview counts beside the access log. Everybody's messages, by when and whether, and nothing of what they say. */
import { ask } from '../database/connection.ts'

export interface DayOfMessages {
  day: Date
  opened: number
  unopened: number
}

const PATIENTS = `JOIN message_recipients r ON r.message_id = m.id JOIN mailboxes b ON b.id = r.mailbox_id JOIN accounts a ON a.id = b.account_id AND a.role = 'patient'`

/** Messages by the day (UTC) on which they were sent, and whether anybody has opened them since. Days without any are left out. */
export async function listMessageDays(from: Date): Promise<DayOfMessages[]> {
  const rows = await ask<{ day: Date; opened: string; unopened: string }>(
    `SELECT date_trunc('day', m.sent_at, 'UTC') AS day, count(*) FILTER (WHERE r.opened) AS opened, count(*) FILTER (WHERE r.opened IS NOT TRUE) AS unopened
     FROM messages m JOIN LATERAL (SELECT bool_or(opened_at IS NOT NULL) AS opened FROM message_recipients WHERE message_id = m.id) r ON true
     WHERE m.sent_at >= $1 GROUP BY 1 ORDER BY 1`,
    [from],
  )
  return rows.map(({ day, opened, unopened }) => ({ day, opened: Number(opened), unopened: Number(unopened) }))
}

/** Of the messages to patients that were sent from then until then: how many there were, and how many were opened within so many hours. */
export async function countOpenedWithin(
  hours: number,
  from: Date,
  to: Date,
): Promise<{ sent: number; opened: number }> {
  const [row] = await ask<{ sent: string; opened: string }>(
    `SELECT count(*) AS sent, count(*) FILTER (WHERE r.opened_at <= m.sent_at + make_interval(hours => $3)) AS opened
     FROM messages m ${PATIENTS} WHERE m.sent_at >= $1 AND m.sent_at < $2 AND m.recalled_at IS NULL`,
    [from, to, hours],
  )
  return { sent: Number(row!.sent), opened: Number(row!.opened) }
}

/** Messages to patients that were sent from then until then and not opened so far. */
export async function countUnopened(from: Date, to: Date): Promise<number> {
  const [row] = await ask<{ count: string }>(
    `SELECT count(*) AS count FROM messages m ${PATIENTS} WHERE m.sent_at >= $1 AND m.sent_at < $2 AND m.recalled_at IS NULL AND r.opened_at IS NULL`,
    [from, to],
  )
  return Number(row!.count)
}

/** Mails that have not gone out yet. */
export async function countWaitingMails(): Promise<number> {
  const [row] = await ask<{ count: string }>(
    `SELECT count(*) AS count FROM graphile_worker.jobs WHERE task_identifier LIKE 'send-%' AND attempts < max_attempts`,
  )
  return Number(row!.count)
}

/** Bytes of the database, and of the files where they are known. */
export async function countStored(): Promise<{ database: number; files: number }> {
  const [row] = await ask<{ database: string; files: string }>(
    'SELECT pg_database_size(current_database()) AS database, (SELECT coalesce(sum(sealed_bytes), 0) FROM attachments) AS files',
  )
  return { database: Number(row!.database), files: Number(row!.files) }
}

export const FUNNEL = ['invited', 'told', 'began', 'enrolled', 'opened'] as const
export type Funnel = Record<(typeof FUNNEL)[number], number>

/** How far the patients came who were written to for the first time since then. */
export async function countEnrolment(from: Date): Promise<Funnel> {
  const [row] = await ask<Record<string, string>>(
    `SELECT count(*) AS invited, count(*) FILTER (WHERE p.told) AS told, count(*) FILTER (WHERE p.enrolled OR p.began) AS began,
       count(*) FILTER (WHERE p.enrolled) AS enrolled, count(*) FILTER (WHERE p.opened) AS opened
     FROM (SELECT a.enrolled_at IS NOT NULL AS enrolled, coalesce(r.told, false) AS told, coalesce(r.opened, false) AS opened,
         EXISTS (SELECT FROM log_leaves l WHERE (l.actor_id = a.id OR l.subject_id = a.id) AND l.act = 'enrolment.started') AS began
       FROM accounts a JOIN mailboxes b ON b.account_id = a.id
       LEFT JOIN LATERAL (SELECT bool_or(noticed_at IS NOT NULL) AS told, bool_or(opened_at IS NOT NULL) AS opened FROM message_recipients WHERE mailbox_id = b.id) r ON true
       WHERE a.role = 'patient' AND a.invited_at >= $1) p`,
    [from],
  )
  return Object.fromEntries(FUNNEL.map((step) => [step, Number(row![step])])) as Funnel
}

/** In hours; the last two are what took longer and what has no answer yet. */
export const ANSWERED_WITHIN = [1, 4, 8, 24, 48, 168] as const

/** How long patients who wrote since then waited for an answer: how many for each of ANSWERED_WITHIN, for longer, and how many still wait. */
export async function countAnswers(from: Date): Promise<number[]> {
  const rows = await ask<{ bucket: number; count: string }>(
    `SELECT bucket, count(*) AS count FROM (
       SELECT CASE WHEN n.sent_at IS NULL THEN ${ANSWERED_WITHIN.length + 1}
         ELSE width_bucket(extract(epoch FROM n.sent_at - m.sent_at)::float8 / 3600, $2::float8[]) END AS bucket
       FROM messages m JOIN mailboxes b ON b.id = m.from_mailbox_id JOIN accounts a ON a.id = b.account_id AND a.role = 'patient'
       LEFT JOIN LATERAL (SELECT n.sent_at FROM messages n WHERE n.thread_id = m.thread_id AND n.sent_at > m.sent_at AND n.from_mailbox_id <> m.from_mailbox_id
         ORDER BY n.sent_at LIMIT 1) n ON true
       WHERE m.sent_at >= $1 AND m.recalled_at IS NULL) w GROUP BY bucket`,
    [from, [...ANSWERED_WITHIN]],
  )
  const counts = new Map(rows.map(({ bucket, count }) => [bucket, Number(count)]))
  return Array.from({ length: ANSWERED_WITHIN.length + 2 }, (_, bucket) => counts.get(bucket) ?? 0)
}
