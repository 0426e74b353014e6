/**
 * Open: claim the message for this reader (found, or nothing), record an opening for every message of the thread that will be shown, note
 * first openings, and only then unseal. If the record cannot be written nothing opens. What is under a key that nothing at hand opens is
 * neither shown nor recorded as opened.
 */
import { unsealAttachment, unwrapFileKey, type Attachment } from '../attachments/attachment.ts'
import { listAttachmentsOf, listDownloads } from '../attachments/attachment.store.ts'
import type { ErasedWhy } from '../audit/ledger.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { Gone, NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { unsealEnvelope } from '../vault/floe.ts'
import { unpad } from '../vault/padding.ts'
import { unwrapKey } from '../vault/wrap.ts'
import { whichAreCertified } from './certificate.store.ts'
import { keepOpeningPace } from './keep-opening-pace.ts'
import {
  claimMessage,
  listRecipients,
  listThread,
  noteOpening,
  type Claimed,
  type MessageRow,
  type RecipientRow,
} from './message.store.ts'
import { countUnread, holdThread } from './thread.store.ts'
import { listThreadKeyWraps } from './thread-key.store.ts'
import { openThreadKey } from './thread-key.ts'

export interface OpenedMessage {
  id: string
  fromMailboxId: string
  authorAccountId: string | null
  sentAt: Date
  recalledAt: Date | null
  erasedWhy: ErasedWhy | null
  /** Whether there is a certificate of its destruction that the reader may have. */
  certified: boolean
  /** Why it cannot be shown now, if so. */
  closed: Closed | undefined
  subject: string
  body: string
  files: Attachment[]
  recipients: RecipientRow[]
  downloads: { attachmentId: string; mailboxId: string; downloadedAt: Date }[]
}

/**
 * Under a key from before the reader's new sign-in, of a team that no colleague has let them into yet, or from before the conversation was handed
 * over to them where nobody could hand over its keys.
 */
export type Closed = 'from-before' | 'waits-for-colleague' | 'not-handed-over'

export interface OpenedThread {
  id: string
  /** The reader's mailbox by which they take part. */
  mailboxId: string
  /** Oldest first. What was taken back or erased comes without its content; what was taken back not at all to those it was for. */
  messages: OpenedMessage[]
}

/**
 * @throws NotFound when the message is not there or not the reader's, which is then in the log; Gone when it was taken back before they
 * opened it; Unavailable when the log cannot be written; EnvelopeRefused when stored bytes are not what was sealed
 */
export async function openThread(reader: Reader, messageId: string, now = new Date()): Promise<OpenedThread> {
  await keepOpeningPace(reader)
  const claimed = await claimOrRefuse(reader, messageId)
  // The reader's keys are opened before the thread is held: nobody waits with a thread in hand.
  await closedKeys(reader, [claimed.message.threadKeyId])
  const { rows, closed } = await inTransaction(async (transaction) => {
    await holdThread(claimed.threadId, transaction)
    const all = await listThread(claimed, transaction)
    refuseRecalled(
      claimed,
      all.find(({ id }) => id === claimed.message.id),
    )
    const closed = await closedKeys(
      reader,
      all.map(({ threadKeyId }) => threadKeyId),
      transaction,
    )
    const shown = all.filter((row) => !row.recalledAt && !closed.has(row.threadKeyId))
    await record(
      reader.actor,
      shown.map((row) => ({ act: 'message.opened' as const, subject: { kind: 'message' as const, id: row.id } })),
      transaction,
      now,
    )
    const ids = shown.map(({ id }) => id)
    await noteOpening(claimed.mailboxId, ids, reader.account.id, now, transaction)
    await countUnread(claimed.threadId, claimed.mailboxId, transaction)
    return { rows: all.filter((row) => !isTakenBack(row) || row.fromMailboxId === claimed.mailboxId), closed }
  })
  return { id: claimed.threadId, mailboxId: claimed.mailboxId, messages: await unsealAll(reader, rows, closed) }
}

/** Which of these thread keys nothing at hand opens, and why. */
export async function closedKeys(
  reader: Reader,
  threadKeyIds: readonly string[],
  transaction?: Transaction,
): Promise<Map<string, Closed>> {
  const closed = new Map<string, Closed>()
  if (threadKeyIds.length === 0) return closed
  const wraps = await listThreadKeyWraps(reader, [...new Set(threadKeyIds)], transaction)
  const open = new Set<string>()
  for (const id of threadKeyIds)
    if (!wraps.some(({ threadKeyId }) => threadKeyId === id)) closed.set(id, 'not-handed-over')
  for (const { threadKeyId, mailboxId, mailboxVersion } of wraps) {
    if (await reader.pairOf(mailboxId, mailboxVersion)) open.add(threadKeyId)
    else closed.set(threadKeyId, mailboxId === reader.own.id ? 'from-before' : 'waits-for-colleague')
  }
  for (const id of open) closed.delete(id)
  return closed
}

