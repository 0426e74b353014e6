/**
 * Everything that people wrote each other, for an organisation that leaves or must return it: a folder with the rows and files as they rest,
 * sealed, and beside them their keys, sealed under a passphrase. Recorded first. docs/format.md describes the folder and
 * scripts/decrypt-message.mjs opens it, without Letterlock.
 */
import { Readable } from 'node:stream'
import { openMailboxWithRecoveryKey } from '../accounts/mailbox-key.ts'
import { listMailboxVersionsAfter } from '../accounts/mailbox.store.ts'
import { findOpener } from '../accounts/opener.store.ts'
import { listAttachmentsOf, type AttachmentRow } from '../attachments/attachment.store.ts'
import { FileMissing, fileStore } from '../attachments/file-store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import { listMessagesAfter, type MessageRow } from '../messages/message.store.ts'
import { namesOf } from '../messages/names.ts'
import { listThreadMailboxIds, listThreadsAfter } from '../messages/thread.store.ts'
import { listThreadKeyIds, listWrapsOf } from '../messages/thread-key.store.ts'
import { unwrapThreadKey, unwrapToMailbox } from '../messages/thread-key.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { recoveryKeyPair } from '../vault/vault.ts'
import { unwrapKey } from '../vault/wrap.ts'
import { beginBundleFolder, type BundleFolder } from './bundle-folder.ts'
import { aboutTheExport } from './about-the-export.ts'
import { beginKeysFile, KEYS_FILE, type KeysFile } from './keys-file.ts'
import { combined, sharesFor } from './recover-mailbox.ts'

/** What was exported, or is so far. */
export interface Exported {
  threads: number
  messages: number
  files: number
  bytes: number
  /** Files that a message has and the store does not. */
  missing: string[]
  /** Messages whose key does not open. */
  closed: string[]
}

/** With these the keys go along; without them the wraps do, for whoever has a mailbox's private half or the recovery key. */
export interface WithKeys {
  passphrase: string
  /** Paths of share files; none in managed mode. */
  shareFiles: readonly string[]
}

/**
 * @param folder must not be there; it is once it is whole
 * @param tell hears now and then how far it is
 * @throws Error with a sentence when the folder cannot be made, RecoveryRefused, Unavailable when the log cannot be written
 */
export async function exportMessages(
  folder: string,
  withKeys: WithKeys | undefined,
  tell: (exported: Exported) => void,
  now = new Date(),
): Promise<Exported> {
  const id = newId(now)
  const shares = withKeys && (await sharesFor(withKeys.shareFiles))
  const bundle = await beginBundleFolder(folder)
  const reason = !withKeys ? 'without-keys' : shares ? 'by-shares' : 'by-recovery-key'
  await record(system, { act: 'message.exported', reason }, undefined, now)
  const way = withKeys && {
    recoveryKey: shares ? await combined(shares) : await recoveryKeyPair(),
    keys: await beginKeysFile(await bundle.openUnlisted(KEYS_FILE), id, withKeys.passphrase),
  }
  const exported: Exported = { threads: 0, messages: 0, files: 0, bytes: 0, missing: [], closed: [] }
  for await (const thread of everyThread()) {
    await bundle.keep(`threads/${shelf(thread.id)}/${thread.id}.jsonl`, lines(linesOf(thread, bundle, way, exported)))
    exported.threads++
    tell(exported)
  }
  if (!way) await bundle.keep('mailboxes.jsonl', lines(everyMailbox()))
  await bundle.keep('README.txt', Readable.from([aboutTheExport(exported, now, way !== undefined)]))
  const { missing, closed, ...counts } = exported
  const facts = { format: 'letterlock-export/1', export: id, madeAt: now, keys: way ? 'passphrase' : 'wraps' }
  await bundle.keep('bundle.json', lines([{ ...facts, ...counts, missing, closed }]))
  const digest = await bundle.closeList()
  // The one that is sealed says what the list of all others has to be.
  await way?.keys.add({ list: digest.toString('hex'), threads: counts.threads, messages: counts.messages })
  await way?.keys.end()
  await bundle.finish()
  return exported
}

interface Way {
  recoveryKey: KeyPair
  keys: KeysFile
}

interface Thread {
  id: string
  createdAt: Date
}

const PAGE = 100
const NO_ID = '00000000-0000-0000-0000-000000000000'

async function* everyThread(): AsyncGenerator<Thread> {
  for (let last = NO_ID; ;) {
    const threads = await listThreadsAfter(last, PAGE)
    yield* threads
    if (threads.length < PAGE) return
    last = threads.at(-1)!.id
  }
}

/** A thread's lines; its files are kept and its keys are sealed on the way. */
async function* linesOf(
  thread: Thread,
  bundle: BundleFolder,
  way: Way | undefined,
  exported: Exported,
): AsyncGenerator<object> {
  const mailboxes = await listThreadMailboxIds(thread.id)
  yield { thread: thread.id, createdAt: thread.createdAt, mailboxes }
  const threadKeys = new Map<string, Buffer>()
  for (const id of await listThreadKeyIds(thread.id)) {
    const opened = way && (await openByRecovery(way.recoveryKey, id))
    if (opened) threadKeys.set(id, opened)
    if (!way) yield { threadKey: id, wraps: await wrapsToMailboxes(id) }
  }
  for await (const messages of messagesIn(thread.id)) {
    const files = await listAttachmentsOf(messages.map(({ id }) => id))
    if (way) await way.keys.add(await namesIn(thread.id, mailboxes, messages))
    for (const message of messages) {
      if (way) await addKey(way.keys, message, threadKeys.get(message.threadKeyId), exported)
      const own = files.filter((file) => file.messageId === message.id)
      for (const file of own) await keepFile(bundle, file, exported)
      yield asStored(message, own)
      exported.messages++
    }
  }
}

