/** What an operator does, as they do it: the scripts, as processes of their own, on folders of theirs. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { bareEnvironment } from '../support/template.ts'

export interface Said {
  code: number | null
  said: string
}

/** Starts a script; what it says comes with its end. */
export function beginScript(
  name: string,
  args: string[],
  env: Record<string, string>,
): { child: ChildProcess; ended: Promise<Said> } {
  const file = fileURLToPath(new URL(`../../scripts/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...bareEnvironment(), LOG_LEVEL: 'error', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, said }))
  return { child, ended }
}

export function runScript(name: string, args: string[], env: Record<string, string>): Promise<Said> {
  return beginScript(name, args, env).ended
}

/**
 * A folder beside a server's own, for what a test makes: the database's user may pass through it, and what is left running in it is found.
 */
export function folderBeside(server: { dataDir: string }): string {
  const folder = join(dirname(server.dataDir), 'beside')
  mkdirSync(folder, { mode: 0o755 })
  return folder
}

/** An empty DATA_DIR of another machine, on which somebody laid the master key of the first. */
export function newMachine(from: { dataDir: string }, folder: string): string {
  const machine = mkdtempSync(join(folder, 'machine-'))
  chmodSync(machine, 0o755)
  const dataDir = join(machine, 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  // The try-out's list of its people is no part of a backup; without it nobody would know their passwords.
  for (const name of ['master.key', 'demo.json']) copyFileSync(join(from.dataDir, name), join(dataDir, name))
  return dataDir
}

/** An empty place in this process, with the master key of another machine in use. */
export async function openPlace(from: { dataDir: string }, folder: string) {
  const { startEmbeddedDatabase } = await import('../../server/database/embedded.ts')
  const { disconnectDatabase } = await import('../../server/database/connection.ts')
  const { configureFileStore } = await import('../../server/attachments/file-store.ts')
  const { folderStore } = await import('../../server/attachments/folder-store.ts')
  const { fileKeyProvider } = await import('../../server/vault/file-key-provider.ts')
  const { useMasterKey } = await import('../../server/vault/master-key.ts')
  const dataDir = newMachine(from, folder)
  const keys = fileKeyProvider(join(dataDir, 'master.key'))
  useMasterKey(await keys.read())
  const embedded = await startEmbeddedDatabase({ dataDir, say: () => {}, settings: { fsync: 'off' } })
  const files = join(dataDir, 'files')
  configureFileStore(folderStore(files))
  return {
    place: { applicationUrl: embedded.applicationUrl, ownerUrl: embedded.ownerUrl, files, keys },
    files,
    async stop() {
      await disconnectDatabase()
      await embedded.stop()
    },
  }
}

/** Takes a place's database apart, so that the next backup finds it empty. */
export async function emptyAgain(ownerUrl: string): Promise<void> {
  const { singleConnection } = await import('../../server/database/connection.ts')
  const { emptyTarget } = await import('../../server/upkeep/restore-target.ts')
  const owner = await singleConnection(ownerUrl)
  await emptyTarget(owner).finally(() => owner.end())
}

/** What stands in which segment of a backup; the master key is in use. */
export async function framesBySegment(path: string): Promise<{ header: number; frames: string[][] }> {
  const { readHeader, backupBinding } = await import('../../server/upkeep/backup-form.ts')
  const { BACKUP_SEGMENT, readFrames } = await import('../../server/upkeep/backup-frames.ts')
  const { roomIn, unsealingStream } = await import('../../server/vault/floe.ts')
  const { subkey } = await import('../../server/vault/master-key.ts')
  const whole = readFileSync(path)
  const { length, masterKeyVersion } = readHeader(whole)
  const unsealing = unsealingStream(subkey('backup', masterKeyVersion), backupBinding(masterKeyVersion))
  unsealing.end(whole.subarray(length))
  const clear = await buffer(unsealing)
  const room = roomIn(BACKUP_SEGMENT)
  const frames: string[][] = []
  for (let at = 0; at < clear.length; at += room) {
    const found: string[] = []
    for await (const frame of readFrames(streamOfOne(clear.subarray(at, at + room))))
      found.push(frame === 'gap' ? 'gap' : `${frame.kind} ${frame.name}`)
    frames.push(found)
  }
  return { header: length + FLOE_HEADER, frames }
}

const FLOE_HEADER = 74

async function* streamOfOne(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}
