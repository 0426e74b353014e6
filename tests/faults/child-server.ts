/** Letterlock as a process of its own, to be killed, searched and looked at from outside. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { findServer, signalServer } from '../../server/database/embedded-server.ts'
import { castIn } from '../support/cast.ts'
import { freePort } from '../support/free-port.ts'
import type { TestServer } from '../support/server.ts'
import { bareEnvironment, copyTemplate, mainFile } from '../support/template.ts'

export interface ChildServer extends TestServer {
  /** Everything that it has written to its two outputs since the first start. */
  said(): string
  pid(): number
  /** Starts the process again, on the same folder and port. */
  startAgain(): Promise<void>
  /** SIGTERM, and waits for the end. The folder stays. */
  end(): Promise<void>
  /** SIGKILL for Node alone; PostgreSQL lives on. */
  kill(): Promise<void>
  /** SIGKILL for Node and PostgreSQL. */
  killEverything(): Promise<void>
}

/** @param settings on top of those of a bare try-out */
export async function startChildServer(settings: Record<string, string> = {}): Promise<ChildServer> {
  return startOn(await copyTemplate(), settings)
}

/** The same on a folder that is there already, or that the server is to make. */
export async function startOn(dataDir: string, settings: Record<string, string> = {}): Promise<ChildServer> {
  const port = await freePort()
  const env = { ...bareEnvironment(), LOG_LEVEL: 'info', ...settings, DATA_DIR: dataDir, PORT: String(port) }
  const output: string[] = []
  let child = await begin(env, output)
  const postgres = join(dataDir, 'postgres')

  async function killNode(signal: 'SIGTERM' | 'SIGKILL') {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  return {
    baseUrl: `http://localhost:${port}`,
    port,
    dataDir,
    get cast() {
      return castIn(dataDir)
    },
    sql: (text, values) => askOwner(dataDir, text, values),
    said: () => output.join(''),
    pid: () => child.pid!,
    async startAgain() {
      child = await begin(env, output)
    },
    end: () => killNode('SIGTERM'),
    kill: () => killNode('SIGKILL'),
    async killEverything() {
      const server = findServer(postgres)
      await killNode('SIGKILL')
      if (server) process.kill(server.pid, 'SIGKILL')
      while (server && signalServer(server, 0)) await pause(5)
    },
    async stop() {
      await killNode('SIGTERM')
      await stopDatabase(dataDir)
      rmSync(join(dataDir, '..'), { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Starts the program and waits for it to end by itself, as it has to when it refuses to start. */
export async function startInVain(env: Record<string, string>): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [mainFile], {
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const listen = (chunk: Buffer) => {
    said += chunk.toString()
    if (said.includes('Letterlock is running')) child.kill('SIGTERM')
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

/** Asks the database that runs on a folder, as its owner. */
export async function askOwner<Row>(dataDir: string, text: string, values: unknown[] = []): Promise<Row[]> {
  return askAs(dataDir, 'owner', text, values)
}

export async function askAs<Row>(
  dataDir: string,
  role: 'owner' | 'app' | 'superuser',
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client(urlOf(dataDir, role))
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text, values)).rows as Row[]
  } finally {
    await client.end()
  }
}

export function urlOf(dataDir: string, role: 'owner' | 'app' | 'superuser'): string {
  const passwords = passwordsOf(dataDir)
  const user = role === 'superuser' ? 'postgres' : `letterlock_${role}`
  const { port } = findServer(join(dataDir, 'postgres'))!
  return `postgresql://${user}:${passwords[role]}@127.0.0.1:${port}/letterlock`
}

export function passwordsOf(dataDir: string): Record<'owner' | 'app' | 'superuser', string> {
  return JSON.parse(readFileSync(join(dataDir, 'postgres-passwords.json'), 'utf8')) as never
}

/** Stops a database that outlived its Letterlock. */
export async function stopDatabase(dataDir: string): Promise<void> {
  const server = findServer(join(dataDir, 'postgres'))
  if (server) signalServer(server, 'SIGQUIT')
  while (server && signalServer(server, 0)) await pause(10)
}

function begin(env: Record<string, string>, output: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [mainFile], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const from = output.length
  const said = () => output.slice(from).join('')
  return new Promise((done, fail) => {
    const listen = (chunk: Buffer) => {
      output.push(chunk.toString())
      if (said().includes('Letterlock is running')) done(child)
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.on('exit', (code) => fail(new Error(`it ended with ${code}:\n${said()}`)))
  })
}
