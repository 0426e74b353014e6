/** What comes back of a backup: row for row all of it; of one with damage everything but what was damaged, and that is told by name. */
import assert from 'node:assert/strict'
import { createWriteStream, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { fileStore } from '../../server/attachments/file-store.ts'
import { newId } from '../../server/lib/ids.ts'
import { BACKUP_SEGMENT, streamOf, writeFrames } from '../../server/upkeep/backup-frames.ts'
import { backupBinding, headerOf, type Manifest } from '../../server/upkeep/backup-form.ts'
import { openBackup } from '../../server/upkeep/read-backup.ts'
import { DamagedBackup, restoreBackup, type Restored } from '../../server/upkeep/restore-backup.ts'
import { sealingStream } from '../../server/vault/floe.ts'
import { subkey } from '../../server/vault/master-key.ts'
import { startChildServer, urlOf, type ChildServer } from '../faults/child-server.ts'
import { textFile, writeTo } from '../support/letters.ts'
import { signedIn } from '../support/visitor.ts'
import { emptyAgain, folderBeside, framesBySegment, newMachine, openPlace, runScript } from './operate.ts'

const SEGMENT = 262144
let server: ChildServer
let folder: string
let target: Awaited<ReturnType<typeof openPlace>>
/** The message with a file of three segments, and its file. */
let message: string
let file: string
let whole: string
let segments: Awaited<ReturnType<typeof framesBySegment>>

before(async () => {
  server = await startChildServer()
  folder = folderBeside(server)
  const dana = await signedIn(server, server.cast.dana)
  const files = [textFile('long.txt', 'A fictitious line\n'.repeat(50_000))]
  message = await writeTo(dana, { to: server.cast.maria.email, subject: 'With a file', files })
  await writeTo(dana, { to: server.cast.maria.email, subject: 'Another', files: [textFile('short.txt', 'Short\n')] })
  file = (await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message]))[0]!.id
  whole = join(folder, 'whole')
  await backup(whole, 0)
  target = await openPlace(server, folder)
  segments = await framesBySegment(whole)
})
after(async () => {
  await target.stop()
  await server.stop()
})

async function backup(to: string, expected: number): Promise<string> {
  const { code, said } = await runScript('backup', [to], { DATA_DIR: server.dataDir, PORT: String(server.port) })
  assert.equal(code, expected, said)
  return said
}

const restore = async (path: string, withoutDamaged: boolean): Promise<Restored> =>
  restoreBackup(await openBackup(path), target.place, withoutDamaged, () => {})

/** A copy of which one byte differs in the middle of the first segment that holds such a frame, or of the second of them. */
function damagedIn(frame: string, which = 0): string {
  const places = segments.frames.flatMap((frames, index) => (frames.includes(frame) ? [index] : []))
  const bytes = readFileSync(whole)
  const at = segments.header + places[which]! * SEGMENT + 400
  bytes[at] = bytes[at]! ^ 1
  const path = join(folder, `damaged-${frame.replace(/ /g, '-')}-${which}`)
  writeFileSync(path, bytes)
  return path
}

/** Without agreement: what is affected is told, and the place is empty again. With it: what is left of the messages. */
async function refusedThenAgreed(
  path: string,
): Promise<{ refused: DamagedBackup; restored: Restored; left: string[] }> {
  const refused = await refusal(path)
  const restored = await restore(path, true)
  assert.deepEqual(restored.affected, refused.affected)
  const left = (await ask<{ id: string }>('SELECT id FROM messages ORDER BY id')).map(({ id }) => id)
  const logged = await ask<{ id: string }>(
    `SELECT subject_id AS id FROM access_events WHERE act = 'envelope.refused' AND subject_kind = 'message'`,
  )
  assert.deepEqual(logged.map(({ id }) => id).sort(), restored.affected.map(({ id }) => id).sort(), 'it is in the log')
  await emptyAgain(target.place.ownerUrl)
  return { refused, restored, left }
}

