/**
 * Brings the schema up to date: numbered SQL, forward only, each file in one transaction, under one advisory lock, as the owner's role.
 * The application's role gets its rights from the files (`:app_role` stands for its name).
 */
import { readFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { projectRoot } from '../lib/root.ts'
import { singleConnection } from './connection.ts'

const FOLDER = join(projectRoot, 'server/database/migrations')
const LOCK = 7_203_511

export class SchemaProblem extends Error {}

/**
 * @param applicationUrl the application's role; its name is put into the grants
 * @param ownerUrl the owner's role; without it nothing is changed, and a schema that is behind is a SchemaProblem
 * @returns names of the files that were run
 * @throws SchemaProblem when the database knows files that this version does not
 */
export async function migrate(applicationUrl: string, ownerUrl: string | undefined): Promise<string[]> {
  const client = await singleConnection(ownerUrl ?? applicationUrl)
  try {
    await refuseHalfRestored(client)
    if (!ownerUrl) return await refuseWhenBehind(client)
    return await runMissing(client, applicationUrl)
  } finally {
    await client.end()
  }
}

/**
 * The same for a database into which a backup is restored.
 * @param only the files that the backup's database had run, in their order; without it all that are missing
 */
export async function migrateForRestore(applicationUrl: string, ownerUrl: string, only?: string[]): Promise<string[]> {
  const client = await singleConnection(ownerUrl)
  try {
    return await runMissing(client, applicationUrl, only)
  } finally {
    await client.end()
  }
}

/** Whether this version of Letterlock knows how to make a schema that ran these files. @returns the first that it does not know */
export function firstUnknown(names: readonly string[]): string | undefined {
  return names.find((name) => !migrationNames().includes(name))
}

/** Stands in a database from the first step of a restore to its last. */
export const HALF_RESTORED = 'half_restored'

async function refuseHalfRestored(client: pg.Client) {
  const { rows } = await client.query<{ half: boolean }>('SELECT to_regclass($1) IS NOT NULL AS half', [HALF_RESTORED])
  if (rows[0]?.half)
    throw new SchemaProblem(
      'A backup was being restored into this database and that did not end: what is here is not whole. Restore it again (npm run restore -- FILE).',
    )
}

async function runMissing(client: pg.Client, applicationUrl: string, only?: string[]): Promise<string[]> {
  await client.query('SELECT pg_advisory_lock($1)', [LOCK])
  await client.query(
    'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now())',
  )
  await refuseUnknown(client)
  if ((await missingNames(client)).length === 0) return []
  // It brings a command line of 150 files with it, which most starts need not read.
  const { Umzug } = await import('umzug')
  const role = client.escapeIdentifier(decodeURIComponent(new URL(applicationUrl).username))
  const umzug = new Umzug({
    migrations: (only ?? migrationNames()).map((name) => ({ name, up: () => runFile(client, name, role) })),
    storage: {
      logMigration: async () => {}, // written by runFile, in the file's own transaction
      unlogMigration: async () => {},
      executed: () => knownNames(client),
    },
    logger: undefined,
  })
  return (await umzug.up()).map(({ name }) => name)
}

async function refuseWhenBehind(client: pg.Client): Promise<string[]> {
  await refuseUnknown(client)
  const missing = await missingNames(client)
  if (missing.length > 0)
    throw new SchemaProblem(
      `The database lacks ${missing.length} change(s) that this version needs (${missing[0]} …). Set MIGRATION_DATABASE_URL to the owner's role and start again.`,
    )
  return []
}

async function missingNames(client: pg.Client): Promise<string[]> {
  const known = await knownNames(client)
  return migrationNames().filter((name) => !known.includes(name))
}

async function refuseUnknown(client: pg.Client) {
  const unknown = (await knownNames(client)).find((name) => !migrationNames().includes(name))
  if (unknown)
    throw new SchemaProblem(
      `The database was already changed by a newer version of Letterlock (${unknown}). Start that version, or restore a backup made before it.`,
    )
}

async function runFile(client: pg.Client, name: string, role: string) {
  const sql = (await readFile(join(FOLDER, name), 'utf8')).replaceAll(':app_role', role)
  await client.query('BEGIN')
  try {
    await client.query(sql)
    await client.query('INSERT INTO schema_migrations (name) VALUES ($1)', [name])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

async function knownNames(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS there`,
  )
  if (!rows[0]?.there) return []
  return (await client.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY name')).rows.map(
    ({ name }) => name,
  )
}

function migrationNames() {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort()
}
