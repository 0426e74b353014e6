/** Messages, their threads and their recipients. Every question that leads to content asks for the reader first. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { Reader } from '../sign-in/reader.ts'

export interface MessageRow {
  id: string
  threadId: string
  threadKeyId: string
  fromMailboxId: string
  authorAccountId: string | null
  submission: string | null
  /** The message key under the thread key; null once it was forgotten. */
  keyWrapped: Buffer | null
  subjectSealed: Buffer | null
  bodySealed: Buffer | null
  fileCount: number
  sentAt: Date
  recalledAt: Date | null
}

export interface RecipientRow {
  messageId: string
  mailboxId: string
  noticedAt: Date | null
  noticeFailedAt: Date | null
  openedAt: Date | null
  openedBy: string | null
}

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
const messages = table<MessageRow>('messages', {
  id: 'uuid key',
  threadId: 'uuid',
  threadKeyId: 'uuid',
  fromMailboxId: 'uuid',
  authorAccountId: 'uuid',
  submission: 'uuid',
  keyWrapped: 'bytea',
  subjectSealed: 'bytea',
  bodySealed: 'bytea',
  fileCount: 'integer',
  sentAt: 'timestamptz',
  recalledAt: 'timestamptz',
})
const messageRecipients = table<RecipientRow>('message_recipients', {
  messageId: 'uuid key',
  mailboxId: 'uuid key',
  noticedAt: 'timestamptz',
  noticeFailedAt: 'timestamptz',
  openedAt: 'timestamptz',
  openedBy: 'uuid',
})

export const insertThread = threads.insert
export const insertMessage = messages.insert

const mailboxIds = (reader: Reader) => reader.mailboxes.map(({ id }) => id)

