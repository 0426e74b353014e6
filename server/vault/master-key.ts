/**
 * The master key: 256 random bits, versioned, outside the database. It seals nothing itself; a subkey is derived for each purpose.
 * Its text form is `version:base64url`, one version a line. Several versions can be at hand; new seals are made under one of them.
 */
import { randomBytes } from 'node:crypto'
import { MASTER_KEY_LINE } from '../config.ts'
import { deriveKey } from './derive.ts'
import { EnvelopeRefused, FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from './floe.ts'

export class MasterKeyProblem extends Error {}

/** Version → 32 bytes. */
export type MasterKeyVersions = ReadonlyMap<number, Buffer>

let versions = new Map<number, Buffer>()
let writes = 0
const subkeys = new Map<string, Buffer>()

/** A new version in its text form. */
export function makeMasterKey(version = 1): string {
  return masterKeyText(new Map([[version, randomBytes(32)]])).trimEnd()
}

/** One line a version, each ended. */
export function masterKeyText(all: MasterKeyVersions): string {
  return [...all]
    .sort(([a], [b]) => a - b)
    .map(([version, key]) => `${version}:${key.toString('base64url')}\n`)
    .join('')
}

/** @throws MasterKeyProblem when it has another shape */
export function readMasterKeyText(text: string): Map<number, Buffer> {
  const read = new Map<number, Buffer>()
  for (const line of text.split(/\s+/).filter(Boolean)) {
    const [, version, key] = MASTER_KEY_LINE.exec(line) ?? []
    if (!version || !key)
      throw new MasterKeyProblem(
        'The master key must be a line such as 1:… with 32 bytes in base64url. Check that the file is whole.',
      )
    if (read.has(Number(version))) throw new MasterKeyProblem(`Version ${version} of the master key is there twice.`)
    read.set(Number(version), Buffer.from(key, 'base64url'))
  }
  if (read.size === 0) throw new MasterKeyProblem('The master key is empty.')
  return read
}

/**
 * Takes the master key into use, and forgets every version that is not among these.
 * @param under the version of new seals; the highest when the database does not say
 * @throws MasterKeyProblem when a text has another shape
 */
export function useMasterKey(all: MasterKeyVersions | string, under?: number) {
  const next = typeof all === 'string' ? readMasterKeyText(all) : new Map(all)
  for (const [name, key] of subkeys) {
    const version = Number.parseInt(name)
    if (versions.get(version)?.equals(next.get(version) ?? EMPTY)) continue
    key.fill(0)
    subkeys.delete(name)
  }
  for (const [version, key] of versions) if (next.get(version) !== key) key.fill(0)
  versions = next
  writes = under ?? Math.max(...next.keys())
}

const EMPTY = Buffer.alloc(0)

/** Seals `plaintext` under the version of new seals: version (4 bytes, big-endian), then a FLOE envelope. */
export function sealUnderMaster(purpose: string, binding: string, plaintext: Buffer, version = writes): Buffer {
  const envelope = sealEnvelope(subkey(purpose, version), binding, plaintext, FIELD_SEGMENT)
  return Buffer.concat([masterVersionHead(version), envelope])
}

/** @throws EnvelopeRefused when it is not what was sealed, MasterKeyProblem when its version is not at hand */
export function unsealUnderMaster(purpose: string, binding: string, sealed: Buffer): Buffer {
  if (sealed.length < 4) throw new EnvelopeRefused('too short')
  return unsealEnvelope(subkey(purpose, sealed.readUInt32BE(0)), binding, sealed.subarray(4))
}

/** Whether a key opens what names its version. It is not taken into use by that. */
export function opensUnderMaster(key: Buffer, purpose: string, binding: string, sealed: Buffer): boolean {
  const candidate = deriveKey(key, `master/${purpose}`)
  try {
    unsealEnvelope(candidate, binding, sealed.subarray(4)).fill(0)
    return true
  } catch (error) {
    if (!(error instanceof EnvelopeRefused)) throw error
    return false
  } finally {
    candidate.fill(0)
  }
}

/** The same content under another version. @throws EnvelopeRefused, MasterKeyProblem */
export function resealUnderMaster(purpose: string, binding: string, sealed: Buffer, version: number): Buffer {
  return sealUnderMaster(purpose, binding, unsealUnderMaster(purpose, binding, sealed), version)
}

/** What stands in front of everything that is sealed under a version. As bytes they sort as the versions do. */
export function masterVersionHead(version: number): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(version)
  return head
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

/** The version that new seals are made under. */
export function writtenMasterVersion(): number {
  return writes
}

/** A version in use of which these hold another key. @param proven one of which these are known to hold the right one */
export function versionThatDiffers(all: MasterKeyVersions, proven: number | undefined): number | undefined {
  return masterVersions().find(
    (version) => version !== proven && all.has(version) && !all.get(version)!.equals(versions.get(version)!),
  )
}

/** Every version at hand, in ascending order. */
export function masterVersions(): number[] {
  return [...versions.keys()].sort((a, b) => a - b)
}
