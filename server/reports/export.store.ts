/** Exports: what was asked for, how far it is, and the sealed file that it ended as. What the file says is known only to whoever downloads it. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'
import type { ExportKind, ExportFilter, Format } from './export.ts'

export type ExportState = 'preparing' | 'ready' | 'failed' | 'cancelled' | 'expired'
/** Why it failed, in words of the catalogue. */
export type ExportFailure = 'too-long-for-pdf' | 'no-room' | 'not-as-signed' | 'broken'

export interface Export {
  id: string
  askedBy: string
  askedAt: Date
  kind: ExportKind
  format: Format
  filter: ExportFilter
  state: ExportState
  why: ExportFailure | null
  rowCount: number
  expected: number | null
  readyAt: Date | null
  file: ExportFile | undefined
}

/** The sealed file, and what is known of the clear one. */
export interface ExportFile {
  id: string
  key: Buffer
  bytes: number
  sha256: Buffer
}

interface ExportRow {
  id: string
  askedBy: string
  askedAt: Date
  kind: ExportKind
  format: Format
  filterSealed: Buffer
  state: ExportState
  why: ExportFailure | null
  rowCount: string
  expected: string | null
  token: number
  seenAt: Date
  fileId: string | null
  keySealed: Buffer | null
  byteCount: string | null
  sha256: Buffer | null
  readyAt: Date | null
}

const exports = table<ExportRow>('exports', {
  id: 'uuid key',
  askedBy: 'uuid',
  askedAt: 'timestamptz',
  kind: 'text',
  format: 'text',
  filterSealed: 'bytea',
  state: 'text',
  why: 'text',
  rowCount: 'bigint',
  expected: 'bigint',
  token: 'integer',
  seenAt: 'timestamptz',
  fileId: 'uuid',
  keySealed: 'bytea',
  byteCount: 'bigint',
  sha256: 'bytea',
  readyAt: 'timestamptz',
})

export function insertExport(
  asked: Pick<Export, 'id' | 'askedBy' | 'askedAt' | 'kind' | 'format' | 'filter'>,
  transaction: Transaction,
): Promise<void> {
  const { filter, ...plain } = asked
  return exports.insert(
    {
      ...plain,
      filterSealed: sealField(`export/${asked.id}/filter`, JSON.stringify(filter)),
      state: 'preparing',
      why: null,
      rowCount: '0',
      expected: null,
      token: 0,
      // Nobody has begun: whoever comes first takes it.
      seenAt: new Date(0),
      fileId: null,
      keySealed: null,
      byteCount: null,
      sha256: null,
      readyAt: null,
    },
    transaction,
  )
}

export async function findExport(id: string): Promise<Export | undefined> {
  const row = await exports.find({ id })
  return row && toExport(row)
}

/** Newest first. */
export async function listExports(limit: number): Promise<Export[]> {
  const rows = await ask<ExportRow>('SELECT * FROM exports ORDER BY asked_at DESC, id DESC LIMIT $1', [limit])
  return rows.map(toExport)
}

/** How many somebody has under way. */
export async function countUnderWay(accountId: string, transaction: Transaction): Promise<number> {
  const [row] = await ask<{ count: number }>(
    `SELECT count(*)::int AS count FROM exports WHERE asked_by = $1 AND state = 'preparing'`,
    [accountId],
    transaction,
  )
  return row!.count
}

/** The right to prepare an export: good as long as nobody has a newer token. */
export interface Turn {
  exportId: string
  token: number
}

/**
 * Takes the turn from whoever had it and was not seen for `seconds`, by the database's clock, and names the file that this turn writes.
 * @returns nothing while another is at it, or when it is over; and the file of the turn before, which is nobody's now
 */
export async function takeTurn(
  exportId: string,
  fileId: string,
  key: Buffer,
  seconds: number,
): Promise<{ turn: Turn; before: string | null } | undefined> {
  const [row] = await ask<{ token: number; before: string | null }>(
    `UPDATE exports SET token = exports.token + 1, seen_at = now(), row_count = 0, expected = NULL, file_id = $2, key_sealed = $3
     FROM (SELECT id, file_id FROM exports WHERE id = $1 FOR UPDATE) was
     WHERE exports.id = was.id AND state = 'preparing' AND seen_at < now() - make_interval(secs => $4)
     RETURNING exports.token, was.file_id AS before`,
    [exportId, fileId, sealField(`export/${exportId}/key`, key.toString('base64')), seconds],
  )
  return row && { turn: { exportId, token: row.token }, before: row.before }
}

