/**
 * Seals the rows of one column again under another version of the master key, in batches, while everybody reads and writes. A row is replaced only
 * where its bytes are still the ones that were read: whoever replaced it at the same moment, such as a reader with a quicker wrap, has won.
 */
import { createHash } from 'node:crypto'
import type { Client } from '../database/copy.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import { MasterKeyProblem, masterVersionHead } from '../vault/master-key.ts'
import type { ColumnUnderMaster } from './columns-under-master.ts'
import type { LostRow } from './rotation.store.ts'

/** A row that does not open under the version that it names; nothing that was sealed here is such a row. */
export interface UnopenedRow extends LostRow {
  version: number
  /** The version is not at hand, which says nothing against the row. */
  missing: boolean
}

const BATCH = 1_000

/** @param resealed is told after each batch how many rows were replaced, and waited for */
export async function resealColumn(
  client: Client,
  column: ColumnUnderMaster,
  version: number,
  resealed: (rows: number) => Promise<void>,
): Promise<UnopenedRow[]> {
  const unopened: UnopenedRow[] = []
  let after: Row | undefined
  for (;;) {
    const rows = await nextRows(client, column, version, after)
    after = rows.at(-1)
    if (!after) return unopened
    const sealed = rows.flatMap((row) => resealRow(column, row, version, unopened))
    await resealed(await replace(client, column, sealed))
  }
}

/** How many rows of a column are under an earlier version. @param above only those under a later one than this */
export async function countEarlier(
  client: Client,
  column: ColumnUnderMaster,
  version: number,
  above?: number,
): Promise<number> {
  const later = above === undefined ? '' : ` AND substring(${column.column} from 1 for 4) > $2`
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM ${column.table} WHERE ${isEarlier(column)}${later}`,
    [version, ...(above === undefined ? [] : [above])].map(masterVersionHead),
  )
  return Number(rows[0]!.count)
}

/** The rows of a column that are under an earlier version, by their keys as text. */
export async function listEarlier(client: Client, column: ColumnUnderMaster, version: number): Promise<string[]> {
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT ${Object.keys(column.key).join(', ')} FROM ${column.table} WHERE ${isEarlier(column)}`,
    [masterVersionHead(version)],
  )
  return rows.map((row) => nameOf(column, row))
}

function nameOf({ key }: ColumnUnderMaster, row: Record<string, unknown>): string {
  return Object.keys(key)
    .map((each) => String(row[each]))
    .join('/')
}

interface Row extends Record<string, unknown> {
  sealed: Buffer
}

/** In the order of their key, behind the last one: each is met once, also where it stays as it is. */
async function nextRows(
  client: Client,
  column: ColumnUnderMaster,
  version: number,
  after: Row | undefined,
): Promise<Row[]> {
  const key = Object.keys(column.key)
  const behind = key.map((name, place) => `$${place + 3}::${column.key[name]!}`)
  const { rows } = await client.query<Row>(
    `SELECT ${[...key, ...(column.also ?? [])].join(', ')}, ${column.column} AS sealed FROM ${column.table}
     WHERE ${isEarlier(column)} ${after ? `AND (${key.join(', ')}) > (${behind.join(', ')})` : ''}
     ORDER BY ${key.join(', ')} LIMIT $2`,
    [masterVersionHead(version), BATCH, ...(after ? key.map((name) => after[name]) : [])],
  )
  return rows
}

function isEarlier({ column, rows }: ColumnUnderMaster): string {
  return `${rows ?? 'TRUE'} AND ${column} IS NOT NULL AND substring(${column} from 1 for 4) < $1`
}

function resealRow(
  column: ColumnUnderMaster,
  row: Row,
  version: number,
  unopened: UnopenedRow[],
): { row: Row; next: Buffer }[] {
  try {
    return [{ row, next: column.reseal(row, row.sealed, version) }]
  } catch (error) {
    if (!(error instanceof EnvelopeRefused || error instanceof MasterKeyProblem)) throw error
    unopened.push({
      table: column.table,
      row: nameOf(column, row),
      digest: createHash('sha256').update(row.sealed).digest(),
      version: row.sealed.length < 4 ? 0 : row.sealed.readUInt32BE(0),
      missing: error instanceof MasterKeyProblem,
    })
    return []
  }
}

/** Waits for nobody, so that nobody who holds several rows can wait for us for ever. @returns how many were free and still as they had been read */
async function replace(
  client: Client,
  column: ColumnUnderMaster,
  sealed: { row: Row; next: Buffer }[],
): Promise<number> {
  if (sealed.length === 0) return 0
  const key = Object.keys(column.key)
  const lists = key.map((name, place) => `$${place + 3}::${column.key[name]!}[]`)
  const { rowCount } = await client.query(
    `WITH v(old, next, ${key.join(', ')}) AS (SELECT * FROM unnest($1::bytea[], $2::bytea[], ${lists.join(', ')})),
       mine AS (SELECT ${key.map((name) => `t.${name}`).join(', ')}, v.next FROM ${column.table} t JOIN v USING (${key.join(', ')})
         WHERE t.${column.column} = v.old FOR UPDATE OF t SKIP LOCKED)
     UPDATE ${column.table} t SET ${column.column} = mine.next FROM mine
     WHERE ${key.map((name) => `t.${name} = mine.${name}`).join(' AND ')}`,
    [
      sealed.map(({ row }) => row.sealed),
      sealed.map(({ next }) => next),
      ...key.map((name) => sealed.map(({ row }) => row[name])),
    ],
  )
  return rowCount ?? 0
}
