/** The master key is changed while everybody goes on: nothing is lost, nothing stays under the old version, and the old version is gone. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { KeyProvider } from '../../server/vault/key-provider.ts'
import { makeMasterKey } from '../../server/vault/master-key.ts'
import { urlOf } from '../faults/child-server.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { makeManyWraps, type ManyWraps } from './many-wraps.ts'
import { beginScript, runScript } from './operate.ts'

let server: TestServer
let wraps: ManyWraps
let provider: KeyProvider
before(async () => {
  server = await startTestServer()
  wraps = await makeManyWraps(server, 400)
  const { keyProvider } = await import('../../server/vault/key-provider.ts')
  provider = keyProvider({ provider: 'file', path: join(server.dataDir, 'master.key') })
})
after(() => server.stop())

const rotating = (more: Partial<{ patience: number; withoutDamaged: boolean }> = {}) => ({
  say: (line: string) => said.push(line),
  patience: 20_000,
  withoutDamaged: false,
  ...more,
})
const said: string[] = []
const rotate = async (more = {}) =>
  (await import('../../server/upkeep/rotate-master-key.ts')).rotateMasterKey(provider, rotating(more))
const file = () => join(server.dataDir, 'master.key')
const versionsInFile = () =>
  readFileSync(file(), 'utf8')
    .trim()
    .split('\n')
    .map((line) => Number(line.split(':')[0]))
const newest = async () => (await import('../../server/vault/master-key.ts')).writtenMasterVersion()
/** What was begun, to its end. The running server's job may do a part of it, or all. */
async function finish() {
  const { goOnWithRotation, RotationUnderWay } = await import('../../server/upkeep/rotate-master-key.ts')
  await until(async () => {
    try {
      await goOnWithRotation(provider, rotating())
      return true
    } catch (error) {
      if (error instanceof RotationUnderWay) return false
      throw error
    }
  }, 'the rotation ends')
  return newest()
}

/** The same by the script. */
async function script(...args: string[]) {
  for (;;) {
    const ended = await runScript('rotate-master-key', args, { DATA_DIR: server.dataDir })
    if (!ended.said.includes('Another process changes the master key')) return ended
  }
}

/** Version → rows, over every column of the list. */
async function rowsByVersion(): Promise<Record<string, number>> {
  const { COLUMNS_UNDER_MASTER } = await import('../../server/upkeep/columns-under-master.ts')
  const counts: Record<string, number> = {}
  for (const { table, column, rows } of COLUMNS_UNDER_MASTER)
    for (const { head, count } of await server.sql<{ head: Buffer; count: string }>(
      `SELECT substring(${column} from 1 for 4) AS head, count(*) FROM ${table} WHERE ${rows ?? 'TRUE'} AND ${column} IS NOT NULL GROUP BY 1`,
    ))
      counts[head.readUInt32BE(0)] = (counts[head.readUInt32BE(0)] ?? 0) + Number(count)
  return counts
}

const acts = async () =>
  (
    await server.sql<{ act: string }>(`SELECT act FROM access_events WHERE act LIKE 'master-key.%' ORDER BY at, id`)
  ).map(({ act }) => act)

test('rotation of hundreds of thread wraps under reads loses none: all open, all are under the new version, the old one is destroyed', async () => {
  assert.deepEqual([await newest(), versionsInFile()], [1, [1]])
  const meanwhile = wraps.readMeanwhile()
  const version = await rotate()
  const { opened, made } = await meanwhile.stop()
  assert.equal(version, 2)
  assert.ok(opened > 50 && made > 10, `${opened} opened, ${made} made`)
  assert.ok((await wraps.checkAll()) >= 400 + made)
  assert.deepEqual(Object.keys(await rowsByVersion()), ['2'])
  assert.deepEqual([await newest(), versionsInFile()], [2, [2]])
  assert.deepEqual(await acts(), ['master-key.added', 'master-key.in-use', 'master-key.resealed', 'master-key.retired'])
  assert.ok(
    said.some((line) => /^\d+ rows are sealed again under version 2\.$/.test(line)),
    said.join('\n'),
  )
  assert.ok(said.includes(`Nothing needs version 1 any more. It is destroyed in the file ${file()}.`))
  assert.ok(said.some((line) => /The copy in the safe does not hold version 2\. Make a new one now/.test(line)))
})

