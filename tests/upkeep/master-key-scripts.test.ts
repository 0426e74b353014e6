/** The master key as an operator handles it: beside a server that runs, in a file, in a setting and at a key service, and in a safe. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startChildServer, type ChildServer } from '../faults/child-server.ts'
import { openKeyCopy, readKeyCopy } from '../../server/upkeep/key-copy.ts'
import { makeMasterKey } from '../../server/vault/master-key.ts'
import { textFile, writeTo } from '../support/letters.ts'
import { bareEnvironment } from '../support/template.ts'
import { startTransit, type TransitService } from '../support/transit.ts'
import { until } from '../support/until.ts'
import { signedIn, type Visitor } from '../support/visitor.ts'
import { beginScript, folderBeside, runScript } from './operate.ts'

let server: ChildServer
let folder: string
let service: TransitService
before(async () => {
  server = await startChildServer()
  folder = folderBeside(server)
  service = await startTransit()
})
after(async () => {
  await service.stop()
  await server.stop()
})

const PASSPHRASE = 'seven herons walk over wet slate'
const file = () => join(server.dataDir, 'master.key')
const run = (name: string, args: string[] = [], more: Record<string, string> = {}) =>
  runScript(name, args, { DATA_DIR: server.dataDir, PORT: String(server.port), ...more })
const passphraseFile = () => {
  const path = join(mkdtempSync(join(folder, 'secret-')), 'passphrase')
  writeFileSync(path, `${PASSPHRASE}\n`)
  return path
}
const versionOfRows = async () =>
  (
    await server.sql<{ head: Buffer }>(
      'SELECT DISTINCT substring(wrap from 1 for 4) AS head FROM thread_key_wraps UNION SELECT DISTINCT substring(key_wrapped from 1 for 4) FROM vault_keys WHERE key_wrapped IS NOT NULL',
    )
  ).map(({ head }) => head.readUInt32BE(0))
const acts = async () =>
  (
    await server.sql<{ act: string }>(`SELECT act FROM access_events WHERE act LIKE 'master-key.%' ORDER BY at, id`)
  ).map(({ act }) => act)

function sealedFiles(): Map<string, string> {
  const at = join(server.dataDir, 'files')
  const names = (readdirSync(at, { recursive: true }) as string[]).filter((name) => statSync(join(at, name)).isFile())
  return new Map(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(at, name)))
        .digest('hex'),
    ]),
  )
}

describe('beside a running server', () => {
  let dana: Visitor
  let kept: string

  test("the server learns the new version by itself; what was written before opens, and no sealed file's bytes change", async () => {
    dana = await signedIn(server, server.cast.dana)
    kept = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: 'Before',
      body: 'word-from-before',
      files: [textFile('before.txt', 'file-from-before\n')],
    })
    const waiting = await writeTo(dana, { to: 'newcomer@mail.example', subject: 'Waiting', body: 'for-the-newcomer' })
    const before = sealedFiles()
    assert.ok(before.size > 0)
    const { code, said } = await run('rotate-master-key')
    assert.equal(code, 0, said)
    assert.match(
      said,
      /Version 2 of the master key is there \(the file .*master\.key\)\.[^]*Every running process knows it/,
    )
    assert.match(
      said,
      /Nothing needs version 1 any more\. It is destroyed in the file \S+master\.key\.[^]*Everything is under version 2 of the master key/,
    )
    assert.deepEqual(sealedFiles(), before)
    assert.match(readFileSync(file(), 'utf8'), /^2:[\w-]{43}\n$/)
    assert.deepEqual(await acts(), [
      'master-key.added',
      'master-key.in-use',
      'master-key.resealed',
      'master-key.retired',
    ])
    const maria = await signedIn(server, server.cast.maria)
    const page = await maria.ask(`/messages/${kept}`)
    assert.match(page.body, /word-from-before/)
    assert.match((await dana.ask(`/messages/${waiting}`)).body, /for-the-newcomer/)
    await writeTo(dana, { to: server.cast.maria.email, subject: 'After', body: 'word-from-after' })
    assert.deepEqual(await versionOfRows(), [2])
  })

  test('another key in the place of the one in use is not taken up: the log says so, and everything goes on', async () => {
    const right = readFileSync(file(), 'utf8')
    writeFileSync(file(), `${makeMasterKey(2)}\n`)
    await server.sql(`SELECT pg_notify('letterlock_master_key', '')`)
    await until(
      () => /Version 2 of the master key in the file .* is not the one .* It was not taken up/.test(server.said()),
      'the line in the log',
    )
    assert.ok(!server.said().includes(readFileSync(file(), 'utf8').trim().slice(2)))
    await writeTo(dana, { to: server.cast.maria.email, subject: 'Meanwhile', body: 'word-from-meanwhile' })
    const maria = await signedIn(server, server.cast.maria)
    assert.match((await maria.ask(`/messages/${kept}`)).body, /word-from-before/)
    writeFileSync(file(), right)
    await server.sql(`SELECT pg_notify('letterlock_master_key', '')`)
  })

  test('133. wrong or missing master key version -> with the old version alone it does not start, reads nothing, writes nothing, says key id', async () => {
    await server.end()
    const right = readFileSync(file(), 'utf8')
    writeFileSync(file(), `${makeMasterKey(1)}\n`)
    const { startInVain } = await import('../faults/child-server.ts')
    const { code, said } = await startInVain({ DATA_DIR: server.dataDir, PORT: String(server.port) })
    assert.equal(code, 1)
    assert.match(said, /Version 2 of the master key is missing/)
    assert.equal(readFileSync(file(), 'utf8').split(':')[0], '1')
    writeFileSync(file(), right)
  })

  test('and starts again with the new version alone', async () => {
    await server.startAgain()
    const maria = await signedIn(server, server.cast.maria)
    assert.match((await maria.ask(`/messages/${kept}`)).body, /word-from-before/)
  })

  test('144. `ps e`, /proc/PID/environ -> no secret: no key of either version, whoever rotates it', async () => {
    const before = readFileSync(file(), 'utf8').trim()
    const { child, ended } = beginScript('rotate-master-key', [], { DATA_DIR: server.dataDir })
    let shown = ''
    while (child.exitCode === null && child.signalCode === null) {
      shown += readQuietly(`/proc/${child.pid}/cmdline`) + readQuietly(`/proc/${child.pid}/environ`)
      shown += execFileSync('ps', ['eww', '-A', '-o', 'args'], { maxBuffer: 1e8 }).toString()
      await new Promise((done) => setTimeout(done, 100))
    }
    const { code, said } = await ended
    assert.equal(code, 0, said)
    assert.ok(shown.includes('rotate-master-key.js'), 'there was something to read')
    for (const line of [before, readFileSync(file(), 'utf8').trim()])
      for (const place of [shown, said, server.said()]) assert.ok(!place.includes(line.split(':')[1]!))
  })
})

describe('a copy for the safe', () => {
  const copy = () => join(folder, 'copy.txt')

  test('is for its owner only, is tried before it is kept, is in the log, and holds nothing clear', async () => {
    const { code, said } = await run('export-master-key', [copy(), '--passphrase-file', passphraseFile()])
    assert.equal(code, 0, said)
    assert.match(said, /holds version 3 of the master key, and was opened once to try it/)
    assert.match(said, /Print it, lay the paper into a safe, keep the passphrase in another place/)
    assert.equal(statSync(copy()).mode & 0o777, 0o600)
    assert.equal((await acts()).at(-1), 'master-key.exported')
    const text = readFileSync(copy(), 'utf8')
    const key = Buffer.from(readFileSync(file(), 'utf8').trim().split(':')[1]!, 'base64url')
    for (const form of [key.toString('hex'), key.toString('base64'), key.toString('base64url'), PASSPHRASE])
      assert.ok(!text.replace(/\s/g, '').includes(form.replace(/\s/g, '')))
  })

  test('brings the key back where it was lost', async () => {
    await server.end()
    const right = readFileSync(file(), 'utf8')
    rmSync(file())
    const { code, said } = await run('import-master-key', [copy(), '--passphrase-file', passphraseFile()])
    assert.equal(code, 0, said)
    assert.match(said, /Version 3 of the master key is back: the file .*master\.key/)
    assert.equal(readFileSync(file(), 'utf8'), right)
    assert.equal(statSync(file()).mode & 0o777, 0o600)
    await server.startAgain()
  })

  test(
    'at a terminal the passphrase is asked for twice and not shown',
    { skip: existsSync('/usr/bin/script') ? false : 'no program "script" here' },
    async () => {
      const to = join(folder, 'asked.txt')
      const program = fileURLToPath(new URL('../../scripts/export-master-key.js', import.meta.url))
      const child = spawn('/usr/bin/script', ['-qec', `${process.execPath} ${program} ${to}`, '/dev/null'], {
        env: { ...bareEnvironment(), DATA_DIR: server.dataDir, LOG_LEVEL: 'error' },
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
      for (const question of ['A passphrase for the copy', 'The same once more']) {
        await until(() => said.includes(question), question)
        child.stdin.write(`${PASSPHRASE}x\u007f\r`)
      }
      await once(child, 'exit')
      assert.match(said, /holds version 3 of the master key/)
      assert.ok(!said.includes('herons'), said)
      assert.deepEqual([...(await openKeyCopy(readKeyCopy(readFileSync(to, 'utf8')), PASSPHRASE)).keys()], [3])
    },
  )
})

describe('in a setting, where this program cannot write', () => {
  test('it says what the operator has to do, one step after the other, and loses nothing', async () => {
    const first = readFileSync(file(), 'utf8').trim()
    const second = makeMasterKey(4)
    await server.end()
    const env = (key: string) => ({ MASTER_KEY_PROVIDER: 'env', MASTER_KEY: key })
    const one = await run('rotate-master-key', [], env(first))
    assert.equal(one.code, 1)
    assert.match(one.said, /cannot add version 4\. Run `npm run -s make-master-key -- 4`/)
    const two = await run('rotate-master-key', [], env(`${first} ${second}`))
    assert.equal(two.code, 1)
    assert.match(two.said, /rows are sealed again under version 4[^]*Take the line that begins with 3: out of it/)
    const three = await run('rotate-master-key', [], env(second))
    assert.equal(three.code, 0, three.said)
    assert.match(three.said, /Everything is under version 4/)
    for (const { said } of [one, two, three]) assert.ok(![first, second].some((key) => said.includes(key.slice(2))))
    writeFileSync(file(), `${second}\n`)
    await server.startAgain()
    assert.deepEqual(await acts().then((all) => all.slice(-2)), ['master-key.resealed', 'master-key.retired'])
    const maria = await signedIn(server, server.cast.maria)
    assert.match((await maria.ask('/messages')).body, /Before/)
  })
})

describe('at a key service', () => {
  const settings = () => ({
    MASTER_KEY_PROVIDER: 'transit',
    TRANSIT_ADDRESS: service.address,
    TRANSIT_KEY: service.key,
    TRANSIT_TOKEN_FILE: tokenFile,
  })
  let tokenFile: string

  test('the key moves there by its copy, and nothing of it rests here', async () => {
    tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, `${service.token}\n`)
    const copy = join(folder, 'for-the-service.txt')
    assert.equal((await run('export-master-key', [copy, '--passphrase-file', passphraseFile()])).code, 0)
    await server.end()
    const moved = await run('import-master-key', [copy, '--passphrase-file', passphraseFile()], settings())
    assert.equal(moved.code, 0, moved.said)
    assert.match(moved.said, /Version 4 of the master key is back: the key service at http:\/\/127/)
    assert.match(readFileSync(join(server.dataDir, 'master.key.wrapped'), 'utf8'), /^4:vault:v1:/)
    rmSync(file())
  })

  test('a rotation makes the version there and has the service destroy what it wrapped before', async () => {
    const before = readFileSync(join(server.dataDir, 'master.key.wrapped'), 'utf8')
    const { code, said } = await run('rotate-master-key', [], settings())
    assert.equal(code, 0, said)
    assert.match(said, /Everything is under version 5/)
    const after = readFileSync(join(server.dataDir, 'master.key.wrapped'), 'utf8')
    assert.match(after, /^5:vault:v2:\S+\n$/)
    assert.equal(existsSync(file()), false)
    writeFileSync(join(folder, 'old-wrapped'), before)
    const old = await run('rotate-master-key', [], { ...settings(), MASTER_KEY_FILE: join(folder, 'old-wrapped') })
    assert.match(
      old.said,
      /refused to decrypt with key letterlock: ciphertext or signature version is disallowed by policy/,
    )
    assert.ok(!said.includes(service.token))
  })

  test('133. while the service is sealed, away, or refuses the token, the server does not start and says which', async () => {
    const { startInVain } = await import('../faults/child-server.ts')
    const start = () => startInVain({ DATA_DIR: server.dataDir, PORT: String(server.port), ...settings() })
    service.state.sealed = true
    assert.match((await start()).said, /key service at .* is sealed or not ready/)
    service.state.sealed = false
    service.state.token = 'hvs.changed'
    const refused = await start()
    assert.equal(refused.code, 1)
    assert.match(refused.said, /does not let TRANSIT_TOKEN do this: transit\/decrypt\/letterlock/)
    assert.ok(!refused.said.includes(service.token))
    service.state.token = service.token
    assert.match((await start()).said, /Letterlock is running/)
  })
})

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
