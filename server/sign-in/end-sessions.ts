/** Ending sessions by their owner's wish: recorded with the end itself, and told on every channel when it was more than one. */
import type { Request } from 'express'
import type { Account } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { forgetDevice } from './known-device.store.ts'
import { endOtherSessions, endSessionOf, endSessionsOf } from './sessions.ts'
import { tellOfChange } from './tell-of-change.ts'

/** @returns whether there was such a session */
export function endOneSession(actor: Actor, account: Account, ref: string, now = new Date()): Promise<boolean> {
  return inTransaction(async (transaction) => {
    if (!(await endSessionOf(account.id, ref, transaction))) return false
    await record(actor, { act: 'session.ended', subject: subjectOf(account), reason: 'one' }, transaction, now)
    return true
  })
}

/** Every session but this request's. */
export async function endSessionsElsewhere(request: Request, actor: Actor, account: Account, now = new Date()) {
  await inTransaction(async (transaction) => {
    const ended = await endOtherSessions(request, transaction)
    await record(actor, { act: 'session.ended', subject: subjectOf(account), reason: 'others' }, transaction, now)
    if (ended > 0) await tellOfChange(account.id, 'signed-out-everywhere', now, transaction)
  })
}

export async function endAllSessions(actor: Actor, account: Account, now = new Date()) {
  await inTransaction(async (transaction) => {
    await endSessionsOf(account.id, transaction)
    await record(actor, { act: 'session.ended', subject: subjectOf(account), reason: 'all' }, transaction, now)
    await tellOfChange(account.id, 'signed-out-everywhere', now, transaction)
  })
}

/** @returns whether it was known for this account */
export function forgetKnownDevice(actor: Actor, account: Account, id: string, now = new Date()): Promise<boolean> {
  return inTransaction(async (transaction) => {
    if (!(await forgetDevice(account.id, id, transaction))) return false
    await record(actor, { act: 'device.forgotten', subject: subjectOf(account) }, transaction, now)
    return true
  })
}

function subjectOf(account: Account) {
  return { kind: 'account' as const, id: account.id }
}