test("130. Old key version replaced by lower -> refused: nothing opens under the old version's subkeys, and the database takes no such row", async () => {
  const { subkey, masterVersions, masterVersionHead } = await import('../../server/vault/master-key.ts')
  assert.deepEqual(masterVersions(), [2])
  for (const purpose of ['keys', 'wraps', 'waiting', 'checking', 'backup'])
    assert.throws(() => subkey(purpose, 1), /Version 1 of the master key is missing/)
  const [row] = await server.sql<{ id: string; wrap: Buffer }>(
    'SELECT thread_key_id AS id, wrap FROM thread_key_wraps LIMIT 1',
  )
  const lowered = Buffer.concat([masterVersionHead(1), row!.wrap.subarray(4)])
  for (const change of [
    `UPDATE thread_key_wraps SET wrap = $1 WHERE thread_key_id = '${row!.id}'`,
    `UPDATE openers SET envelope = $1 WHERE kind = 'waiting'`,
    `UPDATE vault_keys SET key_wrapped = $1 WHERE name = 'directory'`,
    `INSERT INTO attachments (id, check_key_sealed) VALUES ('${row!.id}', $1)`,
  ])
    await assert.rejects(server.sql(change, [lowered]), /version 1 of the master key was retired/, change)
  const { unwrapUnderMaster } = await import('../../server/vault/wrap.ts')
  assert.throws(() => unwrapUnderMaster('any', lowered), /Version 1 of the master key is missing/)
})

