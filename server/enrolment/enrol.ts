/**
 * Making a sign-in, in atomic steps: a password, then a second factor; or a passkey, and a password only when the passkey does not open the
 * mailbox. Nothing reached from a mailed link changes an account past it.
 */
import { activateAccount, findAccount, type Account } from '../accounts/account.store.ts'
import { openerRow, openWaitingMailbox, sealOpener } from '../accounts/mailbox-key.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { insertOpeners, removeOpeners } from '../accounts/opener.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { limit } from '../web/rate-limits.ts'
import { endAccessCode, mustBeLetIn } from './access-code.ts'
import { countAddress } from '../sign-in/address-tries.ts'
import { checkNewPasskey, type Given, type Place } from '../sign-in/check-passkey.ts'
import { insertCredential } from '../sign-in/credential.store.ts'
import {
  findEnrolment,
  insertEnrolment,
  keepNewestEnrolments,
  removeEnrolments,
  setEnrolmentSecret,
  type Enrolment,
  type EnrolmentKey,
} from './enrolment.store.ts'
import { makeCodeSecret, readCode, stepOfCode } from '../sign-in/one-time-code.ts'
import { hashPassword } from '../sign-in/password.ts'
import { keepPasskey, readDeviceSecret } from '../sign-in/passkey-opener.ts'
import type { NewPasskey } from '../sign-in/passkey.store.ts'
import { makeRecoveryCodes } from '../sign-in/recovery-code.ts'

const HALF_MADE_LIVES = 24 * 60 * 60 * 1000
const AN_HOUR = 10
const accountTries = limit('enrolment', AN_HOUR, 60 * 60)

/**
 * Step one: keeps a password for an invited account. @returns the id of this attempt @throws NotFound when the account is past it, or an access
 * code was asked for and not given; SlowDown after ten an hour
 */
export async function beginEnrolment(
  actor: Actor,
  account: Account,
  password: string,
  now = new Date(),
): Promise<string> {
  const mailbox = await findMailboxOf({ accountId: account.id })
  if (account.state !== 'invited' || !mailbox) throw new NotFound('past enrolment')
  await mustBeLetIn(actor, account.id, now)
  await countAddress(actor)
  await accountTries.count(account.id)
  const { stored, opener } = await hashPassword(password, account.id)
  const { privateKey } = await openWaitingMailbox(mailbox)
  const id = newId(now)
  const openerEnvelope = sealOpener(mailbox, 'password', opener, privateKey)
  const expiresAt = new Date(now.getTime() + HALF_MADE_LIVES)
  await inTransaction(async (transaction) => {
    await insertEnrolment(
      { id, accountId: account.id, password: { ...stored, openerEnvelope }, expiresAt },
      transaction,
    )
    // As many as an hour allows: of more than these the oldest go.
    await keepNewestEnrolments(account.id, AN_HOUR, transaction)
    await record(actor, { act: 'enrolment.started', subject: { kind: 'account', id: account.id } }, transaction, now)
  })
  return id
}

/**
 * A passkey as the first step. With the device's secret it is the whole sign-in, and the account becomes active; without it an attempt begins,
 * which asks for a password next. @returns undefined when it was refused @throws NotFound when the account is past it, SlowDown
 */
export async function enrolByPasskey(
  actor: Actor,
  account: Account,
  place: Place,
  given: Given & { name: string },
  now = new Date(),
): Promise<Enrolled | { enrolmentId: string } | undefined> {
  if (account.state !== 'invited') throw new NotFound('past enrolment')
  await mustBeLetIn(actor, account.id, now)
  await accountTries.count(account.id)
  const secret = readDeviceSecret(given.prf)
  return checkNewPasskey(actor, account, place, 'enrol', given, now, async (passkey, spend) => {
    if (secret) return makeActive(actor, account.id, { passkey, secret, spend }, now)
    const enrolmentId = newId(now)
    const expiresAt = new Date(now.getTime() + HALF_MADE_LIVES)
    await inTransaction(async (transaction) => {
      await spend(transaction)
      await insertEnrolment({ id: enrolmentId, accountId: account.id, passkey, expiresAt }, transaction)
      await keepNewestEnrolments(account.id, AN_HOUR, transaction)
      await record(actor, { act: 'enrolment.started', subject: { kind: 'account', id: account.id } }, transaction, now)
    })
    return { enrolmentId }
  })
}

/** An attempt that began with a passkey and waits for its password. @throws NotFound when it ended, or another was first */
export async function attemptByPasskey(
  key: EnrolmentKey,
  now = new Date(),
): Promise<{ account: Account; passkey: NewPasskey }> {
  const enrolment = await findEnrolment(key, now)
  const account = enrolment && (await findAccount(enrolment.accountId))
  if (!account || !enrolment.passkey || account.state !== 'invited') throw new NotFound('no such enrolment')
  return { account, passkey: enrolment.passkey }
}

