/**
 * Help for somebody who lost everything that they sign in with, as staff give it: one asks, another approves, the person hears of it and can stop
 * it, a time passes, and then one of the two makes a code. Nobody can do it alone, and nobody for themselves.
 */
import { findAccount, findAccountByEmail, type Account, type Role } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { signInsOf, wasInvitedByAccount } from '../audit/access-event.store.ts'
import type { Actor } from '../audit/actor.ts'
import { system } from '../audit/actor.ts'
import type { Reason } from '../audit/reasons.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, isTaken, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import { limit } from '../web/rate-limits.ts'
import {
  approveReset,
  cancelReset,
  countResetsToApprove,
  findOpenReset,
  findReset,
  findResetByToken,
  insertReset,
  lapseResets,
  storeHelpCode,
  type AssistedReset,
} from '../accounts/assisted-reset.store.ts'
import { digestOfHelpCode, makeHelpCode, readHelpCode } from './help-code.ts'

const HOUR = 60 * 60
const A_WEEK = 7 * 24 * 60 * 60 * 1000
const DAYS_OF_WORK = 3
const CODE_LIVES = 15 * 60 * 1000
const lookUps = limit('help-look-up', 60, HOUR)

/** Whom somebody may look up to help: care teams and administrators their patients, administrators their colleagues, nobody themselves. */
export function isInReach(helper: Account, person: Account): boolean {
  if (helper.id === person.id || helper.state !== 'active' || person.state === 'closed') return false
  return REACH[helper.role].includes(person.role)
}

const REACH: Record<Role, readonly Role[]> = {
  admin: ['patient', 'provider', 'admin', 'auditor'],
  provider: ['patient'],
  auditor: [],
  patient: [],
}

/** How many requests of others wait for this one to agree. Counts them and opens nothing. */
export async function countWaitingFor(helper: Account, now = new Date()): Promise<number> {
  const roles = REACH[helper.role]
  return roles.length > 0 ? countResetsToApprove(helper.id, roles, now) : 0
}

/** Who has not made a sign-in yet has none to lose: the link of their notice is enough. */
export function mayHelp(helper: Account, person: Account): boolean {
  return isInReach(helper, person) && person.state === 'active'
}

/**
 * Whoever was invited by somebody here is neither of the two before they have signed in on three days, the first a week ago: an administrator
 * could otherwise invite a second self, wait, and be both. The operator's first people, whom nobody here invited, are not meant.
 */
export async function isNewcomer(staffId: string, now: Date): Promise<boolean> {
  if (!(await wasInvitedByAccount(staffId))) return false
  const { days, first } = await signInsOf(staffId)
  return days < DAYS_OF_WORK || !first || now.getTime() - first.getTime() < A_WEEK
}

/** Finds one person by the whole address; recorded, whoever it was. @returns undefined when nobody in reach has it @throws SlowDown */
export async function lookUp(actor: Actor, helper: Account, typed: string): Promise<Account | undefined> {
  await lookUps.count(helper.id)
  const email = readEmailAddress(typed)
  const person = email ? await findAccountByEmail(email) : undefined
  const found = person && isInReach(helper, person) ? person : undefined
  await record(actor, { act: 'help.looked-up', subject: { kind: 'account', ...(found && { id: found.id }) } })
  return found
}

/** The person behind an id that a page of ours gave out. Recorded before anything is shown. @throws NotFound when they are not in reach */
export async function personInReach(actor: Actor, helper: Account, accountId: string): Promise<Account> {
  const person = await findAccount(accountId)
  if (!person || !isInReach(helper, person)) return refuse(actor, accountId, 'not-in-reach')
  await record(actor, { act: 'help.looked-up', subject: { kind: 'account', id: person.id } })
  return person
}

/** The first of the two. @returns the request's id, or undefined when one is open already @throws NotFound */
export async function askForHelp(
  actor: Actor,
  helper: Account,
  accountId: string,
  reason: string,
  now = new Date(),
): Promise<string | undefined> {
  const person = await findAccount(accountId)
  if (!person || !mayHelp(helper, person)) return refuse(actor, accountId, 'not-in-reach')
  if (await isNewcomer(helper.id, now)) return refuse(actor, accountId, 'newcomer')
  const id = newId(now)
  try {
    await inTransaction(async (transaction) => {
      await lapse(now, transaction)
      await insertReset({ id, accountId, askedBy: helper.id, reason }, now, transaction)
      await record(actor, { act: 'help.asked', subject: { kind: 'account', id: accountId } }, transaction, now)
    })
  } catch (error) {
    if (isTaken(error, 'assisted_resets_one_open')) return undefined
    throw error
  }
  return id
}

