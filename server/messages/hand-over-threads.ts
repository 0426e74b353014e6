/**
 * Handing over the conversations of somebody's own mailbox to a colleague or a team. In managed mode the recovery key opens their keys and seals
 * them to who answers from now on, each use recorded. In sealed mode nothing here opens them: the place is handed over, what comes from now on is
 * under new keys, and what is from before stays with those who took part.
 */
import { findAccount, holdAccess } from '../accounts/account.store.ts'
import { insertLink } from '../accounts/link.store.ts'
import { openMailboxWithRecoveryKey } from '../accounts/mailbox-key.ts'
import { findMailboxOf, type MailboxKey } from '../accounts/mailbox.store.ts'
import { listMembers } from '../accounts/team.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { recoveryKeyPair, recoveryMode } from '../vault/vault.ts'
import { insertHandovers } from './thread-handover.store.ts'
import { holdThread, listThreadIdsOf, takePlace } from './thread.store.ts'
import { listWrapsInThread } from './thread-key.store.ts'
import { unwrapThreadKey, wrapAgain } from './thread-key.ts'

export type TakesOver = { accountId: string } | { teamId: string }

/** @returns how many conversations it were @throws NotFound when nobody of that kind is there */
export async function handOverThreads(
  actor: Actor,
  accountId: string,
  to: TakesOver,
  reason: string,
  now = new Date(),
): Promise<number> {
  return inTransaction(async (transaction) => {
    // Whoever takes over is not suspended, closed or given another role while they do.
    await holdAccess(transaction)
    const from = await findMailboxOf({ accountId }, transaction)
    const target = await mailboxOf(to, transaction)
    if (!from || !target || from.id === target.id) throw new NotFound('nobody to hand over to')
    const threads = await listThreadIdsOf(from.id, transaction)
    if (threads.length === 0) return 0
    const recovery = await recoveryKeyFor(actor, accountId, reason, now, transaction)
    for (const threadId of threads) {
      await holdThread(threadId, transaction)
      // Before anything is sealed to them.
      await record(actor, { act: 'thread.handed-over', subject: { kind: 'thread', id: threadId } }, transaction, now)
      if (recovery) await giveKeys(recovery, threadId, from, target, transaction)
      const unread = await takePlace(threadId, from.id, target.id, transaction)
      if (unread) await tell(unread, target, now, transaction)
    }
    const rows = threads.map((threadId) => ({
      id: newId(now),
      threadId,
      fromMailboxId: from.id,
      toMailboxId: target.id,
      handedOverBy: actor.id!,
      handedOverAt: now,
    }))
    await insertHandovers(rows, transaction)
    await enqueue('send-access-notice', { handedOverFrom: accountId, at: now.toISOString() }, transaction)
    return threads.length
  })
}

/** A team, or a colleague who writes messages and can sign in. */
async function mailboxOf(to: TakesOver, transaction: Transaction): Promise<MailboxKey | undefined> {
  if ('teamId' in to) return findMailboxOf(to, transaction)
  const account = await findAccount(to.accountId, transaction)
  return account?.role === 'provider' && account.state === 'active' ? findMailboxOf(to, transaction) : undefined
}

/** Recorded before it is used. Undefined in sealed mode. */
async function recoveryKeyFor(
  actor: Actor,
  accountId: string,
  reason: string,
  now: Date,
  transaction: Transaction,
): Promise<KeyPair | undefined> {
  const subject = { kind: 'account' as const, id: accountId }
  const managed = (await recoveryMode(transaction)) === 'managed'
  const by = managed ? 'by-recovery-key' : 'without-keys'
  await record(actor, { act: 'threads.handed-over', subject, reason: by, said: reason }, transaction, now)
  return managed ? recoveryKeyPair(transaction) : undefined
}

/** Every key of the thread that a message is still under, whichever version of the mailbox it was wrapped to. */
async function giveKeys(
  recovery: KeyPair,
  threadId: string,
  from: MailboxKey,
  target: MailboxKey,
  transaction: Transaction,
) {
  const wraps = await listWrapsInThread(threadId, [from.id, target.id], transaction)
  const known = new Set(wraps.filter(({ mailboxId }) => mailboxId === target.id).map(({ threadKeyId }) => threadKeyId))
  const keys = new Map<string, Buffer>()
  for (const wrap of wraps.filter(({ mailboxId, threadKeyId }) => mailboxId === from.id && !known.has(threadKeyId))) {
    const version = { id: from.id, version: wrap.mailboxVersion }
    const pair = await openMailboxWithRecoveryKey(recovery, version, transaction)
    keys.set(wrap.threadKeyId, unwrapThreadKey(pair, wrap))
  }
  await wrapAgain(target, keys, null, transaction)
}

/** What nobody had opened yet waits for somebody else now. */
async function tell(messageId: string, to: MailboxKey, now: Date, transaction: Transaction) {
  await insertLink({ messageId, mailboxId: to.id, accountId: to.accountId }, now, transaction)
  const people = to.accountId ? [to.accountId] : await listMembers(to.teamId!, transaction)
  for (const accountId of people) await enqueue('send-notice', { messageId, mailboxId: to.id, accountId }, transaction)
}
