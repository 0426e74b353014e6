/** Legal holds: what must not be erased, on a message, on a conversation, or on all that a person takes part in or wrote. They win over everything. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'

/** What is held: exactly one of the three. */
export interface HeldThing {
  messageId: string | null
  threadId: string | null
  accountId: string | null
}

export interface LegalHold extends HeldThing {
  id: string
  reason: string
  placedBy: string
  placedAt: Date
  lifted: { by: string; at: Date; reason: string } | undefined
}

interface LegalHoldRow extends HeldThing {
  id: string
  reasonSealed: Buffer
  placedBy: string
  placedAt: Date
  liftedBy: string | null
  liftedAt: Date | null
  liftReasonSealed: Buffer | null
}

const holds = table<LegalHoldRow>('legal_holds', {
  id: 'uuid key',
  messageId: 'uuid',
  threadId: 'uuid',
  accountId: 'uuid',
  reasonSealed: 'bytea',
  placedBy: 'uuid',
  placedAt: 'timestamptz',
  liftedBy: 'uuid',
  liftedAt: 'timestamptz',
  liftReasonSealed: 'bytea',
})

export function insertHold(hold: Omit<LegalHold, 'lifted'>, transaction: Transaction): Promise<void> {
  const { reason, ...plain } = hold
  return holds.insert(
    {
      ...plain,
      reasonSealed: sealField(`legal-hold/${hold.id}/reason`, reason),
      liftedBy: null,
      liftedAt: null,
      liftReasonSealed: null,
    },
    transaction,
  )
}

/** @returns whether this call was the one that lifted it */
export async function liftHoldRow(
  id: string,
  lifted: { by: string; at: Date; reason: string },
  transaction: Transaction,
): Promise<boolean> {
  const liftReasonSealed = sealField(`legal-hold/${id}/lift-reason`, lifted.reason)
  const values = { liftedBy: lifted.by, liftedAt: lifted.at, liftReasonSealed }
  return (await holds.update(values, { id, liftedAt: null }, transaction)) === 1
}

export async function findHold(id: string): Promise<LegalHold | undefined> {
  const row = await holds.find({ id })
  return row && toHold(row)
}

/** The newest first. */
export async function listHolds(): Promise<LegalHold[]> {
  return (await ask<LegalHoldRow>('SELECT * FROM legal_holds ORDER BY placed_at DESC, id DESC')).map(toHold)
}

/** Whether a hold is on a message. @param after only those that were placed after this moment */
export async function isHeld(messageId: string, after: Date | null, transaction?: Transaction): Promise<boolean> {
  const rows = await ask(
    `SELECT 1 AS held FROM messages m JOIN legal_holds h ON h.message_id = m.id OR h.thread_id = m.thread_id OR h.account_id = m.author_account_id
       OR h.account_id IN (SELECT b.account_id FROM thread_mailboxes t JOIN mailboxes b ON b.id = t.mailbox_id WHERE t.thread_id = m.thread_id)
       OR h.account_id IN (SELECT b.account_id FROM thread_handovers o JOIN mailboxes b ON b.id = o.from_mailbox_id WHERE o.thread_id = m.thread_id)
     WHERE m.id = $1 AND h.lifted_at IS NULL AND ($2::timestamptz IS NULL OR h.placed_at > $2) LIMIT 1`,
    [messageId, after],
    transaction,
  )
  return rows.length > 0
}

const LOCK = 7_203_542

/** Until the transaction ends no hold is placed and no backup begins, so that what is looked at now still counts when something is erased. */
export async function keepHoldsAsTheyAre(transaction: Transaction): Promise<void> {
  await ask('SELECT FROM pg_advisory_xact_lock_shared($1)', [LOCK], transaction)
}

/** Waits until what is being erased is erased, and lets nothing else be until the transaction ends. */
export async function keepEverything(transaction: Transaction): Promise<void> {
  await ask('SELECT FROM pg_advisory_xact_lock($1)', [LOCK], transaction)
}

function toHold(row: LegalHoldRow): LegalHold {
  const { id, messageId, threadId, accountId, placedBy, placedAt, liftedBy, liftedAt, liftReasonSealed } = row
  return {
    id,
    messageId,
    threadId,
    accountId,
    placedBy,
    placedAt,
    reason: unsealField(`legal-hold/${id}/reason`, row.reasonSealed),
    lifted:
      liftedBy && liftedAt && liftReasonSealed
        ? { by: liftedBy, at: liftedAt, reason: unsealField(`legal-hold/${id}/lift-reason`, liftReasonSealed) }
        : undefined,
  }
}
