import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { Reader } from '../sign-in/reader.ts'

export interface ThreadKeyWrap {
  threadKeyId: string
  mailboxId: string
  mailboxVersion: number
  kind: 'public' | 'private'
  wrap: Buffer
}

const threadKeys = table<{ id: string; threadId: string; createdAt: Date }>('thread_keys', {
  id: 'uuid key',
  threadId: 'uuid',
  createdAt: 'timestamptz',
})
const threadKeyWraps = table<ThreadKeyWrap>('thread_key_wraps', {
  threadKeyId: 'uuid key',
  mailboxId: 'uuid key',
  mailboxVersion: 'integer',
  kind: 'text',
  wrap: 'bytea',
})

export const insertThreadKey = threadKeys.insert
export const insertThreadKeyWraps = threadKeyWraps.insertAll

export async function updateThreadKeyWrap({ threadKeyId, mailboxId, kind, wrap }: ThreadKeyWrap): Promise<void> {
  await threadKeyWraps.update({ kind, wrap }, { threadKeyId, mailboxId })
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

/** The wraps of one thread key, for all mailboxes of its thread: who can open it, and with which version. */
export function listWrapsOf(threadKeyId: string, transaction?: Transaction): Promise<ThreadKeyWrap[]> {
  return threadKeyWraps.list({ threadKeyId }, transaction)
}

/** The newest key of a thread that is wrapped to this mailbox, to write with. */
export async function findNewestWrap(
  threadId: string,
  mailboxId: string,
  transaction?: Transaction,
): Promise<ThreadKeyWrap | undefined> {
  const [wrap] = await ask<ThreadKeyWrap>(
    'SELECT w.* FROM thread_key_wraps w JOIN thread_keys k ON k.id = w.thread_key_id WHERE k.thread_id = $1 AND w.mailbox_id = $2 ORDER BY k.id DESC LIMIT 1',
    [threadId, mailboxId],
    transaction,
  )
  return wrap
}
