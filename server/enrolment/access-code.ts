/**
 * Access codes: where a sender asked for one, whoever makes the sign-in must have heard it by phone or read it on paper. Eight letters, good
 * once, for thirty days; the right one gives a browser a day to make the sign-in in. While the row is there nothing else opens the account,
 * also when its code was used or has run out: staff then make a new one.
 */
import { holdInvited } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { makeSpokenCode, readSpokenCode } from '../lib/spoken-code.ts'
import { newToken } from '../lib/token.ts'
import { lookupDigest } from '../vault/vault.ts'
import { limit } from '../web/rate-limits.ts'
import {
  findAccessCode,
  putAccessCode,
  removeAccessCode,
  useAccessCode,
  type AccessCodeRow,
} from './access-code.store.ts'
import { networkOf } from '../lib/network.ts'
import { countAddress } from '../sign-in/address-tries.ts'

const LETTERS = 8
const DAY = 24 * 60 * 60 * 1000
const CODE_LIVES = 30 * DAY
const PROOF_LIVES = DAY
const HOUR = 60 * 60
// Of one code from one network: whoever only reads the mailbox fills no bucket of its owner's. The code has 40 bits, so that all of an account's
// together may be many.
const triesAnHour = limit('access-code', 5, HOUR)
const triesADay = limit('access-code-day', 20, 24 * HOUR)
const accountTries = limit('access-code-account', 200, HOUR)

/** A code as it is shown once. */
export interface AccessCode {
  code: string
  expiresAt: Date
}

/**
 * Asks for a code of an account, within the transaction that sends it a message. @returns the code to tell; undefined when the person has a
 * sign-in, or a code that still counts was asked for before: whoever was told it can go on using it
 */
export async function askForAccessCode(
  actor: Actor,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<AccessCode | undefined> {
  if (!(await holdInvited(accountId, transaction))) return undefined
  const earlier = await findAccessCode(accountId, transaction)
  return earlier && stillCounts(earlier, now) ? undefined : makeCode(actor, accountId, now, transaction)
}

/** A new code; the old one is dead, and so is what was begun with it. @returns undefined when the person has a sign-in meanwhile */
export async function makeAccessCode(
  actor: Actor,
  accountId: string,
  now = new Date(),
): Promise<AccessCode | undefined> {
  const made = await inTransaction(async (transaction) =>
    (await holdInvited(accountId, transaction)) ? makeCode(actor, accountId, now, transaction) : undefined,
  )
  // Whoever is told the new code can use it at once.
  if (made) await accountTries.forgive(accountId)
  return made
}

async function makeCode(actor: Actor, accountId: string, now: Date, transaction: Transaction): Promise<AccessCode> {
  const code = makeSpokenCode(LETTERS)
  const expiresAt = new Date(now.getTime() + CODE_LIVES)
  const row = { accountId, codeDigest: digestOf(accountId, code), madeAt: now, madeBy: actor.id!, expiresAt }
  await putAccessCode(row, transaction)
  await record(actor, { act: 'access-code.made', subject: { kind: 'account', id: accountId } }, transaction, now)
  return { code, expiresAt }
}

/** Whether its code can still be given, or was given in a browser that can still go on. */
export function stillCounts({ expiresAt, provedAt }: AccessCodeRow, now: Date): boolean {
  return provedAt ? now.getTime() - provedAt.getTime() < PROOF_LIVES : expiresAt > now
}

/**
 * Takes a code that somebody typed. What has not the shape of one is no try and stores nothing.
 * @returns the token of the browser's proof, or what was wrong @throws SlowDown after five wrong ones an hour, or twenty a day, from one network, and
 * after two hundred an hour from wherever
 */
export async function giveAccessCode(
  actor: Actor,
  accountId: string,
  typed: string,
  now = new Date(),
): Promise<{ proof: string } | 'empty' | 'short' | 'wrong'> {
  const code = readSpokenCode(typed, LETTERS)
  if (!code) return typed.trim() === '' ? 'empty' : 'short'
  await countAddress(actor)
  // A new code has tries of its own.
  const asked = await findAccessCode(accountId)
  const whose = `${accountId}/${asked?.madeAt.getTime() ?? ''}/${networkOf(actor)}`
  await triesAnHour.count(whose)
  await triesADay.count(whose)
  await accountTries.count(accountId)
  const subject = { kind: 'account' as const, id: accountId }
  const proof = newToken()
  const used = await inTransaction(async (transaction) => {
    const typedCode = { accountId, codeDigest: digestOf(accountId, code) }
    if (!(await useAccessCode(typedCode, digestOfProof(proof), now, transaction))) return false
    await record(actor, { act: 'access-code.given', subject }, transaction, now)
    return true
  })
  if (used) await Promise.all([triesAnHour.forgive(whose), triesADay.forgive(whose), accountTries.forgive(accountId)])
  else await recordDenied(actor, 'access-code.refused', subject, 'wrong-or-used')
  return used ? { proof } : 'wrong'
}

/** Whether the actor may make this account's sign-in: no code was asked for, or their browser has given it within a day. */
export async function mayEnrol(actor: Actor, accountId: string, now = new Date()): Promise<boolean> {
  const row = await findAccessCode(accountId)
  return !row || isProof(row, actor, now)
}

/** @throws NotFound when a code was asked for and not given in this browser; the log says so */
export async function mustBeLetIn(actor: Actor, accountId: string, now: Date): Promise<void> {
  if (await mayEnrol(actor, accountId, now)) return
  await recordDenied(actor, 'enrolment.refused', { kind: 'account', id: accountId }, 'no-access-code')
  throw new NotFound('an access code was asked for')
}

/** Ends the guard within the transaction that makes the account active; it holds the account's row. @throws NotFound as above */
export async function endAccessCode(
  actor: Actor,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const row = await findAccessCode(accountId, transaction)
  if (row && !isProof(row, actor, now)) throw new NotFound('an access code was asked for')
  if (row) await removeAccessCode(accountId, transaction)
}

function isProof({ proofDigest, provedAt }: AccessCodeRow, actor: Actor, now: Date): boolean {
  return (
    !!actor.accessProof && !!proofDigest?.equals(actor.accessProof) && now.getTime() - provedAt!.getTime() < PROOF_LIVES
  )
}

function digestOf(accountId: string, code: string) {
  return lookupDigest('access-code', `${accountId}/${code}`)
}

/** Of the token in a browser's cookie. */
export function digestOfProof(token: string): Buffer {
  return lookupDigest('access-proof', token)
}
