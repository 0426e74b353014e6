/** Threads, and how each of their mailboxes sees them: kept as rows of their own, so that a list asks one index. */
import type { ErasedWhy } from '../audit/ledger.ts'
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { Reader } from '../sign-in/reader.ts'
import type { MessageRow } from './message.store.ts'

export interface ThreadMailboxRow {
  threadId: string
  mailboxId: string
  lastMessageId: string
  lastMessageAt: Date
  lastFromMailboxId: string
  unreadCount: number
}

const threads = table<{ id: string; createdAt: Date }>('threads', { id: 'uuid key', createdAt: 'timestamptz' })
const threadMailboxes = table<ThreadMailboxRow>('thread_mailboxes', {
  threadId: 'uuid key',
  mailboxId: 'uuid key',
  lastMessageId: 'uuid',
  lastMessageAt: 'timestamptz',
  lastFromMailboxId: 'uuid',
  unreadCount: 'integer',
})
export const insertThread = threads.insert

const mailboxIds = (reader: Reader) => reader.mailboxes.map(({ id }) => id)

/**
 * Holds the thread until the transaction ends: sending, opening and taking back in one thread come one after another. So two people who write
 * at once do not wait for each other's rows in a circle, and no message arrives unseen between a list of what is shown and "nothing is unread".
 */
export async function holdThread(threadId: string, transaction: Transaction): Promise<void> {
  await ask('SELECT FROM threads WHERE id = $1 FOR NO KEY UPDATE', [threadId], transaction)
}

/** Brings each mailbox's view of the thread up to this message: unread for all but the one that it comes from. */
export async function moveThread(
  message: Pick<MessageRow, 'id' | 'threadId' | 'fromMailboxId' | 'sentAt'>,
  ids: readonly string[],
  transaction: Transaction,
): Promise<void> {
  await ask(
    `INSERT INTO thread_mailboxes (thread_id, mailbox_id, last_message_id, last_message_at, last_from_mailbox_id, unread_count)
     SELECT $1, id, $2, $3, $4, CASE WHEN id = $4 THEN 0 ELSE 1 END FROM unnest($5::uuid[]) AS id
     ON CONFLICT (thread_id, mailbox_id) DO UPDATE SET last_message_id = excluded.last_message_id, last_message_at = excluded.last_message_at,
       last_from_mailbox_id = excluded.last_from_mailbox_id, unread_count = thread_mailboxes.unread_count + excluded.unread_count`,
    [message.threadId, message.id, message.sentAt, message.fromMailboxId, ids],
    transaction,
  )
}

/** The mailboxes that take part in a thread. */
export async function listThreadMailboxIds(threadId: string, transaction?: Transaction): Promise<string[]> {
  return (await threadMailboxes.list({ threadId }, transaction)).map(({ mailboxId }) => mailboxId)
}

/** How many conversations a mailbox takes part in that still hold something. */
export async function countThreadsOf(mailboxId: string, transaction?: Transaction): Promise<number> {
  const [row] = await ask<{ many: number }>(
    `SELECT count(*)::int AS many FROM thread_mailboxes t WHERE t.mailbox_id = $1
       AND EXISTS (SELECT FROM messages m WHERE m.thread_id = t.thread_id AND m.recalled_at IS NULL)`,
    [mailboxId],
    transaction,
  )
  return row!.many
}

/** The threads of a mailbox that still hold something, in the order of their ids. */
export async function listThreadIdsOf(mailboxId: string, transaction: Transaction): Promise<string[]> {
  const rows = await ask<{ threadId: string }>(
    `SELECT t.thread_id FROM thread_mailboxes t WHERE t.mailbox_id = $1
       AND EXISTS (SELECT FROM messages m WHERE m.thread_id = t.thread_id AND m.recalled_at IS NULL) ORDER BY t.thread_id`,
    [mailboxId],
    transaction,
  )
  return rows.map(({ threadId }) => threadId)
}

/**
 * Another mailbox takes part in place of this one: it finds what the other one had found, and has not opened what the other one had not. What was
 * written stays the other one's. @returns the newest message that is not opened yet
 */
