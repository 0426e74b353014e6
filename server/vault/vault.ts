/**
 * The deployment's own keys, opened once at start with the master key and held in memory. A wrong, missing or older master key stops the
 * start here: every key in the table must open, so nothing is ever written under a wrong key.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Transaction } from '../database/connection.ts'
import { inTransaction } from '../database/connection.ts'
import { deriveKey } from './derive.ts'
import { NotFound } from '../errors.ts'
import { EnvelopeRefused, FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from './floe.ts'
import { makeKeyPair, pairOfPrivate } from './hpke.ts'
import type { KeyProvider } from './key-provider.ts'
import { findWrittenVersion, vaultKeys, type WrittenKey } from './key.store.ts'
import { openLogKey } from './log-key.ts'
import {
  MasterKeyProblem,
  opensUnderMaster,
  sealUnderMaster,
  unsealUnderMaster,
  useMasterKey,
  type MasterKeyVersions,
} from './master-key.ts'
import { padToBucket, unpad } from './padding.ts'
import type { KeyPair } from './hpke.ts'
import { newKey } from './wrap.ts'

const NAMES = ['directory', 'lookup', 'pepper', 'links', 'cookies', 'outbox'] as const
type KeyName = (typeof NAMES)[number]

interface OpenVault {
  keys: Record<KeyName, Buffer>
  recoveryPublicKey: Buffer
  /** Made at its first use: every row that is read asks for it. */
  rowKey?: Buffer
}

let open: OpenVault | undefined

/**
 * Opens the vault, or makes its keys on an empty database, with the first version of the master key where there is none.
 * @returns whether the keys were made now
 * @throws MasterKeyProblem with a sentence that says what is wrong
 */
export async function openVault(provider: KeyProvider, now = new Date()): Promise<{ made: boolean }> {
  const made = (await vaultKeys.list({})).length === 0
  let versions = await provider.read()
  if (versions.size === 0) {
    if (!made)
      throw new MasterKeyProblem(
        `The master key is missing: ${provider.place} does not exist or is empty, but the database holds sealed data. Put the key back from its safe copy (npm run import-master-key -- FILE); a new one could not open anything.`,
      )
    await provider.add(1)
    versions = await provider.read()
  }
  useMasterKey(versions)
  if (made) await inTransaction((transaction) => makeKeys(now, transaction))
  useMasterKey(versions, await findWrittenVersion())
  open = await openKeys()
  await openLogKey(now)
  return { made }
}

async function makeKeys(now: Date, transaction: Transaction) {
  const pair = makeKeyPair()
  const row = (name: string, key: Buffer) => ({
    name,
    keyWrapped: sealUnderMaster('keys', `key/${name}`, key),
    publicHalf: null,
    publicMac: null,
    createdAt: now,
  })
  const lookup = newKey()
  const keys = NAMES.map((name) => row(name, name === 'lookup' ? lookup : newKey()))
  const recovery = {
    ...row('recovery', pair.privateKey),
    publicHalf: pair.publicKey,
    publicMac: macOfPublicHalf(lookup, 'recovery', 1, pair.publicKey),
  }
  await vaultKeys.insertAll([...keys, recovery], transaction)
}

async function openKeys(): Promise<OpenVault> {
  const stored = new Map((await vaultKeys.list({})).map((key) => [key.name, key]))
  const opened = (name: string) => {
    const key = stored.get(name)
    if (!key?.keyWrapped) throw new MasterKeyProblem(`The key "${name}" is missing from the database.`)
    try {
      return unsealUnderMaster('keys', `key/${name}`, key.keyWrapped)
    } catch (error) {
      if (!(error instanceof EnvelopeRefused)) throw error
      throw new MasterKeyProblem(
        `The master key (version ${key.keyWrapped.readUInt32BE(0)}) is not the one that this database was sealed with. Nothing was read or written. Put the right key back and start again.`,
      )
    }
  }
  const keys = Object.fromEntries(NAMES.map((name) => [name, opened(name)])) as Record<KeyName, Buffer>
  const recovery = stored.get('recovery')
  if (
    !recovery?.publicHalf ||
    !recovery.publicMac?.equals(macOfPublicHalf(keys.lookup, 'recovery', 1, recovery.publicHalf))
  )
    throw new MasterKeyProblem('The recovery key in the database was changed. Nothing was read or written.')
  // It must open too; it is not kept, so that a server that runs while it is taken off has none.
  if (recovery.keyWrapped) opened('recovery')
  return { keys, recoveryPublicKey: recovery.publicHalf }
}

