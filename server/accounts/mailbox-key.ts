/**
 * The private half of a mailbox: making it, and every way of opening it. Each opener is a FLOE envelope bound to its mailbox, version and
 * kind, so that it commits to its key and cannot be moved.
 */
import { NotFound } from '../errors.ts'
import type { Transaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import { FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { makeKeyPair } from '../vault/hpke.ts'
import { sealUnderMaster, unsealUnderMaster } from '../vault/master-key.ts'
import { sealToPublic, unsealWithPrivate } from '../vault/public-seal.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { recoveryKeyPair } from '../vault/vault.ts'
import { findMailboxOf, insertMailbox, type MailboxKey } from './mailbox.store.ts'
import { findOpener, insertOpeners, type Opener, type OpenerKind } from './opener.store.ts'

/**
 * Makes a mailbox with its key pair and the openers that exist from the first moment: `recovery` (the deployment is managed), and for a
 * person who has not enrolled `waiting`.
 */
export async function makeMailbox(
  owner: { accountId: string } | { teamId: string },
  now: Date,
  transaction: Transaction,
): Promise<MailboxKey & KeyPair> {
  const pair = makeKeyPair()
  const mailbox = {
    id: newId(now),
    accountId: null,
    teamId: null,
    ...owner,
    createdAt: now,
    version: 1,
    publicKey: pair.publicKey,
  }
  await insertMailbox(mailbox, transaction)
  const recovery = openerRow(
    mailbox,
    'recovery',
    sealToPublic(recoveryKeyPair().publicKey, bindingOf(mailbox, 'recovery'), pair.privateKey),
    now,
  )
  const waiting = openerRow(
    mailbox,
    'waiting',
    sealUnderMaster('waiting', bindingOf(mailbox, 'waiting'), pair.privateKey),
    now,
  )
  await insertOpeners('accountId' in owner ? [recovery, waiting] : [recovery], transaction)
  return { ...mailbox, ...pair }
}

/** Lets the member `accountId` open the team's mailbox, by sealing its private half to theirs. */
export async function addMemberOpener(
  team: MailboxKey & KeyPair,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const member = await findMailboxOf({ accountId }, transaction)
  if (!member) throw new NotFound('no mailbox')
  const envelope = sealToPublic(member.publicKey, bindingOf(team, 'member'), team.privateKey)
  await insertOpeners([{ ...openerRow(team, 'member', envelope, now), accountId }], transaction)
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
    envelope,
    createdAt: now,
  }
}

/** Opens by a key that a person's secret gives. @throws EnvelopeRefused, NotFound when there is no such opener */
export async function openMailboxWithSecret(
  mailbox: MailboxKey,
  kind: 'password',
  key: Buffer,
  transaction?: Transaction,
): Promise<KeyPair> {
  const opener = await neededOpener(mailbox, kind, transaction)
  return { publicKey: mailbox.publicKey, privateKey: unsealEnvelope(key, bindingOf(mailbox, kind), opener.envelope) }
}

/** Opens a team's mailbox as its member. @throws NotFound when they are not (or no longer) a member */
export async function openMailboxAsMember(
  team: MailboxKey,
  accountId: string,
  own: KeyPair,
  transaction?: Transaction,
): Promise<KeyPair> {
  const opener = await findOpener({ mailboxId: team.id, kind: 'member', accountId }, transaction)
  if (!opener) throw new NotFound('not a member')
  return { publicKey: team.publicKey, privateKey: unsealWithPrivate(own, bindingOf(team, 'member'), opener.envelope) }
}

/** Opens the mailbox of somebody who has not enrolled yet. @throws NotFound once they have */
export async function openWaitingMailbox(mailbox: MailboxKey, transaction?: Transaction): Promise<KeyPair> {
  const opener = await neededOpener(mailbox, 'waiting', transaction)
  return {
    publicKey: mailbox.publicKey,
    privateKey: unsealUnderMaster('waiting', bindingOf(mailbox, 'waiting'), opener.envelope),
  }
}

/** Opens any mailbox with the organisation's recovery key. The caller records why. */
export async function openMailboxByRecovery(mailbox: MailboxKey, transaction?: Transaction): Promise<KeyPair> {
  const opener = await neededOpener(mailbox, 'recovery', transaction)
  return {
    publicKey: mailbox.publicKey,
    privateKey: unsealWithPrivate(recoveryKeyPair(), bindingOf(mailbox, 'recovery'), opener.envelope),
  }
}

async function neededOpener(mailbox: MailboxKey, kind: OpenerKind, transaction?: Transaction): Promise<Opener> {
  const opener = await findOpener({ mailboxId: mailbox.id, kind }, transaction)
  if (!opener) throw new NotFound(`no opener ${kind}`)
  return opener
}

function bindingOf(mailbox: { id: string; version: number }, kind: OpenerKind) {
  return `mailbox/${mailbox.id}/${mailbox.version}/${kind}`
}
