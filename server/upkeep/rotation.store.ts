/** Changes of the master key's version, from being asked for until the earlier version is destroyed. */
import { ask, type Transaction } from '../database/connection.ts'
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

/**
 * Backups on record that need this version or an earlier one, as those also do that were made while it was replaced, and that nobody has said are
 * destroyed by now.
 */
export async function countBackupsNeeding(version: number, since: Date, now: Date): Promise<number> {
  const [row] = await ask<{ count: string }>(
    'SELECT count(*) FROM backups WHERE (master_key_version <= $1 OR made_at >= $2) AND (kept_until IS NULL OR kept_until > $3)',
    [version, since, now],
  )
  return Number(row!.count)
}