/** A request, for staff who could help this person or took part. @throws NotFound */
export async function requestInReach(
  actor: Actor,
  helper: Account,
  id: string,
): Promise<{ reset: AssistedReset; person: Account }> {
  const reset = await findReset(id)
  const person = reset && (await findAccount(reset.accountId))
  if (!reset || !person || !isInReach(helper, person)) return refuse(actor, reset?.accountId, 'not-in-reach')
  return { reset, person }
}

/** The second of the two. @returns false when it was approved or ended before @throws NotFound for whoever asked */
export async function approveHelp(actor: Actor, helper: Account, id: string, now = new Date()): Promise<boolean> {
  const { reset, person } = await requestInReach(actor, helper, id)
  const asker = await findAccount(reset.askedBy)
  if (helper.id === reset.askedBy) return refuse(actor, person.id, 'own-request')
  if (!mayHelp(helper, person) || !asker || !mayHelp(asker, person)) return refuse(actor, person.id, 'not-in-reach')
  if (await isNewcomer(helper.id, now)) return refuse(actor, person.id, 'newcomer')
  return inTransaction(async (transaction) => {
    if (!(await approveReset(id, helper.id, now, transaction))) return false
    await record(actor, { act: 'help.approved', subject: { kind: 'account', id: person.id } }, transaction, now)
    await enqueue('send-help-notice', { resetId: id, step: 'asked' }, transaction)
    return true
  })
}

/** Staff stop a request, at whatever step it is. @returns false when it had ended @throws NotFound */
export async function stopHelp(actor: Actor, helper: Account, id: string, now = new Date()): Promise<boolean> {
  const { reset } = await requestInReach(actor, helper, id)
  return stop(actor, reset, helper.id, now)
}

/** Whoever holds the link of the mail stops it. @returns false when it had ended @throws NotFound */
export async function stopHelpByLink(actor: Actor, token: string, now = new Date()): Promise<boolean> {
  const reset = await findResetByToken(token)
  if (!reset) throw new NotFound('no such link')
  return stop(actor, reset, null, now)
}

/** The person, signed in as always, stops it. */
export async function stopOwnHelp(actor: Actor, accountId: string, now = new Date()): Promise<boolean> {
  const reset = await findOpenReset(accountId, now)
  return reset ? stop(actor, reset, accountId, now) : false
}

/**
 * After the wait, one of the two: a code to tell by phone, in place of every earlier one.
 * @returns undefined when it is not time, or no more codes can be made @throws NotFound for others
 */
export async function makeCodeFor(
  actor: Actor,
  helper: Account,
  id: string,
  now = new Date(),
): Promise<{ code: string; expiresAt: Date } | undefined> {
  const { reset, person } = await requestInReach(actor, helper, id)
  if (![reset.askedBy, reset.approvedBy].includes(helper.id) || !mayHelp(helper, person))
    return refuse(actor, person.id, 'not-one-of-the-two')
  const code = makeHelpCode()
  const digest = digestOfHelpCode(readHelpCode(code)!, person.id)
  const expiresAt = new Date(now.getTime() + CODE_LIVES)
  const made = await inTransaction(async (transaction) => {
    if (!(await storeHelpCode(id, { digest, by: helper.id, expiresAt }, now, transaction))) return false
    await record(actor, { act: 'help.code-made', subject: { kind: 'account', id: person.id } }, transaction, now)
    await enqueue('send-help-notice', { resetId: id, step: 'code-made' }, transaction)
    return true
  })
  return made ? { code, expiresAt } : undefined
}

/** Ends the requests that nobody went on with for a week. */
export function lapseHelp(now: Date): Promise<void> {
  return inTransaction((transaction) => lapse(now, transaction))
}

async function lapse(now: Date, transaction: Transaction) {
  const lapsed = await lapseResets(now, transaction)
  const events = lapsed.map(({ accountId }) => ({
    act: 'help.cancelled' as const,
    subject: { kind: 'account' as const, id: accountId },
    reason: 'lapsed' as const,
  }))
  if (events.length > 0) await record(system, events, transaction, now)
}

async function stop(actor: Actor, reset: AssistedReset, by: string | null, now: Date): Promise<boolean> {
  return inTransaction(async (transaction) => {
    if (!(await cancelReset(reset.id, by, now, transaction))) return false
    const subject = { kind: 'account' as const, id: reset.accountId }
    await record(
      actor,
      { act: 'help.cancelled', subject, ...(!by && { reason: 'by-link' as const }) },
      transaction,
      now,
    )
    return true
  })
}

async function refuse(actor: Actor, accountId: string | undefined, reason: Reason): Promise<never> {
  await recordDenied(actor, 'help.refused', { kind: 'account', ...(accountId && { id: accountId }) }, reason)
  throw new NotFound(reason)
}
