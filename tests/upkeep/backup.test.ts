/** A backup that is made while the server works, and what it is worth: everything that was acknowledged opens on another machine. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startChildServer, startOn, type ChildServer } from '../faults/child-server.ts'
import { makePng } from '../support/files.ts'
import { textFile, writeTo } from '../support/letters.ts'
import { signedIn, type Visitor } from '../support/visitor.ts'
import { makeMasterKey } from '../../server/vault/master-key.ts'
import { folderBeside, newMachine, runScript } from './operate.ts'

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
  assert.match(said, /first is whole: \d+ rows and 4 files/)
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

describe('on another machine', () => {
  let machine: string
  let restored: ChildServer | undefined
  before(() => {
    machine = newMachine(server, folder)
  })
  after(() => restored?.stop())

  test('146. Backup restored elsewhere without the master key, or with another -> no', async () => {
    const right = readFileSync(join(machine, 'master.key'), 'utf8')
    rmSync(join(machine, 'master.key'))
    await refuses(/master key is missing/)
    writeFileSync(join(machine, 'master.key'), makeMasterKey(1))
    await refuses(/master key at hand \(version 1\) does not open this backup/)
    writeFileSync(join(machine, 'master.key'), makeMasterKey(7))
    await refuses(/sealed under version 1 of the master key, which is not at hand/)
    writeFileSync(join(machine, 'master.key'), right, { mode: 0o600 })
  })

  async function refuses(why: RegExp) {
    const { code, said } = await runScript('restore', [join(folder, 'first')], { DATA_DIR: machine })
    assert.equal(code, 1, said)
    assert.match(said, why)
    assert.doesNotMatch(said, /\n\s+at /)
  }

  test('a restore brings every row and every file, and a place that holds something is refused', async () => {
    const { code, said } = await runScript('restore', [join(folder, 'first')], { DATA_DIR: machine })
    assert.equal(code, 0, said)
    assert.match(said, /Restored \d+ rows and 4 files/)
    const again = await runScript('restore', [join(folder, 'first')], { DATA_DIR: machine })
    assert.equal(again.code, 1)
    assert.match(again.said, /holds Letterlock already \(people: \d+, messages: \d+\)/)
    restored = await startOn(machine)
    const maria = await signedIn(restored, restored.cast.maria)
    const [message] = await restored.sql<{ id: string }>('SELECT id FROM messages ORDER BY id DESC OFFSET 1 LIMIT 1')
    const page = await maria.ask(`/messages/${message!.id}`)
    assert.match(page.body, /word-in-the-backup/)
  })
})