/** Says how far it is. @returns false when it was cancelled, or is another one's turn now */
export async function noteProgress({ exportId, token }: Turn, rows: number, expected?: number): Promise<boolean> {
  const noted = await ask(
    `UPDATE exports SET row_count = $3, expected = coalesce($4, expected), seen_at = now()
     WHERE id = $1 AND token = $2 AND state = 'preparing' RETURNING id`,
    [exportId, token, rows, expected ?? null],
  )
  return noted.length === 1
}

/** Gives the turn back, so that the next try need not wait. */
export async function endTurn({ exportId, token }: Turn): Promise<void> {
  await ask(`UPDATE exports SET seen_at = '1970-01-01T00:00:00Z' WHERE id = $1 AND token = $2`, [exportId, token])
}

/** preparing → ready, once, by whose turn it is. @returns whether this call was the one that did it */
export async function noteReady(
  { exportId, token }: Turn,
  made: { rows: number; bytes: number; sha256: Buffer },
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const noted = await ask(
    `UPDATE exports SET state = 'ready', row_count = $3, byte_count = $4, sha256 = $5, ready_at = $6
     WHERE id = $1 AND token = $2 AND state = 'preparing' RETURNING id`,
    [exportId, token, made.rows, made.bytes, made.sha256, now],
    transaction,
  )
  return noted.length === 1
}

/** preparing → failed, once. */
export async function noteFailed(
  { exportId, token }: Turn,
  why: ExportFailure,
  transaction: Transaction,
): Promise<boolean> {
  const noted = await ask(
    `UPDATE exports SET state = 'failed', why = $3, file_id = NULL, key_sealed = NULL
     WHERE id = $1 AND token = $2 AND state = 'preparing' RETURNING id`,
    [exportId, token, why],
    transaction,
  )
  return noted.length === 1
}

/**
 * preparing or ready → over; the key is forgotten at once, and with it what the file says. @returns the file that is nobody's now; null: there was
 * none; undefined: it was over
 */
export async function noteOver(
  exportId: string,
  state: 'cancelled' | 'expired',
  transaction: Transaction,
): Promise<string | null | undefined> {
  const [row] = await ask<{ fileId: string | null }>(
    `UPDATE exports SET state = $2, file_id = NULL, key_sealed = NULL
     FROM (SELECT id, file_id FROM exports WHERE id = $1 FOR UPDATE) was
     WHERE exports.id = was.id AND state IN ('preparing', 'ready') RETURNING was.file_id`,
    [exportId, state],
    transaction,
  )
  return row && row.fileId
}

/** Those whose file was there for as long as it may be. */
export async function listOutlived(before: Date): Promise<string[]> {
  const rows = await ask<{ id: string }>(`SELECT id FROM exports WHERE state = 'ready' AND ready_at < $1`, [before])
  return rows.map(({ id }) => id)
}

/** Those that nobody is at, by the database's clock. */
export async function listLeftAlone(seconds: number): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    `SELECT id FROM exports WHERE state = 'preparing' AND seen_at < now() - make_interval(secs => $1)`,
    [seconds],
  )
  return rows.map(({ id }) => id)
}

function toExport(row: ExportRow): Export {
  const { id, askedBy, askedAt, kind, format, state, why, readyAt, fileId, keySealed, byteCount, sha256 } = row
  const isThere = state === 'ready' && fileId && keySealed && sha256
  return {
    id,
    askedBy,
    askedAt,
    kind,
    format,
    filter: readFilter(unsealField(`export/${id}/filter`, row.filterSealed)),
    state,
    why,
    rowCount: Number(row.rowCount),
    expected: row.expected === null ? null : Number(row.expected),
    readyAt,
    file: isThere
      ? {
          id: fileId,
          key: Buffer.from(unsealField(`export/${id}/key`, keySealed), 'base64'),
          bytes: Number(byteCount),
          sha256,
        }
      : undefined,
  }
}

function readFilter(text: string): ExportFilter {
  const { from, to, ...rest } = JSON.parse(text) as Omit<ExportFilter, 'from' | 'to'> & { from?: string; to?: string }
  return { ...rest, ...(from ? { from: new Date(from) } : {}), ...(to ? { to: new Date(to) } : {}) }
}