async function refusal(path: string): Promise<DamagedBackup> {
  const refused = await restore(path, false).then(
    () => assert.fail('it was restored'),
    (error: unknown) => error,
  )
  assert.ok(refused instanceof DamagedBackup, String(refused))
  assert.deepEqual(filesLeft(), [], 'the place is empty again')
  return refused
}

const filesLeft = () =>
  existsSync(target.files)
    ? (readdirSync(target.files, { recursive: true, withFileTypes: true }) as { isFile(): boolean }[]).filter((one) =>
        one.isFile(),
      )
    : []

async function ask<Row extends object>(sql: string): Promise<Row[]> {
  const { singleConnection } = await import('../../server/database/connection.ts')
  const owner = await singleConnection(target.place.ownerUrl)
  return (await owner.query<Row>(sql).finally(() => owner.end())).rows
}

const messagesBefore = async () =>
  (await server.sql<{ id: string }>('SELECT id FROM messages ORDER BY id')).map(({ id }) => id)

test('a whole backup: every table has the same rows there as here, but for what a restore ends and records', async () => {
  const { affected, backup } = await restore(whole, false)
  assert.deepEqual(affected, [])
  const tables = await ask<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
  )
  assert.ok(tables.length > 30, `${tables.length} tables`)
  for (const { name } of tables) {
    if (ENDED.includes(name)) continue
    const rows = `SELECT t::text AS row FROM ${name} t ${ONLY[name] ?? ''} ORDER BY 1`
    assert.deepEqual(await ask(rows), await server.sql(rows), name)
  }
  for (const name of ENDED.slice(0, 3)) assert.deepEqual(await ask(`SELECT FROM ${name}`), [], name)
  assert.deepEqual(await ask(`SELECT subject_id AS id, outcome FROM access_events WHERE act = 'backup.restored'`), [
    { id: backup.id, outcome: 'done' },
  ])
  assert.deepEqual(await ask(PARTITIONS), await server.sql(PARTITIONS))
  await emptyAgain(target.place.ownerUrl)
})

const ENDED = [
  'sessions',
  'enrolments',
  'password_resets',
  'openers',
  'credentials',
  'known_devices',
  'schema_migrations',
  'rate_limits',
]
const ONLY: Record<string, string> = {
  access_events: `WHERE act NOT LIKE 'backup.%' AND NOT (act = 'session.ended' AND actor_kind = 'system')`,
}
const PARTITIONS = `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'access_events'::regclass ORDER BY 1`

test('a change of the master key that was under way is ended in what was restored, and the original goes on with it', async () => {
  const busy = new pg.Client(urlOf(server.dataDir, 'owner'))
  await busy.connect()
  // As somebody who is at it: the running server leaves it alone meanwhile.
  await busy.query('SELECT pg_advisory_lock(7203530)')
  await server.sql('INSERT INTO master_key_rotations (id, asked_at, from_version) VALUES ($1, now(), 1)', [newId()])
  const path = join(folder, 'while-it-changes')
  await backup(path, 0)
  const unfinished = 'SELECT from_version AS version FROM master_key_rotations WHERE finished_at IS NULL'
  assert.deepEqual(await server.sql(unfinished), [{ version: 1 }])
  await server.sql('DELETE FROM master_key_rotations')
  await busy.end()
  assert.equal((await restore(path, false)).rotationsEnded, 1)
  assert.deepEqual(await ask(unfinished), [])
  assert.equal((await ask('SELECT FROM master_key_rotations')).length, 1)
  await emptyAgain(target.place.ownerUrl)
})

