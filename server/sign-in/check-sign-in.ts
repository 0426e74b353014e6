/** Signing in, in two steps: the password, which opens the mailbox, and the second factor, without which nothing else answers. */
import { findAccount, findAccountByEmail, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { findLink } from '../accounts/link.store.ts'
import { findMailboxOf, type MailboxKey } from '../accounts/mailbox.store.ts'
import { takeUpEarlier } from '../accounts/take-up-earlier.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { countAddress } from './address-tries.ts'
import { findCredential, spendStep } from './credential.store.ts'
import { readCode, stepOfCode } from './one-time-code.ts'
import { knownDeviceOf, knownDeviceOfClaimed } from './known-device.ts'
import { NOBODY, openByPassword } from './open-by-password.ts'
import { raisePasswordLater } from './raise-password.ts'
import { spendRecoveryCode } from './recovery-code.ts'
import { askInTurn, asStranger } from './strangers.ts'
import { tellOfChange } from './tell-of-change.ts'
import { codeTriesADay, passwordTries, recoveryCodeTriesADay, tellOfManyTries, type Tries } from './tries.ts'

/** Who wants in: an address that was typed, or the link that they came by. */
export type Claimed = { email: string } | { link: string }

/**
 * Step one. Unknown, invited and closed accounts take as long and are answered as a wrong password. A device that is known for the account is
 * counted, and waits, apart from all others.
 * @returns the account with its opened key pair, or the number of tries left @throws SlowDown
 */
export async function checkPasswordOf(
  actor: Actor,
  claimed: Claimed,
  password: string,
  now = new Date(),
): Promise<{ account: Account; pair: KeyPair } | { triesLeft: number }> {
  const device = await knownDeviceOfClaimed(actor, asLookedUp(claimed), now)
  if (device) return checkFrom(device, actor, claimed, password, now)
  // Who has no device's cookie is refused before anything is asked of the database, and nobody's account is opened before they are.
  return asStranger(() => checkFrom(undefined, actor, claimed, password, now))
}

/** An address as it is looked up, however it was typed. */
function asLookedUp(claimed: Claimed): Claimed {
  return 'email' in claimed ? { email: nameOf(claimed) } : claimed
}

async function checkFrom(
  device: string | undefined,
  actor: Actor,
  claimed: Claimed,
  password: string,
  now: Date,
): Promise<{ account: Account; pair: KeyPair } | { triesLeft: number }> {
  const askAll = () => countAndFind(device, actor, claimed)
  const { account, active, credential, triesLeft } = await (device ? askAll() : askInTurn(askAll))
  const queue = device ? 'known-device' : 'unknown-device'
  const [opened] = await Promise.all([
    openByPassword(active?.id, password, credential?.password, queue),
    // Meanwhile, so that the answer does not take longer where there is somebody to tell.
    active && !device && triesLeft === 0 ? tellOfManyTries(active, 'many-wrong-tries', now) : undefined,
  ])
  if (!opened || !active) {
    const reason = account ? 'wrong-password' : 'unknown'
    await recordDenied(actor, 'sign-in.refused', account && { kind: 'account', id: account.id }, reason)
    return { triesLeft }
  }
  // Only wrong passwords count.
  await passwordTries.giveBack(active.id, device)
  raisePasswordLater(active.id, opened.mailbox, password, opened.stored)
  return { account: active, pair: opened.mailbox }
}

async function countAndFind(device: string | undefined, actor: Actor, claimed: Claimed) {
  if (!device) await countAddress(actor)
  const account = await accountOf(claimed)
  const triesLeft = await passwordTries.count(account?.id ?? nameOf(claimed), device)
  const active = account?.state === 'active' ? account : undefined
  return { account, active, triesLeft, credential: await findCredential(active?.id ?? NOBODY) }
}

function nameOf(claimed: Claimed): string {
  return 'email' in claimed ? (readEmailAddress(claimed.email) ?? claimed.email) : claimed.link
}

/**
 * The password of somebody whom something else identified. @param bucket of their tries: of that alone, so that nobody else's use them up
 * @returns the mailbox and its opened key pair, or how many tries are left @throws SlowDown
 */
export async function checkPasswordOnceMet(
  actor: Actor,
  account: Account,
  bucket: string,
  password: string,
): Promise<{ mailbox: MailboxKey; pair: KeyPair } | { triesLeft: number }> {
  const triesLeft = await passwordTries.count(account.id, bucket)
  const stored = (await findCredential(account.id))?.password
  const opened = await openByPassword(account.id, password, stored, 'known-device')
  if (!opened) {
    await recordDenied(actor, 'sign-in.refused', { kind: 'account', id: account.id }, 'wrong-password')
    return { triesLeft }
  }
  await passwordTries.giveBack(account.id, bucket)
  raisePasswordLater(account.id, opened.mailbox, password, opened.stored)
  return { mailbox: opened.mailbox, pair: opened.mailbox }
}

async function accountOf(claimed: Claimed): Promise<Account | undefined> {
  return 'email' in claimed ? accountByEmail(claimed.email) : accountByLink(claimed.link)
}

async function accountByEmail(typed: string) {
  const email = readEmailAddress(typed)
  return email ? findAccountByEmail(email) : undefined
}

async function accountByLink(token: string) {
  const link = await findLink(token)
  return link?.accountId ? findAccount(link.accountId) : undefined
}

/** Step two: a code from the app, good once. @returns whether it was right @throws SlowDown after a hundred tries a day */
export async function checkCodeOf(
  actor: Actor,
  account: Account,
  typedCode: string,
  now = new Date(),
): Promise<boolean> {
  const code = readCode(typedCode)
  const credential = await findCredential(account.id)
  const step =
    code && credential?.totpSecret && (await stepOfCode(credential.totpSecret, code, credential.totpLastStep, now))
  const spend = async (transaction: Transaction) => (step ? spendStep(account.id, step, transaction) : false)
  return checkFactor(strengthened(actor, account, 'password+code'), account, codeTriesADay, spend, now)
}

/** Step two with one of the ten recovery codes instead of the app. @returns whether it was good @throws SlowDown likewise */
export async function checkRecoveryCodeOf(
  actor: Actor,
  account: Account,
  typedCode: string,
  now = new Date(),
): Promise<boolean> {
  const mailbox = await findMailboxOf({ accountId: account.id })
  const strong = strengthened(actor, account, 'password+recovery-code')
  const spend = async (transaction: Transaction) => {
    const opened = mailbox && (await spendRecoveryCode(mailbox, typedCode, transaction))
    if (!opened) return false
    await record(strong, { act: 'sign-in.recovery-code-used' }, transaction, now)
    await takeUpEarlier(strong, mailbox, opened, now, transaction)
    await tellOfChange(account.id, 'recovery-code-used', now, transaction)
    return true
  }
  return checkFactor(strong, account, recoveryCodeTriesADay, spend, now)
}

/** Uses up the second factor; a refusal is written in a transaction of its own. The sign-in itself is recorded with its session (`beginSignedIn`). */
async function checkFactor(
  actor: Actor,
  account: Account,
  triesADay: Tries,
  spend: (transaction: Transaction) => Promise<boolean>,
  now: Date,
): Promise<boolean> {
  const device = await knownDeviceOf(actor, account.id, now)
  const triesLeft = await triesADay.count(account.id, device)
  const right = await inTransaction(spend)
  if (right) await triesADay.giveBack(account.id, device)
  else
    await recordDenied(
      { ...actor, strength: 'password' },
      'sign-in.code-refused',
      { kind: 'account', id: account.id },
      'wrong-or-used',
    )
  if (!right && !device && triesLeft === 0) await tellOfManyTries(account, 'many-wrong-codes', now)
  return right
}

function strengthened(actor: Actor, account: Account, strength: Actor['strength']): Actor {
  return { ...actor, kind: 'account', id: account.id, role: account.role, strength }
}
