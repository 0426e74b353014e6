/**
 * Devices that are known: somebody signed in wholly on them within thirty days. It is no second factor and lets nobody in: wrong tries on a
 * known device are counted apart, so that whoever guesses from elsewhere cannot keep the owner out.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Request, Response } from 'express'
import type { Account } from '../accounts/account.store.ts'
import type { Actor, SignInStrength } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { lookupDigest } from '../vault/vault.ts'
import { onlyCookie } from '../web/only-cookie.ts'
import { accountsOfDevice, isDeviceOf, noteDevice } from './known-device.store.ts'
import { tellOfChange } from './tell-of-change.ts'
import { whereFrom } from './where-from.ts'

const COOKIE = '__Host-device'
const THIRTY_DAYS = 30 * 24 * 60 * 60 * 1000

/**
 * After a whole sign-in: knows the device for thirty days more. When it was not known, the person is told, unless this made the sign-in or
 * they are told of its recovery code anyway.
 */
export async function rememberDevice(
  request: Request,
  response: Response,
  account: Account,
  strength: SignInStrength,
  now = new Date(),
): Promise<void> {
  const given = tokenOfDevice(request)
  // Only one that is known: what somebody else put there is not ours, or is known to be theirs.
  const token = given && (await accountsOfDevice(digestOfDevice(given), now)).length > 0 ? given : newDeviceToken()
  const { browser, system } = whereFrom(request.actor)
  const expiresAt = new Date(now.getTime() + THIRTY_DAYS)
  const actor: Actor = { ...request.actor, kind: 'account', id: account.id, role: account.role, strength }
  await inTransaction(async (transaction) => {
    const device = { accountId: account.id, digest: digestOfDevice(token), browser, system, expiresAt }
    if (!(await noteDevice(device, now, transaction))) return
    await record(actor, { act: 'device.remembered' }, transaction, now)
    if (strength !== 'enrolment' && !strength.endsWith('recovery-code'))
      await tellOfChange(account.id, 'new-device', now, transaction)
  })
  response.cookie(COOKIE, token, { httpOnly: true, secure: true, sameSite: 'lax', path: '/', expires: expiresAt })
}

/** @returns the device of an actor as a name to count by, when it is known for this account */
export async function knownDeviceOf(actor: Actor, accountId: string, now: Date): Promise<string | undefined> {
  if (!actor.device) return undefined
  const accounts = await accountsOfDevice(actor.device, now)
  return accounts.includes(accountId) ? actor.device.toString('base64url') : undefined
}

/** @returns the device of an actor likewise, when it is known for whom they say they are, of whom nothing is opened for it */
export async function knownDeviceOfClaimed(
  actor: Actor,
  claimed: { email: string } | { link: string },
  now: Date,
): Promise<string | undefined> {
  const known = actor.device && (await isDeviceOf(actor.device, claimed, now))
  return known ? actor.device!.toString('base64url') : undefined
}

/** @returns the device of an actor likewise, when it is known for anybody: a passkey tells whose it is only when it was right */
export async function knownDevice(actor: Actor, now: Date): Promise<string | undefined> {
  const known = actor.device && (await accountsOfDevice(actor.device, now)).length > 0
  return known ? actor.device!.toString('base64url') : undefined
}

/** 32 bytes that nobody guesses and their MAC: one that somebody made up is found out without a question to the database. */
function newDeviceToken(): string {
  const unguessable = randomBytes(32)
  return Buffer.concat([unguessable, macOf(unguessable)]).toString('base64url')
}

/** The cookie's token, when it is one that we made. */
export function tokenOfDevice(request: Pick<IncomingMessage, 'headers'>): string | undefined {
  const token = onlyCookie(request, COOKIE, /^[A-Za-z0-9_-]{64}$/)
  const bytes = Buffer.from(token ?? '', 'base64url')
  return token && timingSafeEqual(bytes.subarray(32), macOf(bytes.subarray(0, 32))) ? token : undefined
}

function macOf(unguessable: Buffer): Buffer {
  return lookupDigest('device-token', unguessable.toString('base64url')).subarray(0, 16)
}

export function digestOfDevice(token: string): Buffer {
  return lookupDigest('device', token)
}
