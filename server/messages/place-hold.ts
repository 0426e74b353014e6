/** A legal hold: placed and lifted by administrators with a reason. While it is there nothing that it covers is erased, by nobody and by no timer. */
import { findAccountByEmail } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied, type AccessEvent } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import {
  findHold,
  insertHold,
  keepEverything,
  liftHoldRow,
  type HeldThing,
  type LegalHold,
} from './legal-hold.store.ts'
import { findMessageState } from './message.store.ts'

/** What an administrator names: a message, the conversation that it is in, or a person by their whole address. */
export type NamedThing = { what: 'message' | 'thread'; messageId: string } | { what: 'account'; email: string }

/** @returns the hold's id, or nothing when there is no such message or person */
export async function placeHold(
  actor: Actor,
  named: NamedThing,
  reason: string,
  now = new Date(),
): Promise<string | undefined> {
  const found = await findNamed(named)
  if (!found) {
    // Whoever tries out who is known here is seen.
    await record(actor, { act: 'hold.placed', outcome: 'failed', reason: 'unknown' }, undefined, now)
    return undefined
  }
  const hold = { id: newId(now), ...found.thing, reason, placedBy: actor.id!, placedAt: now }
  await inTransaction(async (transaction) => {
    await keepEverything(transaction)
    await record(actor, { act: 'hold.placed', subject: found.subject }, transaction, now)
    await insertHold(hold, transaction)
  })
  return hold.id
}

async function findNamed(
  named: NamedThing,
): Promise<{ thing: HeldThing; subject: NonNullable<AccessEvent['subject']> } | undefined> {
  const nothing = { messageId: null, threadId: null, accountId: null }
  if (named.what === 'account') {
    const account = await findAccountByEmail(named.email)
    return account && { thing: { ...nothing, accountId: account.id }, subject: { kind: 'account', id: account.id } }
  }
  const message = await findMessageState(named.messageId)
  if (!message) return undefined
  const thing =
    named.what === 'message' ? { ...nothing, messageId: message.id } : { ...nothing, threadId: message.threadId }
  return { thing, subject: { kind: 'message', id: message.id } }
}

/** @returns whether this call lifted it; false when it was lifted before */
export async function liftHold(actor: Actor, hold: LegalHold, reason: string, now = new Date()): Promise<boolean> {
  return inTransaction(async (transaction) => {
    const lifted = await liftHoldRow(hold.id, { by: actor.id!, at: now, reason }, transaction)
    if (lifted) await record(actor, { act: 'hold.lifted', subject: subjectOf(hold) }, transaction, now)
    return lifted
  })
}

/** @throws NotFound, which is then in the log */
export async function holdToLift(actor: Actor, id: string): Promise<LegalHold> {
  const hold = await findHold(id)
  if (hold) return hold
  await recordDenied(actor, 'hold.lifted', undefined, 'unknown')
  throw new NotFound('no such hold')
}

function subjectOf({ messageId, accountId }: HeldThing): NonNullable<AccessEvent['subject']> {
  if (accountId) return { kind: 'account', id: accountId }
  // A conversation has no place of its own in the log; which one it was, the list of holds says.
  return messageId ? { kind: 'message', id: messageId } : { kind: 'message' }
}
