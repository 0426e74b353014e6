/**
 * Drop: the one room behind every door. In one transaction a message is sealed and kept with its files, its event and its notices: no message
 * without its notice, no notice before the message can be read.
 */
import { findAccountByEmail } from '../accounts/account.store.ts'
import { invitePatient } from '../accounts/invite-account.ts'
import { insertLink } from '../accounts/link.store.ts'
import { findMailboxOf, listMailboxKeys, type MailboxKey } from '../accounts/mailbox.store.ts'
import { listMembers } from '../accounts/team.store.ts'
import { wrapFileKey } from '../attachments/attachment.ts'
import { claimUpload, listUploadsOf, type AttachmentRow } from '../attachments/attachment.store.ts'
import { uploadKey } from '../attachments/keep-upload.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import { askForAccessCode, type AccessCode } from '../enrolment/access-code.ts'
import type { Reader } from '../sign-in/reader.ts'
import { BODY_SEGMENT, sealEnvelope } from '../vault/floe.ts'
import { padToBucket } from '../vault/padding.ts'
import { newKey, wrapKey } from '../vault/wrap.ts'
import { takeDraft } from './draft.store.ts'
import { insertMessage, insertRecipients } from './message.store.ts'
import { holdThread, insertThread, listThreadMailboxIds, moveThread } from './thread.store.ts'
import { findNewestWrap } from './thread-key.store.ts'
import { isForNewest, makeThreadKey, openThreadKey } from './thread-key.ts'

interface Content {
  /** Only the first message of a thread has one. */
  subject?: string
  body: string
  /** The draft that it was written in: its files go along, and it is used up, so that one form sent twice is one message. */
  draftId: string
  /** Whether a recipient who has no sign-in yet is asked for an access code first. */
  accessCode?: boolean
  /** The id of the form; of two that cross, the second finds the first one's message by it. */
  submission: string
}

export interface Dropped {
  id: string
  /** To be told to the recipient; nobody can read it again. */
  accessCode: AccessCode | undefined
}

/**
 * A new thread, from one of the reader's mailboxes to an address. Somebody never seen before is invited.
 * @returns the message's id and the access code that was made; undefined when the draft was already sent
 */
export async function dropMessage(
  reader: Reader,
  fromMailboxId: string,
  email: string,
  content: Content,
  now = new Date(),
): Promise<Dropped | undefined> {
  const from = ownMailbox(reader, fromMailboxId)
  return inTransaction(async (transaction) => {
    const uploads = await useDraft(reader, content.draftId, transaction)
    if (!uploads) return undefined
    const to = await mailboxFor(reader.actor, email, now, transaction)
    const threadId = newId(now)
    await insertThread({ id: threadId, createdAt: now }, transaction)
    const threadKey = await makeThreadKey(threadId, [from, to], now, transaction)
    // Before the notice, so that its link never leads anywhere without the code.
    const accessCode = content.accessCode
      ? await askForAccessCode(reader.actor, to.accountId!, now, transaction)
      : undefined
    const place = { threadId, threadKey, from, recipients: [to] }
    return { id: await keepMessage(reader, place, content, uploads, now, transaction), accessCode }
  })
}

/**
 * An answer in a thread, from the mailbox by which the reader takes part.
 * @returns the message's id; undefined when its draft was already sent
 */
export async function replyToThread(
  reader: Reader,
  threadId: string,
  fromMailboxId: string,
  content: Content,
  now = new Date(),
): Promise<string | undefined> {
  const from = ownMailbox(reader, fromMailboxId)
  const wrap = await findNewestWrap(threadId, from.id)
  // None where a conversation was handed over without its keys: it goes on under a new one.
  const key = wrap && (await openThreadKey(reader, wrap))
  return inTransaction(async (transaction) => {
    await holdThread(threadId, transaction)
    const uploads = await useDraft(reader, content.draftId, transaction)
    if (!uploads) return undefined
    const others = (await listThreadMailboxIds(threadId, transaction)).filter((id) => id !== from.id)
    const recipients = await listMailboxKeys(others, transaction)
    const taking = [from, ...recipients]
    // Somebody's key was renewed since: a new thread key, so that all can read what comes now.
    const threadKey =
      wrap && key && (await isForNewest(wrap.threadKeyId, taking, transaction))
        ? { id: wrap.threadKeyId, key }
        : await makeThreadKey(threadId, taking, now, transaction)
    return keepMessage(reader, { threadId, threadKey, from, recipients }, content, uploads, now, transaction)
  })
}

