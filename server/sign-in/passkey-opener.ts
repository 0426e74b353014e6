/**
 * Opening a mailbox by a passkey: the 32 bytes that the device makes from the deployment's salt (WebAuthn, extension `prf`) become, with the
 * pepper, the account and the passkey, the key of an opener.
 */
import { openerRow, openMailboxWithPasskey, sealOpener } from '../accounts/mailbox-key.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { insertOpeners, listOpeners, removeOpeners } from '../accounts/opener.store.ts'
import { takeUpEarlier } from '../accounts/take-up-earlier.ts'
import type { Actor } from '../audit/actor.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import { deriveKey } from '../vault/derive.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { pepper } from '../vault/vault.ts'
import { insertPasskey, type NewPasskey, type Passkey } from './passkey.store.ts'

/** What the form brought, when it has the length of what devices make. */
export function readDeviceSecret(typed: string): Buffer | undefined {
  const bytes = Buffer.from(typed, 'base64url')
  return bytes.length === 32 && bytes.toString('base64url') === typed ? bytes : undefined
}

/** Keeps a new passkey; with its device's secret it can open the mailbox from now on. */
export async function keepPasskey(
  mailbox: MailboxKey & KeyPair,
  accountId: string,
  passkey: NewPasskey,
  secret: Buffer | undefined,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const whose = { id: newId(now), accountId }
  await insertPasskey({ ...passkey, ...whose, addedAt: now, lastUsedAt: null }, transaction)
  if (!secret) return
  await insertPasskeyOpener(mailbox, whose.id, keyOf(whose, secret), now, transaction)
}

async function insertPasskeyOpener(
  mailbox: MailboxKey & KeyPair,
  passkeyId: string,
  key: Buffer,
  now: Date,
  transaction: Transaction,
) {
  const envelope = sealOpener(mailbox, 'passkey', key, mailbox.privateKey)
  await insertOpeners([{ ...openerRow(mailbox, 'passkey', envelope, now), passkeyId }], transaction)
}

/**
 * A passkey that opens an earlier version of the mailbox's key has appeared again: what is from then is opened for good, and from now on the
 * passkey opens the newest.
 */
export async function takeUpByPasskey(
  actor: Actor,
  mailbox: MailboxKey & KeyPair,
  passkey: Passkey,
  secret: Buffer,
  now: Date,
): Promise<void> {
  if (passkey.prf) return
  const key = keyOf(passkey, secret)
  const earlier = (await listOpeners({ mailboxId: mailbox.id, kind: 'passkey', passkeyId: passkey.id })).map(
    ({ id, mailboxVersion: version }) => ({ id, version }),
  )
  const opened: { id: string; version: number; privateKey: Buffer }[] = []
  for (const each of earlier) {
    const pair = await openWithKey({ ...mailbox, version: each.version }, passkey.id, key)
    if (pair) opened.push({ ...each, privateKey: pair.privateKey })
  }
  if (opened.length === 0) return
  await inTransaction(async (transaction) => {
    for (const { id, ...version } of opened) {
      await takeUpEarlier(actor, mailbox, version, now, transaction)
      await removeOpeners({ id }, transaction)
    }
    await insertPasskeyOpener(mailbox, passkey.id, key, now, transaction)
  })
}

/** @returns undefined when the passkey has no opener of the mailbox's newest key, or the device made something else than it once did */
export async function openWithDeviceSecret(
  mailbox: MailboxKey,
  passkey: { id: string; accountId: string },
  secret: Buffer,
): Promise<KeyPair | undefined> {
  return openWithKey(mailbox, passkey.id, keyOf(passkey, secret))
}

async function openWithKey(mailbox: MailboxKey, passkeyId: string, key: Buffer): Promise<KeyPair | undefined> {
  try {
    return await openMailboxWithPasskey(mailbox, passkeyId, key)
  } catch (error) {
    // A device that was set up anew may keep the passkey and lose its secret: then the password opens.
    if (error instanceof EnvelopeRefused) return undefined
    throw error
  }
}

function keyOf({ id, accountId }: { id: string; accountId: string }, secret: Buffer) {
  return deriveKey(secret, `passkey-opener/${accountId}/${id}`, 32, pepper())
}
