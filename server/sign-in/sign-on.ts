/**
 * Signing on by a provider: it says who somebody is and opens nothing. Staff only, and only those who linked it to their account here; the password
 * is always asked, and our second factor too unless the provider proved one in this very sign-on.
 */
import { findAccount, type Account } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import { recordDenied } from '../audit/record.ts'
import type { SignOnSettings } from '../config.ts'
import { inTransaction } from '../database/connection.ts'
import { logInfo } from '../lib/logger.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { limit } from '../web/rate-limits.ts'
import { networkOf } from '../lib/network.ts'
import { checkPasswordOnceMet } from './check-sign-in.ts'
import { knownDevice } from './known-device.ts'
import { CLOCKS_DIFFER, readAnswer, SignOnRefused, signOnSettings, type Said } from './openid.ts'
import { insertSpentChallenge } from './passkey.store.ts'
import { digestOfIdentity, findIdentity, noteIdentityUse } from './sign-on-identity.store.ts'
import { readTrip, secretsOf, type Trip } from './sign-on-trip.ts'

const TEN_MINUTES = 600
const networkTries = limit('sign-on', 100, TEN_MINUTES)
// As with passkeys: whoever fills the network's tries keeps nobody out whose device is known.
const deviceTries = limit('sign-on-device', 30, TEN_MINUTES)

/** Where somebody came back from: `trip` when it was theirs and this request used it up, `said` when what the provider said was right. */
export interface Back {
  trip?: Trip
  said?: Said
}

/**
 * Ends a trip to the provider, once: of any number of requests with one answer, one goes on. Only those that come to nothing count as tries.
 * Who comes without a cookie of ours costs nothing: no count that others share, and no event.
 * @param text the cookie, when it had the shape of one @throws SlowDown
 */
export async function endTrip(
  actor: Actor,
  text: string | undefined,
  query: URLSearchParams,
  now = new Date(),
): Promise<Back> {
  const back: Back = {}
  if (!text) {
    logInfo('An answer of the provider came to a browser in which no sign-on was begun')
    return back
  }
  const device = await knownDevice(actor, now)
  const [tries, whose] = device ? [deviceTries, device] : [networkTries, networkOf(actor)]
  await tries.count(whose)
  try {
    const trip = readTrip(text, now)
    if (!trip) throw new SignOnRefused('not-begun-here')
    const secrets = secretsOf(text)
    if (query.get('state') !== secrets.state) throw new SignOnRefused('another-state')
    const first = await inTransaction((transaction) => insertSpentChallenge(text, trip.endsAt, transaction))
    if (!first) throw new SignOnRefused('used-before')
    back.trip = trip
    back.said = await readAnswer(query, secrets, trip, now)
    await tries.giveBack(whose)
  } catch (error) {
    if (!(error instanceof SignOnRefused)) throw error
    await recordDenied(actor, 'sign-in.sign-on-refused', undefined, error.reason)
  }
  return back
}

/** Somebody who signed on; their password is asked next. */
export interface SignedOn {
  account: Account
  identityId: string
  /** Until when a second factor that the provider proved, of the kind that the settings name, stands for ours, in milliseconds; 0 without one. */
  provesUntil: number
}

/** Whose account it is. @returns undefined alike for whom we do not know, for closed accounts and for patients; which is recorded */
export async function meetSignedOn(actor: Actor, said: Said, now = new Date()): Promise<SignedOn | undefined> {
  const identity = await findIdentity(digestOfIdentity(said.issuer, said.subject))
  const account = identity && (await findAccount(identity.accountId))
  if (!identity || account?.state !== 'active' || account.role === 'patient') {
    const subject = account && { kind: 'account' as const, id: account.id }
    await recordDenied(actor, 'sign-in.sign-on-refused', subject, account ? 'closed' : 'unknown')
    return undefined
  }
  const proves = provesSecondFactor(said, signOnSettings().secondFactor, now)
  return { account, identityId: identity.id, provesUntil: proves ? said.authenticatedAt.getTime() + FRESH : 0 }
}

const FRESH = 15 * 60 * 1000

/** Whether claims of the provider count as a second factor: one that the settings name, given within a quarter of an hour. */
export function provesSecondFactor(
  { amr, acr, authenticatedAt }: Pick<Said, 'amr' | 'acr' | 'authenticatedAt'>,
  trusted: SignOnSettings['secondFactor'],
  now: Date,
): boolean {
  const age = now.getTime() - authenticatedAt.getTime()
  if (age > FRESH || age < -CLOCKS_DIFFER) return false
  return amr.some((each) => trusted.amr.includes(each)) || trusted.acr.includes(acr)
}

/**
 * The password of somebody who signed on. Their tries are counted for this sign-on alone, so that nobody else's use them up.
 * @returns the opened key pair, or how many tries are left, or that the link was removed meanwhile @throws SlowDown
 */
export async function checkPasswordAfterSignOn(
  actor: Actor,
  account: Account,
  identityId: string,
  password: string,
  now = new Date(),
): Promise<{ pair: KeyPair } | { triesLeft: number } | 'removed'> {
  const checked = await checkPasswordOnceMet(actor, account, `sign-on/${identityId}`, password)
  if ('triesLeft' in checked) return checked
  // Removed meanwhile, with every session that stood at this step.
  if (await noteIdentityUse({ id: identityId, accountId: account.id }, now)) return checked
  await recordDenied(actor, 'sign-in.sign-on-refused', { kind: 'account', id: account.id }, 'unknown')
  return 'removed'
}
