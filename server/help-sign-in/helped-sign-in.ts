/**
 * The new sign-in of somebody whom staff helped: the code, a password, a code app. Until the last step nothing of the account changes; what is
 * half made rests in its session, under the cookie.
 */
import { findAccount, findAccountByEmail, noteSignIn, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { pairForNewSignIn } from '../accounts/pair-for-new-sign-in.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import { limit } from '../web/rate-limits.ts'
import { closeOpenAddressChanges } from '../accounts/address-change.store.ts'
import { networkOf } from '../lib/network.ts'
import { countAddress } from '../sign-in/address-tries.ts'
import { completeReset, takeHelpCode } from '../accounts/assisted-reset.store.ts'
import { storeCodeApp } from '../sign-in/credential.store.ts'
import type { Enrolled } from '../enrolment/enrol.ts'
import { digestOfHelpCode, readHelpCode } from './help-code.ts'
import { forgetDevicesOf } from '../sign-in/known-device.store.ts'
import { makeCodeSecret, readCode, stepOfCode } from '../sign-in/one-time-code.ts'
import { removePasskeysOf } from '../sign-in/passkey.store.ts'
import { hashPassword, type HashedPassword } from '../sign-in/password.ts'
import { forgetResetsOf } from '../sign-in/password-reset.store.ts'
import { makeRecoveryCodes } from '../sign-in/recovery-code.ts'
import { endSessionsOf } from '../sign-in/sessions.ts'
import { setPassword } from '../sign-in/set-password.ts'
import { removeIdentitiesOf } from '../sign-in/sign-on-identity.store.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'

const HOUR = 60 * 60
// Five of an account from one network: whoever only knows the address fills no bucket of its owner's. There is none of the account alone, which many
// networks could fill: the code has 40 bits and lives a quarter of an hour, so that a hundred thousand networks find one in two million.
const tries = limit('help-code', 5, HOUR)
const networkTries = limit('help-code-network', 50, HOUR)
const passwordTries = limit('helped-password', 10, HOUR)

/**
 * Uses up the code that staff told. Nobody, no code and a wrong code are answered alike, and none of them ends the request.
 * @returns what the code began @throws SlowDown after five tries an hour of one account from one network
 */
export async function beginHelped(
  actor: Actor,
  typedEmail: string,
  typedCode: string,
  now = new Date(),
): Promise<{ account: Account; attemptId: string } | undefined> {
  const email = readEmailAddress(typedEmail) ?? typedEmail
  const account = await findAccountByEmail(email)
  const network = networkOf(actor)
  const whose = account?.id ?? email
  await networkTries.count(network)
  await tries.count(`${whose}/${network}`)
  const attemptId = newId(now)
  // For nobody the same is asked, under an id that nobody has.
  const accountId = account?.state === 'active' ? account.id : attemptId
  const digest = digestOfHelpCode(readHelpCode(typedCode) ?? '', accountId)
  const taken = await inTransaction((transaction) => takeHelpCode(accountId, digest, attemptId, now, transaction))
  if (!taken || !account) {
    const subject = { kind: 'account' as const, ...(account && { id: account.id }) }
    const reason = account ? 'wrong-or-late' : 'unknown'
    await record(actor, { act: 'help.refused', subject, outcome: 'denied', reason })
    return undefined
  }
  await Promise.all([tries.forgive(`${whose}/${network}`), networkTries.forgive(network)])
  return { account, attemptId }
}

/** What the password and the code app of a half-made sign-in are. Never stored but under the cookie of its session. */
export interface HalfMade {
  password: HashedPassword
  totpSecret: string
}

/** @throws SlowDown after ten an hour */
export async function halfMake(actor: Actor, account: Account, password: string): Promise<HalfMade> {
  await countAddress(actor)
  await passwordTries.count(account.id)
  return { password: await hashPassword(password, account.id), totpSecret: makeCodeSecret() }
}

/**
 * The last step: with the right code from the new app everything that this account signs in with is swapped, in one transaction.
 * @returns undefined when the code is wrong @throws NotFound when it was stopped, used or replaced by a newer code meanwhile
 */
export async function finishHelped(
  actor: Actor,
  account: Account,
  attemptId: string,
  { password, totpSecret }: HalfMade,
  typedCode: string,
  now = new Date(),
): Promise<Enrolled | undefined> {
  const subject = { kind: 'account' as const, id: account.id }
  const code = readCode(typedCode)
  const step = code && (await stepOfCode(totpSecret, code, 0, now))
  if (!step) {
    await record(actor, { act: 'help.refused', subject, outcome: 'failed', reason: 'wrong-code' })
    return undefined
  }
  const person: Actor = { ...actor, kind: 'account', id: account.id, role: account.role }
  return inTransaction(async (transaction) => {
    const reset = await completeReset(attemptId, now, transaction)
    await endSessionsOf(account.id, transaction)
    const current = await findAccount(account.id, transaction)
    const mailbox = await findMailboxOf({ accountId: account.id }, transaction)
    if (reset?.accountId !== account.id || current?.state !== 'active' || !mailbox)
      throw new NotFound('it ended before')
    const opened = await pairForNewSignIn(person, mailbox, now, transaction)
    await setPassword(account.id, opened, password, now, transaction)
    await storeCodeApp(account.id, { secret: totpSecret, step }, transaction)
    await removePasskeysOf(account.id, transaction)
    await removeIdentitiesOf(account.id, transaction)
    const recoveryCodes = await makeRecoveryCodes(opened, now, transaction)
    await forgetDevicesOf(account.id, transaction)
    // Whoever was in may have asked for another address, or for a new password.
    await forgetResetsOf(account.id, transaction)
    await closeOpenAddressChanges(account.id, now, transaction)
    await noteSignIn(account.id, now, transaction)
    await tellOfChange(account.id, 'help-used', now, transaction)
    await record(person, { act: 'help.used', subject }, transaction, now)
    return { account: current, pair: opened, recoveryCodes }
  })
}
