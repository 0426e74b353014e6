/**
 * A share of the recovery key as its keeper has it: a file of plain text, which can be printed and typed again. Lines with a label count, in any order;
 * case and spaces in numbers do not. The checksum covers what decides, so that a damaged or mistyped share is named and not combined.
 */
import { createHash } from 'node:crypto'
import { recoveryPublicHalf } from '../vault/vault.ts'

export interface Share {
  organisation: string
  /** "2026-11-17 19:02 UTC" */
  made: string
  number: number
  /** How many there are, and how many together give the key. */
  of: number
  needed: number
  /** Of the public half that they belong to; see `recoveryFingerprint`. */
  fingerprint: string
  /** Shares of one key that were made another time do not fit: 8 hexadecimal digits tell them apart. */
  set: string
  /** 33 bytes. */
  secret: Buffer
}

const SECRET_BYTES = 33

/** The name of its file, which tells sets apart too. */
export function shareFileName({ set, number, of }: Pick<Share, 'set' | 'number' | 'of'>): string {
  return `recovery-share-${set}-${number}-of-${of}.txt`
}

/** The first 16 bytes of SHA-256 over the public half of the recovery key, in hexadecimal digits. */
export function recoveryFingerprint(): string {
  return createHash('sha256').update(recoveryPublicHalf()).digest('hex').slice(0, 32)
}

export function shareText(share: Share): string {
  const { organisation, made, number, of, needed, fingerprint, set, secret } = share
  return `Share ${number} of ${of} of a recovery key of Letterlock

Organisation: ${organisation}
Made: ${made}
Share: ${number} of ${of}
Needed: ${needed}
Recovery key: ${inGroups(fingerprint)}
Set: ${inGroups(set)}
Secret: ${inGroups(secret.toString('hex'))}
Checksum: ${inGroups(checksumOf(share))}

What this is
  The key that opens the messages of everybody at ${organisation} was taken off
  the server and split into ${of} shares. Any ${needed} of them give it again; fewer give
  nothing. This is one of them.

What to do with it
  Keep it where nobody else gets at it, and away from the other shares and from
  the server: in a safe, on paper, or on a stick that lies in a drawer with a lock.
  Do not mail it, and do not copy it to a shared folder. If it gets lost, tell the
  others: as long as ${needed} shares are left, nothing is lost.

When it is needed
  Somebody has lost every way to sign in, and asks for their earlier messages.
  Be sure who asks, and why. On the server, with at least ${needed} shares at hand:
    npm run recover-mailbox -- --email ADDRESS --reason TEXT --share FILE --share FILE …
  Each use is written into the access log with its reason, and the person is told.
  Remove the files from the server afterwards.

When it was typed from paper, only the lines with a colon in the first part count.
`
}

/** @returns undefined for what is no share, or was damaged or mistyped */
export function readShare(text: string): Share | undefined {
  const line = (label: string) =>
    new RegExp(`^[ \\t]*${label.replace(' ', '[ \\t]+')}[ \\t]*:(.*)$`, 'im').exec(text)?.[1]?.trim() ?? ''
  const hex = (label: string) => line(label).replace(/[\s-]/g, '').toLowerCase()
  const [, number, of] = /^(\d{1,3})\s*of\s*(\d{1,3})$/i.exec(line('Share')) ?? []
  const share = {
    organisation: line('Organisation'),
    made: line('Made'),
    number: Number(number),
    of: Number(of),
    needed: Number(line('Needed')),
    fingerprint: hex('Recovery key'),
    set: hex('Set'),
    secret: Buffer.from(hex('Secret'), 'hex'),
  }
  return share.secret.length === SECRET_BYTES && hex('Checksum') === checksumOf(share) ? share : undefined
}

/** Of what decides: the name of the organisation and the day may be mistyped. It tells no more of the secret than can be guessed, which is nothing. */
function checksumOf({ number, of, needed, fingerprint, set, secret }: Share): string {
  const text = JSON.stringify([number, of, needed, fingerprint, set, secret.toString('hex')])
  return createHash('sha256').update(`recovery-share\0${text}`).digest('hex').slice(0, 16)
}

function inGroups(digits: string): string {
  return digits.replace(/(.{4})(?=.)/g, '$1 ')
}
