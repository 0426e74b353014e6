/** The schema: made once by whoever comes first, refused when it is not ours to read. */
import assert from 'node:assert/strict'
import { mkdtempSync, chmodSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startEmbeddedDatabase, type EmbeddedDatabase } from '../../server/database/embedded.ts'
import { SchemaProblem, migrate } from '../../server/database/migrate.ts'
import { askAs } from '../faults/child-server.ts'

let folder: string
let dataDir: string
let database: EmbeddedDatabase

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-migrate-'))
  chmodSync(folder, 0o755)
  dataDir = join(folder, 'data')
  database = await startEmbeddedDatabase({ dataDir, say() {}, settings: { fsync: 'off' } })
})
after(async () => {
  await database.stop()
  rmSync(folder, { recursive: true, force: true })
})

const owner = (text: string) => askAs<Record<string, unknown>>(dataDir, 'owner', text)

test('an empty database without an owner’s role is refused, in one sentence that says what to set', async () => {
  await assert.rejects(migrate(database.applicationUrl, undefined), (error: Error) => {
    assert.ok(error instanceof SchemaProblem)
    assert.match(error.message, /lacks \d+ change\(s\) .* Set MIGRATION_DATABASE_URL/)
    return true
  })
  assert.deepEqual(await owner(`SELECT to_regclass('schema_migrations') AS there`), [{ there: null }])
})

test('182. Migration that is cut off or fails -> nothing of it stays', async () => {
  await owner('CREATE TABLE access_events (in_the_way int)')
  await assert.rejects(migrate(database.applicationUrl, database.ownerUrl))
  assert.deepEqual(await owner(`SELECT to_regclass('accounts') AS there`), [{ there: null }])
  assert.deepEqual(await owner('SELECT name FROM schema_migrations'), [])
  await owner('DROP TABLE access_events')
})

test('of two starts at the same moment one migrates, the other waits and finds it done', async () => {
  const runs = await Promise.all([1, 2, 3].map(() => migrate(database.applicationUrl, database.ownerUrl)))
  const names = runs.flat()
  assert.ok(names.length > 0)
  assert.equal(new Set(names).size, names.length, 'a file was run twice')
  const kept = await owner('SELECT name FROM schema_migrations ORDER BY name')
  assert.deepEqual(
    kept.map(({ name }) => name),
    [...names].sort(),
  )
  assert.deepEqual(await migrate(database.applicationUrl, database.ownerUrl), [])
  assert.deepEqual(await migrate(database.applicationUrl, undefined), [])
})

test('182. downgrade: a schema that a newer version changed is refused by name, and left as it is', async () => {
  await owner(`INSERT INTO schema_migrations (name) VALUES ('9999-from-the-future.sql')`)
  for (const ownerUrl of [database.ownerUrl, undefined])
    await assert.rejects(migrate(database.applicationUrl, ownerUrl), (error: Error) => {
      assert.ok(error instanceof SchemaProblem)
      assert.match(error.message, /newer version of Letterlock \(9999-from-the-future\.sql\)/)
      return true
    })
  await owner(`DELETE FROM schema_migrations WHERE name LIKE '9999%'`)
  assert.deepEqual(await migrate(database.applicationUrl, undefined), [])
})
