/** Messages and their recipients. Every question that leads to content asks for the reader first. */
import type { ErasedWhy } from '../audit/ledger.ts'
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
  /** When it was taken back or erased. */
  recalledAt: Date | null
  erasedWhy: ErasedWhy | null
}

export interface RecipientRow {
  messageId: string
  mailboxId: string
  noticedAt: Date | null
  noticeFailedAt: Date | null
  openedAt: Date | null
  openedBy: string | null
}

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
  erasedWhy: 'text',
})
const messageRecipients = table<RecipientRow>('message_recipients', {
  messageId: 'uuid key',
  mailboxId: 'uuid key',
  noticedAt: 'timestamptz',
  noticeFailedAt: 'timestamptz',
  openedAt: 'timestamptz',
  openedBy: 'uuid',
})

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

/** Whether a form of this number became a message. */
export async function isUsed(submission: string): Promise<boolean> {
  return (await messages.find({ submission })) !== undefined
}

/** The newest message of a thread, for those who then ask for it like everybody else. */
export async function newestIn(threadId: string): Promise<string | undefined> {
  const [row] = await ask<{ id: string }>(
    'SELECT id FROM messages WHERE thread_id = $1 ORDER BY sent_at DESC, id DESC LIMIT 1',
    [threadId],
  )
  return row?.id
}

export type MessageState = Pick<
  MessageRow,
  'id' | 'threadId' | 'fromMailboxId' | 'fileCount' | 'sentAt' | 'recalledAt' | 'erasedWhy'
>

/** A message for those who are no reader (jobs, links): its ids and states, nothing that could be unsealed. */
export async function findMessageState(id: string): Promise<MessageState | undefined> {
  const [row] = await ask<MessageState>(
    'SELECT id, thread_id, from_mailbox_id, file_count, sent_at, recalled_at, erased_why FROM messages WHERE id = $1',
    [id],
  )
  return row
}

/** A message for those who see whether a restored one still opens; what they open is shown to nobody. */
export function findForDrill(id: string): Promise<MessageRow | undefined> {
  return messages.find({ id })
}

/** All messages of a claimed thread, oldest first. */
export function listThread(claimed: Claimed, transaction?: Transaction): Promise<MessageRow[]> {
  return ask<MessageRow>(
    'SELECT * FROM messages WHERE thread_id = $1 ORDER BY sent_at, id',
    [claimed.threadId],
    transaction,
  )
}

/** The messages of a thread as they rest, a few at a time in the order of their ids: for whoever goes through all and reads none. */
export function listMessagesAfter(threadId: string, id: string, limit: number): Promise<MessageRow[]> {
  return ask<MessageRow>('SELECT * FROM messages WHERE thread_id = $1 AND id > $2 ORDER BY id LIMIT $3', [
    threadId,
    id,
    limit,
  ])
}

export async function listRecipients(
  messageIds: readonly string[],
  transaction?: Transaction,
): Promise<RecipientRow[]> {
  return messageIds.length === 0 ? [] : messageRecipients.list({ messageId: messageIds }, transaction)
}

/** Notes the first opening of these messages by a mailbox. */
export async function noteOpening(
  mailboxId: string,
  messageIds: readonly string[],
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await ask(
    'UPDATE message_recipients SET opened_at = $1, opened_by = $2 WHERE message_id = ANY($3::uuid[]) AND mailbox_id = $4 AND opened_at IS NULL',
    [now, accountId, messageIds, mailboxId],
    transaction,
  )
}

/** Forgets a message's key and all that it opens; what is left says that one was here, and when and why it went. */
export async function forgetMessage(id: string, why: ErasedWhy, now: Date, transaction: Transaction): Promise<void> {
  const nothing = { keyWrapped: null, subjectSealed: null, bodySealed: null, fileCount: 0 }
  await messages.update({ recalledAt: now, erasedWhy: why, ...nothing }, { id }, transaction)
}

/** A message that can be destroyed: it is there and was not. Nothing of it could be unsealed by who asks. */
export async function findDoomed(
  id: string,
  transaction: Transaction,
): Promise<Pick<MessageRow, 'id' | 'threadId' | 'sentAt' | 'keyWrapped'> | undefined> {
  const [row] = await ask<Pick<MessageRow, 'id' | 'threadId' | 'sentAt' | 'keyWrapped'>>(
    'SELECT id, thread_id, sent_at, key_wrapped FROM messages WHERE id = $1 AND recalled_at IS NULL',
    [id],
    transaction,
  )
  return row
}

/** Which of these messages were not taken back or erased. */
export async function listStillThere(ids: readonly string[]): Promise<string[]> {
  const rows = await ask<{ id: string }>('SELECT id FROM messages WHERE id = ANY($1::uuid[]) AND recalled_at IS NULL', [
    ids,
  ])
  return rows.map(({ id }) => id)
}

export async function noteNotice(
  messageId: string,
  mailboxId: string,
  outcome: 'sent' | 'failed',
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const values = outcome === 'sent' ? { noticedAt: now } : { noticeFailedAt: now }
  await messageRecipients.update(values, { messageId, mailboxId }, transaction)
}

/** A message by what its openings are told with. */
export interface Letter {
  id: string
  sentAt: Date
  recalledAt: Date | null
  /** Those that are gone too: that they were opened stays true. */
  fileIds: string[]
}

/** Every message in the threads of a mailbox, or by an author. */
export function listLettersOf(whose: { mailboxId: string } | { authorId: string }): Promise<Letter[]> {
  const mine =
    'authorId' in whose
      ? 'm.author_account_id = $1'
      : 'm.thread_id IN (SELECT thread_id FROM thread_mailboxes WHERE mailbox_id = $1)'
  return ask<Letter>(
    `SELECT m.id, m.sent_at, m.recalled_at,
       ARRAY(SELECT id FROM attachments WHERE message_id = m.id UNION ALL SELECT attachment_id FROM former_attachments WHERE message_id = m.id) AS file_ids
     FROM messages m WHERE ${mine}`,
    ['authorId' in whose ? whose.authorId : whose.mailboxId],
  )
}