export async function takePlace(
  threadId: string,
  from: string,
  to: string,
  transaction: Transaction,
): Promise<string | undefined> {
  const values = [threadId, from, to]
  const TO_HIM = 'message_id IN (SELECT id FROM messages WHERE thread_id = $1)'
  await ask(
    `UPDATE message_recipients r SET mailbox_id = $3 WHERE r.mailbox_id = $2 AND r.${TO_HIM}
       AND NOT EXISTS (SELECT FROM message_recipients o WHERE o.message_id = r.message_id AND o.mailbox_id = $3)`,
    values,
    transaction,
  )
  await ask(
    `DELETE FROM message_recipients WHERE mailbox_id = $2 AND ${TO_HIM} AND $3::uuid IS NOT NULL`,
    values,
    transaction,
  )
  await ask(
    `INSERT INTO thread_mailboxes (thread_id, mailbox_id, last_message_id, last_message_at, last_from_mailbox_id, unread_count)
     SELECT thread_id, $3, last_message_id, last_message_at, last_from_mailbox_id, unread_count FROM thread_mailboxes
     WHERE thread_id = $1 AND mailbox_id = $2 ON CONFLICT (thread_id, mailbox_id) DO NOTHING`,
    values,
    transaction,
  )
  await ask(
    'DELETE FROM thread_mailboxes WHERE thread_id = $1 AND mailbox_id = $2 AND $3::uuid IS NOT NULL',
    values,
    transaction,
  )
  // Whoever waits for an answer waits for one from who answers now.
  await ask(
    'UPDATE thread_mailboxes SET last_from_mailbox_id = $3 WHERE thread_id = $1 AND last_from_mailbox_id = $2',
    values,
    transaction,
  )
  await countUnread(threadId, to, transaction)
  const [unread] = await ask<{ id: string }>(
    `SELECT m.id FROM messages m JOIN message_recipients r ON r.message_id = m.id AND r.mailbox_id = $2
     WHERE m.thread_id = $1 AND m.recalled_at IS NULL AND r.opened_at IS NULL ORDER BY m.sent_at DESC, m.id DESC LIMIT 1`,
    [threadId, to],
    transaction,
  )
  return unread?.id
}

/** The threads behind this one, in the order of their ids: for whoever goes through all of them and reads none. */
export function listThreadsAfter(id: string, limit: number): Promise<{ id: string; createdAt: Date }[]> {
  return ask('SELECT id, created_at FROM threads WHERE id > $1 ORDER BY id LIMIT $2', [id, limit])
}

/** Whether one of these mailboxes takes part in the thread. */
export async function takesPart(threadId: string, ids: readonly string[]): Promise<boolean> {
  return (await listThreadMailboxIds(threadId)).some((id) => ids.includes(id))
}

/** Counts again what this mailbox has not opened of the thread; what could not be shown stays unread. */
export async function countUnread(threadId: string, mailboxId: string, transaction: Transaction): Promise<void> {
  await ask(
    `UPDATE thread_mailboxes SET unread_count = (SELECT count(*) FROM messages m JOIN message_recipients r ON r.message_id = m.id AND r.mailbox_id = $2
       WHERE m.thread_id = $1 AND m.recalled_at IS NULL AND r.opened_at IS NULL) WHERE thread_id = $1 AND mailbox_id = $2`,
    [threadId, mailboxId],
    transaction,
  )
}

/** A message that these mailboxes had not opened was taken back: it is not unread for them any more. */
export async function lessUnread(threadId: string, ids: readonly string[], transaction: Transaction): Promise<void> {
  await ask(
    'UPDATE thread_mailboxes SET unread_count = greatest(unread_count - 1, 0) WHERE thread_id = $1 AND mailbox_id = ANY($2::uuid[])',
    [threadId, ids],
    transaction,
  )
}

/** The thread's newest message was taken back: every list shows the thread as of the newest one that is left. */
export async function stepBack(threadId: string, recalledId: string, transaction: Transaction): Promise<void> {
  await ask(
    `UPDATE thread_mailboxes SET last_message_id = n.id, last_message_at = n.sent_at, last_from_mailbox_id = n.from_mailbox_id
     FROM (SELECT * FROM messages WHERE thread_id = $1 AND recalled_at IS NULL ORDER BY sent_at DESC, id DESC LIMIT 1) n
     WHERE thread_mailboxes.thread_id = $1 AND last_message_id = $2`,
    [threadId, recalledId],
    transaction,
  )
}

