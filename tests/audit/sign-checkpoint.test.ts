/** What is signed of the log, what is refused, and what an older database becomes. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { writeLog } from '../../server/audit/export-log.ts'
import { readLedger } from '../../server/audit/ledger.ts'
import { signCheckpoint, logVerifier, TreeRefused } from '../../server/audit/sign-checkpoint.ts'
import { signOrTell } from '../../server/audit/sign-or-tell.ts'
import { readNote } from '../../server/vault/log-key.ts'
import { growBy, keepLog, openLogAlone, putLogBack, verifyLog, type LogAlone } from './log-alone.ts'

let log: LogAlone
before(async () => {
  log = await openLogAlone({ BASE_URL: 'http://localhost:3000' })
})
after(() => log.stop())

const checkpointsInLedger = () =>
  readFileSync(join(log.dataDir, 'ledger'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"kind":"checkpoint"')).length

test('a checkpoint says which log, how many events, and the root, and is signed with the log key', async () => {
  const before = checkpointsInLedger()
  const size = await growBy(10)
  const checkpoint = (await signCheckpoint())!
  assert.equal(
    readNote(checkpoint.note, await logVerifier()),
    `localhost:3000/access-log/1\n${size}\n${checkpoint.root.toString('base64')}\n`,
  )
  assert.deepEqual(await signCheckpoint(), checkpoint, 'what is signed is not signed again')
  assert.equal(checkpointsInLedger(), before + 1)
})

test('a process that was killed between ledger and database signs the same once more', async () => {
  const before = checkpointsInLedger()
  await growBy(5)
  const { note } = (await signCheckpoint())!
  await log.sql('DELETE FROM log_checkpoints WHERE note = $1', [note])
  assert.equal((await signCheckpoint())!.note, note)
  assert.equal(checkpointsInLedger(), before + 1)
})

test('151. the log signer asked to sign smaller or inconsistent tree -> refuses', async () => {
  await keepLog(log, 'now')
  const signed = checkpointsInLedger()
  const [{ size }] = (await log.sql<{ size: string }>('SELECT size FROM log_state')) as [{ size: string }]
  await log.sql('UPDATE log_state SET size = size - 1')
  await assert.rejects(
    signCheckpoint(),
    new TreeRefused(`${size} events were signed, and the log has ${Number(size) - 1}`),
  )
  // A first leaf that is another one, and more leaves after it.
  await putLogBack(log, 'now')
  await log.sql(`UPDATE log_tiles SET hashes = sha256('x') || substr(hashes, 33) WHERE level = 0 AND number = 0`)
  const wrong = `the first ${size} events are not those that were signed`
  await assert.rejects(signCheckpoint(), new TreeRefused(wrong))
  await growBy(20)
  await assert.rejects(signCheckpoint(), new TreeRefused(wrong))
  // The log says so, once.
  assert.equal(await signOrTell(), wrong)
  assert.equal(await signOrTell(), wrong)
  const told = await log.sql(`SELECT outcome FROM access_events WHERE act = 'log.refused'`)
  assert.deepEqual(told, [{ outcome: 'failed' }])
  assert.equal(checkpointsInLedger(), signed)
  await putLogBack(log, 'now')
  await log.sql('DROP SCHEMA now CASCADE')
  await growBy(1)
  assert.ok(await signCheckpoint())
})

test('after an older database came back there is a new epoch, each checkpoint of which says what it follows and what was kept', async () => {
  const kept = (await signCheckpoint())!
  await growBy(3)
  await keepLog(log, 'yesterday')
  await growBy(20)
  const lost = (await signCheckpoint())!
  const folder = log.dataDir
  writeFileSync(join(folder, 'kept.checkpoint'), kept.note)
  writeFileSync(join(folder, 'lost.checkpoint'), lost.note)
  await putLogBack(log, 'yesterday')
  await assert.rejects(signCheckpoint(), TreeRefused)
  // As the start writes it that finds the ledger ahead.
  await log.sql('UPDATE ledger_state SET older_at = now()')
  const first = (await signCheckpoint())!
  await growBy(40)
  const second = (await signCheckpoint())!
  assert.deepEqual([first.epoch, second.epoch], [2, 2])
  for (const { note } of [first, second]) {
    assert.match(readNote(note, await logVerifier())!, /^localhost:3000\/access-log\/2\n/)
    assert.ok(
      note.includes(
        `\nfollows localhost:3000/access-log/1 ${lost.size} ${lost.root.toString('base64')}\nkept ${kept.size}\n`,
      ),
    )
  }
  const begun = await log.sql(`SELECT outcome FROM access_events WHERE act = 'log.epoch-begun'`)
  assert.deepEqual(begun, [{ outcome: 'failed' }])

  const file = join(folder, 'log.ndjson')
  await writeLog(file)
  const beside = await verifyLog(file)
  assert.equal(beside.code, 0, beside.said)
  assert.match(beside.said, new RegExp(`An older database came back once: kept ${kept.size}\n`))
  assert.equal((await verifyLog(file, '--checkpoint', join(folder, 'kept.checkpoint'))).code, 0)
  const missed = await verifyLog(file, '--checkpoint', join(folder, 'lost.checkpoint'))
  assert.equal(missed.code, 1)
  assert.match(
    missed.said,
    /^Leaf \d+: .*\(localhost:3000\/access-log\/1\)\. Since then an older database came back, and/,
  )
})

test('a ledger that knows of no checkpoint cannot say what was signed last: a new epoch too', async () => {
  const before = (await signCheckpoint())!
  const file = join(log.dataDir, 'ledger')
  const lines = readFileSync(file, 'utf8').split('\n')
  writeFileSync(file, lines.filter((line) => !line.startsWith('{"kind":"checkpoint"')).join('\n'))
  // As every start does.
  await readLedger()
  const next = (await signCheckpoint())!
  assert.equal(next.epoch, before.epoch + 1)
  assert.ok(next.note.includes(`\nkept ${before.size}\n`))
})
