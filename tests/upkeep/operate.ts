/** What an operator does, as they do it: the scripts, as processes of their own, on folders of theirs. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
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