/** Whether among these is the key that this database is sealed under: before they take the place of what is in memory, or an earlier version goes. */
export function areRightKeys(all: MasterKeyVersions, { name, keyWrapped, version }: WrittenKey): boolean {
  const key = all.get(version)
  return key !== undefined && opensUnderMaster(key, 'keys', `key/${name}`, keyWrapped)
}

function opened(): OpenVault {
  if (!open) throw new Error('openVault was not called')
  return open
}

/**
 * Who can open a mailbox when its person has lost every way: in managed mode the recovery key, which is here; in sealed mode it was taken off
 * the server, and only its public half is. Asked of the database each time, because that is done while servers run.
 */
export async function recoveryMode(transaction?: Transaction): Promise<'managed' | 'sealed'> {
  return (await storedRecoveryKey(transaction)) ? 'managed' : 'sealed'
}

async function storedRecoveryKey(transaction?: Transaction): Promise<Buffer | null | undefined> {
  return (await vaultKeys.find({ name: 'recovery' }, transaction))?.keyWrapped
}

/** The public half of the organisation's recovery key: every mailbox is sealed to it, in either mode. */
export function recoveryPublicHalf(): Buffer {
  return opened().recoveryPublicKey
}

/** The organisation's recovery key pair. @throws NotFound in sealed mode */
export async function recoveryKeyPair(transaction?: Transaction): Promise<KeyPair> {
  const wrapped = await storedRecoveryKey(transaction)
  if (!wrapped) throw new NotFound('the recovery key is not on this server')
  return { publicKey: recoveryPublicHalf(), privateKey: unsealUnderMaster('keys', 'key/recovery', wrapped) }
}

/** The organisation's recovery key pair from what shares gave; undefined when it is not its private half. */
export function recoveryKeyPairOf(privateKey: Buffer): KeyPair | undefined {
  try {
    const pair = pairOfPrivate(privateKey)
    return pair.publicKey.equals(recoveryPublicHalf()) ? pair : undefined
  } catch {
    // Shares that do not belong together make a number that is mostly, and not always, a private half.
    return undefined
  }
}

/** Takes the private half of the recovery key out of the database, for good. The caller has proved that it is elsewhere. */
export async function takeRecoveryKeyOff(transaction: Transaction): Promise<void> {
  await vaultKeys.update({ keyWrapped: null }, { name: 'recovery' }, transaction)
}

/** Seals a short text of the directory (address, name, phone, secret), padded so that its length tells little. */
export function sealField(binding: string, text: string): Buffer {
  return sealEnvelope(opened().keys.directory, binding, padToBucket(text), FIELD_SEGMENT)
}

/** @throws EnvelopeRefused */
export function unsealField(binding: string, sealed: Buffer): string {
  return unpad(unsealEnvelope(opened().keys.directory, binding, sealed))
}

/** Seals a captured mail of the try-out. */
export function sealCapturedMail(id: string, text: string): Buffer {
  return sealEnvelope(opened().keys.outbox, `captured-mail/${id}`, Buffer.from(text), FIELD_SEGMENT)
}

/** @throws EnvelopeRefused */
export function unsealCapturedMail(id: string, sealed: Buffer): string {
  return unsealEnvelope(opened().keys.outbox, `captured-mail/${id}`, sealed).toString()
}

