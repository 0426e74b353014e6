/** The drill: what it looks at, what it says, and that it leaves nothing behind but its report. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readNote } from '../../server/vault/log-key.ts'
import { startChildServer, type ChildServer } from '../faults/child-server.ts'
import { textFile, writeTo } from '../support/letters.ts'
import { signedIn } from '../support/visitor.ts'
import { folderBeside, runScript } from './operate.ts'

let server: ChildServer
let folder: string
let scratch: string
let backup: string

before(async () => {
  server = await startChildServer()
  folder = folderBeside(server)
  scratch = join(folder, 'scratch')
  mkdirSync(scratch)
  backup = join(folder, 'backup')
  const dana = await signedIn(server, server.cast.dana)
  await writeTo(dana, {
    to: server.cast.maria.email,
    subject: 'word-of-the-drill',
    files: [textFile('a.txt', 'A file\n')],
  })
  await make(backup)
})
after(() => server.stop())

async function make(to: string) {
  const { code, said } = await runScript('backup', [to], { DATA_DIR: server.dataDir })
  assert.equal(code, 0, said)
}

const drill = (file: string, report: string, ...more: string[]) =>
  runScript('restore-drill', [file, '--in', scratch, '--report', join(folder, report), ...more], {
    DATA_DIR: server.dataDir,
  })

test('a good backup: everything opens, the report says so, and what was tried is in the log of the installation', async () => {
  const { code, said } = await drill(backup, 'good.txt', '--sample', '100')
  assert.equal(code, 0, said)
  const report = readFileSync(join(folder, 'good.txt'), 'utf8')
  const [{ count }] = (await server.sql<{ count: string }>(
    'SELECT count(*) FROM messages WHERE key_wrapped IS NOT NULL AND author_account_id IS NOT NULL',
  )) as [{ count: string }]
  for (const line of [
    /^good: digests of every table and every file: \d+ tables and 2 files$/m,
    /^good: rows of every table: \d+ rows$/m,
    /^good: access log against messages: \d+ events$/m,
    /^good: details in the access log: \d+ with the right digest, \d+ of them opened$/m,
    /^good: canary thread, from the master key to text and file: opened$/m,
    new RegExp(`^good: messages drawn by chance, .*: ${count} opened; each is in the access log$`, 'm'),
    /^The backup can be restored\.$/m,
  ])
    assert.match(report, line)
  const verifier = /checked with: (\S+)/.exec(said)![1]!
  assert.match(verifier, /^localhost:\d+\/restore-drill\+/)
  assert.ok(readNote(report, verifier), 'it is signed')
  assert.equal(readNote(report.replace('good', 'WRONG'), verifier), undefined)
  assert.doesNotMatch(report + said, /WRONG|word-of-the-drill|A fictitious/)
  const sampled = await server.sql<{ subject: string }>(
    `SELECT DISTINCT subject_id AS subject FROM access_events WHERE act = 'message.sampled' AND actor_kind = 'system' AND outcome = 'done'`,
  )
  assert.equal(sampled.length, Number(count))
  assert.deepEqual(readdirSync(scratch), [], 'nothing is left of it')
})

test('a backup whose canary, a message and a line of the log were changed in the database: the report names all three, and no other', async () => {
  const [canary] = await server.sql<{ value: string }>(`SELECT value FROM installation WHERE name = 'canary-message'`)
  await server.sql(`UPDATE messages SET body_sealed = body_sealed || '\\x00' WHERE id = $1`, [canary!.value])
  const [message] = await server.sql<{ id: string }>(
    `UPDATE messages SET body_sealed = body_sealed || '\\x00' WHERE id = (SELECT id FROM messages WHERE file_count = 1 AND id <> $1 LIMIT 1) RETURNING id`,
    [canary!.value],
  )
  await server.sql('ALTER TABLE access_events DISABLE TRIGGER USER')
  await server.sql(
    `UPDATE access_events SET details_sealed = details_sealed || '\\x00' WHERE id = (SELECT id FROM access_events WHERE details_sealed IS NOT NULL LIMIT 1)`,
  )
  const changed = join(folder, 'changed')
  await make(changed)
  const { code, said } = await drill(changed, 'wrong.txt', '--sample', '100')
  assert.equal(code, 1, said)
  const report = readFileSync(join(folder, 'wrong.txt'), 'utf8')
  const wrong = report.split('\n').filter((line) => line.startsWith('WRONG'))
  assert.equal(wrong.length, 3, report)
  assert.match(wrong[0]!, /details in the access log: 1 events whose details are not those that were recorded/)
  assert.match(wrong[1]!, /canary thread/)
  assert.match(wrong[2]!, new RegExp(`messages drawn by chance.*: ${message!.id} does not open`))
  assert.match(report, /^The backup has damage\.$/m)
})

test('a backup that cannot be begun with: one sentence, no report, and nothing is left', async () => {
  const cut = join(folder, 'cut')
  writeFileSync(cut, readFileSync(backup).subarray(0, 20))
  const { code, said } = await drill(cut, 'none.txt')
  assert.equal(code, 1)
  assert.match(said, /no backup of Letterlock/)
  assert.ok(!readdirSync(folder).includes('none.txt'))
  assert.deepEqual(readdirSync(scratch), [])
})
