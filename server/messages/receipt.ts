/**
 * A receipt: what happened to a message, signed, with the proof that each event stands in the access log. The form is docs/access-log.md's: a C2SP signed
 * note for people, then one C2SP tlog-proof an event. scripts/verify-log.mjs checks it with nothing else of ours. Pure.
 */
import type { ProvedEvent } from '../audit/prove-events.ts'
import type { Checkpoint } from '../audit/log-proof.store.ts'

/** What can be told of a message. Only what was shown to somebody who had signed in, or left as a file, is a receipt. */
export const RECEIPT_KINDS = {
  'message.dropped': 'sent',
  'notice.sent': 'noticed',
  'link.fetched': 'link-fetched',
  'account.enrolled': 'signed-in',
  'account.signed-in': 'signed-in',
  'message.opened': 'displayed',
  'attachment.previewed': 'file-displayed',
  'attachment.downloaded': 'file-downloaded',
  'message.recalled': 'taken-back',
  'message.erased': 'erased',
} as const

export type ReceiptKind = (typeof RECEIPT_KINDS)[keyof typeof RECEIPT_KINDS]

const IS_RECEIPT: readonly ReceiptKind[] = ['displayed', 'file-displayed', 'file-downloaded']

/** Whether it says that a person who had proved who they are got something to see. */
export function isReceipt(kind: ReceiptKind): boolean {
  return IS_RECEIPT.includes(kind)
}

export interface ReceiptLine {
  eventId: string
  kind: ReceiptKind
  at: Date
  /** The person; empty where nobody had signed in. */
  by: string
  accountId: string | null
  strength: string
  /** The file, where it is about one. */
  fileId: string | null
}

export interface Receipt {
  messageId: string
  threadId: string
  sentAt: Date
  from: string
  to: string
  /** SHA-256 of the text as it was sealed, in hex; nothing when it is gone. */
  sealed: string | undefined
  lines: ReceiptLine[]
  /** What is not listed: how often the link was asked for besides, and whether later events were too many. */
  left: { fetched: number; later: boolean }
}

/** So many lines a receipt has at most, and so many of them are of a link that was asked for: nobody can push an opening out of it. */
export const MOST_LINES = { fetched: 5, others: 1000 }

/** What every one says of itself, so that nobody reads more into it. */
const LIMITS = [
  '"displayed" is a page that was made for somebody who had signed in and was sent to their browser. Nobody can say that it was read.',
  '"link-fetched" is no receipt: mail filters and previews ask for links without any person.',
  'Names are as they stand in the directory of this server today. The log has the accounts.',
  'The proofs show that these events stand in the log that was signed. What is true is the word of whoever runs the server.',
]

/** The text that is signed. @param leaves by event id @param verifier the key of the log, as C2SP writes it */
export function receiptText(
  receipt: Receipt,
  leaves: ReadonlyMap<string, number>,
  verifier: string,
  madeAt: Date,
): string {
  const lines = [
    'Letterlock receipt',
    `message: ${receipt.messageId}`,
    `thread: ${receipt.threadId}`,
    `sent: ${receipt.sentAt.toISOString()}`,
    `from: ${oneLine(receipt.from)}`,
    `to: ${oneLine(receipt.to)}`,
    ...(receipt.sealed ? [`sealed: sha256 ${receipt.sealed}`] : []),
    `made: ${madeAt.toISOString()}`,
    `key: ${verifier}`,
    ...receipt.lines.map((line) => `event: ${eventText(line, leaves.get(line.eventId)!)}`),
    ...(receipt.left.fetched > 0 ? [`more: the link was asked for ${receipt.left.fetched} more times`] : []),
    ...(receipt.left.later ? [`more: there are more than ${MOST_LINES.others} events; later ones are not listed`] : []),
    ...LIMITS.map((limit) => `limit: ${limit}`),
  ]
  return `${lines.join('\n')}\n`
}

/** c2sp.org/tlog-proof: the leaf as it was hashed, its place, its way to the root, and the checkpoint that has the root. */
export function proofText({ leaf, fields, proof }: ProvedEvent, { note }: Checkpoint): string {
  const extra = Buffer.from(JSON.stringify(fields)).toString('base64')
  const lines = ['c2sp.org/tlog-proof@v1', `extra ${extra}`, `index ${leaf}`]
  return `${[...lines, ...proof.map((hash) => hash.toString('base64'))].join('\n')}\n\n${note}`
}

function eventText({ kind, at, by, accountId, strength, fileId }: ReceiptLine, leaf: number): string {
  const parts = [`leaf ${leaf}`, kind, at.toISOString()]
  if (fileId) parts.push(`file ${fileId}`)
  if (accountId) parts.push(`account ${accountId}`)
  if (kind === 'signed-in') parts.push(`by ${strength}`)
  if (by) parts.push(`(${oneLine(by)})`)
  return parts.join(' ')
}

/** A name is what somebody typed: it must not make a line of its own. */
function oneLine(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
}
