import type { Request } from 'express'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { limit } from '../web/rate-limits.ts'
import { countAddress } from '../sign-in/address-tries.ts'
import { findCredential, holdNoPassword, holdPassword } from '../sign-in/credential.store.ts'
import { forgetResetsOf } from '../sign-in/password-reset.store.ts'
import { checkPassword, hashPassword, type StoredPassword } from '../sign-in/password.ts'
import type { Reader } from '../sign-in/reader.ts'
import { endOtherSessions, noteProof } from '../sign-in/sessions.ts'
import { setPassword } from '../sign-in/set-password.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'

const TEN_MINUTES = 600
const currentTries = limit('current-password', 10, TEN_MINUTES, TEN_MINUTES)

/**
 * Checks the password that somebody says is theirs; counted, and a wrong one is recorded.
 * @returns what is stored of it, undefined when it is wrong @throws SlowDown after ten in ten minutes
 */
export async function checkCurrentPassword(
  { account, actor }: Reader,
  password: string,
): Promise<StoredPassword | undefined> {
  await countAddress(actor)
  await currentTries.count(account.id)
  const stored = (await findCredential(account.id))?.password
  if (stored && password && (await checkPassword(password, account.id, stored, 'known-device'))) {
    await currentTries.forgive(account.id)
    return stored
  }
  await recordDenied(actor, 'identity.prove-refused', { kind: 'account', id: account.id }, 'wrong-password')
  return undefined
}

/**
 * Another password in place of the current one, or the first of somebody who signs in with a passkey. Every session ends with it but the one
 * that asks, which goes on under a new id. Earlier messages stay readable, because the mailbox's key is the same.
 * @param current what was stored when it was checked; undefined when there was none @throws NotFound when it is another by now, SessionEnded
 */
export async function changePassword(
  request: Request,
  reader: Reader,
  current: StoredPassword | undefined,
  password: string,
  now = new Date(),
): Promise<void> {
  const { account, actor, own } = reader
  const hashed = await hashPassword(password, account.id)
  const pair = await reader.keyOf(own.id)
  await inTransaction(async (transaction) => {
    const asItWas = current
      ? await holdPassword(account.id, current, transaction)
      : await holdNoPassword(account.id, transaction)
    if (!asItWas) throw new NotFound('the password was changed meanwhile')
    await setPassword(account.id, { ...own, ...pair }, hashed, now, transaction)
    await forgetResetsOf(account.id, transaction)
    await record(actor, { act: 'password.changed', subject: { kind: 'account', id: account.id } }, transaction, now)
    await tellOfChange(account.id, 'password-changed', now, transaction)
    await endOtherSessions(request, transaction)
    await noteProof(request, now.getTime(), transaction)
  })
}
