/**
 * Thread keys, wrapped to each mailbox of a thread: to its public half by HPKE while it is closed, and from its first use in a session by
 * AES-256-GCM under a key derived from its private half, so that an inbox of fifty threads does not cost fifty curve operations. Either wrap
 * rests under the master key once more.
 */
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import type { Transaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import type { Reader } from '../sign-in/reader.ts'
import { deriveKey } from '../vault/derive.ts'
import { hpkeOpen, hpkeSeal } from '../vault/hpke.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { newKey, unwrapKey, unwrapUnderMaster, wrapKey, wrapUnderMaster } from '../vault/wrap.ts'
import {
  insertThreadKey,
  insertThreadKeyWraps,
  listWrapsOf,
  updateThreadKeyWrap,
  type ThreadKeyWrap,
} from './thread-key.store.ts'

/** A new key for a thread, wrapped to every mailbox that takes part. */
export async function makeThreadKey(
  threadId: string,
  mailboxes: readonly MailboxKey[],
  now: Date,
  transaction: Transaction,
): Promise<{ id: string; key: Buffer }> {
  const id = newId(now)
  const key = newKey()
  await insertThreadKey({ id, threadId, createdAt: now }, transaction)
  await insertThreadKeyWraps(
    mailboxes.map((mailbox) => publicWrap(id, mailbox, key, null)),
    transaction,
  )
  return { id, key }
}

function publicWrap(threadKeyId: string, mailbox: MailboxKey, key: Buffer, sharedAt: Date | null): ThreadKeyWrap {
  const wrap = { threadKeyId, mailboxId: mailbox.id, mailboxVersion: mailbox.version, kind: 'public' as const }
  return {
    ...wrap,
    sharedAt,
    wrap: wrapUnderMaster(bindingOf(wrap), hpkeSeal(mailbox.publicKey, bindingOf(wrap), key)),
  }
}

/**
 * Wraps earlier keys of a thread to the newest version of a mailbox too. What they were wrapped to before stays.
 * @param sharedAt when somebody who takes part let them read again, which they can disown; null for a key that comes with the conversation
 */
export async function wrapAgain(
  mailbox: MailboxKey,
  threadKeys: ReadonlyMap<string, Buffer>,
  sharedAt: Date | null,
  transaction: Transaction,
): Promise<void> {
  const wraps = [...threadKeys].map(([id, key]) => publicWrap(id, mailbox, key, sharedAt))
  await insertThreadKeyWraps(wraps, transaction)
}

/** Whether each of these mailboxes has this thread key under the newest version of its own. */
export async function isForNewest(
  threadKeyId: string,
  mailboxes: readonly MailboxKey[],
  transaction: Transaction,
): Promise<boolean> {
  const wraps = await listWrapsOf(threadKeyId, transaction)
  return mailboxes.every(({ id, version }) =>
    wraps.some((wrap) => wrap.mailboxId === id && wrap.mailboxVersion === version),
  )
}

/**
 * Opens a wrap for the reader whose mailbox it is for; a wrap to the public half is replaced, once, by the quicker one.
 * @returns undefined while it is under a version that nothing at hand opens @throws EnvelopeRefused
 */
export async function openThreadKey(reader: Reader, wrap: ThreadKeyWrap): Promise<Buffer | undefined> {
  const pair = await reader.pairOf(wrap.mailboxId, wrap.mailboxVersion)
  if (!pair) return undefined
  const key = unwrapThreadKey(pair, wrap)
  if (wrap.kind === 'private') return key
  const quicker = { ...wrap, kind: 'private' as const }
  await updateThreadKeyWrap({
    ...quicker,
    wrap: wrapUnderMaster(bindingOf(quicker), wrapKey(wrapsKeyOf(pair), bindingOf(quicker), key)),
  })
  return key
}

/** Opens a wrap with the key pair of the mailbox and version that it is for. The caller has recorded why. @throws EnvelopeRefused */
export function unwrapThreadKey(pair: KeyPair, wrap: ThreadKeyWrap): Buffer {
  const inner = unwrapToMailbox(wrap)
  return wrap.kind === 'private'
    ? unwrapKey(wrapsKeyOf(pair), bindingOf(wrap), inner)
    : hpkeOpen(pair, bindingOf(wrap), inner)
}

/** The wrap without the master key's around it: what only the mailbox's private half opens. @throws EnvelopeRefused */
export function unwrapToMailbox(wrap: ThreadKeyWrap): Buffer {
  return unwrapUnderMaster(bindingOf(wrap), wrap.wrap)
}

function wrapsKeyOf(pair: KeyPair) {
  return deriveKey(pair.privateKey, 'thread-key-wraps')
}

export function bindingOf(wrap: Omit<ThreadKeyWrap, 'wrap' | 'sharedAt'>) {
  return `thread-key/${wrap.threadKeyId}/${wrap.mailboxId}/${wrap.mailboxVersion}/${wrap.kind}`
}
