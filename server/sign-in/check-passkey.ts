/**
 * Passkeys as a way in, as a second factor and as a proof. Counted apart from passwords, so that somebody who tries passwords does not keep the
 * owner's passkey out.
 */
import { findAccount, type Account } from '../accounts/account.store.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { pairOfPrivate, type KeyPair } from '../vault/hpke.ts'
import type { Site } from '../web/host.ts'
import { limit } from '../web/rate-limits.ts'
import { networkOf } from '../lib/network.ts'
import { endOfChallenge, type ChallengeFor } from './challenge.ts'
import { checkPasswordOnceMet } from './check-sign-in.ts'
import { findCredential } from './credential.store.ts'
import { knownDevice } from './known-device.ts'
import { openWithDeviceSecret, readDeviceSecret, takeUpByPasskey } from './passkey-opener.ts'
import { checkNew, checkUse, PasskeyRefused, readNew, readUse } from './passkey.ts'
import {
  findPasskey,
  findPasskeyByCredential,
  insertSpentChallenge,
  notePasskeyUse,
  type NewPasskey,
  type Passkey,
} from './passkey.store.ts'

const TEN_MINUTES = 600
const addressTries = limit('passkey', 100, TEN_MINUTES)
// A device on which somebody here signed in is counted by itself, so that whoever fills the network's tries keeps nobody out who is known.
const deviceTries = limit('passkey-device', 30, TEN_MINUTES)

/** Where an answer comes from: our site as the browser sees it, and the secret of its forms. */
export interface Place {
  site: Site
  formSecret: string
}

/** What the page's form brought: the browser's answer, and the device's secret or nothing. */
export interface Given {
  answer: string
  prf: string
}

/** Somebody whose passkey was right; without `pair` it does not open their mailbox, and their password is asked for too. */
export interface Met {
  account: Account
  passkey: Passkey
  pair: KeyPair | undefined
  /** Of the device, as it was given. */
  secret: Buffer | undefined
}

/** Signing in with a passkey alone. @returns undefined when it was refused, which is recorded @throws SlowDown */
export async function checkPasskeySignIn(
  actor: Actor,
  place: Place,
  given: Given,
  now = new Date(),
): Promise<Met | undefined> {
  return orRefuse(actor, {}, async (about) => {
    const used = await readPasskey(place, 'sign-in', given.answer, now, about)
    const { passkey } = used
    const account = await findAccount(passkey.accountId)
    if (account?.state !== 'active') throw new PasskeyRefused('closed')
    const mailbox = await findMailboxOf({ accountId: account.id })
    const secret = readDeviceSecret(given.prf)
    const pair = mailbox && secret && (await openWithDeviceSecret(mailbox, passkey, secret))
    // Nobody is led to a step that they cannot take.
    if (!pair && !(await findCredential(account.id))?.password) throw new PasskeyRefused('does-not-open')
    await inTransaction(used.spend)
    return { account, passkey, pair, secret }
  })
}

/**
 * The password of somebody whose passkey was right but does not open their mailbox. Their tries are counted for this passkey alone, so that
 * nobody else's use them up. @returns the opened key pair, or how many tries are left, or that the passkey was removed @throws SlowDown
 */
export async function checkPasswordAfterPasskey(
  actor: Actor,
  account: Account,
  { id: passkeyId, secret }: { id: string; secret: Buffer | undefined },
  password: string,
  now = new Date(),
): Promise<{ pair: KeyPair } | { triesLeft: number } | 'removed'> {
  const checked = await checkPasswordOnceMet(actor, account, `passkey/${passkeyId}`, password)
  if ('triesLeft' in checked) return checked
  const { mailbox, pair } = checked
  // Removed meanwhile, with every session that stood at this step.
  const kept = await findPasskey({ id: passkeyId, accountId: account.id })
  if (kept && secret) await takeUpByPasskey(personOf(actor, account), { ...mailbox, ...pair }, kept, secret, now)
  if (kept) return { pair }
  await recordDenied(actor, 'sign-in.passkey-refused', { kind: 'account', id: account.id }, 'unknown')
  return 'removed'
}

