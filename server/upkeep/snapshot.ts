/** The database as of one moment, while everybody goes on: what its tables are, their rows, and which files these name. */
import { namedFiles } from '../attachments/named-files.ts'
import { connectionPool } from '../database/connection.ts'
import type { Client } from '../database/copy.ts'

export interface TableOfSnapshot {
  name: string
  columns: string[]
}

/** Two that are no tables of the schema, with the types that their columns have here and where they are restored. */
export const REGISTER = 'registered_messages'
export const JOBS = 'waiting_jobs'
export const PASSING_TABLES: Record<string, Record<string, string>> = {
  [REGISTER]: {
    id: 'uuid',
    thread_id: 'uuid',
    sent_at: 'timestamptz',
    has_key: 'boolean',
    recipients: 'integer',
    wraps: 'integer',
    files: 'integer',
  },
  [JOBS]: {
    identifier: 'text',
    payload: 'json',
    run_at: 'timestamptz',
    max_attempts: 'integer',
    key: 'text',
    priority: 'integer',
  },
}

/** Runs `work` on a connection that sees one moment and can change nothing. */
export async function* inSnapshot<T>(work: (client: Client) => AsyncGenerator<T>): AsyncGenerator<T> {
  const client = await connectionPool().connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0')
    yield* work(client)
    await client.query('COMMIT')
  } finally {
    // Ended and not used again: a reader that went away leaves it in the middle of something.
    client.release(true)
  }
}

/** Every table of the schema, the partitions of the log as one. */
export async function listTables(client: Client): Promise<TableOfSnapshot[]> {
  const { rows } = await client.query<TableOfSnapshot>(
    `SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'schema_migrations'
     GROUP BY c.relname ORDER BY c.relname COLLATE "C"`,
  )
  return rows
}

export async function listMigrations(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY run_at, name')
  return rows.map(({ name }) => name)
}

/** The months for which the log has a partition, as their tables are named. */
export async function listPartitions(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'access_events'::regclass ORDER BY c.relname`,
  )
  return rows.map(({ name }) => name)
}

/** The question that finds a table's rows. */
export function rowsIn(client: Client, { name, columns }: TableOfSnapshot): string {
  if (name === REGISTER) return REGISTERED
  if (name === JOBS) return WAITING_JOBS
  return `SELECT ${columns.map((column) => client.escapeIdentifier(column)).join(', ')} FROM ${client.escapeIdentifier(name)}`
}

/**
 * By this it is told later which messages lack something, also when the row of the message itself is what is gone. It does not stand beside the
 * rows that it speaks of.
 */
const REGISTERED = `SELECT m.id, m.thread_id, m.sent_at, m.key_wrapped IS NOT NULL,
    (SELECT count(*) FROM message_recipients r WHERE r.message_id = m.id)::integer,
    (SELECT count(*) FROM thread_key_wraps w WHERE w.thread_key_id = m.thread_key_id)::integer,
    (SELECT count(*) FROM attachments a WHERE a.message_id = m.id)::integer
  FROM messages m`

/** What is under way in the queue is what was not finished, so it waits again. */
const WAITING_JOBS = `SELECT t.identifier, j.payload, j.run_at, j.max_attempts::integer, j.key, j.priority::integer
  FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id WHERE j.attempts < j.max_attempts`

/** The files that the snapshot's rows name, a few hundred at a time. */
export async function* filesNamed(client: Client, tables: readonly TableOfSnapshot[]): AsyncGenerator<string> {
  await client.query(`DECLARE named NO SCROLL CURSOR FOR ${namedFiles(tables.map(({ name }) => name))}`)
  for (;;) {
    const { rows } = await client.query<{ name: string }>('FETCH 500 FROM named')
    if (rows.length === 0) return
    for (const { name } of rows) yield name
  }
}
