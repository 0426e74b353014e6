/**
 * A new password in the place of a forgotten one, by a mailed link and a second factor together. It signs nobody in and takes no second factor
 * away.
 */
import type { Account } from '../accounts/account.store.ts'
import { findMailboxOf, holdMailbox, type MailboxKey } from '../accounts/mailbox.store.ts'
import { pairForNewSignIn } from '../accounts/pair-for-new-sign-in.ts'
import { takeUpEarlier } from '../accounts/take-up-earlier.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { limit } from '../web/rate-limits.ts'
import { countAddress } from './address-tries.ts'
import { findCredential, spendStep } from './credential.store.ts'
import { readCode, stepOfCode } from './one-time-code.ts'
import { hashPassword } from './password.ts'
import { useReset } from './password-reset.store.ts'
import { isRecoveryCode, spendRecoveryCode } from './recovery-code.ts'
import { endSessionsOf } from './sessions.ts'
import { setPassword } from './set-password.ts'
import { tellOfChange } from './tell-of-change.ts'
import { codeTriesADay } from './tries.ts'

const tries = limit('reset-code', 5, 60 * 60)
// Whoever reads somebody's mail can use up these, and not the tries of the sign-in.
const triesADay = limit('reset-code-day', 20, 24 * 60 * 60)

/**
 * In one step: the link and the code are used up, the password is set with what it opens, every session ends, every channel is told.
 * @returns what stood in for the second factor, undefined when the code is wrong or was used; the link then stays good @throws NotFound when the link is dead, SlowDown after five
 * tries an hour
 */
export async function resetPassword(
  actor: Actor,
  account: Account,
  token: string,
  given: { password: string; code: string },
  now = new Date(),
): Promise<Factor['name'] | undefined> {
  await countAddress(actor)
  await tries.count(account.id)
  await triesADay.count(account.id)
  const factor = await factorOf(account, given.code, now)
  const done = factor && (await setByFactor(actor, account, token, given.password, factor, now))
  if (done) {
    await tries.forgive(account.id)
    if (factor?.name === 'code') await codeTriesADay.giveBack(account.id, undefined)
  } else await recordDenied(actor, 'password.reset-refused', { kind: 'account', id: account.id }, 'wrong-or-used')
  return done ? factor?.name : undefined
}

/** What was given beside the link, looked at and not used up yet: a password's work is only done for somebody who has a second factor. */
type Factor = { name: 'code'; step: number } | { name: 'recovery-code'; typed: string }

async function factorOf(account: Account, typed: string, now: Date): Promise<Factor | undefined> {
  const digits = readCode(typed)
  if (digits) {
    await codeTriesADay.count(account.id, undefined)
    const credential = await findCredential(account.id)
    const step =
      credential?.totpSecret && (await stepOfCode(credential.totpSecret, digits, credential.totpLastStep, now))
    return step ? { name: 'code', step } : undefined
  }
  const mailbox = await findMailboxOf({ accountId: account.id })
  return mailbox && (await isRecoveryCode(mailbox, typed)) ? { name: 'recovery-code', typed } : undefined
}

async function setByFactor(
  actor: Actor,
  account: Account,
  token: string,
  password: string,
  factor: Factor,
  now: Date,
): Promise<boolean> {
  const hashed = await hashPassword(password, account.id)
  const person = { ...actor, kind: 'account' as const, id: account.id, role: account.role }
  const subject = { kind: 'account' as const, id: account.id }
  try {
    await inTransaction(async (transaction) => {
      if (!(await useReset(token, now, transaction))) throw new NotFound('no such link')
      const mailbox = await openByFactor(person, account, factor, now, transaction)
      await setPassword(account.id, mailbox, hashed, now, transaction)
      await endSessionsOf(account.id, transaction)
      await record(person, { act: 'password.reset', subject, reason: factor.name }, transaction, now)
      await tellOfChange(account.id, 'password-reset', now, transaction)
    })
    return true
  } catch (error) {
    if (error instanceof FactorUsed) return false
    throw error
  }
}

/** Somebody was quicker with the same code: nothing of this request stays, and the link is good for the next one. */
class FactorUsed extends Error {}

/** Uses the second factor up. The mailbox keeps its pair when the factor opens it, and when the recovery key is at hand. */
async function openByFactor(
  actor: Actor,
  account: Account,
  factor: Factor,
  now: Date,
  transaction: Transaction,
): Promise<MailboxKey & KeyPair> {
  const known = await findMailboxOf({ accountId: account.id }, transaction)
  if (!known) throw new NotFound('no mailbox')
  await holdMailbox(known.id, transaction)
  const mailbox = (await findMailboxOf({ accountId: account.id }, transaction)) ?? known
  if (factor.name === 'code') {
    if (!(await spendStep(account.id, factor.step, transaction))) throw new FactorUsed()
    return pairForNewSignIn(actor, mailbox, now, transaction)
  }
  const opened = await spendRecoveryCode(mailbox, factor.typed, transaction)
  if (!opened) throw new FactorUsed()
  if (opened.version === mailbox.version) return { ...mailbox, ...opened }
  const renewed = await pairForNewSignIn(actor, mailbox, now, transaction)
  await takeUpEarlier(actor, renewed, opened, now, transaction)
  return renewed
}
