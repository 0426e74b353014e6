/** How a message rests, without anything that could open it: what its envelopes and wraps say of themselves. */
import { ask } from '../database/connection.ts'

/** The beginning of an envelope, which says how it was sealed, and its length. */
export interface Resting {
  header: Buffer
  bytes: number
}

export interface ProtectedMessage {
  id: string
  threadId: string
  threadKeyId: string
  fromMailboxId: string
  sentAt: Date
  recalledAt: Date | null
  fileCount: number
  bodyHeader: Buffer | null
  bodyBytes: number | null
  /** Of the message key's wrap; null once it was forgotten. */
  keyBytes: number | null
}

export interface ProtectedWrap {
  mailboxId: string
  mailboxVersion: number
  kind: 'public' | 'private'
  /** The version of the master key that the wrap rests under; it stands in front of it. */
  masterVersion: number
}

export async function findProtected(messageId: string): Promise<ProtectedMessage | undefined> {
  const [row] = await ask<ProtectedMessage>(
    `SELECT id, thread_id, thread_key_id, from_mailbox_id, sent_at, recalled_at, file_count,
       substring(body_sealed FOR 128) AS body_header, length(body_sealed) AS body_bytes, length(key_wrapped) AS key_bytes
     FROM messages WHERE id = $1`,
    [messageId],
  )
  return row
}

export async function listProtectedWraps(threadKeyId: string): Promise<ProtectedWrap[]> {
  const rows = await ask<Omit<ProtectedWrap, 'masterVersion'> & { head: Buffer }>(
    `SELECT mailbox_id, mailbox_version, kind, substring(wrap FOR 4) AS head FROM thread_key_wraps
     WHERE thread_key_id = $1 ORDER BY mailbox_id, mailbox_version`,
    [threadKeyId],
  )
  return rows.map(({ head, ...row }) => ({ ...row, masterVersion: head.readUInt32BE(0) }))
}

/** The message's files: how each label was sealed, and whether it was looked at for malware. */
export function listProtectedFiles(
  messageId: string,
): Promise<{ labelHeader: Buffer; checkState: string; keyBytes: number }[]> {
  return ask(
    `SELECT substring(label_sealed FOR 128) AS label_header, check_state, length(key_wrapped) AS key_bytes FROM attachments
     WHERE message_id = $1 ORDER BY position, id`,
    [messageId],
  )
}

/** Where in the access log it stands that the message was sent. */
export async function findLeafOfSending(messageId: string): Promise<number | undefined> {
  const [row] = await ask<{ leaf: string }>(
    `SELECT l.leaf FROM access_events e JOIN log_leaves l ON l.event_id = e.id
     WHERE e.subject_id = $1 AND e.act = 'message.dropped' ORDER BY e.at LIMIT 1`,
    [messageId],
  )
  return row && Number(row.leaf)
}
