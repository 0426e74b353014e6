/** The clear bytes of an export, as they come: nothing is held but the lines at hand. */
import { createHash } from 'node:crypto'
import { listAccounts } from '../accounts/account.store.ts'
import { exact } from '../lib/dates.ts'
import { BYTE_ORDER_MARK, csvLine } from './csv.ts'
import type { Export } from './export.store.ts'
import type { Sheet } from './export.ts'
import { drawSheet, type Told } from './draw-sheet.ts'
import { provedLines } from './proved-lines.ts'
import { asOfAsking, sheetOf } from './sheets.ts'

/** How far it is. */
export interface Written {
  rows: number
  expected: number | undefined
}

/** More lines than anybody prints. */
export class TooLong extends Error {}

/** @throws TooLong, NotSigned */
export async function* bytesOf(asked: Export, written: Written): AsyncGenerator<Buffer> {
  if (asked.format === 'ndjson') return yield* provedLines(asOfAsking(asked), written)
  const sheet = await sheetOf(asked)
  written.expected = await sheet.count()
  yield* asked.format === 'csv' ? csvBytes(sheet, written) : pdfBytes(asked, sheet, written)
}

async function* csvBytes(sheet: Sheet, written: Written): AsyncGenerator<Buffer> {
  yield Buffer.from(BYTE_ORDER_MARK + csvLine(sheet.columns.map(({ label }) => label)))
  for await (const rows of sheet.rows()) {
    written.rows += rows.length
    yield Buffer.from(rows.map(csvLine).join(''))
  }
}

/** What is longer is read by machines; as CSV it has no end. */
export const MOST_PRINTED = 5000

/** The title page says how many lines come after it and what their hash is, so they are read twice. */
async function* pdfBytes(asked: Export, sheet: Sheet, written: Written): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  const read: Written = { rows: 0, expected: undefined }
  if ((written.expected ?? 0) > MOST_PRINTED) throw new TooLong()
  for await (const bytes of csvBytes(sheet, read)) {
    hash.update(bytes)
    if (read.rows > MOST_PRINTED) throw new TooLong()
  }
  const [asker] = await listAccounts([asked.askedBy])
  const told: Told = {
    by: asker ? asker.name || asker.email : '',
    at: exact(asked.askedAt),
    sha256: hash.digest('hex'),
    rows: read.rows,
  }
  yield* drawSheet(sheet, told, written)
}