/** Their message, or a refusal in the log. @throws NotFound, Gone */
export async function claimOrRefuse(reader: Reader, messageId: string): Promise<Claimed> {
  const claimed = await claimMessage(reader, messageId)
  if (!claimed) {
    await recordDenied(reader.actor, 'message.opened', { kind: 'message', id: messageId }, 'not-yours')
    throw new NotFound('not yours')
  }
  refuseRecalled(claimed, claimed.message)
  return claimed
}

/** Asked again once the thread is held: a recall may have come first. */
function refuseRecalled(claimed: Claimed, row: MessageRow | undefined) {
  if (row?.recalledAt && isTakenBack(row) && row.fromMailboxId !== claimed.mailboxId) throw new Gone(row.recalledAt)
}

/** Nobody it was for had opened it. What was erased later leaves a place that everybody sees. */
function isTakenBack({ recalledAt, erasedWhy }: MessageRow): boolean {
  return recalledAt !== null && (erasedWhy ?? 'recalled') === 'recalled'
}

async function unsealAll(
  reader: Reader,
  rows: MessageRow[],
  closed: ReadonlyMap<string, Closed>,
): Promise<OpenedMessage[]> {
  const ids = rows.map(({ id }) => id)
  const gone = rows.filter(({ recalledAt }) => recalledAt).map(({ id }) => id)
  const [keys, certified, recipients, files] = await Promise.all([
    openMessageKeys(reader, rows),
    whichAreCertified(gone),
    listRecipients(ids),
    listAttachmentsOf(ids),
  ])
  const downloads = await listDownloads(files.map(({ id }) => id))
  return rows.map((row) => {
    const key = keys.get(row.id)
    const open = key && !row.recalledAt
    return {
      ...row,
      certified: certified.has(row.id) && reader.mailboxes.some(({ id }) => id === row.fromMailboxId),
      closed: row.recalledAt ? undefined : closed.get(row.threadKeyId),
      subject: open && row.subjectSealed ? unsealText(key, `message/${row.id}/subject`, row.subjectSealed) : '',
      body: open && row.bodySealed ? unsealText(key, `message/${row.id}/body`, row.bodySealed) : '',
      files: open
        ? files
            .filter((file) => file.messageId === row.id)
            .map((file) => unsealAttachment(file, unwrapFileKey(file, key)))
        : [],
      recipients: recipients.filter((recipient) => recipient.messageId === row.id),
      downloads: downloads.filter((download) =>
        files.some((file) => file.id === download.attachmentId && file.messageId === row.id),
      ),
    }
  })
}

type Keyed = Pick<MessageRow, 'id' | 'threadKeyId' | 'keyWrapped'>

/** The message keys of these messages, by message id. Forgotten ones, and those that nothing at hand opens, are left out. @throws EnvelopeRefused */
export async function openMessageKeys(reader: Reader, rows: readonly Keyed[]): Promise<Map<string, Buffer>> {
  const threadKeys = await openThreadKeys(
    reader,
    rows.map((row) => row.threadKeyId),
  )
  return new Map(
    rows.flatMap(({ id, threadKeyId, keyWrapped }) => {
      const threadKey = threadKeys.get(threadKeyId)
      return threadKey && keyWrapped ? [[id, unwrapKey(threadKey, `message/${id}/key`, keyWrapped)] as const] : []
    }),
  )
}

/** Those of these thread keys that something at hand opens, by id. @throws EnvelopeRefused */
export async function openThreadKeys(reader: Reader, ids: readonly string[]): Promise<Map<string, Buffer>> {
  const wraps = await listThreadKeyWraps(reader, [...new Set(ids)])
  const opened = await Promise.all(
    wraps.map(async (wrap) => {
      const key = await openThreadKey(reader, wrap)
      return key ? [[wrap.threadKeyId, key] as const] : []
    }),
  )
  return new Map(opened.flat())
}

/** The subject of a claimed message's thread: its first message has it. The caller has recorded why. @throws EnvelopeRefused */
export async function openSubject(reader: Reader, claimed: Claimed): Promise<string> {
  const first = (await listThread(claimed))[0]
  const key = first && (await openMessageKeys(reader, [first])).get(first.id)
  return key && first.subjectSealed ? unsealText(key, `message/${first.id}/subject`, first.subjectSealed) : ''
}

/** Whether a message of the reader's own says these words; nothing of it is shown. @throws EnvelopeRefused */
export async function saysTheSame(reader: Reader, message: MessageRow, text: string): Promise<boolean> {
  const key = (await openMessageKeys(reader, [message])).get(message.id)
  // Taken back since: it says nothing any more, and a second press of the old button does not send it again.
  if (!message.bodySealed) return true
  // It waits with an earlier key, and what was typed now must not be lost.
  if (!key) return false
  return unsealText(key, `message/${message.id}/body`, message.bodySealed) === text
}

/** @throws EnvelopeRefused */
export function unsealText(key: Buffer, binding: string, sealed: Buffer): string {
  return unpad(unsealEnvelope(key, binding, sealed))
}