describe('killed at random points', () => {
  test('and asked again, it goes on and loses none', async () => {
    const from = await newest()
    const meanwhile = wraps.readMeanwhile()
    let kills = 0
    for (const milliseconds of [0, 80, randomInt(1, 400), randomInt(1, 400)]) {
      const { child, ended } = beginScript('rotate-master-key', [], { DATA_DIR: server.dataDir })
      let begun = ''
      child.stdout!.on('data', (chunk: Buffer) => (begun += chunk.toString()))
      // From its first word on: before that it has only looked.
      await until(() => begun !== '' || child.exitCode !== null, 'the rotation begins')
      await pause(milliseconds)
      if (child.exitCode === null) kills++
      child.kill('SIGKILL')
      await ended
    }
    const last = await script()
    await meanwhile.stop()
    assert.equal(last.code, 0, last.said)
    assert.ok(kills > 0)
    const now = await newest()
    assert.ok(now > from)
    assert.deepEqual(Object.keys(await rowsByVersion()), [String(now)])
    assert.deepEqual(versionsInFile(), [now])
    await wraps.checkAll()
    const [unfinished] = await server.sql<{ count: string }>(
      'SELECT count(*) FROM master_key_rotations WHERE finished_at IS NULL',
    )
    assert.equal(unfinished!.count, '0')
  })

  test('and never asked again, the job of the running server brings it to its end', async () => {
    const { goOnRotating } = await import('../../server/upkeep/go-on-rotating.job.ts')
    const { askForRotation } = await import('../../server/upkeep/rotate-master-key.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const from = await newest()
    await goOnRotating()
    assert.equal(await newest(), from, 'nothing was begun, so nothing goes on')
    await inTransaction((transaction) => askForRotation(transaction))
    await until(async () => {
      // The minute's own run may be at it already.
      await goOnRotating()
      return versionsInFile().join() === String(from + 1)
    }, 'the job ends it')
    assert.deepEqual([await newest(), versionsInFile()], [from + 1, [from + 1]])
    await wraps.checkAll()
  })
})

describe('the old version is kept while anybody needs it', () => {
  const lookOn = async () => {
    const client = new pg.Client({
      connectionString: urlOf(server.dataDir, 'app'),
      application_name: 'another process',
    })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  test('a process that does not know the new version: nothing is written under it, and the sentence names the process', async () => {
    const from = await newest()
    const other = await lookOn()
    await other.query('SELECT pg_advisory_lock_shared(7203531, $1)', [from])
    await assert.rejects(rotate({ patience: 500 }), /"another process" does not know version \d+ yet\. Nothing is lost/)
    assert.equal(await newest(), from)
    assert.deepEqual(Object.keys(await rowsByVersion()), [String(from)])
    assert.deepEqual(versionsInFile(), [from, from + 1])
    await other.end()
    assert.equal(await finish(), from + 1)
  })

  test('a process that still writes under it: everything is sealed again, and it is not destroyed', async () => {
    const from = await newest()
    const other = await lookOn()
    await other.query('SELECT pg_advisory_lock_shared(7203532, $1)', [from])
    await assert.rejects(rotate({ patience: 500 }), /"another process" still writes under version \d+\./)
    assert.equal(await newest(), from + 1)
    assert.deepEqual(versionsInFile(), [from, from + 1])
    await other.end()
    assert.equal(await finish(), from + 1)
    assert.deepEqual(versionsInFile(), [from + 1])
  })

  test('a transaction that wrote under it and is not kept yet: it is waited for, and its row is sealed again', async () => {
    const { rewrapUnderMaster } = await import('../../server/vault/wrap.ts')
    const { bindingOf } = await import('../../server/messages/thread-key.ts')
    const { listWrapsOf } = await import('../../server/messages/thread-key.store.ts')
    const from = await newest()
    const [row] = await server.sql<{ id: string }>(
      `SELECT thread_key_id AS id FROM thread_key_wraps ORDER BY thread_key_id DESC LIMIT 1`,
    )
    const [wrap] = await listWrapsOf(row!.id)
    const other = await lookOn()
    await other.query('BEGIN')
    await other.query('UPDATE thread_key_wraps SET wrap = $1 WHERE thread_key_id = $2', [
      rewrapUnderMaster(bindingOf(wrap!), wrap!.wrap, from),
      row!.id,
    ])
    await assert.rejects(rotate({ patience: 500 }), /was begun under version \d+ is still under way, such as a backup/)
    assert.deepEqual(versionsInFile(), [from, from + 1])
    await other.query('COMMIT')
    await other.end()
    assert.equal(await finish(), from + 1)
    assert.deepEqual(Object.keys(await rowsByVersion()), [String(from + 1)])
    await wraps.checkAll()
  })

  test('the new version is not in the file, or is another key there: nothing is destroyed', async () => {
    const { goOnWithRotation } = await import('../../server/upkeep/rotate-master-key.ts')
    const from = await newest()
    const other = await lookOn()
    await other.query('SELECT pg_advisory_lock_shared(7203532, $1)', [from])
    await assert.rejects(rotate({ patience: 500 }), /"another process" still writes under version \d+\./)
    const right = readFileSync(file(), 'utf8')
    const old = right.split('\n')[0]!
    writeFileSync(file(), `${old}\n`)
    await other.end()
    const notThere = new RegExp(
      `Version ${from + 1} of the master key, .* is not in the file .* ${from} was not destroyed`,
    )
    const goOn = () =>
      until(
        () =>
          goOnWithRotation(provider, rotating()).then(
            () => 'it went on',
            (error: Error) => !error.message.includes('Another process') && error.message,
          ),
        'an answer',
      )
    assert.match(await goOn(), notThere)
    assert.equal(readFileSync(file(), 'utf8'), `${old}\n`)
    const another = `${old}\n${makeMasterKey(from + 1)}\n`
    writeFileSync(file(), another)
    assert.match(await goOn(), notThere)
    assert.equal(readFileSync(file(), 'utf8'), another)
    await wraps.checkAll()
    writeFileSync(file(), right)
    assert.equal(await finish(), from + 1)
    assert.deepEqual(versionsInFile(), [from + 1])
  })

  test('rows still under the version before: no backup is made that would need both, and none is given up because its version is not at hand', async () => {
    const from = await newest()
    // One that was made here has a single wrap.
    const [row] = await server.sql<{ id: string }>(
      'SELECT thread_key_id AS id FROM thread_key_wraps GROUP BY 1 HAVING count(*) = 1 ORDER BY 1 DESC LIMIT 1',
    )
    const other = await lookOn()
    await other.query('BEGIN')
    await other.query('SELECT FROM thread_key_wraps WHERE thread_key_id = $1 FOR UPDATE', [row!.id])
    await assert.rejects(rotate({ patience: 500 }), /was begun under version \d+ is still under way/)
    assert.equal(await newest(), from + 1)
    const backup = join(server.dataDir, '..', 'backup-of-both')
    const refused = await runScript('backup', [backup], { DATA_DIR: server.dataDir })
    assert.equal(refused.code, 1, refused.said)
    assert.match(
      refused.said,
      /The master key is being changed: \d+ rows are still under the version before\. Ask again when that has ended: npm run rotate-master-key\./,
    )
    assert.equal(existsSync(backup), false)
    const right = readFileSync(file(), 'utf8')
    writeFileSync(file(), `${right.split('\n')[1]!}\n`)
    const { tellOfMasterKey } = await import('../../server/vault/follow-master-key.ts')
    const { masterVersions } = await import('../../server/vault/master-key.ts')
    await tellOfMasterKey()
    await until(() => masterVersions().join() === String(from + 1), 'the server has no other version')
    await other.query('ROLLBACK')
    await other.end()
    const missing = await script('--without-damaged')
    assert.equal(missing.code, 1, missing.said)
    assert.match(
      missing.said,
      new RegExp(
        `\\d+ rows are under version ${from} of the master key, which is not at hand\\. That is no damage.*put version ${from} back \\(npm run import-master-key -- FILE\\)`,
      ),
    )
    writeFileSync(file(), right)
    await tellOfMasterKey()
    await until(() => masterVersions().length === 2, 'the server has it back')
    assert.equal(await finish(), from + 1)
    assert.deepEqual(Object.keys(await rowsByVersion()), [String(from + 1)])
    await wraps.checkAll()
    const made = await runScript('backup', [backup], { DATA_DIR: server.dataDir })
    assert.equal(made.code, 0, made.said)
    assert.match(made.said, new RegExp(`It opens with version ${from + 1} of the master key`))
  })

  test('rows that do not open under the version that they name: they are named and recorded, and the version goes only with --without-damaged', async () => {
    const from = await newest()
    const [row] = await server.sql<{ id: string; wrap: Buffer }>(
      `SELECT thread_key_id AS id, wrap FROM thread_key_wraps ORDER BY thread_key_id LIMIT 1`,
    )
    const damaged = Buffer.from(row!.wrap)
    damaged[damaged.length - 1]! ^= 1
    await server.sql('UPDATE thread_key_wraps SET wrap = $1 WHERE wrap = $2', [damaged, row!.wrap])
    const first = await script('--patience', '5')
    assert.equal(first.code, 1)
    assert.match(first.said, new RegExp(`thread_key_wraps ${row!.id}/\\S+ does not open under version ${from}`))
    assert.match(
      first.said,
      /1 rows do not open .* bring them back from a backup, or give them up with npm run rotate-master-key -- --without-damaged/,
    )
    assert.deepEqual(versionsInFile(), [from, from + 1])
    const refusals = async () =>
      Number(
        (
          await server.sql<{ count: string }>(
            `SELECT count(*) FROM access_events WHERE act = 'envelope.refused' AND outcome = 'failed'`,
          )
        )[0]!.count,
      )
    assert.equal(await refusals(), 0, 'the job meets it each minute, and does not fill the log')
    const second = await script('--without-damaged')
    assert.equal(second.code, 0, second.said)
    assert.deepEqual(versionsInFile(), [from + 1])
    assert.equal(await refusals(), 1)
    const backup = await runScript('backup', [join(server.dataDir, '..', 'without-it')], { DATA_DIR: server.dataDir })
    assert.equal(backup.code, 0, `no backup waits for what was given up: ${backup.said}`)
    const third = await script()
    assert.equal(third.code, 0, `a later change does not ask for it again: ${third.said}`)
    const changed = Buffer.from(damaged)
    changed[changed.length - 1]! ^= 2
    // Nobody can write under a version that is gone; whoever changes it here is a superuser.
    await server.sql('ALTER TABLE thread_key_wraps DISABLE TRIGGER USER')
    await server.sql('UPDATE thread_key_wraps SET wrap = $1 WHERE wrap = $2', [changed, damaged])
    await server.sql('ALTER TABLE thread_key_wraps ENABLE TRIGGER USER')
    const fourth = await script('--patience', '5')
    assert.equal(fourth.code, 1, 'one that was changed since is asked for')
    assert.match(fourth.said, /1 rows do not open/)
    assert.equal((await script('--without-damaged')).code, 0)
  })

  test('two at once: one does it, the other says how far it is and changes nothing', async () => {
    const before = await newest()
    const all = await Promise.all([1, 2].map(() => runScript('rotate-master-key', [], { DATA_DIR: server.dataDir })))
    const codes = all.map(({ code }) => code).sort()
    if (codes[1] === 1) {
      assert.match(
        all.map(({ said }) => said).join(),
        /Another process changes the master key just now\..*Nothing was done here/,
      )
      // Both are told so where the running server's own job is at it.
      await until(() => versionsInFile().join() === String(before + 1), 'one change, to its end')
    } else assert.equal(await newest(), before + 2, 'one after the other')
  })
})
