/** Somebody said that a change to their sign-in was not theirs: what others let the sign-in read again since then is closed. */
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { removeSharedWraps } from './thread-key.store.ts'

export async function closeSharedMessages(
  { accountId, since }: JobPayloads['close-shared-messages'],
  now = new Date(),
): Promise<void> {
  await inTransaction(async (transaction) => {
    const mailbox = await findMailboxOf({ accountId }, transaction)
    if (!mailbox || (await removeSharedWraps(mailbox.id, new Date(since), transaction)) === 0) return
    const subject = { kind: 'account' as const, id: accountId }
    const event = { act: 'mailbox.earlier-closed', subject, reason: 'earlier-messages-shared' } as const
    await record(system, event, transaction, now)
  })
}
