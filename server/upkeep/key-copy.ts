/**
 * A copy of the master key as it lies in a safe: plain text that can be printed and typed again, sealed under a passphrase that lies elsewhere. Only
 * lines with a label count; each line of the sealed part carries its own check, so that a mistyped one is named.
 */
import { createHash, randomBytes } from 'node:crypto'
import { stretchPassword } from '../sign-in/stretch-password.ts'
import { deriveKey } from '../vault/derive.ts'
import { EnvelopeRefused, FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import type { MasterKeyVersions } from '../vault/master-key.ts'

/** What the passphrase is stretched with, as the copy says it. */
interface Stretching {
  /** KiB */
  memory: number
  passes: number
  salt: Buffer
}

export interface KeyCopy {
  stretching: Stretching
  sealed: Buffer
}

/** Whoever has the copy guesses as long as they like, so that it costs them more than a sign-in does. */
const MEMORY = 262_144
const PASSES = 4
/** More than this no copy of ours asks for; one that does would only keep a machine busy. */
const MOST = { memory: 1_048_576, passes: 20 }

export async function sealKeyCopy(versions: MasterKeyVersions, passphrase: string): Promise<KeyCopy> {
  const stretching = { memory: MEMORY, passes: PASSES, salt: randomBytes(16) }
  const packed = [...versions].map(([version, key]) => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(version)
    return Buffer.concat([head, key])
  })
  const key = await keyFrom(passphrase, stretching)
  return { stretching, sealed: sealEnvelope(key, BINDING, Buffer.concat(packed), FIELD_SEGMENT) }
}

/** @throws Error with a sentence when it is another passphrase */
export async function openKeyCopy({ stretching, sealed }: KeyCopy, passphrase: string): Promise<Map<number, Buffer>> {
  const key = await keyFrom(passphrase, stretching)
  try {
    const packed = unsealEnvelope(key, BINDING, sealed)
    const versions = new Map<number, Buffer>()
    for (let at = 0; at < packed.length; at += 36)
      versions.set(packed.readUInt32BE(at), packed.subarray(at + 4, at + 36))
    return versions
  } catch (error) {
    if (!(error instanceof EnvelopeRefused)) throw error
    throw new Error('The copy does not open with this passphrase. Nothing was changed.')
  }
}

const BINDING = 'master-key-copy/1'

async function keyFrom(passphrase: string, { memory, passes, salt }: Stretching): Promise<Buffer> {
  const password = Buffer.from(passphrase.normalize('NFC'))
  return deriveKey(
    await stretchPassword('new-password', { password, salt, memory, passes, lanes: 1 }),
    'master-key-copy',
  )
}

const BYTES_A_LINE = 16

/** @param about what it belongs to, for whoever finds it in ten years */
export function keyCopyText(
  { stretching, sealed }: KeyCopy,
  about: { organisation: string; made: Date; versions: readonly number[] },
): string {
  const { memory, passes, salt } = stretching
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
Stretched: argon2id ${memory} KiB ${passes} passes
Salt: ${inGroups(salt.toString('hex') + checkOf(0, salt))}
Lines: ${lines.length}
${lines.join('\n')}

What this is
  The key that everything in this installation rests under, sealed with a
  passphrase. Whoever has this paper, the passphrase and a backup reads what the
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
  const [, memory, passes] = /^argon2id (\d+) KiB (\d+) passes$/i.exec(label('Stretched')) ?? []
  if (!memory || !passes || Number(memory) > MOST.memory || Number(passes) > MOST.passes)
    throw new Error('The line "Stretched:" is damaged or mistyped.')
  const salt = readLine('Salt', 0, label('Salt'))
  const lines = Array.from({ length: count }, (_, index) =>
    readLine(`Line ${index + 1}`, index + 1, label(`Line ${index + 1}`)),
  )
  return { stretching: { memory: Number(memory), passes: Number(passes), salt }, sealed: Buffer.concat(lines) }
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
