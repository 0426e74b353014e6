/** The place into which a backup is restored: it has to be empty, or the half that an earlier try left, and says until the end that it is not whole. */
import type { Client } from '../database/copy.ts'
import { HALF_RESTORED } from '../database/migrate.ts'
import { fileStore } from '../attachments/file-store.ts'

/** Takes an empty place, or empties one that was half restored, and marks it. @throws Error that names what is there, or that somebody is at it */
export async function takeTarget(owner: Client, files: string): Promise<void> {
  await refuseSecondRestore(owner)
  if (await isHalfRestored(owner)) {
    await refuseOtherStore(owner, files)
    await emptyTarget(owner)
  } else await refuseFull(owner)
  await owner.query(`CREATE TABLE ${HALF_RESTORED} (begun_at timestamptz NOT NULL DEFAULT now(), files text NOT NULL)`)
  await owner.query(`INSERT INTO ${HALF_RESTORED} (files) VALUES ($1)`, [files])
}

/** Takes everything away again, the mark last. */
export async function emptyTarget(owner: Client): Promise<void> {
  for await (const { name } of fileStore().list()) await fileStore().remove(name)
  await owner.query('DROP SCHEMA IF EXISTS graphile_worker CASCADE')
  // With the mark in it: PostgreSQL does both or neither.
  await owner.query('BEGIN; DROP SCHEMA public CASCADE; CREATE SCHEMA public; COMMIT')
}

/** From here on the place is like any other. */
export async function leaveTarget(owner: Client): Promise<void> {
  await owner.query(`DROP TABLE ${HALF_RESTORED}`)
}

const ONE_RESTORE = 7_203_521

async function refuseSecondRestore(owner: Client) {
  const { rows } = await owner.query<{ alone: boolean }>('SELECT pg_try_advisory_lock($1) AS alone', [ONE_RESTORE])
  if (!rows[0]?.alone) throw new Error('Another restore into this database is under way. Nothing was done.')
}

async function isHalfRestored(owner: Client): Promise<boolean> {
  const { rows } = await owner.query<{ half: boolean }>('SELECT to_regclass($1) IS NOT NULL AS half', [HALF_RESTORED])
  return rows[0]?.half === true
}

/** What is emptied has to be what the earlier try filled: it found that store empty, and may not have known this one. */
async function refuseOtherStore(owner: Client, files: string) {
  const { rows } = await owner.query<{ files: string }>(`SELECT files FROM ${HALF_RESTORED}`)
  const earlier = rows.find((row) => row.files !== files)?.files
  if (earlier)
    throw new Error(
      `An earlier restore into this database was cut off; its files are in ${earlier}, and the settings now name ${files}. Nothing was changed: name the same place again, or empty the database and that place yourself.`,
    )
}

async function refuseFull(owner: Client) {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'graphile_worker'))
     AND relkind IN ('r', 'p') AND NOT relispartition`,
  )
  const found = rows.map(({ name }) => name)
  if (found.includes('accounts') && found.includes('messages')) {
    const { rows: counts } = await owner.query<{ people: string; messages: string }>(
      'SELECT (SELECT count(*) FROM accounts) AS people, (SELECT count(*) FROM messages) AS messages',
    )
    throw new Error(
      `A backup is restored into an empty place. This database holds Letterlock already (people: ${counts[0]!.people}, messages: ${counts[0]!.messages}). Nothing was changed; name another DATA_DIR or DATABASE_URL.`,
    )
  }
  if (found.length > 0)
    throw new Error(
      `A backup is restored into an empty place. This database holds tables already (${found.slice(0, 3).join(', ')}${found.length > 3 ? ' …' : ''}). Nothing was changed; name another one.`,
    )
  for await (const { name } of fileStore().list())
    throw new Error(
      `A backup is restored into an empty place. The store of files holds some already (${name} …). Nothing was changed; name another one.`,
    )
}
