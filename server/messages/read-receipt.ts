/** What happened to a message, for the side that sent it: read from the access log, which notes that somebody looked. */
import { createHash } from 'node:crypto'
import { listAccounts } from '../accounts/account.store.ts'
import { listMailboxKeys, type MailboxKey } from '../accounts/mailbox.store.ts'
import { listAttachmentsOf } from '../attachments/attachment.store.ts'
import { findSignInBefore, listReceiptEvents, type ReceiptEvent } from '../audit/access-event.store.ts'
import type { Act } from '../audit/acts.ts'
import { record, recordDenied } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { listRecipients, type MessageRow } from './message.store.ts'
import { namesOf } from './names.ts'
import { claimOrRefuse } from './open-thread.ts'
import { RECEIPT_KINDS, type Receipt, type ReceiptLine } from './receipt.ts'

/** More than that are not told of. */
const MOST = 200

/** @throws NotFound for whoever did not send it, which is then in the log; Unavailable when the log cannot be written */
export async function readReceipt(
  reader: Reader,
  messageId: string,
  act: 'receipt.read' | 'receipt.downloaded',
  now = new Date(),
): Promise<Receipt> {
  const message = await claimSent(reader, messageId, act)
  await record(reader.actor, { act, subject: { kind: 'message', id: message.id } }, undefined, now)
  const recipients = await listMailboxKeys((await listRecipients([message.id])).map(({ mailboxId }) => mailboxId))
  const events = await eventsOf(message, recipients)
  const people = new Map(
    (await listAccounts(events.flatMap(({ actorId }) => actorId ?? []))).map((account) => [account.id, account]),
  )
  const names = await namesOf([message.fromMailboxId, ...recipients.map(({ id }) => id)], [message.authorAccountId])
  const nameOf = (id: string | null) => people.get(id ?? '')?.name || people.get(id ?? '')?.email || ''
  return {
    messageId: message.id,
    threadId: message.threadId,
    sentAt: message.sentAt,
    from: [names.author(message.authorAccountId), names.teamOf(message.fromMailboxId)].filter(Boolean).join(', '),
    to: recipients
      .map(({ id }) => [names.mailbox(id), addressOf(names.owner(id))].filter(Boolean).join(' '))
      .join(', '),
    sealed: message.bodySealed ? createHash('sha256').update(message.bodySealed).digest('hex') : undefined,
    lines: events.map((event) => lineOf(event, message, nameOf)),
  }
}

async function claimSent(reader: Reader, messageId: string, act: Act): Promise<MessageRow> {
  const { message } = await claimOrRefuse(reader, messageId)
  if (reader.mailboxes.some(({ id }) => id === message.fromMailboxId)) return message
  await recordDenied(reader.actor, act, { kind: 'message', id: message.id }, 'not-sent-by-them')
  throw new NotFound('not sent by them')
}

/** Oldest first: what was done to the message and its files by those it was for, and how they had signed in. */
async function eventsOf(message: MessageRow, recipients: readonly MailboxKey[]): Promise<ReceiptEvent[]> {
  const all = await listReceiptEvents(
    [message.id, ...(await listAttachmentsOf([message.id])).map(({ id }) => id)],
    Object.keys(RECEIPT_KINDS),
    MOST,
  )
  const theirs = all.filter((event) => !isOpening(event) || isOfRecipients(event, message, recipients))
  const first = new Map(
    theirs
      .filter(isOpening)
      .toReversed()
      .map(({ actorId, at }) => [actorId!, at]),
  )
  const signIns = await Promise.all([...first].map(([actorId, at]) => findSignInBefore(actorId, at)))
  return [...theirs, ...signIns.filter((event) => event !== undefined)].sort(
    (one, other) => one.at.getTime() - other.at.getTime() || (one.id < other.id ? -1 : 1),
  )
}

function isOpening({ act }: ReceiptEvent): boolean {
  return act === 'message.opened' || act.startsWith('attachment.')
}

/** A person's mailbox is opened by that person. A team's by whoever belonged to it then: by anybody but the person who wrote. */
function isOfRecipients(
  { actorId }: ReceiptEvent,
  { authorAccountId }: MessageRow,
  recipients: readonly MailboxKey[],
): boolean {
  return recipients.some(({ accountId }) => (accountId ? accountId === actorId : actorId !== authorAccountId))
}

function lineOf(event: ReceiptEvent, message: MessageRow, nameOf: (id: string | null) => string): ReceiptLine {
  const isSignedIn = event.actorKind === 'account'
  return {
    eventId: event.id,
    kind: RECEIPT_KINDS[event.act as keyof typeof RECEIPT_KINDS],
    at: event.at,
    by: isSignedIn ? nameOf(event.actorId) : '',
    accountId: isSignedIn ? event.actorId : null,
    strength: event.strength,
    fileId: event.act.startsWith('attachment.') && event.subjectId !== message.id ? event.subjectId : null,
  }
}

function addressOf(owner: { name: string; email: string } | undefined): string {
  return owner?.name ? `<${owner.email}>` : ''
}
