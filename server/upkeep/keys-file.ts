/**
 * The file of keys in an export: a line that says how the passphrase becomes a key, then one FLOE envelope with a line for each key. Nothing of
 * it is ever clear on the disk. docs/format.md describes it.
 */
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import { BODY_SEGMENT, sealingStream } from '../vault/floe.ts'
import { keyFromPassphrase, newStretching } from '../vault/passphrase-key.ts'
import { writeWhole } from './bundle-folder.ts'

export interface KeysFile {
  add(line: object): Promise<void>
  /** Seals the last line and flushes the file. */
  end(): Promise<void>
}

export const KEYS_FILE = 'keys.sealed'

export async function beginKeysFile(file: FileHandle, exportId: string, passphrase: string): Promise<KeysFile> {
  const { salt, ...numbers } = newStretching()
  const key = await keyFromPassphrase(passphrase, { salt, ...numbers })
  const head = { format: 'letterlock-keys/1', kdf: 'scrypt', ...numbers, salt: salt.toString('base64url') }
  await file.write(`${JSON.stringify(head)}\n`)
  const lines = sealingStream(key, `export/${exportId}/keys`, BODY_SEGMENT)
  const written = writeAll(file, lines)
  // Whoever adds the next line, or ends the file, hears of it.
  written.catch(() => {})
  return {
    async add(line) {
      if (lines.destroyed) await written
      if (!lines.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(lines, 'drain'), written])
    },
    async end() {
      lines.end()
      await written
      await file.sync()
      await file.close()
    },
  }
}

async function writeAll(file: FileHandle, pieces: AsyncIterable<Buffer>) {
  for await (const piece of pieces) await writeWhole(file, piece)
}
