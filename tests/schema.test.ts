/** The tables that the stores declare are the tables that the migrations make. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { declaredTables } from '../server/database/table.ts'
import { projectRoot } from '../server/lib/root.ts'
import { startTestServer, type TestServer } from './support/server.ts'

/** What PostgreSQL calls the types of `table.ts`. */
const TYPES: Record<string, string> = {
  uuid: 'uuid',
  text: 'text',
  bytea: 'bytea',
  'timestamp with time zone': 'timestamptz',
  boolean: 'boolean',
  integer: 'integer',
  bigint: 'bigint',
}

/** Tables without a store: two belong to libraries, the others are asked in one place with plain SQL. */
const WITHOUT_STORE = ['installation', 'rate_limits', 'schema_migrations', 'sessions']

let server: TestServer
before(async () => {
  server = await startTestServer()
  const built = join(projectRoot, 'dist/server')
  const stores = (readdirSync(built, { recursive: true }) as string[]).filter((file) => file.endsWith('.store.js'))
  assert.ok(stores.length >= 10, `${stores.length} stores`)
  for (const store of stores) await import(pathToFileURL(join(built, store)).href)
})
after(() => server.stop())

test('every table that a store declares has these columns, of these types, and no others', async () => {
  const tables = await columnsOfDatabase()
  for (const [table, columns] of declaredTables) {
    const sorted = [...columns].sort(([a], [b]) => (a < b ? -1 : 1))
    assert.deepEqual(sorted, tables.get(table), table)
  }
})

test('every table of the schema has a store, but for those that are named here', async () => {
  const tables = [...(await columnsOfDatabase()).keys()]
  assert.deepEqual(
    tables.filter((table) => !declaredTables.has(table)),
    WITHOUT_STORE,
  )
})

test('a column is declared as a key exactly when it is part of the primary key', async () => {
  const { database } = await import('../server/database/connection.ts')
  const rows = await server.sql<{ table: string; columns: string[] }>(
    `SELECT t.relname AS table, array_agg(a.attname::text ORDER BY a.attname) AS columns
     FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(i.indkey)
     WHERE i.indisprimary AND n.nspname = 'public' GROUP BY t.relname`,
  )
  const keys = new Map(rows.map(({ table, columns }) => [table, columns]))
  for (const table of declaredTables.keys()) {
    const attributes = Object.entries(database.model(table).getAttributes())
    const declared = attributes.flatMap(([, { primaryKey, field }]) => (primaryKey ? [field!] : [])).sort()
    assert.deepEqual(declared, keys.get(table), table)
  }
})

/** Table → [column, type], both sorted by name; partitions are left out. */
async function columnsOfDatabase(): Promise<Map<string, [string, string][]>> {
  const rows = await server.sql<{ table: string; column: string; type: string }>(
    `SELECT c.table_name AS table, c.column_name AS column, c.data_type AS type
     FROM information_schema.columns c JOIN pg_class t ON t.oid = format('%I.%I', c.table_schema, c.table_name)::regclass
     WHERE c.table_schema = 'public' AND NOT t.relispartition ORDER BY c.table_name COLLATE "C", c.column_name COLLATE "C"`,
  )
  const tables = new Map<string, [string, string][]>()
  for (const { table, column, type } of rows)
    tables.set(table, [...(tables.get(table) ?? []), [column, TYPES[type] ?? type]])
  return tables
}
