/**
 * Whoever made a new sign-in in sealed mode cannot read what is from before. Somebody who takes part in the same conversation can, and lets them
 * read it again: its keys are sealed once more, to the newest public half. It never happens by itself, because a new sign-in may be somebody else's:
 * a person decides, after a page that says who signed in anew and how. Nobody gets what they could not read before.
 */
import { listMailboxKeys, type MailboxKey } from '../accounts/mailbox.store.ts'
import { versionsOpenTo } from '../accounts/opener.store.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'
import { listThread, type Claimed, type MessageRow } from './message.store.ts'
import { claimOrRefuse, closedKeys, openThreadKeys } from './open-thread.ts'
import { holdThread, listThreadMailboxIds } from './thread.store.ts'
import { listWrapsInThread } from './thread-key.store.ts'
import { wrapAgain } from './thread-key.ts'

/** A person of a thread whose newest key does not open some of its keys, which the reader can open. */
export interface ShutOut {
  mailbox: MailboxKey & { accountId: string }
  threadKeyIds: string[]
}

/** Who of the other people in a thread cannot read what the reader can. The reader takes part in it. */
export async function listShutOut(reader: Reader, threadId: string, transaction?: Transaction): Promise<ShutOut[]> {
  const own = reader.mailboxes.map(({ id }) => id)
  const others = (await listThreadMailboxIds(threadId, transaction)).filter((id) => !own.includes(id))
  const renewed = (await listMailboxKeys(others, transaction)).filter(isRenewed)
  if (renewed.length === 0) return []
  const wraps = await listWrapsInThread(
    threadId,
    renewed.map(({ id }) => id),
    transaction,
  )
  const closed = await closedKeys(
    reader,
    wraps.map(({ threadKeyId }) => threadKeyId),
    transaction,
  )
  const shutOut: ShutOut[] = []
  for (const mailbox of renewed) {
    const theirs = wraps.filter(({ mailboxId, threadKeyId }) => mailboxId === mailbox.id && !closed.has(threadKeyId))
    const opened = await versionsOpenTo(mailbox, transaction)
    const readable = theirs.filter(({ mailboxVersion }) => opened.has(mailboxVersion)).map((wrap) => wrap.threadKeyId)
    const ids = [...new Set(theirs.map(({ threadKeyId }) => threadKeyId))].filter((id) => !readable.includes(id))
    if (ids.length > 0) shutOut.push({ mailbox, threadKeyIds: ids })
  }
  return shutOut
}

function isRenewed(mailbox: MailboxKey): mailbox is MailboxKey & { accountId: string } {
  return mailbox.accountId !== null && mailbox.version > 1
}

/**
 * The thread of a message, and one of its people if they are shut out of it.
 * @throws NotFound when the thread is not the reader's or the mailbox is no other one of it, which is then in the log; Gone
 */
export async function claimShutOut(
  reader: Reader,
  messageId: string,
  mailboxId: string,
): Promise<{ claimed: Claimed; shutOut: ShutOut | undefined }> {
  const claimed = await claimOrRefuse(reader, messageId)
  const isOther = !reader.mailboxes.some(({ id }) => id === mailboxId)
  if (!isOther || !(await listThreadMailboxIds(claimed.threadId)).includes(mailboxId)) {
    await recordDenied(reader.actor, 'thread.shared-again', { kind: 'message', id: messageId }, 'not-yours')
    throw new NotFound('no other mailbox of this thread')
  }
  return { claimed, shutOut: find(await listShutOut(reader, claimed.threadId), mailboxId) }
}

function find(shutOut: readonly ShutOut[], mailboxId: string) {
  return shutOut.find(({ mailbox }) => mailbox.id === mailboxId)
}

/**
 * @param version of their key that the reader was asked about: a sign-in that was made anew since is another question
 * @returns whether they can read again; false when there was nothing to do, or they signed in anew meanwhile @throws NotFound, Gone
 */
export async function shareAgain(
  reader: Reader,
  messageId: string,
  mailboxId: string,
  version: number,
  now = new Date(),
): Promise<boolean> {
  const { claimed, shutOut } = await claimShutOut(reader, messageId, mailboxId)
  // Opened before the thread is held: nobody waits with a thread in hand.
  const keys = await openThreadKeys(reader, shutOut?.threadKeyIds ?? [])
  return inTransaction(async (transaction) => {
    await holdThread(claimed.threadId, transaction)
    const held = find(await listShutOut(reader, claimed.threadId, transaction), mailboxId)
    if (held?.mailbox.version !== version) return false
    const { mailbox, threadKeyIds } = held
    const messages = (await messagesUnder(claimed, threadKeyIds, transaction)).map(({ id }) => id)
    const subjects = [
      { kind: 'account' as const, id: mailbox.accountId },
      ...messages.map((id) => ({ kind: 'message' as const, id })),
    ]
    const events = subjects.map((subject) => ({ act: 'thread.shared-again' as const, subject }))
    await record(reader.actor, events, transaction, now)
    const shared = new Map([...keys].filter(([id]) => threadKeyIds.includes(id)))
    await wrapAgain(mailbox, shared, now, transaction)
    await tellOfChange(mailbox.accountId, 'earlier-messages-shared', now, transaction)
    return true
  })
}

/** The messages of a claimed thread that are under these keys, without those that were taken back. */
export async function messagesUnder(
  claimed: Claimed,
  threadKeyIds: readonly string[],
  transaction?: Transaction,
): Promise<MessageRow[]> {
  const rows = await listThread(claimed, transaction)
  return rows.filter(({ threadKeyId, recalledAt }) => threadKeyIds.includes(threadKeyId) && !recalledAt)
}
