/**
 * A copy of the master key as it lies in a safe: plain text that can be printed and typed again, sealed under a passphrase that lies elsewhere. Only
 * lines with a label count; each line of the sealed part carries its own check, so that a mistyped one is named.
 */
import { createHash, randomBytes } from 'node:crypto'
import { EnvelopeRefused, FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { masterVersionHead, type MasterKeyVersions } from '../vault/master-key.ts'
import { keyFromPassphrase } from '../vault/passphrase-key.ts'

export interface KeyCopy {
  salt: Buffer
  sealed: Buffer
}

/** What the passphrase of a copy is stretched with. Part of the format, so that nobody has to type it. */
const STRETCHING = { N: 2 ** 17, r: 8, p: 1 }

export async function sealKeyCopy(versions: MasterKeyVersions, passphrase: string): Promise<KeyCopy> {
  for (const [version, key] of versions)
    if (!isVersion(version, key)) throw new TypeError('This is no version of a master key')
  const salt = randomBytes(16)
  const packed = [...versions].flatMap(([version, key]) => [masterVersionHead(version), key])
  const key = await keyFromPassphrase(passphrase, { ...STRETCHING, salt })
  return { salt, sealed: sealEnvelope(key, BINDING, Buffer.concat(packed), FIELD_SEGMENT) }
}

/** @throws Error with a sentence when it is another passphrase */
export async function openKeyCopy({ salt, sealed }: KeyCopy, passphrase: string): Promise<Map<number, Buffer>> {
  const key = await keyFromPassphrase(passphrase, { ...STRETCHING, salt })
  try {
    return versionsIn(unsealEnvelope(key, BINDING, sealed))
  } catch (error) {
    if (!(error instanceof EnvelopeRefused)) throw error
    throw new Error('The copy does not open with this passphrase. Nothing was changed.')
  }
}

/** @throws Error with a sentence when something else was sealed */
function versionsIn(packed: Buffer): Map<number, Buffer> {
  const versions = new Map<number, Buffer>()
  let whole = packed.length > 0 && packed.length % EACH === 0
  for (let at = 0; whole && at < packed.length; at += EACH) {
    const [version, key] = [packed.readUInt32BE(at), packed.subarray(at + 4, at + EACH)]
    whole = isVersion(version, key) && !versions.has(version)
    versions.set(version, key)
  }
  if (whole) return versions
  throw new Error('The copy opens, and what is in it is no master key. Nothing was changed.')
}

function isVersion(version: number, key: Buffer): boolean {
  return Number.isInteger(version) && version >= 1 && version <= HIGHEST && key.length === EACH - 4
}

const EACH = 36
/** Of nine digits, as a line of the key's file has it. */
const HIGHEST = 999_999_999
const BINDING = 'master-key-copy/1'

const BYTES_A_LINE = 16

/** @param about what it belongs to, for whoever finds it in ten years */
export function keyCopyText(
  { salt, sealed }: KeyCopy,
  about: { organisation: string; made: Date; versions: readonly number[] },
): string {
  const lines = []
  for (let at = 0; at < sealed.length; at += BYTES_A_LINE) {
    const number = at / BYTES_A_LINE + 1
    const bytes = sealed.subarray(at, at + BYTES_A_LINE)
    lines.push(`Line ${number}: ${inGroups(bytes.toString('hex') + checkOf(number, bytes))}`)
  }
  return `Copy of the master key of Letterlock

Organisation: ${about.organisation}
Made: ${about.made.toISOString().slice(0, 16).replace('T', ' ')} UTC
Versions: ${about.versions.join(', ')}
Salt: ${inGroups(salt.toString('hex') + checkOf(0, salt))}
Lines: ${lines.length}
${lines.join('\n')}

What this is
  The key that everything in this installation rests under, sealed with a
  passphrase (docs/format.md says how). Whoever has this paper, the passphrase and a backup reads what the
  backup holds. Without the key no backup opens, and nobody can make another one.

What to do with it
  Print it, and lay the paper into a safe. Write the passphrase on another paper
  that lies in another place, or give it to somebody else who is there when you
  are not. Neither of the two belongs beside a backup, or into a mail. Remove the
  file from the server. Try once a year whether both are still found.

When it is needed
  The server is lost, or a backup from before a change of the key has to be opened:
    npm run import-master-key -- FILE
  asks for the passphrase and puts the key where the settings say. From paper, type
  the lines with a label into a file; a line with a mistake in it is named.

When it is out of date
  After every npm run rotate-master-key, make a new copy. Keep this one as long as
  a backup that was made before.
`
}

/** @throws Error that names the line which is damaged or mistyped */
export function readKeyCopy(text: string): KeyCopy {
  const label = (name: string) => new RegExp(`^[ \\t]*${name}:(.*)$`, 'im').exec(text)?.[1]?.trim() ?? ''
  const count = Number(label('Lines'))
  if (!Number.isInteger(count) || count < 1 || count > 1_000)
    throw new Error('This is no copy of a master key, or the line "Lines:" is missing.')
  const salt = readLine('Salt', 0, label('Salt'))
  const lines = Array.from({ length: count }, (_, index) =>
    readLine(`Line ${index + 1}`, index + 1, label(`Line ${index + 1}`)),
  )
  return { salt, sealed: Buffer.concat(lines) }
}

function readLine(name: string, number: number, typed: string): Buffer {
  const digits = typed.toLowerCase().replace(/[\s-]/g, '').replace(/o/g, '0').replace(/[il]/g, '1')
  const bytes = Buffer.from(digits.slice(0, -CHECK_DIGITS), 'hex')
  const whole = /^([0-9a-f]{2})+$/.test(digits) && bytes.length > 0 && bytes.length <= BYTES_A_LINE
  if (!whole || checkOf(number, bytes) !== digits.slice(-CHECK_DIGITS))
    throw new Error(`The line "${name}:" of the copy is missing, damaged or mistyped. Compare it with the paper.`)
  return bytes
}

const CHECK_DIGITS = 4

/** Of the line's number too, so that two lines that changed places are found. */
function checkOf(number: number, bytes: Buffer): string {
  return createHash('sha256').update(`master-key-copy\0${number}\0`).update(bytes).digest('hex').slice(0, CHECK_DIGITS)
}

function inGroups(digits: string): string {
  return digits.replace(/(.{4})(?=.)/g, '$1 ')
}