export async function insertRecipients(
  messageId: string,
  ids: readonly string[],
  transaction: Transaction,
): Promise<void> {
  await messageRecipients.insertAll(
    ids.map((mailboxId) => ({
      messageId,
      mailboxId,
      noticedAt: null,
      noticeFailedAt: null,
      openedAt: null,
      openedBy: null,
    })),
    transaction,
  )
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

export interface Claimed {
  threadId: string
  /** The reader's mailbox by which they take part. */
  mailboxId: string
  message: MessageRow
}

/** Finds a message for this reader: theirs, or nothing. */
export async function claimMessage(
  reader: Reader,
  messageId: string,
  transaction?: Transaction,
): Promise<Claimed | undefined> {
  const [row] = await ask<MessageRow & { mailboxId: string }>(
    `SELECT m.*, t.mailbox_id FROM messages m JOIN thread_mailboxes t ON t.thread_id = m.thread_id
     WHERE m.id = $1 AND t.mailbox_id = ANY($2::uuid[]) ORDER BY t.mailbox_id = $3 DESC LIMIT 1`,
    [messageId, mailboxIds(reader), reader.own.id],
    transaction,
  )
  if (!row) return undefined
  const { mailboxId, ...message } = row
  return { threadId: row.threadId, mailboxId, message }
}

export async function findBySubmission(reader: Reader, submission: string): Promise<MessageRow | undefined> {
  return messages.find({ submission, authorAccountId: reader.account.id })
}

/** A message for a job: ids and states, nothing that could be unsealed by it. */
export function findMessage(id: string, transaction?: Transaction): Promise<MessageRow | undefined> {
  return messages.find({ id }, transaction)
}

/** All messages of a claimed thread, oldest first. With a transaction the rows are held, so that recall and opening cannot cross. */
export function listThread(claimed: Claimed, transaction?: Transaction): Promise<MessageRow[]> {
  return ask<MessageRow>(
    `SELECT * FROM messages WHERE thread_id = $1 ORDER BY sent_at, id ${transaction ? 'FOR SHARE' : ''}`,
    [claimed.threadId],
    transaction,
  )
}

export async function listRecipients(
  messageIds: readonly string[],
  transaction?: Transaction,
): Promise<RecipientRow[]> {
  return messageIds.length === 0 ? [] : messageRecipients.list({ messageId: messageIds }, transaction)
}

/** Notes the first opening of these messages by a mailbox, and that nothing of the thread is unread any more. */
export async function noteOpening(
  claimed: Claimed,
  messageIds: readonly string[],
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await ask(
    'UPDATE message_recipients SET opened_at = $1, opened_by = $2 WHERE message_id = ANY($3::uuid[]) AND mailbox_id = $4 AND opened_at IS NULL',
    [now, accountId, messageIds, claimed.mailboxId],
    transaction,
  )
  await threadMailboxes.update(
    { unreadCount: 0 },
    { threadId: claimed.threadId, mailboxId: claimed.mailboxId },
    transaction,
  )
}

/**
 * Takes a message of the reader's own side back, if nobody has opened it. The row is locked first, and openings hold it too: of a recall and
 * an opening at the same moment one comes first, and the other sees it.
 */
export async function markRecalled(
  reader: Reader,
  messageId: string,
  now: Date,
  transaction: Transaction,
): Promise<'recalled' | 'already-opened' | 'not-yours'> {
  const [row] = await ask<{ recalledAt: Date | null; threadId: string }>(
    'SELECT recalled_at, thread_id FROM messages WHERE id = $1 AND from_mailbox_id = ANY($2::uuid[]) FOR UPDATE',
    [messageId, mailboxIds(reader)],
    transaction,
  )
  if (!row) return 'not-yours'
  if (row.recalledAt) return 'recalled'
  const recipients = await listRecipients([messageId], transaction)
  if (recipients.some(({ openedAt }) => openedAt)) return 'already-opened'
  // Forgetting the key erases it; the files, whose rows go too, are swept.
  await messages.update(
    { recalledAt: now, keyWrapped: null, subjectSealed: null, bodySealed: null, fileCount: 0 },
    { id: messageId },
    transaction,
  )
  await ask('DELETE FROM attachments WHERE message_id = $1', [messageId], transaction)
  await ask(
    'UPDATE thread_mailboxes SET unread_count = greatest(unread_count - 1, 0) WHERE thread_id = $1 AND mailbox_id = ANY($2::uuid[])',
    [row.threadId, recipients.map(({ mailboxId }) => mailboxId)],
    transaction,
  )
  await stepBack(row.threadId, messageId, transaction)
  return 'recalled'
}

/** The thread's newest message was taken back: every list shows the thread as of the newest one that is left. */
async function stepBack(threadId: string, recalledId: string, transaction: Transaction): Promise<void> {
  await ask(
    `UPDATE thread_mailboxes SET last_message_id = n.id, last_message_at = n.sent_at, last_from_mailbox_id = n.from_mailbox_id
     FROM (SELECT * FROM messages WHERE thread_id = $1 AND recalled_at IS NULL ORDER BY sent_at DESC, id DESC LIMIT 1) n
     WHERE thread_mailboxes.thread_id = $1 AND last_message_id = $2`,
    [threadId, recalledId],
    transaction,
  )
}

export async function noteNotice(
  messageId: string,
  mailboxId: string,
  outcome: 'sent' | 'failed',
  now: Date,
): Promise<void> {
  await messageRecipients.update(outcome === 'sent' ? { noticedAt: now } : { noticeFailedAt: now }, {
    messageId,
    mailboxId,
  })
}

/** A thread as a list shows it: its newest message, and the first, whose subject names it. */
export interface ListedThread extends ThreadMailboxRow {
  firstMessageId: string
  firstThreadKeyId: string
  firstKeyWrapped: Buffer | null
  firstSubjectSealed: Buffer | null
  firstRecalledAt: Date | null
  lastRecalledAt: Date | null
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
       f.recalled_at AS first_recalled_at, l.recalled_at AS last_recalled_at, l.file_count, o.mailbox_id AS other_mailbox_id,
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
