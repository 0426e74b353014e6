import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { Reader } from '../sign-in/reader.ts'

export interface ThreadKeyWrap {
  threadKeyId: string
  mailboxId: string
  mailboxVersion: number
  kind: 'public' | 'private'
  wrap: Buffer
  /** When somebody who takes part let a newer version read again; null for the wraps that were made with the key. */
  sharedAt: Date | null
}

const threadKeys = table<{ id: string; threadId: string; createdAt: Date }>('thread_keys', {
  id: 'uuid key',
  threadId: 'uuid',
  createdAt: 'timestamptz',
})
const threadKeyWraps = table<ThreadKeyWrap>('thread_key_wraps', {
  threadKeyId: 'uuid key',
  mailboxId: 'uuid key',
  mailboxVersion: 'integer key',
  kind: 'text',
  wrap: 'bytea',
  sharedAt: 'timestamptz',
})

export const insertThreadKey = threadKeys.insert
export const insertThreadKeyWraps = threadKeyWraps.insertAll

export async function updateThreadKeyWrap(changed: ThreadKeyWrap): Promise<void> {
  const { threadKeyId, mailboxId, mailboxVersion, kind, wrap } = changed
  await threadKeyWraps.update({ kind, wrap }, { threadKeyId, mailboxId, mailboxVersion })
}

/** The wraps of these thread keys for the reader's mailboxes. */
export function listThreadKeyWraps(
  reader: Reader,
  threadKeyIds: readonly string[],
  transaction?: Transaction,
): Promise<ThreadKeyWrap[]> {
  return ask<ThreadKeyWrap>(
    'SELECT * FROM thread_key_wraps WHERE thread_key_id = ANY($1::uuid[]) AND mailbox_id = ANY($2::uuid[])',
    [threadKeyIds, reader.mailboxes.map(({ id }) => id)],
    transaction,
  )
}

/** The keys of a thread, the first one first. */
export async function listThreadKeyIds(threadId: string): Promise<string[]> {
  return (await threadKeys.list({ threadId })).map(({ id }) => id).sort()
}

/** The wraps of one thread key, for all mailboxes of its thread: who can open it, and with which version. */
export function listWrapsOf(threadKeyId: string, transaction?: Transaction): Promise<ThreadKeyWrap[]> {
  return threadKeyWraps.list({ threadKeyId }, transaction)
}

/** The wraps to these mailboxes of every thread key that a message of the thread is still under. */
export function listWrapsInThread(
  threadId: string,
  mailboxIds: readonly string[],
  transaction?: Transaction,
): Promise<ThreadKeyWrap[]> {
  return ask<ThreadKeyWrap>(
    `SELECT w.* FROM thread_key_wraps w JOIN thread_keys k ON k.id = w.thread_key_id
     WHERE k.thread_id = $1 AND w.mailbox_id = ANY($2::uuid[])
       AND EXISTS (SELECT FROM messages m WHERE m.thread_id = k.thread_id AND m.thread_key_id = k.id AND m.recalled_at IS NULL)`,
    [threadId, mailboxIds],
    transaction,
  )
}

/** Takes away what others let newer versions of a mailbox's key read since then. @returns how many wraps it was */
export function removeSharedWraps(mailboxId: string, since: Date, transaction: Transaction): Promise<number> {
  return ask(
    'DELETE FROM thread_key_wraps WHERE mailbox_id = $1 AND shared_at >= $2 RETURNING mailbox_id',
    [mailboxId, since],
    transaction,
  ).then((rows) => rows.length)
}

/** The newest key of a thread that is wrapped to this mailbox, to write with. */
export async function findNewestWrap(
  threadId: string,
  mailboxId: string,
  transaction?: Transaction,
): Promise<ThreadKeyWrap | undefined> {
  const [wrap] = await ask<ThreadKeyWrap>(
    'SELECT w.* FROM thread_key_wraps w JOIN thread_keys k ON k.id = w.thread_key_id WHERE k.thread_id = $1 AND w.mailbox_id = $2 ORDER BY k.id DESC, w.mailbox_version DESC LIMIT 1',
    [threadId, mailboxId],
    transaction,
  )
  return wrap
}
