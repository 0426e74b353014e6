/** A backup that is made while the server works, and what it is worth: everything that was acknowledged opens on another machine. */
import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { askOwner, startChildServer, startInVain, startOn, urlOf, type ChildServer } from '../faults/child-server.ts'
import { makePng } from '../support/files.ts'
import { freePort } from '../support/free-port.ts'
import { mailsTo, outbox, textFile, writeTo } from '../support/letters.ts'
import { onAnother } from '../support/second-process.ts'
import { until } from '../support/until.ts'
import { signedIn, type Visitor } from '../support/visitor.ts'
import { makeMasterKey } from '../../server/vault/master-key.ts'
import { beginScript, folderBeside, newMachine, runScript } from './operate.ts'

let server: ChildServer
let folder: string
let dana: Visitor
before(async () => {
  server = await startChildServer()
  folder = folderBeside(server)
  dana = await signedIn(server, server.cast.dana)
})
after(() => server.stop())

const backup = (file: string, ...more: string[]) =>
  runScript('backup', [file, ...more], { DATA_DIR: server.dataDir, PORT: String(server.port) })

test('a backup is one file for its owner, in the log and in the list; it takes the place of nothing', async () => {
  await writeTo(dana, {
    to: server.cast.maria.email,
    subject: 'For the backup',
    body: 'word-in-the-backup',
    files: [textFile('a.txt', 'file-in-the-backup\n'), { name: 'b.png', type: 'image/png', bytes: makePng() }],
  })
  const file = join(folder, 'first')
  const { code, said } = await backup(file, '--kept-until', '2091-12-31')
  assert.equal(code, 0, said)
  assert.match(said, /first is whole: \d+ rows and 5 files/)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['first'])
  const [row] = await server.sql<{ kept: Date; version: number; events: string }>(
    `SELECT kept_until AS kept, master_key_version AS version,
       (SELECT count(*) FROM access_events WHERE act = 'backup.made' AND subject_id = b.id) AS events FROM backups b`,
  )
  assert.deepEqual([row!.kept.toISOString(), row!.version, row!.events], ['2092-01-01T00:00:00.000Z', 1, '1'])
  const before = readFileSync(file)
  const again = await backup(file)
  assert.equal(again.code, 1)
  assert.match(again.said, /first is there already/)
  assert.ok(readFileSync(file).equals(before))
  assert.equal((await server.sql('SELECT FROM backups')).length, 1)
})

describe('184. Backup running during load and kill -> restorable', () => {
  let stopLoad: () => Promise<void>
  /** Acknowledged, by the word in its text and in its file. */
  const acknowledged: { id: string; word: string }[] = []
  let recalled = 0

  before(() => {
    let going = true
    const loading = (async () => {
      while (going) {
        const word = `word-${randomUUID()}`
        const files = [textFile('file.txt', `${word}\n`.repeat(8000))]
        const id = await writeTo(dana, { to: server.cast.maria.email, subject: 'Load', body: word, files })
        acknowledged.push({ id, word })
        const gone = await writeTo(dana, { to: server.cast.maria.email, subject: 'Not this', files })
        const answer = await dana.submit('/help', `/messages/${gone}/recall`, {})
        if (answer.status === 303) recalled++
        // As the hourly sweep does, at once: what was taken back has no file.
        await server.sql(`SELECT graphile_worker.add_job('sweep-uploads', '{}')`)
      }
    })()
    stopLoad = async () => {
      going = false
      await loading
    }
  })
  after(() => stopLoad())

  test('a backup that is killed leaves nothing under its name, and the next one takes away what it left beside', async () => {
    for (const [signal, milliseconds] of [
      ['SIGKILL', randomInt(500, 2500)],
      ['SIGTERM', 1500],
    ] as const) {
      const { child, ended } = beginScript('backup', [join(folder, 'killed')], { DATA_DIR: server.dataDir })
      await pause(milliseconds)
      child.kill(signal)
      await ended
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith('killed')),
        [],
      )
    }
    assert.equal((await server.sql(`SELECT FROM access_events WHERE act = 'backup.made'`)).length, 1)
  })

  test('under load every message that was acknowledged before it began is in it, and one whose notice waits', async () => {
    await until(async () => acknowledged.length >= 3 && recalled >= 2, 'load')
    const holding = new pg.Client(urlOf(server.dataDir, 'owner'))
    await holding.connect()
    await holding.query('BEGIN; LOCK TABLE captured_mails IN SHARE MODE')
    const ada = await signedIn(server, server.cast.sam)
    await writeTo(ada, { to: WAITING, subject: 'Waits', body: 'Its notice waits' })
    inIt = [...acknowledged]
    const { code, said } = await backup(join(folder, 'second'))
    await holding.query('ROLLBACK')
    await holding.end()
    assert.equal(code, 0, said)
    assert.deepEqual(readdirSync(folder).sort(), ['first', 'second'])
    await stopLoad()
    assert.equal((await mailsTo(server, WAITING)).length, 1)
  })
})

