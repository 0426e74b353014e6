/**
 * A certificate of destruction: a signed note that says what was destroyed, when and why, and what it cannot promise. It holds ids, times and digests
 * of wrapped keys that are gone, and nothing of the message. scripts/verify-certificate.mjs checks it without anything else of ours.
 */
import { createHash } from 'node:crypto'
import type { ErasedWhy } from '../audit/ledger.ts'
import { config } from '../config.ts'
import { settings } from '../settings/settings.ts'
import { signNote, verifierKey } from '../vault/log-key.ts'
import type { KeptBackup } from './certificate.store.ts'

export interface Destruction {
  messageId: string
  threadId: string
  sentAt: Date
  erasedAt: Date
  /** When the database was older than that and what it still had was destroyed once more. */
  againAt: Date | undefined
  why: ErasedWhy
  /** As it was stored: the message key under the thread key. */
  keyWrapped: Buffer
  /** As they were stored: the file keys under the message key. */
  files: { id: string; keyWrapped: Buffer }[]
  backups: KeptBackup[]
}

const WHY: Record<ErasedWhy, string> = {
  recalled: 'taken back by its sender',
  erased: 'erased by an administrator',
  expired: 'kept as long as the rules say',
}

/** What every one of them says of itself, so that nobody reads more into it. */
const LIMITS = [
  'This says what the server did to the keys in its database. It is the word of whoever holds the signing key, and no proof about other copies.',
  'Until the times above a backup can still be opened, with its own keys. Pages of the database and of its write-ahead log hold a key until they are written over.',
  'The sealed files, which no key opens any more, are removed by the server within two days of its running.',
  'An export of all messages that was made before still opens with its passphrase.',
  'What somebody has read, printed, copied or downloaded is not undone.',
]

/** Signed, in lines of `name: value`. */
export function certify(destruction: Destruction): string {
  const { messageId, threadId, sentAt, erasedAt, againAt, why, keyWrapped, files, backups } = destruction
  const ends = backups.map(endOf)
  const last = new Date(Math.max(erasedAt.getTime() + keptFor(), ...ends.map((end) => end.getTime())))
  const lines = [
    'Letterlock certificate of destruction',
    `message: ${messageId}`,
    `thread: ${threadId}`,
    `sent: ${sentAt.toISOString()}`,
    `erased: ${erasedAt.toISOString()}`,
    ...(againAt ? [`erased-again: ${againAt.toISOString()} (an older database had come back)`] : []),
    `why: ${WHY[why]}`,
    `files: ${files.length}`,
    `destroyed: message key, wrapped, sha256 ${digest(keyWrapped)}`,
    ...files.map(({ id, keyWrapped: wrap }) => `destroyed: key of file ${id}, wrapped, sha256 ${digest(wrap)}`),
    `backups-until: ${last.toISOString()}`,
    ...backups.map(
      ({ id, madeAt, keptUntil }, at) =>
        `backup: ${id} of ${madeAt.toISOString()}, until ${ends[at]!.toISOString()}${keptUntil ? '' : ' (no end was named; as backups are kept here)'}`,
    ),
    ...LIMITS.map((limit) => `limit: ${limit}`),
  ]
  return signNote(certificateKeyName(), `${lines.join('\n')}\n`)
}

/** By which others check certificates of this installation. */
export function certificateVerifier(): string {
  return verifierKey(certificateKeyName())
}

/** A kind of note has a key name of its own, so that nothing that was signed as another can be shown as a certificate. */
function certificateKeyName(): string {
  return `${new URL(config().baseUrl).host}/destruction`
}

function endOf({ madeAt, keptUntil }: KeptBackup): Date {
  return keptUntil ?? new Date(madeAt.getTime() + keptFor())
}

function keptFor(): number {
  return settings().backupKeptDays * 24 * 60 * 60 * 1000
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