test('into a database of one’s own: as its owner, and refused without one', async () => {
  const urls = await makeDatabase('another_database')
  const settings = { DATA_DIR: newMachine(server, folder), DATABASE_URL: urls.app }
  const refused = await runScript('restore', [whole], settings)
  assert.equal(refused.code, 1)
  assert.match(refused.said, /Set MIGRATION_DATABASE_URL to the owner's role/)
  const { code, said } = await runScript('restore', [whole], { ...settings, MIGRATION_DATABASE_URL: urls.owner })
  assert.equal(code, 0, said)
  const app = new pg.Client(urls.app)
  await app.connect()
  const rows = await app.query<{ id: string }>('SELECT id FROM messages ORDER BY id').finally(() => app.end())
  assert.deepEqual(
    rows.rows.map(({ id }) => id),
    await messagesBefore(),
  )
})

test('one that was cut off is begun anew over its own half, and empties no other store of files', async () => {
  const { singleConnection } = await import('../../server/database/connection.ts')
  const { takeTarget } = await import('../../server/upkeep/restore-target.ts')
  const owner = await singleConnection(target.place.ownerUrl)
  await takeTarget(owner, 'https://s3.example/elsewhere')
  await owner.query('SELECT pg_advisory_unlock_all()')
  const name = newId()
  await fileStore().write(name, Readable.from([Buffer.from('somebody else’s')]))
  await assert.rejects(
    restore(whole, false),
    /its files are in https:\/\/s3\.example\/elsewhere, and the settings now name/,
  )
  assert.equal(filesLeft().length, 1)
  await owner.query(`UPDATE half_restored SET files = $1`, [target.files]).finally(() => owner.end())
  assert.deepEqual((await restore(whole, false)).affected, [])
  assert.equal(await fileStore().size(name), undefined)
  await emptyAgain(target.place.ownerUrl)
})

/** As docs/install.md makes one. */
async function makeDatabase(name: string): Promise<{ app: string; owner: string }> {
  const superuser = new pg.Client(urlOf(server.dataDir, 'superuser'))
  await superuser.connect()
  await superuser.query(`CREATE DATABASE ${name} OWNER letterlock_owner TEMPLATE template0 ENCODING 'UTF8'`)
  await superuser.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`)
  await superuser.query(`GRANT CONNECT ON DATABASE ${name} TO letterlock_app`)
  await superuser.end()
  const urlFor = (role: 'owner' | 'app' | 'superuser') => urlOf(server.dataDir, role).replace(/letterlock$/, name)
  const inside = new pg.Client(urlFor('superuser'))
  await inside.connect()
  await inside.query('REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO letterlock_owner')
  await inside.end()
  return { app: urlFor('app'), owner: urlFor('owner') }
}

test('a backup of an older schema is restored as it was and brought forward; one of a newer schema is refused', async () => {
  const older = await withManifest('older', (manifest) => ({
    ...manifest,
    migrations: manifest.migrations.filter((name) => name !== LATE),
  }))
  await restore(older, false)
  assert.deepEqual(
    await ask(`SELECT name FROM schema_migrations ORDER BY run_at DESC, name LIMIT 1`),
    [{ name: LATE }],
    'it was made last',
  )
  assert.equal((await ask(`SELECT FROM pg_indexes WHERE indexname = 'assisted_resets_asked_at_idx'`)).length, 1)
  await emptyAgain(target.place.ownerUrl)
  const newer = await withManifest('newer', (manifest) => ({
    ...manifest,
    migrations: [...manifest.migrations, '9999-of-tomorrow.sql'],
  }))
  await assert.rejects(restore(newer, false), /newer version of Letterlock \(.*9999-of-tomorrow\.sql\)/)
})

const LATE = '0013-sweeps.sql'

/** The same backup with another manifest, sealed anew. */
async function withManifest(name: string, change: (manifest: Manifest) => Manifest): Promise<string> {
  const backup = await openBackup(whole)
  const path = join(folder, name)
  const key = subkey('backup', backup.masterKeyVersion)
  const sink = createWriteStream(path)
  sink.write(headerOf(backup.masterKeyVersion))
  await pipeline(
    streamOf(rewritten()),
    sealingStream(key, backupBinding(backup.masterKeyVersion), BACKUP_SEGMENT),
    sink,
  )
  return path

  async function* rewritten() {
    const writer = writeFrames()
    yield* writer.put('manifest', '', Buffer.from(JSON.stringify(change(backup.manifest))))
    for await (const frame of backup.frames)
      if (frame !== 'gap') yield* writer.putPiece(frame.kind, frame.name, frame.bytes, frame.begins, frame.ends)
    yield* writer.rest()
  }
}

describe('185. Restore with one blob, row or wrap missing -> says exactly which messages', () => {
  test('a segment of a file is damaged: its message, and nothing else is lost', async () => {
    const { refused, restored, left } = await refusedThenAgreed(damagedIn(`file ${file}`, 1))
    assert.deepEqual(
      refused.affected.map(({ id, lacks }) => ({ id, lacks })),
      [{ id: message, lacks: 'file' }],
    )
    assert.deepEqual(refused.loaded.damagedFiles, [file])
    assert.deepEqual(left, await messagesBefore())
    assert.equal(restored.loaded.files, restored.loaded.contents!.files - 1)
  })

  test('the rows of messages are damaged: every one of them is named, with its time and thread, though its row is gone', async () => {
    const known = await server.sql<{ id: string; threadId: string; sentAt: Date }>(
      'SELECT id, thread_id AS "threadId", sent_at AS "sentAt" FROM messages ORDER BY sent_at, id',
    )
    const { refused, left } = await refusedThenAgreed(damagedIn('rows messages'))
    assert.deepEqual(
      refused.affected.map(({ id, threadId, sentAt }) => ({ id, threadId, sentAt })).sort(byId),
      known.sort(byId),
    )
    assert.ok(refused.affected.every(({ lacks }) => lacks === 'row'))
    assert.deepEqual(refused.loaded.damagedTables, ['messages'])
    assert.deepEqual(left, [])
  })

  test('the wraps of thread keys are damaged: the messages that nobody can open are named', async () => {
    const refused = await refusal(damagedIn('rows thread_key_wraps'))
    assert.deepEqual(refused.affected.map(({ id }) => id).sort(), await messagesBefore())
    assert.ok(refused.affected.every(({ lacks }) => lacks === 'key'))
  })

  test('the keys of the installation are damaged, or the beginning: it says that nothing would open', async () => {
    await assert.rejects(restore(damagedIn('rows vault_keys'), true), /keys of the installation .* \(vault_keys\)/)
    await assert.rejects(restore(damagedIn('manifest '), true), /beginning of this backup is damaged/)
    await assert.rejects(restore(join(folder, 'nothing'), true), /The backup cannot be read/)
  })

  test('a cut backup is recognised, also when only its end mark is missing, and what was before the cut is known', async () => {
    const bytes = readFileSync(whole)
    const path = join(folder, 'cut')
    const firstOfFile = segments.frames.findIndex((frames) => frames.includes(`file ${file}`))
    writeFileSync(path, bytes.subarray(0, segments.header + firstOfFile * SEGMENT + 5000))
    const refused = await refusal(path)
    assert.equal(refused.loaded.contents, undefined)
    assert.deepEqual(refused.loaded.damagedTables, [])
    assert.ok(refused.affected.some(({ id, lacks }) => id === message && lacks === 'file'))
    writeFileSync(path, bytes.subarray(0, bytes.length - 1))
    assert.equal((await refusal(path)).loaded.contents, undefined)
    for (const length of [0, 10, 40, 200]) {
      writeFileSync(path, bytes.subarray(0, length))
      await assert.rejects(restore(path, true), /no backup of Letterlock|does not open this backup|beginning/)
    }
  })

  test('a file that was gone from the store when the backup was made, and a wrap that was gone: whose, and of which message', async () => {
    const [other] = await server.sql<{ id: string }>(
      'SELECT id FROM messages WHERE file_count = 1 AND id <> $1 AND author_account_id IS NOT NULL',
      [message],
    )
    rmSync(join(server.dataDir, 'files', file.slice(-2), file))
    await server.sql(
      'DELETE FROM thread_key_wraps WHERE thread_key_id = (SELECT thread_key_id FROM messages WHERE id = $1)',
      [other!.id],
    )
    const path = join(folder, 'less')
    assert.match(await backup(path, 2), new RegExp(`Not in the store of files .*${file}`))
    const { affected } = await refusal(path)
    assert.deepEqual(
      affected.map(({ id, lacks }) => ({ id, lacks })),
      [
        { id: message, lacks: 'file' },
        { id: other!.id, lacks: 'key' },
      ],
    )
  })
})

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
