/**
 * Emergency access: the organisation's recovery key opens what is from before somebody's new sign-in, for that sign-in. In sealed mode it takes shares,
 * in managed mode the key is at hand. The person reads again; whoever runs this sees nothing of it, and nothing clear is written anywhere.
 */
import { findAccountByEmail, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { addMemberOpener, addSuccessorOpener, openMailboxWithRecoveryKey } from '../accounts/mailbox-key.ts'
import { holdMailbox, listReadableMailboxes, type MailboxKey } from '../accounts/mailbox.store.ts'
import { listMembersWithoutOpener, versionsOpenTo } from '../accounts/opener.store.ts'
import { nameOfTeam } from '../accounts/team.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { combineShares } from '../vault/shares.ts'
import { recoveryKeyPair, recoveryKeyPairOf, recoveryMode } from '../vault/vault.ts'
import { readShareFiles, RecoveryRefused } from './share-files.ts'
import type { Share } from './recovery-share.ts'

export interface Emergency {
  email: string
  reason: string
  /** Paths of share files; none in managed mode. */
  shareFiles: readonly string[]
}

const LONGEST_REASON = 500

/**
 * @returns how many earlier versions of their key, and how many teams, they can open again
 * @throws RecoveryRefused with a sentence that says why not; it is in the log then
 */
export async function recoverMailbox(
  { email, reason, shareFiles }: Emergency,
  now = new Date(),
): Promise<{ versions: number; teams: number }> {
  const address = readEmailAddress(email)
  const account = address ? await findAccountByEmail(address) : undefined
  const subject = account ? { subject: { kind: 'account' as const, id: account.id } } : {}
  const said = reason.trim().slice(0, LONGEST_REASON)
  try {
    checkReason(reason)
    const closed = await closedTo(checkAccount(account))
    const shares = await sharesFor(shareFiles)
    // Committed before anything opens.
    const by = shares ? 'by-shares' : 'by-recovery-key'
    await record(system, { act: 'recovery-key.used', ...subject, reason: by, said }, undefined, now)
    const key = shares ? await combined(shares) : await recoveryKeyPair()
    return await inTransaction((transaction) => openAgain(closed.own, key, by, now, transaction))
  } catch (error) {
    if (error instanceof RecoveryRefused) {
      const event = { act: 'recovery-key.refused', outcome: 'denied', ...subject, reason: error.reason, said } as const
      await record(system, event, undefined, now)
    }
    throw error
  }
}

function checkReason(reason: string) {
  if (reason.trim() === '')
    throw new RecoveryRefused('no-reason', 'Say why: --reason TEXT. It is written into the access log.')
  if ([...reason].length > LONGEST_REASON)
    throw new RecoveryRefused('too-long-a-reason', `Say why in ${LONGEST_REASON} characters or fewer.`)
}

function checkAccount(account: Account | undefined): Account {
  if (!account) throw new RecoveryRefused('unknown', 'Nobody here has this address.')
  if (account.state === 'closed') throw new RecoveryRefused('account-closed', 'The sign-in of this person was closed.')
  if (account.state === 'suspended')
    throw new RecoveryRefused('account-suspended', 'The sign-in of this person is suspended. Give it back first.')
  if (account.state === 'invited')
    throw new RecoveryRefused(
      'account-invited',
      'This person has not made a sign-in yet. What waits for them opens when they do; nothing is closed.',
    )
  return account
}

interface ClosedTo {
  own: MailboxKey
  /** Versions of their own key that the newest does not open. */
  versions: number[]
  /** Teams that they belong to and whose mailbox they cannot open. */
  teams: MailboxKey[]
}

/** @throws RecoveryRefused when nothing is */
async function closedTo(account: Account): Promise<ClosedTo> {
  const closed = await whatIsClosed(account.id)
  if (closed.versions.length + closed.teams.length === 0)
    throw new RecoveryRefused(
      'nothing-closed',
      'Nothing of this person is closed. If they cannot sign in, help them to a new sign-in first, and come back when they have it.',
    )
  return closed
}

async function whatIsClosed(accountId: string, transaction?: Transaction): Promise<ClosedTo> {
  const mailboxes = await listReadableMailboxes(accountId, transaction)
  const own = mailboxes.find((each) => each.accountId === accountId)!
  const opened = await versionsOpenTo(own, transaction)
  const versions = Array.from({ length: own.version }, (_, index) => index + 1).filter((each) => !opened.has(each))
  const teams = mailboxes.filter(({ teamId }) => teamId !== null)
  const waiting = await listMembersWithoutOpener(teams.map(({ teamId }) => teamId!))
  const waits = ({ id }: MailboxKey) => waiting.some((each) => each.mailboxId === id && each.accountId === accountId)
  return { own, versions, teams: teams.filter(waits) }
}

/** The shares that are needed; undefined in managed mode. @throws RecoveryRefused */
export async function sharesFor(shareFiles: readonly string[]): Promise<Share[] | undefined> {
  if ((await recoveryMode()) === 'sealed') return readShareFiles(shareFiles)
  if (shareFiles.length > 0)
    throw new RecoveryRefused(
      'share-not-needed',
      'The recovery key is on this server: no shares are needed. Leave them where they are.',
    )
  return undefined
}

/** The recovery key that they make. The caller has recorded it. @throws RecoveryRefused */
export async function combined(shares: readonly Share[]): Promise<KeyPair> {
  const key = recoveryKeyPairOf(await combineShares(shares.map(({ secret }) => secret)))
  if (!key) throw new RecoveryRefused('wrong-shares', 'These shares do not make the recovery key. Nothing was opened.')
  return key
}

async function openAgain(
  { id, accountId }: MailboxKey,
  key: KeyPair,
  by: 'by-shares' | 'by-recovery-key',
  now: Date,
  transaction: Transaction,
): Promise<{ versions: number; teams: number }> {
  await holdMailbox(id, transaction)
  const { own, versions, teams } = await whatIsClosed(accountId!, transaction)
  const subject = { kind: 'account' as const, id: accountId! }
  for (const version of versions) {
    const { privateKey } = await openMailboxWithRecoveryKey(key, { id, version }, transaction)
    await addSuccessorOpener(own, { version, privateKey }, now, transaction)
    await record(system, { act: 'mailbox.earlier-opened', subject, reason: by }, transaction, now)
  }
  for (const team of teams) {
    const pair = await openMailboxWithRecoveryKey(key, team, transaction)
    await addMemberOpener({ ...team, ...pair }, accountId!, now, transaction)
    const after = await nameOfTeam(team.teamId!, transaction)
    await record(system, { act: 'team.joined', subject, reason: by, after }, transaction, now)
  }
  await tellOfChange(accountId!, 'earlier-messages-recovered', now, transaction)
  return { versions: versions.length, teams: teams.length }
}
