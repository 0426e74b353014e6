/** A person's own passkeys: adding, naming, removing. Each is recorded, and told on every channel unless it is only a name. */
import type { Request } from 'express'
import { findAccount } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { config } from '../config.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { checkNewPasskey, type Given, type Place } from '../sign-in/check-passkey.ts'
import { findCredential, holdCredential } from '../sign-in/credential.store.ts'
import { keepPasskey, readDeviceSecret } from '../sign-in/passkey-opener.ts'
import { findPasskey, listPasskeys, removePasskey, renamePasskey, type Passkey } from '../sign-in/passkey.store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { endOtherSessions } from '../sign-in/sessions.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'

/** More than anybody has devices; a list that grows without end would be a way to make us work. */
export const MOST_PASSKEYS = 10

/** @returns false when it was refused, which is recorded @throws SlowDown */
export async function addPasskey(
  reader: Reader,
  place: Place,
  given: Given & { name: string },
  now = new Date(),
): Promise<boolean> {
  const { account, actor, own } = reader
  const pair = await reader.keyOf(own.id)
  const secret = readDeviceSecret(given.prf)
  const added = await checkNewPasskey(actor, account, place, 'add', given, now, (passkey, spend) =>
    inTransaction(async (transaction) => {
      await holdCredential(account.id, transaction)
      if ((await listPasskeys(account.id, transaction)).length >= MOST_PASSKEYS) throw new NotFound('no room')
      await spend(transaction)
      await keepPasskey({ ...own, ...pair }, account.id, passkey, secret, now, transaction)
      await record(actor, { act: 'passkey.added', subject: { kind: 'account', id: account.id } }, transaction, now)
      await tellOfChange(account.id, 'passkey-added', now, transaction)
      return true
    }),
  )
  return added ?? false
}

/** @throws NotFound when it is not theirs */
export async function namePasskey(reader: Reader, id: string, name: string, now = new Date()): Promise<void> {
  const { account, actor } = reader
  await inTransaction(async (transaction) => {
    if (!(await renamePasskey({ id, accountId: account.id }, name, transaction))) throw new NotFound('not your passkey')
    await record(actor, { act: 'passkey.renamed', subject: { kind: 'account', id: account.id } }, transaction, now)
  })
}

/** @returns why not, when it would leave no way in @throws NotFound when it is not theirs */
export async function takePasskeyAway(
  request: Request,
  reader: Reader,
  id: string,
  now = new Date(),
): Promise<'removed' | 'last-way-in' | 'needed'> {
  const { account, actor } = reader
  const where = { id, accountId: account.id }
  const outcome = await inTransaction(async (transaction) => {
    // Two at once must not take away the last two.
    await holdCredential(account.id, transaction)
    if (!(await findPasskey(where, transaction))) throw new NotFound('not your passkey')
    const why = await whyNeeded(reader, id, transaction)
    if (why) return why
    await removePasskey(where, transaction)
    // Whoever holds that device may be signed in with it, or half-way.
    await endOtherSessions(request, transaction)
    await record(actor, { act: 'passkey.removed', subject: { kind: 'account', id: account.id } }, transaction, now)
    await tellOfChange(account.id, 'passkey-removed', now, transaction)
    return 'removed'
  })
  if (outcome !== 'removed') await recordDenied(actor, 'passkey.removed', { kind: 'account', id: account.id }, outcome)
  return outcome
}

/** Takes away what was added since then, for somebody who says that it was not them; what nobody could sign in without stays. */
export async function takeNewPasskeysAway(
  actor: Actor,
  accountId: string,
  since: Date,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await holdCredential(accountId, transaction)
  const account = await findAccount(accountId, transaction)
  const added = (await listPasskeys(accountId, transaction)).filter(({ addedAt }) => addedAt >= since)
  let removed = false
  for (const { id } of account ? added : []) {
    if (await whyNeeded({ account: account! }, id, transaction)) continue
    await removePasskey({ id, accountId }, transaction)
    await record(actor, { act: 'passkey.removed', subject: { kind: 'account', id: accountId } }, transaction, now)
    removed = true
  }
  if (removed) await tellOfChange(accountId, 'passkey-removed', now, transaction)
}

/** Whether somebody could still sign in without this passkey: by another that opens their messages, or by password and a second factor. */
export async function whyNeeded(
  { account }: Pick<Reader, 'account'>,
  id: string,
  transaction?: Transaction,
): Promise<'last-way-in' | 'needed' | undefined> {
  const others = (await listPasskeys(account.id, transaction)).filter((passkey: Passkey) => passkey.id !== id)
  const credential = await findCredential(account.id, transaction)
  const byPassword = credential?.password && (credential.totpSecret || others.length > 0)
  if (!byPassword && !others.some(({ prf }) => prf)) return 'last-way-in'
  return others.length === 0 && account.role === 'admin' && !config().tryOut ? 'needed' : undefined
}
