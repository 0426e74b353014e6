/**
 * The log key: Ed25519, one for the deployment, under which everything is signed that others hold us to. It signs C2SP signed notes, each kind of
 * note under a key name of its own, so that one kind is never taken for another. A note is checked with public bytes alone.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { ask } from '../database/connection.ts'
import { vaultKeys } from './key.store.ts'
import { MasterKeyProblem, sealUnderMaster, unsealUnderMaster } from './master-key.ts'

let open: { privateKey: KeyObject; publicHalf: Buffer } | undefined

/** Opens it, or makes it where there is none yet. The master key is in use. @throws EnvelopeRefused, MasterKeyProblem */
export async function openLogKey(now = new Date()): Promise<void> {
  if (!(await vaultKeys.find({ name: NAME }))) await makeLogKey(now)
  const row = await vaultKeys.find({ name: NAME })
  if (!row?.keyWrapped) throw new MasterKeyProblem('The key "log" is missing from the database.')
  const der = unsealUnderMaster('keys', `key/${NAME}`, row.keyWrapped)
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  open = { privateKey, publicHalf: rawHalf(createPublicKey(privateKey)) }
}

/** Two processes may do so at once: the first one's counts. */
async function makeLogKey(now: Date): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const wrapped = sealUnderMaster('keys', `key/${NAME}`, privateKey.export({ format: 'der', type: 'pkcs8' }))
  await ask(
    'INSERT INTO vault_keys (name, key_wrapped, public_half, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [NAME, wrapped, rawHalf(publicKey), now],
  )
}

/** Signs `text`, whose last line is ended, as a note of `keyName`. */
export function signNote(keyName: string, text: string): string {
  if (!open) throw new Error('openLogKey was not called')
  if (!text.endsWith('\n') || !/^[^\s+]+$/.test(keyName)) throw new TypeError('This is no text or no name of a note')
  const signature = sign(null, Buffer.from(text), open.privateKey)
  const signed = Buffer.concat([keyHash(keyName, open.publicHalf), signature])
  return `${text}\n${DASH} ${keyName} ${signed.toString('base64')}\n`
}

/** By which others check notes of this name: `name+hash+base64`, as C2SP writes it. */
export function verifierKey(keyName: string): string {
  if (!open) throw new Error('openLogKey was not called')
  const key = Buffer.concat([ED25519, open.publicHalf])
  return `${keyName}+${keyHash(keyName, open.publicHalf).toString('hex')}+${key.toString('base64')}`
}

/** The text of a note that was signed by whom the verifier key names; nothing otherwise. Needs no other key. */
export function readNote(note: string, verifier: string): string | undefined {
  const [, keyName = '', hash = '', encoded = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(verifier) ?? []
  const end = note.lastIndexOf(`\n\n${DASH} `)
  const key = Buffer.from(encoded, 'base64')
  const line = note.slice(end + 2).split('\n')
  const signature = line[0]?.split(' ')[2] ?? ''
  const signed = Buffer.from(signature, 'base64')
  if (
    end < 0 ||
    signed.toString('base64') !== signature ||
    line.length !== 2 ||
    line[1] !== '' ||
    line[0]?.split(' ')[1] !== keyName
  )
    return undefined
  if (key.length !== 33 || key[0] !== ED25519[0] || signed.length !== 68) return undefined
  if (
    signed.subarray(0, 4).toString('hex') !== hash ||
    !keyHash(keyName, key.subarray(1)).equals(signed.subarray(0, 4))
  )
    return undefined
  const text = note.slice(0, end + 1)
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, key.subarray(1)]), format: 'der', type: 'spki' })
  return verify(null, Buffer.from(text), publicKey, signed.subarray(4)) ? text : undefined
}

const NAME = 'log'
const DASH = '\u2014'
/** The signature type of a C2SP signed note. */
const ED25519 = Buffer.from([1])
/** What stands before the 32 bytes of an Ed25519 key in its usual encoding (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

function keyHash(keyName: string, publicHalf: Buffer): Buffer {
  return createHash('sha256').update(`${keyName}\n`).update(ED25519).update(publicHalf).digest().subarray(0, 4)
}

function rawHalf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
}
