/**
 * Another address for a sign-in. Both mailboxes hear of it. The new one confirms within 24 hours; when the old one confirms too, it is changed
 * at once, and when the old one is lost, 72 hours after it was asked for. Until then, and for 72 hours after the change, the link in the old
 * mailbox stops it or takes it back.
 */
import { findAccount, setEmail } from '../accounts/account.store.ts'
import { system, type Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, isTaken, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import { limit } from '../web/rate-limits.ts'
import {
  cancelAddressChange,
  closeOpenAddressChanges,
  findAddressChange,
  findAddressChangeByLink,
  findAddressChangeOf,
  insertAddressChange,
  listAddressChanges,
  noteChanged,
  noteConfirmed,
  type AddressChange,
  type Side,
} from '../accounts/address-change.store.ts'
import { forgetResetsOf } from '../sign-in/password-reset.store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { endSecurityLinks } from '../sign-in/security-link.store.ts'
import { endSessionsOf } from '../sign-in/sessions.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'

const HOUR = 60 * 60 * 1000
const A_DAY = 24 * 60 * 60
const asksOfAccount = limit('address-change', 5, A_DAY)
const asksForAddress = limit('address-wanted', 5, A_DAY)

/**
 * Asks both mailboxes. Whether the new address is somebody else's shows nowhere: its owner is told by the mail that goes there anyway.
 * @param email as `readEmailAddress` returns it @throws SlowDown after five a day
 */
export async function askAddressChange({ account, actor }: Reader, email: string, now = new Date()): Promise<void> {
  await asksOfAccount.count(account.id)
  await asksForAddress.count(email)
  const change = { id: newId(now), accountId: account.id, oldEmail: account.email, newEmail: email, askedAt: now }
  await inTransaction(async (transaction) => {
    await closeOpenAddressChanges(account.id, now, transaction)
    await insertAddressChange({ ...change, endsAt: later(now, 24) }, transaction)
    await record(actor, { act: 'address.change-asked', subject: subjectOf(change) }, transaction, now)
    await enqueue('send-address-mail', { changeId: change.id, to: 'new', about: 'asked' }, transaction)
    await enqueue('send-address-mail', { changeId: change.id, to: 'old', about: 'asked' }, transaction)
  }).catch((error: unknown) => {
    // The same form, sent twice at one moment: the other one asked.
    if (!isTaken(error, 'address_changes_open')) throw error
  })
}

/** The change that a link leads to, for the person whose change it is. @throws NotFound for everybody else, and the log says that they tried */
export async function ownAddressChange(
  { account, actor }: Reader,
  side: Side,
  token: string,
  now = new Date(),
): Promise<AddressChange> {
  const change = await findAddressChangeByLink(side, token, now)
  if (change?.accountId === account.id) return change
  await recordDenied(actor, 'address.change-refused', change && subjectOf(change), change ? 'not-yours' : 'unknown')
  throw new NotFound('not your change')
}

export type Confirmed = 'confirmed' | 'changed' | 'too-late' | 'taken'

/** One of the two addresses confirms. @returns 'too-late' when it did before, 'taken' when the address became somebody else's meanwhile */
export async function confirmAddressChange(
  reader: Reader,
  side: Side,
  token: string,
  now = new Date(),
): Promise<Confirmed> {
  const { id, askedAt } = await ownAddressChange(reader, side, token, now)
  const endsAt = side === 'new' ? later(askedAt, 72) : undefined
  const confirm = async (transaction: Transaction): Promise<Confirmed> => {
    const change = await noteConfirmed(id, side, endsAt, now, transaction)
    if (!change) return 'too-late'
    const subject = subjectOf(change)
    await record(reader.actor, { act: 'address.change-confirmed', subject, reason: side }, transaction, now)
    if (!change.newConfirmedAt || !change.oldConfirmedAt) return 'confirmed'
    await changeAddress(reader.actor, change, now, transaction)
    return 'changed'
  }
  return (await unlessTaken(reader.actor, reader.account.id, now, confirm)) ?? 'taken'
}

/** What the clock does: a change that the new address has confirmed goes through when the old one kept silent for 72 hours. */
export async function finishAddressChange(id: string, now: Date): Promise<void> {
  const change = await findAddressChange(id)
  const account = change && (await findAccount(change.accountId))
  if (!change || account?.state !== 'active') return
  await unlessTaken(system, account.id, now, (transaction) => changeAddress(system, change, now, transaction))
}

/** The change itself, once; told to both addresses. */
async function changeAddress(actor: Actor, change: AddressChange, now: Date, transaction: Transaction): Promise<void> {
  if (!(await noteChanged(change.id, later(now, 72), now, transaction))) return
  if (!(await setEmail(change.accountId, change.oldEmail, change.newEmail, transaction)))
    throw new NotFound('the address is another one by now')
  // They went to the mailbox that was just left. Its owner can say that this was not them for as long as the change can be taken back.
  await forgetResetsOf(change.accountId, transaction)
  await endSecurityLinks({ accountId: change.accountId, since: new Date(0) }, later(now, 72), transaction)
  await record(actor, { act: 'address.changed', subject: subjectOf(change) }, transaction, now)
  await tellOfChange(change.accountId, 'address-changed', now, transaction)
  await enqueue('send-address-mail', { changeId: change.id, to: 'old', about: 'changed' }, transaction)
}

/** The person stops their own change, from their account's page. */
export async function stopAddressChange({ account, actor }: Reader, now = new Date()): Promise<void> {
  const open = await findAddressChangeOf(account.id, now)
  if (!open || open.changedAt) return
  await inTransaction(async (transaction) => {
    if (!(await cancelAddressChange(open.id, now, transaction))) return
    await record(actor, { act: 'address.change-cancelled', subject: subjectOf(open) }, transaction, now)
  })
}

/**
 * The old mailbox stops a change or takes it back. Whoever asked for it was signed in, so every session ends.
 * @returns what was done @throws NotFound for a link that finds nothing (any more)
 */
export async function stopAddressChangeByLink(
  actor: Actor,
  token: string,
  now = new Date(),
): Promise<'stopped' | 'restored' | 'taken'> {
  const change = await addressChangeOfOldLink(token, now)
  const stop = async (transaction: Transaction) => {
    await endSessionsOf(change.accountId, transaction)
    return takeBack(actor, change.accountId, change, now, transaction)
  }
  const done = await unlessTaken(actor, change.accountId, now, stop)
  if (done === undefined) await inTransaction((transaction) => endSessionsOf(change.accountId, transaction))
  return done ?? 'taken'
}

/** What the link in the old mailbox leads to, for anybody who has it. @throws NotFound when it finds nothing (any more), or nobody who gets in */
export async function addressChangeOfOldLink(token: string, now = new Date()): Promise<AddressChange> {
  const change = await findAddressChangeByLink('old', token, now)
  const account = change && (await findAccount(change.accountId))
  if (!change || account?.state !== 'active') throw new NotFound('no such change')
  return change
}

/** Stops what is open and takes back what was changed in the last 72 hours, for somebody who says that it was not them. */
export async function takeBackAddressChanges(actor: Actor, accountId: string, now: Date): Promise<void> {
  await unlessTaken(actor, accountId, now, (transaction) => takeBack(actor, accountId, undefined, now, transaction))
}

/** @param to the change before which the address is to be as it was; undefined for the oldest that was made */
async function takeBack(
  actor: Actor,
  accountId: string,
  to: AddressChange | undefined,
  now: Date,
  transaction: Transaction,
): Promise<'stopped' | 'restored'> {
  const cancelled: AddressChange[] = []
  for (const { id } of await listAddressChanges(accountId, now, transaction)) {
    const change = !to || id >= to.id ? await cancelAddressChange(id, now, transaction) : undefined
    if (change) cancelled.push(change)
  }
  if (to && !cancelled.some(({ id }) => id === to.id)) throw new NotFound('somebody was quicker')
  if (cancelled.length > 0)
    await record(
      actor,
      { act: 'address.change-cancelled', subject: { kind: 'account', id: accountId } },
      transaction,
      now,
    )
  const first = cancelled.findLast(({ changedAt }) => changedAt)
  if (!first) return 'stopped'
  await setEmail(accountId, undefined, first.oldEmail, transaction)
  await forgetResetsOf(accountId, transaction)
  // What was told since then went to the mailbox that is left now.
  await endSecurityLinks({ accountId, since: first.changedAt! }, now, transaction)
  await tellOfChange(accountId, 'address-restored', now, transaction)
  return 'restored'
}

/** @returns undefined when the address belongs to somebody else by now: then what is open is closed, and the log says why */
async function unlessTaken<T>(
  actor: Actor,
  accountId: string,
  now: Date,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await inTransaction(work)
  } catch (error) {
    if (!isTaken(error, 'accounts_email_digest_key')) throw error
    const subject = { kind: 'account' as const, id: accountId }
    await inTransaction(async (transaction) => {
      await closeOpenAddressChanges(accountId, now, transaction)
      const refused = { act: 'address.change-refused', subject, outcome: 'denied', reason: 'taken' } as const
      await record(actor, refused, transaction, now)
    })
    return undefined
  }
}

function subjectOf({ accountId }: Pick<AddressChange, 'accountId'>) {
  return { kind: 'account' as const, id: accountId }
}

function later(date: Date, hours: number): Date {
  return new Date(date.getTime() + hours * HOUR)
}
