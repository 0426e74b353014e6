/** What happened to a message, for the side that sent it: read from the access log, which notes that somebody looked. */
import { createHash } from 'node:crypto'
import { listAccounts } from '../accounts/account.store.ts'
import { listMailboxKeys, type MailboxKey } from '../accounts/mailbox.store.ts'
import { listFileIdsOf } from '../attachments/attachment.store.ts'
import {
  countReceiptEvents,
  findSignInBefore,
  listReceiptEvents,
  type ReceiptEvent,
} from '../audit/access-event.store.ts'
import type { Act } from '../audit/acts.ts'
import { record, recordDenied } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { listRecipients, type MessageRow } from './message.store.ts'
import { namesOf } from './names.ts'
import { claimOrRefuse } from './open-thread.ts'
import { MOST_LINES, RECEIPT_KINDS, type Receipt, type ReceiptLine } from './receipt.ts'
import { listHandovers, type Handover } from './thread-handover.store.ts'

/** @throws NotFound for whoever did not send it, which is then in the log; Unavailable when the log cannot be written */
export async function readReceipt(
  reader: Reader,
  messageId: string,
  act: 'receipt.read' | 'receipt.downloaded',
  now = new Date(),
): Promise<Receipt> {
  const { message, handovers } = await claimSent(reader, messageId, act)
  await record(reader.actor, { act, subject: { kind: 'message', id: message.id } }, undefined, now)
  const ids = (await listRecipients([message.id])).map(({ mailboxId }) => mailboxId)
  const recipients = await listMailboxKeys(heldBefore(ids, message, handovers))
  const { events, left } = await eventsOf(message, recipients)
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
    left,
  }
}

/** Whoever answers for the sender's side since it was handed over may have it too. */
async function claimSent(reader: Reader, messageId: string, act: Act) {
  const { message } = await claimOrRefuse(reader, messageId)
  const handovers = await listHandovers(message.threadId)
  const side = new Set([message.fromMailboxId])
  for (const { fromMailboxId, toMailboxId } of handovers) if (side.has(fromMailboxId)) side.add(toMailboxId)
  if (reader.mailboxes.some(({ id }) => side.has(id))) return { message, handovers }
  await recordDenied(reader.actor, act, { kind: 'message', id: message.id }, 'not-sent-by-them')
  throw new NotFound('not sent by them')
}

/** Those it was for when it was sent, and those it was handed over to since: what either of them was shown stays true. */
function heldBefore(ids: readonly string[], { sentAt }: MessageRow, handovers: readonly Handover[]): string[] {
  const held = new Set(ids)
  for (const { fromMailboxId, toMailboxId, handedOverAt } of handovers.toReversed())
    if (held.has(toMailboxId) && handedOverAt >= sentAt) held.add(fromMailboxId)
  return [...held]
}

/** Oldest first: what was done to the message and its files by those it was for, and how they had signed in. */
async function eventsOf(message: MessageRow, recipients: readonly MailboxKey[]) {
  const subjects = [message.id, ...(await listFileIdsOf(message.id))]
  const others = Object.keys(RECEIPT_KINDS).filter((act) => act !== 'link.fetched')
  const [all, fetched, times] = await Promise.all([
    listReceiptEvents(subjects, others, MOST_LINES.others + 1),
    listReceiptEvents([message.id], ['link.fetched'], MOST_LINES.fetched),
    countReceiptEvents(message.id, 'link.fetched'),
  ])
  const theirs = all
    .slice(0, MOST_LINES.others)
    .filter((event) => !isOpening(event) || isOfRecipients(event, message, recipients))
  const first = new Map(
    theirs
      .filter(isOpening)
      .toReversed()
      .map(({ actorId, at }) => [actorId!, at]),
  )
  const signIns = await Promise.all([...first].map(([actorId, at]) => findSignInBefore(actorId, at)))
  const events = [...theirs, ...fetched, ...signIns.filter((event) => event !== undefined)].sort(
    (one, other) => one.at.getTime() - other.at.getTime() || (one.id < other.id ? -1 : 1),
  )
  return { events, left: { fetched: times - fetched.length, later: all.length > MOST_LINES.others } }
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
