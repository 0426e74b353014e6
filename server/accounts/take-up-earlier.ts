import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { addSuccessorOpener } from './mailbox-key.ts'
import type { MailboxKey } from './mailbox.store.ts'
import { removeOpeners } from './opener.store.ts'

/**
 * What opened an earlier version of a mailbox's key has appeared again: from now on the newest version opens the earlier one. What only kept the
 * earlier one for that day goes.
 * @param mailbox with its newest version @returns whether anything is open now that was not
 */
export async function takeUpEarlier(
  actor: Actor,
  mailbox: MailboxKey,
  earlier: { version: number; privateKey: Buffer },
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const { version } = earlier
  if (version === mailbox.version || !(await addSuccessorOpener(mailbox, earlier, now, transaction))) return false
  for (const kind of ['password', 'earlier-code'] as const)
    await removeOpeners({ mailboxId: mailbox.id, mailboxVersion: version, kind }, transaction)
  const subject = { kind: 'account' as const, id: mailbox.accountId! }
  await record(actor, { act: 'mailbox.earlier-opened', subject }, transaction, now)
  return true
}