/** Under which key a thread's messages are, as the recovery key finds it out: by any mailbox that takes part. */
async function openByRecovery(recoveryKey: KeyPair, threadKeyId: string): Promise<Buffer | undefined> {
  for (const wrap of await listWrapsOf(threadKeyId))
    try {
      const mailbox = { id: wrap.mailboxId, version: wrap.mailboxVersion }
      return unwrapThreadKey(await openMailboxWithRecoveryKey(recoveryKey, mailbox), wrap)
    } catch (error) {
      // Another mailbox of the thread may still open it; when none does its messages are told.
      if (!(error instanceof EnvelopeRefused || error instanceof NotFound)) throw error
    }
  return undefined
}

async function wrapsToMailboxes(threadKeyId: string): Promise<object[]> {
  const wraps = await listWrapsOf(threadKeyId)
  return wraps.map((wrap) => {
    const { mailboxId: mailbox, mailboxVersion: version, kind } = wrap
    return { mailbox, version, kind, wrap: unwrapToMailbox(wrap).toString('base64') }
  })
}

async function* messagesIn(threadId: string): AsyncGenerator<MessageRow[]> {
  for (let last = NO_ID; ;) {
    const messages = await listMessagesAfter(threadId, last, PAGE)
    if (messages.length > 0) yield messages
    if (messages.length < PAGE) return
    last = messages.at(-1)!.id
  }
}

/** Who they are. It goes beside the keys, because the names are as private as what was written. */
async function namesIn(thread: string, mailboxes: readonly string[], messages: readonly MessageRow[]): Promise<object> {
  const authors = [...new Set(messages.flatMap(({ authorAccountId }) => authorAccountId ?? []))]
  const names = await namesOf(mailboxes, authors)
  const mailboxNames = mailboxes.map((id) => {
    const owner = names.owner(id)
    return [id, owner?.name ? `${owner.name} <${owner.email}>` : names.mailbox(id)]
  })
  return {
    thread,
    names: Object.fromEntries([...mailboxNames, ...authors.map((id) => [id, names.author(id)])]) as object,
  }
}

async function addKey(keys: KeysFile, message: MessageRow, threadKey: Buffer | undefined, exported: Exported) {
  if (!message.keyWrapped) return
  try {
    if (!threadKey) throw new EnvelopeRefused('no wrap of its thread key opens')
    const key = unwrapKey(threadKey, `message/${message.id}/key`, message.keyWrapped)
    await keys.add({ message: message.id, key: key.toString('base64url') })
  } catch (error) {
    if (!(error instanceof EnvelopeRefused)) throw error
    exported.closed.push(message.id)
    await refused('message', message.id, 'not-as-sealed', error.message)
  }
}

/** What was taken back meanwhile may be gone; then its message's line has no keys either when it is read again. */
async function keepFile(bundle: BundleFolder, file: AttachmentRow, exported: Exported) {
  try {
    const bytes = await bundle.keep(`files/${shelf(file.id)}/${file.id}`, await fileStore().read(file.id))
    exported.files++
    exported.bytes += bytes
  } catch (error) {
    if (!(error instanceof FileMissing)) throw error
    exported.missing.push(file.id)
    await refused('attachment', file.id, 'file-gone')
  }
}

function refused(kind: 'message' | 'attachment', id: string, reason: 'not-as-sealed' | 'file-gone', found?: string) {
  const event = { act: 'envelope.refused' as const, subject: { kind, id }, outcome: 'failed' as const, reason }
  return record(system, found ? { ...event, found } : event)
}

function asStored(message: MessageRow, files: readonly AttachmentRow[]): object {
  const { id, threadKeyId, fromMailboxId, authorAccountId, sentAt, recalledAt } = message
  return {
    message: id,
    threadKey: threadKeyId,
    from: fromMailboxId,
    author: authorAccountId,
    sentAt,
    recalledAt,
    key: base64(message.keyWrapped),
    subject: base64(message.subjectSealed),
    body: base64(message.bodySealed),
    files: files.map((file) => ({ id: file.id, key: base64(file.keyWrapped), label: base64(file.labelSealed) })),
  }
}

/** Every mailbox's private half, sealed to the recovery key: for whoever holds that. */
async function* everyMailbox(): AsyncGenerator<object> {
  for (let last = { mailboxId: NO_ID, version: 0 }; ;) {
    const page = await listMailboxVersionsAfter(last, PAGE)
    for (const { mailboxId, version, publicHalf } of page) {
      const opener = await findOpener({ mailboxId, mailboxVersion: version, kind: 'recovery' })
      yield { mailbox: mailboxId, version, publicHalf: base64(publicHalf), recovery: base64(opener?.envelope ?? null) }
    }
    if (page.length < PAGE) return
    last = page.at(-1)!
  }
}

/** By the id's end, which is random, so that no folder has a million entries. */
function shelf(id: string): string {
  return id.slice(-2)
}

function base64(bytes: Buffer | null): string | null {
  return bytes && bytes.toString('base64')
}

function lines(objects: AsyncIterable<object> | object[]): Readable {
  return Readable.from(
    (async function* () {
      for await (const object of objects) yield `${JSON.stringify(object)}\n`
    })(),
  )
}
