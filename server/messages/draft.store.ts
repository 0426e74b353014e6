import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface DraftRow {
  id: string
  accountId: string
  mailboxId: string
  /** Of the public half that it is sealed to. */
  mailboxVersion: number
  /** The conversation that it answers; null for a new message. */
  threadId: string | null
  /** Sealed to the person's own public half, so that it can be kept when their session has ended. */
  envelope: Buffer
  savedAt: Date
}

const drafts = table<DraftRow>('drafts', {
  id: 'uuid key',
  accountId: 'uuid',
  mailboxId: 'uuid',
  mailboxVersion: 'integer',
  threadId: 'uuid',
  envelope: 'bytea',
  savedAt: 'timestamptz',
})

/** A draft of this account, or nothing. */
export function findDraft(
  accountId: string,
  where: { id: string } | { threadId: string; mailboxVersion: number },
  transaction?: Transaction,
): Promise<DraftRow | undefined> {
  return drafts.find({ accountId, ...where }, transaction)
}

/** What this account wrote in a thread; one for each version of its key that something was sealed to, the newest first. */
export function listDraftsIn(accountId: string, threadId: string): Promise<DraftRow[]> {
  return ask<DraftRow>('SELECT * FROM drafts WHERE account_id = $1 AND thread_id = $2 ORDER BY mailbox_version DESC', [
    accountId,
    threadId,
  ])
}

/** Whether this id is the name of somebody else's draft. */
export async function isAnothers(accountId: string, id: string): Promise<boolean> {
  const row = await drafts.find({ id })
  return row !== undefined && row.accountId !== accountId
}

/** Newest first. */
export function listDrafts(accountId: string): Promise<DraftRow[]> {
  return ask<DraftRow>('SELECT * FROM drafts WHERE account_id = $1 ORDER BY saved_at DESC LIMIT 50', [accountId])
}

/** @returns whether it was kept; false when the id is of another person's draft */
export async function putDraft(row: DraftRow, transaction: Transaction): Promise<boolean> {
  const kept = await ask(
    `INSERT INTO drafts (id, account_id, mailbox_id, mailbox_version, thread_id, envelope, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope, mailbox_version = excluded.mailbox_version, saved_at = excluded.saved_at
     WHERE drafts.account_id = excluded.account_id AND drafts.thread_id IS NOT DISTINCT FROM excluded.thread_id RETURNING id`,
    [row.id, row.accountId, row.mailboxId, row.mailboxVersion, row.threadId, row.envelope, row.savedAt],
    transaction,
  )
  return kept.length === 1
}

/** Takes the draft away. Of fifty that press Send at once, one gets `true`. */
export async function takeDraft(accountId: string, id: string, transaction?: Transaction): Promise<boolean> {
  return (await drafts.remove({ id, accountId }, transaction)) === 1
}