/** HMAC-SHA-256 by which an address, a token or a code is found without being stored. 32 bytes. */
export function lookupDigest(
  purpose:
    | 'email'
    | 'link'
    | 'session'
    | 'recovery-code'
    | 'help-code'
    | 'password-reset'
    | 'device'
    | 'device-token'
    | 'access-code'
    | 'access-proof'
    | 'limit'
    | 'repeat'
    | 'alarm'
    | 'setup-mail'
    | 'passkey'
    | 'passkey-holder'
    | 'challenge'
    | 'spent-challenge'
    | 'sign-on-trip'
    | 'sign-on-provider'
    | 'sign-on-identity'
    | 'event-address'
    | 'export-link'
    | 'session-mark',
  text: string,
): Buffer {
  return createHmac('sha256', opened().keys.lookup).update(`${purpose}\0${text}`).digest()
}

/** The token of a notice's link, always the same for one message and mailbox, so that a reminder needs nothing stored. 43 characters. */
export function linkToken(messageId: string, mailboxId: string): string {
  return createHmac('sha256', opened().keys.links).update(`${messageId}\0${mailboxId}`).digest('base64url')
}

/** The secret that signs the session cookie. */
export function cookieSecret(): string {
  return opened().keys.cookies.toString('base64url')
}

/** Mixed into verifiers and openers of passwords and recovery codes, so that a stolen database gives nothing to guess against. */
export function pepper(): Buffer {
  return opened().keys.pepper
}

/** Under which the lines of the ledger carry their MAC. */
export function ledgerKey(): Buffer {
  return deriveKey(opened().keys.lookup, 'ledger')
}

/** Under which rows are bound to what they were written as (row-mac.ts). */
export function rowKey(): Buffer {
  const vault = opened()
  return (vault.rowKey ??= deriveKey(vault.keys.lookup, 'row-mac'))
}

/** What passkeys are asked to make their 32 bytes from (WebAuthn, extension `prf`): one for the deployment, and no secret. */
export function passkeySalt(): Buffer {
  return deriveKey(opened().keys.pepper, 'passkey-salt')
}

/** Whose public half it is: a mailbox, and the account or team that it belongs to; neither is the system itself. */
export interface MailboxOwner {
  id: string
  accountId: string | null
  teamId: string | null
}

/** The MAC over a mailbox's public half, its id, owner and version; checked before anything is sealed to it. */
export function publicHalfMac(mailbox: MailboxOwner, version: number, publicHalf: Buffer): Buffer {
  const { accountId, teamId } = mailbox
  const owner = accountId ? `account/${accountId}` : teamId ? `team/${teamId}` : 'system'
  return macOfPublicHalf(opened().keys.lookup, `${mailbox.id}\0${owner}`, version, publicHalf)
}

/** @throws EnvelopeRefused when the public half is not the one that was made here, for this owner */
export function checkPublicHalf(mailbox: MailboxOwner, version: number, publicHalf: Buffer, mac: Buffer) {
  const expected = publicHalfMac(mailbox, version, publicHalf)
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected))
    throw new EnvelopeRefused('a public half or its owner was changed')
}

/** Who belongs to which team, and since when. */
export interface Membership {
  teamId: string
  accountId: string
  joinedAt: Date
}

/** The MAC over a membership; checked before the team's key is sealed to the member, and before they read from its mailbox. */
export function membershipMac({ teamId, accountId, joinedAt }: Membership): Buffer {
  const text = `membership\0${teamId}\0${accountId}\0${joinedAt.toISOString()}`
  return createHmac('sha256', opened().keys.lookup).update(text).digest()
}

export function isMembershipMac(membership: Membership, mac: Buffer): boolean {
  const expected = membershipMac(membership)
  return mac.length === expected.length && timingSafeEqual(mac, expected)
}

function macOfPublicHalf(key: Buffer, whose: string, version: number, publicHalf: Buffer): Buffer {
  return createHmac('sha256', key).update(`public-half\0${whose}\0${version}\0`).update(publicHalf).digest()
}