/** A thread as a list shows it: its newest message, and the first, whose subject names it. */
export interface ListedThread extends ThreadMailboxRow {
  firstMessageId: string
  firstThreadKeyId: string
  firstKeyWrapped: Buffer | null
  firstSubjectSealed: Buffer | null
  firstRecalledAt: Date | null
  lastRecalledAt: Date | null
  lastErasedWhy: ErasedWhy | null
  fileCount: number
  otherMailboxId: string
  otherOpenedAt: Date | null
  otherNoticedAt: Date | null
  otherNoticeFailedAt: Date | null
}

export type ThreadFilter = 'all' | 'unread' | 'needs-reply' | 'waiting' | 'not-opened'

const FILTERS: Record<ThreadFilter, string> = {
  all: 'true',
  unread: 't.unread_count > 0',
  'needs-reply': 't.last_from_mailbox_id <> t.mailbox_id AND l.recalled_at IS NULL',
  waiting: 't.last_from_mailbox_id = t.mailbox_id AND l.recalled_at IS NULL',
  'not-opened': 't.last_from_mailbox_id = t.mailbox_id AND l.recalled_at IS NULL AND r.opened_at IS NULL',
}

const LISTED = `FROM thread_mailboxes t
  JOIN messages l ON l.id = t.last_message_id
  JOIN LATERAL (SELECT o.mailbox_id FROM thread_mailboxes o WHERE o.thread_id = t.thread_id AND o.mailbox_id <> t.mailbox_id ORDER BY o.mailbox_id LIMIT 1) o ON true
  LEFT JOIN message_recipients r ON r.message_id = t.last_message_id AND r.mailbox_id = o.mailbox_id`
// What was recalled before anybody opened it is not in the list of those it was for.
const VISIBLE = `t.mailbox_id = ANY($1::uuid[])
  AND EXISTS (SELECT FROM messages v WHERE v.thread_id = t.thread_id AND (v.recalled_at IS NULL OR v.from_mailbox_id = t.mailbox_id))`

/** Newest activity first, keyset paging by time and thread. */
export function listThreads(
  reader: Reader,
  filter: ThreadFilter,
  before: { at: Date; threadId: string } | undefined,
  limit: number,
): Promise<ListedThread[]> {
  return ask<ListedThread>(
    `SELECT t.*, f.id AS first_message_id, f.thread_key_id AS first_thread_key_id, f.key_wrapped AS first_key_wrapped, f.subject_sealed AS first_subject_sealed,
       f.recalled_at AS first_recalled_at, l.recalled_at AS last_recalled_at, l.erased_why AS last_erased_why, l.file_count, o.mailbox_id AS other_mailbox_id,
       r.opened_at AS other_opened_at, r.noticed_at AS other_noticed_at, r.notice_failed_at AS other_notice_failed_at
     ${LISTED}
     JOIN LATERAL (SELECT * FROM messages m WHERE m.thread_id = t.thread_id ORDER BY m.sent_at, m.id LIMIT 1) f ON true
     WHERE ${VISIBLE} AND ${FILTERS[filter]} AND ($2::timestamptz IS NULL OR (t.last_message_at, t.thread_id) < ($2, $3::uuid))
     ORDER BY t.last_message_at DESC, t.thread_id DESC LIMIT $4`,
    [mailboxIds(reader), before?.at ?? null, before?.threadId ?? null, limit],
  )
}

/** How many threads stand behind each filter. */
export async function countThreads(reader: Reader): Promise<Record<ThreadFilter, number>> {
  const columns = Object.entries(FILTERS).map(
    ([name, condition]) => `count(*) FILTER (WHERE ${condition}) AS "${name}"`,
  )
  const [row] = await ask<Record<string, string>>(`SELECT ${columns.join(', ')} ${LISTED} WHERE ${VISIBLE}`, [
    mailboxIds(reader),
  ])
  return Object.fromEntries(Object.keys(FILTERS).map((name) => [name, Number(row?.[name] ?? 0)])) as Record<
    ThreadFilter,
    number
  >
}