function ownMailbox(reader: Reader, id: string): MailboxKey {
  const mailbox = reader.mailboxes.find((each) => each.id === id)
  if (!mailbox) throw new NotFound('not your mailbox')
  return mailbox
}

/** Takes the draft away with its uploads, which become the message's. @returns undefined when somebody was quicker */
async function useDraft(
  reader: Reader,
  draftId: string,
  transaction: Transaction,
): Promise<AttachmentRow[] | undefined> {
  const uploads = await listUploadsOf(reader.account.id, draftId, transaction)
  return (await takeDraft(reader.account.id, draftId, transaction)) ? uploads : undefined
}

async function mailboxFor(actor: Actor, email: string, now: Date, transaction: Transaction): Promise<MailboxKey> {
  const known = await findAccountByEmail(email, transaction)
  if (!known) return (await invitePatient(actor, email, now, transaction)).mailbox
  const mailbox = await findMailboxOf({ accountId: known.id }, transaction)
  if (!mailbox) throw new NotFound('no mailbox')
  return mailbox
}

interface Place {
  threadId: string
  threadKey: { id: string; key: Buffer }
  from: MailboxKey
  recipients: MailboxKey[]
}

async function keepMessage(
  reader: Reader,
  place: Place,
  content: Content,
  uploads: AttachmentRow[],
  now: Date,
  transaction: Transaction,
): Promise<string> {
  const id = newId(now)
  const key = newKey()
  await insertMessage(
    {
      id,
      threadId: place.threadId,
      threadKeyId: place.threadKey.id,
      fromMailboxId: place.from.id,
      authorAccountId: reader.account.id,
      submission: content.submission,
      keyWrapped: wrapKey(place.threadKey.key, `message/${id}/key`, key),
      subjectSealed: content.subject === undefined ? null : sealText(key, `message/${id}/subject`, content.subject),
      bodySealed: sealText(key, `message/${id}/body`, content.body),
      fileCount: uploads.length,
      sentAt: now,
      recalledAt: null,
      erasedWhy: null,
    },
    transaction,
  )
  await claimUploads(reader, uploads, id, key, now, transaction)
  await insertRecipients(
    id,
    place.recipients.map((mailbox) => mailbox.id),
    transaction,
  )
  await moveThread(
    { id, threadId: place.threadId, fromMailboxId: place.from.id, sentAt: now },
    [place.from, ...place.recipients].map((mailbox) => mailbox.id),
    transaction,
  )
  await record(reader.actor, { act: 'message.dropped', subject: { kind: 'message', id } }, transaction, now)
  for (const mailbox of place.recipients) await tell(id, mailbox, now, transaction)
  return id
}

function sealText(key: Buffer, binding: string, text: string) {
  return sealEnvelope(key, binding, padToBucket(text), BODY_SEGMENT)
}

/** Moves each upload's key from the uploader's mailbox to the message key. */
async function claimUploads(
  reader: Reader,
  uploads: AttachmentRow[],
  messageId: string,
  messageKey: Buffer,
  now: Date,
  transaction: Transaction,
) {
  for (const [position, upload] of uploads.entries()) {
    const own = await reader.pairOf(reader.own.id, upload.uploaderMailboxVersion)
    if (!own) throw new NotFound('an upload waits with an earlier key')
    const keyWrapped = wrapFileKey(upload.id, messageKey, uploadKey(upload, own))
    if (!(await claimUpload(upload.id, { messageId, keyWrapped, position, claimedAt: now }, transaction)))
      throw new NotFound('an upload is gone')
  }
}

/** One link a mailbox, one notice for each person who reads it. */
async function tell(messageId: string, mailbox: MailboxKey, now: Date, transaction: Transaction) {
  await insertLink({ messageId, mailboxId: mailbox.id, accountId: mailbox.accountId }, now, transaction)
  const people = mailbox.accountId ? [mailbox.accountId] : await listMembers(mailbox.teamId!, transaction)
  for (const accountId of people)
    await enqueue('send-notice', { messageId, mailboxId: mailbox.id, accountId }, transaction)
}
