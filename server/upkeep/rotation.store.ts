/** Changes of the master key's version, from being asked for until the earlier version is destroyed. */
import { ask, type Transaction } from '../database/connection.ts'
import type { Client } from '../database/copy.ts'
import { table } from '../database/table.ts'

export interface Rotation {
  id: string
  askedAt: Date
  /** This version and every one below it go. */
  fromVersion: number
  toVersion: number | null
  /** From then on new seals are under the new version. */
  inUseAt: Date | null
  /** bigint, as text */
  rowsToReseal: string | null
  rowsResealed: string
  /** From then on no row may be written under the earlier versions. */
  retiringAt: Date | null
  finishedAt: Date | null
}

const rotations = table<Rotation>('master_key_rotations', {
  id: 'uuid key',
  askedAt: 'timestamptz',
  fromVersion: 'integer',
  toVersion: 'integer',
  inUseAt: 'timestamptz',
  rowsToReseal: 'bigint',
  rowsResealed: 'bigint',
  retiringAt: 'timestamptz',
  finishedAt: 'timestamptz',
})

export const insertRotation = rotations.insert

/** The oldest one that is not finished. */
export async function findUnfinishedRotation(): Promise<Rotation | undefined> {
  const [rotation] = await ask<Rotation>(
    'SELECT * FROM master_key_rotations WHERE finished_at IS NULL ORDER BY id LIMIT 1',
  )
  return rotation
}

export async function noteRotation(
  id: string,
  values: Partial<Omit<Rotation, 'id' | 'askedAt' | 'fromVersion'>>,
  transaction?: Transaction,
): Promise<void> {
  await rotations.update(values, { id }, transaction)
}

export async function addResealed(id: string, rows: number): Promise<void> {
  await ask('UPDATE master_key_rotations SET rows_resealed = rows_resealed + $2 WHERE id = $1 RETURNING id', [id, rows])
}

/** The newest version that was destroyed, or is just being: nothing that can still be opened rests under it or an earlier one. 0 when there is none. */
export async function findRetiredVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    'SELECT coalesce(max(from_version), 0)::integer AS version FROM master_key_rotations WHERE retiring_at IS NOT NULL',
  )
  return rows[0]!.version
}

/** A row that does not open, by its bytes. */
export interface LostRow {
  table: string
  /** Its key, as text. */
  row: string
  /** SHA-256 of what is sealed in it. */
  digest: Buffer
}

interface RowGivenUp {
  tableName: string
  rowKey: string
  digest: Buffer
  givenUpAt: Date
}

const rowsGivenUp = table<RowGivenUp>('rows_given_up', {
  tableName: 'text key',
  rowKey: 'text key',
  digest: 'bytea key',
  givenUpAt: 'timestamptz',
})

/** Those of these rows that nobody has given up as they are now. */
export async function withoutGivenUp<Row extends LostRow>(rows: readonly Row[]): Promise<Row[]> {
  const known = new Set(
    (await rowsGivenUp.list({})).map(({ tableName, rowKey, digest }) => nameOf(tableName, rowKey, digest)),
  )
  return rows.filter(({ table, row, digest }) => !known.has(nameOf(table, row, digest)))
}

/** An operator gives them up, with the version that they name. */
export async function giveUpRows(rows: readonly LostRow[], now = new Date()): Promise<void> {
  await rowsGivenUp.insertAll(
    rows.map(({ table, row, digest }) => ({ tableName: table, rowKey: row, digest, givenUpAt: now })),
  )
}

function nameOf(table: string, row: string, digest: Buffer): string {
  return `${table} ${row} ${digest.toString('hex')}`
}

/** Backups on record that need this version or an earlier one, and that nobody has said are destroyed by now. */
export async function countBackupsNeeding(version: number, now: Date): Promise<number> {
  const [row] = await ask<{ count: string }>(
    'SELECT count(*) FROM backups WHERE master_key_version <= $1 AND (kept_until IS NULL OR kept_until > $2)',
    [version, now],
  )
  return Number(row!.count)
}

/** For a restored database: what was under way belongs to where it was begun, and so does the master key. @returns how many there were */
export async function endRotations(now: Date, transaction: Transaction): Promise<number> {
  const ended = await ask(
    'UPDATE master_key_rotations SET finished_at = $1 WHERE finished_at IS NULL RETURNING id',
    [now],
    transaction,
  )
  return ended.length
}
