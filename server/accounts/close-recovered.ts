import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { findMailboxOf } from './mailbox.store.ts'
import { removeSuccessors } from './opener.store.ts'

/**
 * Somebody says that it was not them for whom the recovery key opened earlier messages at this moment: those are closed again. Every other way to
 * them is still there, because the recovery took none away.
 */
export async function closeRecovered(
  actor: Actor,
  accountId: string,
  at: Date,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const mailbox = await findMailboxOf({ accountId }, transaction)
  if (!mailbox || (await removeSuccessors(mailbox.id, at, transaction)) === 0) return
  const subject = { kind: 'account' as const, id: accountId }
  await record(
    actor,
    { act: 'mailbox.earlier-closed', subject, reason: 'earlier-messages-recovered' },
    transaction,
    now,
  )
}