/** A passkey as the second factor, after the password, which opened `privateKey`. @returns whether it was right @throws SlowDown */
export async function checkPasskeyAfterPassword(
  actor: Actor,
  account: Account,
  privateKey: Buffer,
  place: Place,
  given: Given,
  now = new Date(),
): Promise<boolean> {
  const right = await orRefuse({ ...actor, strength: 'password' }, { accountId: account.id }, async (about) => {
    const used = await readPasskey(place, 'second-factor', given.answer, now, about)
    await inTransaction(used.spend)
    const [secret, mailbox] = [readDeviceSecret(given.prf), await findMailboxOf({ accountId: account.id })]
    const pair = pairOfPrivate(privateKey)
    if (secret && mailbox?.publicKey.equals(pair.publicKey))
      await takeUpByPasskey(personOf(actor, account), { ...mailbox, ...pair }, used.passkey, secret, now)
    return true
  })
  return right ?? false
}

/** A passkey as a proof that whoever is signed in is still there. @returns whether it was right @throws SlowDown */
export async function checkPasskeyAsProof(
  actor: Actor,
  account: Account,
  place: Place,
  given: Given,
  now = new Date(),
): Promise<boolean> {
  const right = await orRefuse(actor, { accountId: account.id }, async (about) => {
    const used = await readPasskey(place, 'prove', given.answer, now, about)
    await inTransaction(async (transaction) => {
      await used.spend(transaction)
      await record(actor, { act: 'identity.proved' }, transaction, now)
    })
    return true
  })
  return right ?? false
}

/**
 * A new passkey for `account`. @param keep keeps it, in a transaction in which it calls `spend`: then its challenge is used up
 * @returns undefined when it was refused, which is recorded @throws SlowDown
 */
export async function checkNewPasskey<Kept>(
  actor: Actor,
  account: Account,
  place: Place,
  purpose: 'enrol' | 'add',
  given: Given & { name: string },
  now: Date,
  keep: (passkey: NewPasskey, spend: (transaction: Transaction) => Promise<void>) => Promise<Kept>,
): Promise<Kept | undefined> {
  return orRefuse(actor, { accountId: account.id }, async () => {
    const answered = readNew(given.answer)
    const end = endOf(answered.challenge, { purpose, accountId: account.id, formSecret: place.formSecret }, now)
    const passkey = { ...(await checkNew(place.site, answered)), name: given.name }
    if (await findPasskeyByCredential(passkey.credentialId)) throw new PasskeyRefused('known-already')
    return keep(passkey, (transaction) => spend(answered.challenge, end, transaction))
  })
}

/** The parts of a use that do not change anything; `spend` then uses up the challenge and notes the device's counter. */
async function readPasskey(place: Place, purpose: ChallengeFor['purpose'], text: string, now: Date, about: About) {
  const answered = readUse(text)
  const { accountId } = about
  const { formSecret } = place
  const end = endOf(answered.challenge, { purpose, formSecret, ...(accountId ? { accountId } : {}) }, now)
  const passkey = await findPasskeyByCredential(answered.json.id)
  if (!passkey) throw new PasskeyRefused('unknown')
  if (accountId && passkey.accountId !== accountId) throw new PasskeyRefused('another-account')
  about.accountId = passkey.accountId
  const counter = await checkUse(place.site, answered, passkey)
  return {
    passkey,
    async spend(transaction: Transaction) {
      await spend(answered.challenge, end, transaction)
      if (!(await notePasskeyUse(passkey.id, counter, now, transaction))) throw new PasskeyRefused('counter-back')
    },
  }
}

function endOf(challenge: string, use: ChallengeFor, now: Date): Date {
  const end = endOfChallenge(challenge, use, now)
  if (!end) throw new PasskeyRefused('challenge')
  return end
}

async function spend(challenge: string, end: Date, transaction: Transaction) {
  if (!(await insertSpentChallenge(challenge, end, transaction))) throw new PasskeyRefused('challenge-used')
}

/** Whom a try is about, as soon as that is known. */
interface About {
  accountId?: string
}

/** Counts the try, and gives it back when it was right; a refusal is recorded in a transaction of its own. */
async function orRefuse<Result>(
  actor: Actor,
  about: About,
  check: (about: About) => Promise<Result>,
): Promise<Result | undefined> {
  const device = await knownDevice(actor, new Date())
  const [tries, whose] = device ? [deviceTries, device] : [addressTries, networkOf(actor)]
  await tries.count(whose)
  try {
    const result = await check(about)
    await tries.giveBack(whose)
    return result
  } catch (error) {
    if (!(error instanceof PasskeyRefused)) throw error
    const subject = about.accountId ? { kind: 'account' as const, id: about.accountId } : undefined
    await recordDenied(actor, 'sign-in.passkey-refused', subject, error.reason)
    return undefined
  }
}

function personOf(actor: Actor, account: Account): Actor {
  return { ...actor, kind: 'account', id: account.id, role: account.role }
}
