/**
 * The private half of a mailbox: making it, and every way of opening it. Each opener is a FLOE envelope bound to its mailbox, version and
 * kind, so that it commits to its key and cannot be moved.
 */
import { NotFound } from '../errors.ts'
import type { Transaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import { FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { makeKeyPair, pairOfPrivate } from '../vault/hpke.ts'
import { sealUnderMaster, unsealUnderMaster } from '../vault/master-key.ts'
import { sealToPublic, unsealWithPrivate } from '../vault/public-seal.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { recoveryKeyPair, recoveryPublicHalf } from '../vault/vault.ts'
import { findMailboxOf, insertMailbox, insertMailboxKey, type MailboxKey } from './mailbox.store.ts'
import { findOpener, insertOnce, insertOpeners, listOpeners, type Opener, type OpenerKind } from './opener.store.ts'

/**
 * Makes a mailbox with its key pair and the openers that exist from the first moment: `recovery`, and for a person who has not enrolled, and for
 * the system itself, `waiting`.
 */
export async function makeMailbox(
  owner: { accountId: string } | { teamId: string } | 'system',
  now: Date,
  transaction: Transaction,
): Promise<MailboxKey & KeyPair> {
  const pair = makeKeyPair()
  const mailbox: MailboxKey = {
    id: newId(now),
    accountId: null,
    teamId: null,
    ...(owner === 'system' ? {} : owner),
    createdAt: now,
    version: 1,
    publicKey: pair.publicKey,
  }
  await insertMailbox(mailbox, transaction)
  const recovery = recoveryOpener({ ...mailbox, ...pair }, now)
  const waiting = openerRow(
    mailbox,
    'waiting',
    sealUnderMaster('waiting', bindingOf(mailbox, 'waiting'), pair.privateKey),
    now,
  )
  await insertOpeners(mailbox.teamId ? [recovery] : [recovery, waiting], transaction)
  return { ...mailbox, ...pair }
}

function recoveryOpener(mailbox: MailboxKey & KeyPair, now: Date): Opener {
  const envelope = sealToPublic(recoveryPublicHalf(), bindingOf(mailbox, 'recovery'), mailbox.privateKey)
  return openerRow(mailbox, 'recovery', envelope, now)
}

/** Begins a further version of a mailbox's key. Earlier ones stay under their openers. The caller holds the mailbox and records why. */
export async function renewMailbox(
  mailbox: MailboxKey,
  now: Date,
  transaction: Transaction,
): Promise<MailboxKey & KeyPair> {
  const renewed = { ...mailbox, ...makeKeyPair(), version: mailbox.version + 1 }
  const { privateKey: _, ...kept } = renewed
  await insertMailboxKey(kept, now, transaction)
  await insertOpeners([recoveryOpener(renewed, now)], transaction)
  return renewed
}

/**
 * Lets the member `accountId` open the team's mailbox, by sealing its private half to the newest of theirs.
 * @returns false when they could already
 */
export async function addMemberOpener(
  team: MailboxKey & KeyPair,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const member = await findMailboxOf({ accountId }, transaction)
  if (!member) throw new NotFound('no mailbox')
  const envelope = sealToPublic(member.publicKey, bindingOf(team, 'member'), team.privateKey)
  const row = { ...openerRow(team, 'member', envelope, now), accountId, sealedToVersion: member.version }
  return insertOnce(row, transaction)
}

/** Lets the newest version of a mailbox open an earlier one. @returns false when it could already */
export async function addSuccessorOpener(
  mailbox: MailboxKey,
  earlier: { version: number; privateKey: Buffer },
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const { version, privateKey } = earlier
  const envelope = sealToPublic(mailbox.publicKey, bindingOf({ id: mailbox.id, version }, 'successor'), privateKey)
  const row = openerRow({ ...mailbox, version }, 'successor', envelope, now)
  return insertOnce({ ...row, sealedToVersion: mailbox.version }, transaction)
}

/** Seals a private half under a 32-byte key that a person's secret gives (password, passkey or recovery code). */
export function sealOpener(
  mailbox: MailboxKey,
  kind: 'password' | 'passkey' | 'recovery-code',
  key: Buffer,
  privateKey: Buffer,
): Buffer {
  return sealEnvelope(key, bindingOf(mailbox, kind), privateKey, FIELD_SEGMENT)
}

export function openerRow(mailbox: MailboxKey, kind: OpenerKind, envelope: Buffer, now: Date): Opener {
  return {
    id: newId(now),
    mailboxId: mailbox.id,
    mailboxVersion: mailbox.version,
    kind,
    accountId: null,
    codeDigest: null,
    passkeyId: null,
    sealedToVersion: null,
    envelope,
    createdAt: now,
  }
}

/** Opens the version that `mailbox` names by a key that a person's secret gives. @throws EnvelopeRefused, NotFound when there is no such opener */
export async function openMailboxWithSecret(
  mailbox: MailboxKey,
  kind: 'password',
  key: Buffer,
  transaction?: Transaction,
): Promise<KeyPair> {
  const opener = await neededOpener(mailbox, kind, transaction)
  return pairOfPrivate(unsealEnvelope(key, bindingOf(mailbox, kind), opener.envelope))
}

/** Opens the newest version with one of the person's passkeys. @returns undefined when it opens none or an earlier one @throws EnvelopeRefused */
export async function openMailboxWithPasskey(
  mailbox: MailboxKey,
  passkeyId: string,
  key: Buffer,
): Promise<KeyPair | undefined> {
  const where = { mailboxId: mailbox.id, mailboxVersion: mailbox.version, kind: 'passkey', passkeyId } as const
  const opener = await findOpener(where)
  if (!opener) return undefined
  return {
    publicKey: mailbox.publicKey,
    privateKey: unsealEnvelope(key, bindingOf(mailbox, 'passkey'), opener.envelope),
  }
}

/**
 * Opens every version of a team's mailbox that its member can open.
 * @param own the versions of the member's own key that are open
 * @returns by version; empty while no colleague has sealed it to a half that they have
 */
export async function openMailboxAsMember(
  team: MailboxKey,
  accountId: string,
  own: ReadonlyMap<number, KeyPair>,
): Promise<Map<number, KeyPair>> {
  const opened = new Map<number, KeyPair>()
  for (const opener of await listOpeners({ mailboxId: team.id, kind: 'member', accountId })) {
    const pair = own.get(opener.sealedToVersion!)
    const version = opener.mailboxVersion
    if (pair && !opened.has(version)) opened.set(version, openSealed(pair, { id: team.id, version }, opener))
  }
  return openEarlier(team, opened)
}

/** From the versions that are open to all that they open, each sealed to a later one. */
export async function openEarlier(
  mailbox: MailboxKey,
  open: ReadonlyMap<number, KeyPair>,
): Promise<Map<number, KeyPair>> {
  const opened = new Map(open)
  if (mailbox.version === 1 || opened.size === 0) return opened
  let left = await listOpeners({ mailboxId: mailbox.id, kind: 'successor' })
  for (;;) {
    const next = left.find((each) => opened.has(each.sealedToVersion!) && !opened.has(each.mailboxVersion))
    if (!next) return opened
    const version = next.mailboxVersion
    opened.set(version, openSealed(opened.get(next.sealedToVersion!)!, { id: mailbox.id, version }, next))
    left = left.filter((each) => each !== next)
  }
}

function openSealed(pair: KeyPair, mailbox: { id: string; version: number }, opener: Opener): KeyPair {
  return pairOfPrivate(unsealWithPrivate(pair, bindingOf(mailbox, opener.kind), opener.envelope))
}

/** Opens the mailbox of somebody who has not enrolled yet, or of the system itself. @throws NotFound once they have */
export async function openWaitingMailbox(mailbox: MailboxKey, transaction?: Transaction): Promise<KeyPair> {
  const opener = await neededOpener(mailbox, 'waiting', transaction)
  return {
    publicKey: mailbox.publicKey,
    privateKey: unsealUnderMaster('waiting', bindingOf(mailbox, 'waiting'), opener.envelope),
  }
}

/** Opens any mailbox with the organisation's recovery key. The caller records why. @throws NotFound in sealed mode */
export async function openMailboxByRecovery(mailbox: MailboxKey, transaction?: Transaction): Promise<KeyPair> {
  return openMailboxWithRecoveryKey(await recoveryKeyPair(transaction), mailbox, transaction)
}

/** The same with a recovery key that shares gave. The version that `mailbox` names is opened. @throws EnvelopeRefused, NotFound */
export async function openMailboxWithRecoveryKey(
  recoveryKey: KeyPair,
  mailbox: { id: string; version: number },
  transaction?: Transaction,
): Promise<KeyPair> {
  const opener = await neededOpener(mailbox, 'recovery', transaction)
  return openSealed(recoveryKey, mailbox, opener)
}

async function neededOpener(
  mailbox: { id: string; version: number },
  kind: OpenerKind,
  transaction?: Transaction,
): Promise<Opener> {
  const opener = await findOpener({ mailboxId: mailbox.id, mailboxVersion: mailbox.version, kind }, transaction)
  if (!opener) throw new NotFound(`no opener ${kind}`)
  return opener
}

export function bindingOf(mailbox: { id: string; version: number }, kind: OpenerKind) {
  return `mailbox/${mailbox.id}/${mailbox.version}/${kind}`
}
