/**
 * The master key: 256 random bits, versioned, outside the database. It seals nothing itself; a subkey is derived for each purpose.
 * Its text form is `version:base64url`, one version a line, the highest is used for new seals.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MASTER_KEY_LINE } from '../config.ts'
import { deriveKey } from './derive.ts'
import { EnvelopeRefused, FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from './floe.ts'

export class MasterKeyProblem extends Error {}

let versions = new Map<number, Buffer>()
const subkeys = new Map<string, Buffer>()

/** A new key in its text form. */
export function makeMasterKey(version = 1): string {
  return `${version}:${randomBytes(32).toString('base64url')}`
}

/** Takes the master key into use from its text form. @throws MasterKeyProblem when it has another shape */
export function useMasterKey(text: string) {
  versions = new Map(
    text
      .split(/\s+/)
      .filter(Boolean)
      .map((line) => {
        const [, version, key] = MASTER_KEY_LINE.exec(line) ?? []
        if (!version || !key)
          throw new MasterKeyProblem(
            'The master key must be a line such as 1:… with 32 bytes in base64url. Check that the file is whole.',
          )
        return [Number(version), Buffer.from(key, 'base64url')] as const
      }),
  )
  if (versions.size === 0) throw new MasterKeyProblem('The master key is empty.')
  subkeys.clear()
}

/** The file that holds the master key when no setting names another place. */
export function masterKeyFile(dataDir: string) {
  return join(dataDir, 'master.key')
}

/** Reads the master key's file, or makes it (owner-only) when `mayCreate`. @returns its text @throws MasterKeyProblem */
export function readMasterKeyFile(dataDir: string, mayCreate: boolean): string {
  const file = masterKeyFile(dataDir)
  if (existsSync(file)) return readFileSync(file, 'utf8')
  if (!mayCreate)
    throw new MasterKeyProblem(
      `The master key is missing: ${file} does not exist, but the database holds sealed data. Put the key back from its safe copy; a new one could not open anything.`,
    )
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const text = makeMasterKey()
  writeFileSync(file, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true })
  chmodSync(file, 0o600)
  return text
}

/** Seals `plaintext` under the newest version: version (4 bytes, big-endian), then a FLOE envelope. */
export function sealUnderMaster(purpose: string, binding: string, plaintext: Buffer): Buffer {
  const version = Math.max(...versions.keys())
  const head = Buffer.alloc(4)
  head.writeUInt32BE(version)
  return Buffer.concat([head, sealEnvelope(subkey(purpose, version), binding, plaintext, FIELD_SEGMENT)])
}

/** @throws EnvelopeRefused when it is not what was sealed, MasterKeyProblem when its version is not at hand */
export function unsealUnderMaster(purpose: string, binding: string, sealed: Buffer): Buffer {
  if (sealed.length < 4) throw new EnvelopeRefused('too short')
  return unsealEnvelope(subkey(purpose, sealed.readUInt32BE(0)), binding, sealed.subarray(4))
}

/** The derived key of one purpose and version, for wraps that carry their version themselves. */
export function subkey(purpose: string, version: number): Buffer {
  const name = `${version}/${purpose}`
  const known = subkeys.get(name)
  if (known) return known
  const master = versions.get(version)
  if (!master) throw new MasterKeyProblem(`Version ${version} of the master key is missing.`)
  const made = deriveKey(master, `master/${purpose}`)
  subkeys.set(name, made)
  return made
}

export function newestMasterVersion(): number {
  return Math.max(...versions.keys())
}
