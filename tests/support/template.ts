/** A try-out that was started once and stopped: test files copy its DATA_DIR, which takes less time than making one. */
import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

export const mainFile = fileURLToPath(new URL('../../server/main.js', import.meta.url))

/** Nothing of a test is to outlive the machine, so nobody waits for the disk. A process that is killed loses nothing by it. */
const NO_DISK = `
fsync = off
autovacuum = off
`

/** The template lies in a folder of its own, which holds the copies too: whatever runs on one of them names that folder. */
export async function makeTemplate(beside = inMemory() ?? tmpdir()): Promise<string> {
  const folder = mkdtempSync(join(beside, 'letterlock-template-'))
  chmodSync(folder, 0o755) // the database's own user passes through it when the tests run as root
  const dataDir = join(folder, 'data')
  await startAndStop({ ...bareEnvironment(), DATA_DIR: dataDir, PORT: String(await freePort()), LOG_LEVEL: 'error' })
  appendFileSync(join(dataDir, 'postgres/postgresql.auto.conf'), NO_DISK)
  return dataDir
}

/** Half the time of a short test file is making and removing the thousand files of a database, which memory does in no time. */
function inMemory(): string | undefined {
  const folder = '/dev/shm'
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > ROOM ? folder : undefined
  } catch {
    return undefined
  }
}

const ROOM = 4 * 1024 ** 3

export function removeTemplate(dataDir: string) {
  rmSync(join(dataDir, '..'), { recursive: true, force: true })
}

/** The one that npm test made for every file, or one of its own for a file that is run by itself. */
async function theTemplate(): Promise<string> {
  return process.env['TEST_TEMPLATE'] ?? (own ??= ownTemplate())
}

let own: Promise<string> | undefined

async function ownTemplate() {
  const made = await makeTemplate()
  process.on('exit', () => removeTemplate(made))
  return made
}

/** A fresh copy of the template's DATA_DIR, beside it. */
export async function copyTemplate(): Promise<string> {
  const template = await theTemplate()
  const folder = mkdtempSync(join(template, '../test-'))
  chmodSync(folder, 0o755)
  execFileSync('cp', ['-a', template, join(folder, 'data')])
  return join(folder, 'data')
}

/** The environment without any setting of ours, so that a developer's own settings do not reach a test. */
export function bareEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME }
}

function startAndStop(env: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [mainFile], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  let stopping = false
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (stopping || !said.includes('Letterlock is running')) return
    stopping = true
    void firstNoticesSent(env['PORT']!).finally(() => child.kill('SIGTERM'))
  })
  return new Promise((done, fail) => {
    child.on('exit', (code) => (code === 0 ? done() : fail(new Error(`The template did not start:\n${said}`))))
  })
}

/** Waits for the notices of the try-out's first messages, so that no test finds them still on their way. */
async function firstNoticesSent(port: string): Promise<void> {
  await until(async () => {
    const mails = (await (await fetch(`http://localhost:${port}/demo/outbox.json`)).json()) as unknown[]
    return mails.length >= FIRST_NOTICES
  }, 'the first notices')
  // The last job is still to be taken off the queue.
  await new Promise((done) => setTimeout(done, 300))
}

/** One to each of the team of two for the answer, one to each patient who has not opened theirs. */
const FIRST_NOTICES = 4
