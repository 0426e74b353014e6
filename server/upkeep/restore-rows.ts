/** The tables of a backup into a schema that was just made: everything that checks or reacts is put aside first, and back when the rows are there. */
import type { Client } from '../database/copy.ts'
import type { Manifest } from './backup-form.ts'
import { PASSING_TABLES } from './snapshot.ts'

/** A foreign key: whose it is, and what PostgreSQL says of it. */
export interface ForeignKey {
  table: string
  name: string
  definition: string
  columns: string[]
  parent: string
  parentColumns: string[]
  /** Whether every column of it may be empty. */
  optional: boolean
}

/** Begins: foreign keys off, triggers off, nothing in any table, and a partition of the log for each month that the backup has. */
export async function prepareTables(owner: Client, { partitions, tables }: Manifest): Promise<ForeignKey[]> {
  const keys = await listForeignKeys(owner)
  for (const { table, name } of keys)
    await owner.query(`ALTER TABLE ${quoted(owner, table)} DROP CONSTRAINT ${quoted(owner, name)}`)
  for (const name of partitions) await makePartition(owner, name)
  for (const name of await listRelations(owner))
    await owner.query(`ALTER TABLE ${quoted(owner, name)} DISABLE TRIGGER USER`)
  // A change of the schema may have put rows there that the backup has too.
  await owner.query(`TRUNCATE ${tables.map(({ name }) => quoted(owner, name)).join(', ')}`)
  for (const [name, columns] of Object.entries(PASSING_TABLES)) {
    const list = Object.entries(columns).map(([column, type]) => `${quoted(owner, column)} ${type}`)
    await owner.query(`CREATE TEMP TABLE ${name} (${list.join(', ')}) ON COMMIT DROP`)
  }
  return keys
}

/** Ends: triggers and foreign keys on again, which checks every one of them; numbers that count up go on behind the highest. */
export async function finishTables(owner: Client, keys: readonly ForeignKey[]): Promise<void> {
  for (const name of await listRelations(owner))
    await owner.query(`ALTER TABLE ${quoted(owner, name)} ENABLE TRIGGER USER`)
  for (const { table, name, definition } of keys)
    await owner.query(`ALTER TABLE ${quoted(owner, table)} ADD CONSTRAINT ${quoted(owner, name)} ${definition}`)
  const { rows } = await owner.query<{ table: string; column: string }>(
    `SELECT c.relname AS table, a.attname AS column FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
       AND pg_get_serial_sequence(format('%I', c.relname), a.attname) IS NOT NULL`,
  )
  for (const { table, column } of rows)
    await owner.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), coalesce(max(${quoted(owner, column)}), 0) + 1, false) FROM ${quoted(owner, table)}`,
      [quoted(owner, table), column],
    )
  await owner.query(
    `SELECT graphile_worker.add_job(identifier, payload, run_at => run_at, max_attempts => max_attempts, job_key => key, priority => priority)
     FROM waiting_jobs ORDER BY run_at`,
  )
}

async function listForeignKeys(owner: Client): Promise<ForeignKey[]> {
  const { rows } = await owner.query<ForeignKey>(
    `SELECT c.conrelid::regclass::text AS table, c.conname AS name, pg_get_constraintdef(c.oid) AS definition, c.confrelid::regclass::text AS parent,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (n, i) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY i) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k (n, i) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY i) AS "parentColumns",
       NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) AND a.attnotnull) AS optional
     FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.conparentid = 0 ORDER BY 1, 2`,
  )
  return rows
}

async function listRelations(owner: Client): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname`,
  )
  return rows.map(({ name }) => name)
}

/** As `make_room_for_access_events` makes them, for a month that has passed. */
async function makePartition(owner: Client, name: string): Promise<void> {
  const [, year, month] = /^access_events_(\d{4})_(\d{2})$/.exec(name) ?? []
  const { rows } = await owner.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name])
  if (!year || rows[0]?.there) return
  const first = new Date(Date.UTC(Number(year), Number(month) - 1)).toISOString()
  const next = new Date(Date.UTC(Number(year), Number(month))).toISOString()
  await owner.query(`CREATE TABLE ${name} PARTITION OF access_events FOR VALUES FROM ('${first}') TO ('${next}')`)
  await owner.query(
    `CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ${name} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_access_events()`,
  )
}

export function quoted(owner: Client, name: string): string {
  return owner.escapeIdentifier(name)
}
