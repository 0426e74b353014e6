/** The key pair for somebody who lost what opened it: the same one where the recovery key is at hand, otherwise a new one. */
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { recoveryMode } from '../vault/vault.ts'
import { openMailboxByRecovery, renewMailbox } from './mailbox-key.ts'
import { holdMailbox, listMailboxKeys, type MailboxKey } from './mailbox.store.ts'

/**
 * Managed: the pair, opened by the recovery key. Sealed: a new pair begins; the earlier one stays under its openers, and is taken up again when
 * one of them next appears (`take-up-earlier.ts`). Either is recorded.
 */
export async function pairForNewSignIn(
  actor: Actor,
  mailbox: MailboxKey,
  now: Date,
  transaction: Transaction,
): Promise<MailboxKey & KeyPair> {
  await holdMailbox(mailbox.id, transaction)
  const [newest] = await listMailboxKeys([mailbox.id], transaction)
  if (!newest) throw new NotFound('no mailbox')
  const managed = (await recoveryMode(transaction)) === 'managed'
  const subject = newest.accountId
    ? { kind: 'account' as const, id: newest.accountId }
    : { kind: 'team' as const, id: newest.teamId! }
  await record(actor, { act: managed ? 'mailbox.recovered' : 'mailbox.renewed', subject }, transaction, now)
  if (managed) return { ...newest, ...(await openMailboxByRecovery(newest, transaction)) }
  return renewMailbox(newest, now, transaction)
}
