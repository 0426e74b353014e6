/** The process from outside: nobody looks into its memory, keys do not stay in it, and without randomness it does not run. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { freePort } from '../support/free-port.ts'
import { secondLook } from '../support/server.ts'
import { bareEnvironment, copyTemplate, mainFile } from '../support/template.ts'
import { until } from '../support/until.ts'
import { signedIn } from '../support/visitor.ts'
import { startChildServer, startInVain, startOn, type ChildServer } from './child-server.ts'

const canFail = process.getuid?.() === 0 && ['strace', 'unshare'].every((each) => !spawnSync(each, ['--version']).error)
const cannotFail = !canFail && 'needs root, strace and unshare'

describe('137. Random source fails/EOF -> process exits, nothing written', () => {
  test('at the first start', { skip: cannotFail }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'letterlock-random-'))
    const dataDir = join(folder, 'data')
    const env = { ...bareEnvironment(), DATA_DIR: dataDir, PORT: String(await freePort()) }
    // The call that asks for randomness fails, and the devices that are asked instead are empty.
    const without = `mount --bind /dev/null /dev/urandom && mount --bind /dev/null /dev/random && exec strace -f -qq -o /dev/null -e trace=getrandom -e inject=getrandom:error=EIO '${process.execPath}' '${mainFile}'`
    const child = spawn('unshare', ['-m', 'sh', '-c', without], { env, stdio: 'ignore', timeout: 60_000 })
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    assert.ok(code !== 0 && signal !== 'SIGTERM', `it ended with ${code ?? signal}`)
    assert.ok(!existsSync(join(dataDir, 'master.key')))
    assert.ok(!existsSync(join(dataDir, 'postgres')))
    rmSync(folder, { recursive: true })
  })
})

describe('143. Core dump, heap snapshot, `--inspect`, SIGUSR1 -> off in production', () => {
  let server: ChildServer
  let settings: Record<string, string>

  before(async () => {
    const dataDir = await copyTemplate()
    const database = await secondLook(dataDir)
    const owner = new pg.Client({ connectionString: database.ownerUrl })
    await owner.connect()
    await owner.query(`UPDATE installation SET value = 'production' WHERE name = 'kind'`)
    await owner.end()
    await database.stop()
    settings = {
      NODE_ENV: 'production',
      BASE_URL: 'https://mail.riverside.example',
      SMTP_URL: 'smtp://127.0.0.1:9',
      MASTER_KEY_FILE: join(dataDir, 'master.key'),
      ORGANISATION_NAME: 'Riverside Clinic',
      ORGANISATION_PHONE: '555-0100',
      ORGANISATION_HOURS: 'Monday to Friday, 8 am to 5 pm',
      EMERGENCY_PHONE: '911',
    }
    server = await startOn(dataDir, settings)
  })
  after(() => server.stop())

  const programs = () => [server.pid()]

  test('a signal opens no debugger', async () => {
    const listening = socketsOf(programs())
    for (const pid of programs()) process.kill(pid, 'SIGUSR1')
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/health/live`)).status, 200)
    assert.deepEqual(socketsOf(programs()), listening)
    assert.doesNotMatch(server.said(), /Debugger listening/)
  })

  test('a core dump has nothing of its memory', { skip: process.platform !== 'linux' && 'only on Linux' }, () => {
    assert.equal(filterOf(server.pid()), NOTHING)
  })

  test('options that open it are refused at the start, by their name', async () => {
    for (const option of ['--inspect=127.0.0.1:0', '--heapsnapshot-signal=SIGUSR2', '--report-on-signal']) {
      const { code, said } = await startInVain({
        ...settings,
        NODE_OPTIONS: option,
        DATA_DIR: server.dataDir,
        PORT: String(await freePort()),
      })
      assert.equal(code, 1, said)
      assert.ok(said.includes(`${option.split('=')[0]} lets others see what is in the server's memory`), said)
      assert.doesNotMatch(said, /running at/)
    }
  })
})

describe("147. Memory after logout -> user's private key gone within 60 s (best effort, measured)", () => {
  let server: ChildServer
  before(async () => {
    server = await startChildServer()
  })
  after(() => server.stop())

  test('143. the program that stretches passwords is closed too, wherever it runs', async () => {
    await signedIn(server, server.cast.dana)
    const programs = childrenOf(server.pid()).filter(isNode)
    const listening = socketsOf(programs)
    assert.ok(programs.length > 0)
    for (const pid of programs) {
      assert.equal(filterOf(pid), NOTHING)
      process.kill(pid, 'SIGUSR1')
    }
    await signedIn(server, server.cast.sam)
    assert.deepEqual(socketsOf(programs), listening)
  })

  test('the key is there while its person reads, and not a minute after they signed out', async (t) => {
    const maria = await signedIn(server, server.cast.maria)
    assert.equal((await maria.ask('/messages')).status, 200)
    const key = await privateHalfOf(server.cast.maria.email)
    assert.ok(inMemory(server.pid(), key) > 0, 'the look finds it')
    await maria.submit('/account', '/sign-out', {})
    const signedOut = Date.now()
    await until(() => inMemory(server.pid(), key) === 0, 'the key is gone')
    t.diagnostic(`gone after ${((Date.now() - signedOut) / 1000).toFixed(1)} s`)
  })

  async function privateHalfOf(email: string): Promise<Buffer> {
    Object.assign(process.env, { DATA_DIR: server.dataDir, PORT: String(server.port), LOG_LEVEL: 'error' })
    const { openStores } = await import('../../server/start.ts')
    const { readerOf } = await import('../support/letters.ts')
    const stops: (() => Promise<void> | void)[] = []
    await openStores(() => {}, stops)
    try {
      const reader = await readerOf(email)
      return Buffer.from((await reader.keyOf(reader.own.id)).privateKey)
    } finally {
      for (const stop of stops.reverse()) await stop()
    }
  }
})

/** Which parts of its memory a core dump of a process would hold, core(5). */
const filterOf = (pid: number) => readFileSync(`/proc/${pid}/coredump_filter`, 'utf8').trim()
const NOTHING = '00000000'

/** How often the bytes stand in what a process can write to. */
function inMemory(pid: number, bytes: Buffer): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    const areas = readFileSync(`/proc/${pid}/maps`, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
        return from && to ? [[parseInt(from, 16), parseInt(to, 16)] as const] : []
      })
    return areas.reduce((sum, [from, to]) => sum + countIn(memory, from, to, bytes), 0)
  } finally {
    closeSync(memory)
  }
}

const AT_ONCE = 64 * 1024 * 1024

function countIn(memory: number, from: number, to: number, bytes: Buffer): number {
  let count = 0
  for (let start = from; start < to; start += AT_ONCE) {
    const part = Buffer.alloc(Math.min(AT_ONCE + bytes.length, to - start))
    try {
      readSync(memory, part, 0, part.length, start)
    } catch {
      // What is promised and was never touched cannot be read.
      continue
    }
    for (let at = part.indexOf(bytes); at >= 0; at = part.indexOf(bytes, at + 1)) count += 1
  }
  return count
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => {
      try {
        return readFileSync(`/proc/${each}/stat`, 'latin1').split(') ').at(-1)!.split(' ')[1] === String(pid)
      } catch {
        return false
      }
    })
}

function isNode(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(process.execPath)
}

/** The local addresses at which these processes listen. */
function socketsOf(pids: number[]): string[] {
  const own = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '']
      } catch {
        return []
      }
    }),
  )
  return readFileSync(`/proc/${pids[0]}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && own.includes(inode!))
    .map(([, address]) => address!)
}
