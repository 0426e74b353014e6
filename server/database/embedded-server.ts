/**
 * The embedded server as a process: starting it, and finding one that runs, whoever's child it was. It may outlive the
 * Node that started it, and the file in which it writes its number may outlive it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { commandOf, insideFolder, startedAs, type RunAs } from './embedded-process.ts'

export interface Server {
  pid: number
  port: number
  /** It takes connections; otherwise it is starting, recovering or stopping. */
  ready: boolean
  /** Its cluster_name, by which it is known in the list of processes and over a connection. */
  name: string
}

export interface Launch {
  pid: number | undefined
  /** Why it ended, once it has. */
  ended: string | undefined
}

const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // A statement, its parameters or the row it failed on may hold what nobody should find in a log: those messages go to
  // the client alone, and what is logged (starts, stops, refused connections) comes without details.
  log_statement: 'none',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_min_duration_statement: '-1',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
}

/** Starts PostgreSQL and returns at once; `findServer` tells when it is ready. */
export async function launchServer(how: {
  programs: string
  folder: string
  user: RunAs
  port: number
  logFile: string
  settings: Record<string, string>
}): Promise<Launch> {
  const settings = { ...SETTINGS, port: String(how.port), ...how.settings, cluster_name: nameOf(how.folder) }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const log = await open(how.logFile, 'a', 0o600)
  const { size: logged } = await log.stat()
  const launch: Launch = { pid: undefined, ended: undefined }
  try {
    await insideFolder(how.folder, how.user, (path, inherit) => {
      const child = spawn(join(how.programs, 'bin/postgres'), ['-D', path, ...flags], {
        ...startedAs(how.user),
        // In a session of its own, so that Ctrl-C at the terminal reaches Node alone, which stops PostgreSQL last.
        detached: true,
        stdio: ['ignore', log.fd, log.fd, ...inherit],
      })
      launch.pid = child.pid
      child.on('error', (error) => (launch.ended = error.message))
      child.on('exit', () => (launch.ended ??= lastComplaint(how.logFile, logged)))
      child.unref()
    })
  } catch (error) {
    launch.ended = (error as Error).message
  } finally {
    await log.close()
  }
  return launch
}

function lastComplaint(logFile: string, from: number): string {
  const lines = readQuietly(logFile).subarray(from).toString().trim().split('\n')
  const line = lines.find((one) => /FATAL|PANIC/.test(one)) ?? lines.at(-1)
  return line?.replace(/^.*?(FATAL|PANIC|LOG): +/, '') || 'it ended without a word'
}

/** It is asked when PostgreSQL has ended, and then the folder may be gone. */
function readQuietly(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}

/** Free now; should somebody else take it before PostgreSQL does, the start is tried again with another one. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/**
 * The server that runs on this folder, if any. PostgreSQL believes its own pid file as long as any process has that
 * number, be it a dead one that nobody has buried, and numbers come round quickly in a container. So we ask what the
 * process is, and remove a stale file.
 */
export function findServer(folder: string): Server | undefined {
  const pidFile = join(folder, 'postmaster.pid')
  const [pid, , , port, , , , status] = linesOf(pidFile)
  if (pid === undefined) return undefined
  const name = nameOf(folder)
  const command = commandOf(Math.abs(Number(pid)))
  if (command?.includes(`cluster_name=${name}`))
    return { pid: Number(pid), port: Number(port), ready: status === 'ready', name }
  if (command && mayServe(command, folder))
    throw new Error(
      `A PostgreSQL that Letterlock did not start (process ${pid}) works on ${folder}: stop it, then start again.`,
    )
  // Everything since reading the file happened in one breath, so no new server can have written it meanwhile. (Should
  // one have: two servers on one folder are still prevented by PostgreSQL's shared memory, which is named after it.)
  rmSync(pidFile, { force: true })
  return undefined
}

function linesOf(pidFile: string): string[] {
  try {
    const lines = readFileSync(pidFile, 'utf8')
      .split('\n')
      .map((line) => line.trim())
    if (lines[0]) return lines
    // Empty: about to be written, or left so by a crash, over which PostgreSQL would stumble for ever.
    if (Date.now() - statSync(pidFile).mtimeMs > 2000) rmSync(pidFile)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return []
}

function nameOf(folder: string): string {
  const { dev, ino } = statSync(folder, { bigint: true })
  return `letterlock_${dev}_${ino}`
}

function mayServe(command: string[], folder: string): boolean {
  if (!/(^|\/)postgres$/.test(command[0] ?? '') || command.some((part) => part.startsWith('cluster_name=letterlock_')))
    return false
  const served = command[command.indexOf('-D') + 1]
  try {
    return !command.includes('-D') || statSync(served ?? '').ino === statSync(folder).ino
  } catch {
    return false
  }
}

/** Signals it only while its number is still its own, and says whether it was. */
export function signalServer(server: Server, signal: 'SIGINT' | 'SIGQUIT' | 0): boolean {
  if (!commandOf(server.pid)?.includes(`cluster_name=${server.name}`)) return false
  try {
    return process.kill(server.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