const WAITING = 'notice.waits@mail.example'
let inIt: { id: string; word: string }[] = []

describe('on another machine', () => {
  let machine: string
  let restored: ChildServer | undefined
  before(() => {
    machine = newMachine(server, folder)
  })
  after(() => restored?.stop())

  test('146. Backup file readable without the master key -> no; restored elsewhere without it, or with another -> no', async () => {
    const right = readFileSync(join(machine, 'master.key'), 'utf8')
    rmSync(join(machine, 'master.key'))
    await refuses(/master key is missing/)
    writeFileSync(join(machine, 'master.key'), makeMasterKey(1))
    await refuses(/master key at hand \(version 1\) does not open this backup/)
    writeFileSync(join(machine, 'master.key'), makeMasterKey(7))
    await refuses(/sealed under version 1 of the master key, which is not at hand/)
    writeFileSync(join(machine, 'master.key'), right, { mode: 0o600 })
    const bytes = readFileSync(join(folder, 'second'))
    for (const word of [...inIt.map((each) => each.word), WAITING, 'word-in-the-backup', 'accounts'])
      assert.ok(!bytes.includes(word), word)
    assert.equal(bytes.subarray(0, bytes.indexOf(10)).toString(), 'letterlock backup 1, master key 1')
  })

  async function refuses(why: RegExp) {
    const { code, said } = await restore()
    assert.equal(code, 1, said)
    assert.match(said, why)
    assert.doesNotMatch(said, /\n\s+at /)
  }

  const restore = () => runScript('restore', [join(folder, 'second')], { DATA_DIR: machine })

  test('a restore that is killed is half: the server does not start on it, says so, and the restore can be asked for again', async () => {
    const { child, ended } = beginScript('restore', [join(folder, 'second')], { DATA_DIR: machine })
    const isBegun = () => askOwner(machine, `SELECT FROM pg_tables WHERE tablename = 'half_restored'`).catch(() => [])
    await until(
      async () => existsSync(join(machine, 'postgres')) && (await isBegun()).length === 1,
      'the middle of a restore',
    )
    child.kill('SIGKILL')
    await ended
    const { code, said } = await startInVain({ DATA_DIR: machine, PORT: String(await freePort()) })
    assert.equal(code, 1)
    assert.match(said, /being restored into this database and that did not end/)
    assert.doesNotMatch(said, /running at|\n\s+at /)
  })

  test('a restore brings every message that was acknowledged, and a place that holds something is refused', async () => {
    const { code, said } = await restore()
    assert.equal(code, 0, said)
    assert.match(said, /Restored \d+ rows and \d+ files/)
    const again = await restore()
    assert.equal(again.code, 1)
    assert.match(again.said, /holds Letterlock already \(people: \d+, messages: \d+\)/)
    assert.ok(inIt.length >= 3)
    restored = await startOn(machine)
    const maria = await signedIn(restored, restored.cast.maria)
    for (const { id, word } of inIt) {
      const page = await maria.ask(`/messages/${id}`)
      assert.ok(page.body.includes(word), `${id} ${page.status}`)
      const file = /\/attachments\/([\w-]{36})/.exec(page.body)![1]!
      assert.equal((await maria.ask(`/attachments/${file}/download`)).body, `${word}\n`.repeat(8000))
    }
  })

  test('a notice that waited when the backup was made is sent there, once; sessions of then are dead', async () => {
    assert.equal((await mailsTo(restored!, WAITING)).length, 1)
    await until(
      async () =>
        (
          await restored!.sql(
            `SELECT FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id WHERE t.identifier = 'send-notice'`,
          )
        ).length === 0,
      'all notices',
    )
    assert.equal((await outbox(restored!)).filter(({ to }) => to === WAITING).length, 1)
    const before = onAnother(restored!, dana)
    assert.equal((await dana.ask('/messages')).status, 200)
    assert.equal((await before.ask('/messages')).status, 303)
  })
})
