/** Opens a backup with the master key at hand: its manifest first, then frame by frame. What is damaged of it is passed over and told. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { firstUnknown } from '../database/migrate.ts'
import { EnvelopeRefused, unsealingStream } from '../vault/floe.ts'
import { MasterKeyProblem, subkey } from '../vault/master-key.ts'
import { BACKUP_SEGMENT, readFrames, type FrameOrGap } from './backup-frames.ts'
import { backupBinding, readHeader, type Manifest } from './backup-form.ts'

export interface OpenedBackup {
  manifest: Manifest
  masterKeyVersion: number
  /** What follows the manifest. */
  frames: AsyncGenerator<FrameOrGap>
}

/** @throws Error with a sentence: no backup, a key that is not at hand or another one, a damaged beginning, a schema of a newer version */
export async function openBackup(path: string): Promise<OpenedBackup> {
  const { length, masterKeyVersion } = readHeader(await firstBytes(path))
  const sealed = createReadStream(path, { start: length, highWaterMark: BACKUP_SEGMENT })
  const unsealing = unsealingStream(keyOf(masterKeyVersion), backupBinding(masterKeyVersion), () => {})
  const frames = readFrames(pipeline(sealed, unsealing, () => {}) as AsyncIterable<Buffer>)
  const first = await frames.next().catch((error: unknown) => {
    if (!(error instanceof EnvelopeRefused)) throw error
    throw new MasterKeyProblem(
      `The master key at hand (version ${masterKeyVersion}) does not open this backup: it was sealed under another one, or its beginning is damaged.`,
    )
  })
  const frame = first.value as FrameOrGap | undefined
  if (!frame || frame === 'gap' || frame.kind !== 'manifest' || !frame.ends)
    throw new Error('The beginning of this backup is damaged. Nothing of it can be restored; take an earlier one.')
  const manifest = JSON.parse(frame.bytes.toString()) as Manifest
  const unknown = firstUnknown(manifest.migrations)
  if (unknown)
    throw new Error(
      `This backup was made by a newer version of Letterlock (${manifest.letterlock}, ${unknown}). Restore it with that version.`,
    )
  return { manifest, masterKeyVersion, frames }
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: Error) => {
    throw new Error(`The backup cannot be read: ${error.message}.`)
  })
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

function keyOf(version: number): Buffer {
  try {
    return subkey('backup', version)
  } catch (error) {
    if (!(error instanceof MasterKeyProblem)) throw error
    throw new MasterKeyProblem(
      `This backup was sealed under version ${version} of the master key, which is not at hand. Put that version back from its safe copy; nothing else opens it.`,
    )
  }
}