/** The password of an attempt that began with a passkey: with both the account becomes active. @throws NotFound likewise, SlowDown */
export async function finishEnrolmentWithPassword(
  actor: Actor,
  key: EnrolmentKey,
  password: string,
  now = new Date(),
): Promise<Enrolled> {
  const { account, passkey } = await attemptByPasskey(key, now)
  const mailbox = await findMailboxOf({ accountId: account.id })
  if (!mailbox) throw new NotFound('no mailbox')
  await countAddress(actor)
  await accountTries.count(account.id)
  const { stored, opener } = await hashPassword(password, account.id)
  const { privateKey } = await openWaitingMailbox(mailbox)
  const openerEnvelope = sealOpener(mailbox, 'password', opener, privateKey)
  return makeActive(actor, account.id, { passkey, password: { ...stored, openerEnvelope } }, now)
}

/** The secret of step two; made when first asked for, then the same until the attempt ends. @throws NotFound */
export async function secondFactorOf(
  key: EnrolmentKey,
  now = new Date(),
): Promise<{ account: Account; secret: string }> {
  let enrolment = await findEnrolment(key, now)
  if (enrolment?.state === 'password-set') {
    await setEnrolmentSecret(key.id, makeCodeSecret())
    enrolment = await findEnrolment(key, now)
  }
  const account = enrolment && (await findAccount(enrolment.accountId))
  if (!account || !enrolment?.totpSecret || account.state !== 'invited') throw new NotFound('no such enrolment')
  return { account, secret: enrolment.totpSecret }
}

export type Enrolled = { account: Account; pair: KeyPair; recoveryCodes: string[] }

/**
 * Step two: with the right code the account becomes active, in one transaction with its openers; `waiting` is removed, every other attempt
 * ends. @returns undefined when the code is wrong @throws NotFound when another attempt was first
 */
export async function finishEnrolment(
  actor: Actor,
  key: EnrolmentKey,
  typedCode: string,
  now = new Date(),
): Promise<Enrolled | undefined> {
  const enrolment = await findEnrolment(key, now)
  const code = readCode(typedCode)
  if (!enrolment?.totpSecret || !enrolment.password) throw new NotFound('no such enrolment')
  const { password, totpSecret } = enrolment
  const step = code && (await stepOfCode(totpSecret, code, 0, now))
  if (!step) {
    await record(actor, {
      act: 'enrolment.refused',
      subject: { kind: 'account', id: enrolment.accountId },
      outcome: 'failed',
      reason: 'wrong-code',
    })
    return undefined
  }
  return makeActive(actor, enrolment.accountId, { password, totpSecret, totpLastStep: step }, now)
}

/** What an account is to be signed in to with. */
interface WaysIn {
  password?: NonNullable<Enrolment['password']>
  totpSecret?: string
  totpLastStep?: number
  passkey?: NewPasskey
  /** Of the passkey's device. */
  secret?: Buffer
  /** Uses up the passkey's challenge, when that was not done before. */
  spend?: (transaction: Transaction) => Promise<void>
}

async function makeActive(actor: Actor, accountId: string, ways: WaysIn, now: Date): Promise<Enrolled> {
  const { password, totpSecret, totpLastStep = 0, passkey, secret, spend } = ways
  // Also asked for since the attempt began.
  await mustBeLetIn(actor, accountId, now)
  return inTransaction(async (transaction) => {
    if (!(await activateAccount(accountId, now, transaction))) throw new NotFound('past enrolment')
    await endAccessCode(actor, accountId, now, transaction)
    await spend?.(transaction)
    const account = await findAccount(accountId, transaction)
    const mailbox = await findMailboxOf({ accountId }, transaction)
    if (!account || !mailbox) throw new NotFound('no such account')
    const pair = await openWaitingMailbox(mailbox, transaction)
    if (password) await insertOpeners([openerRow(mailbox, 'password', password.openerEnvelope, now)], transaction)
    if (passkey) await keepPasskey({ ...mailbox, ...pair }, accountId, passkey, secret, now, transaction)
    const recoveryCodes = await makeRecoveryCodes({ ...mailbox, ...pair }, now, transaction)
    await removeOpeners({ mailboxId: mailbox.id, kind: 'waiting' }, transaction)
    await insertCredential({ accountId, password, totpSecret, totpLastStep }, now, transaction)
    await removeEnrolments(accountId, transaction)
    const acts = passkey ? (['account.enrolled', 'passkey.added'] as const) : (['account.enrolled'] as const)
    await record(
      { ...actor, kind: 'account', id: accountId, role: account.role },
      acts.map((act) => ({ act, subject: { kind: 'account', id: accountId } })),
      transaction,
      now,
    )
    return { account, pair, recoveryCodes }
  })
}
