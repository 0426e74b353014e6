/**
 * A table as people save it: CSV with commas, semicolons or tabs, in UTF-8, UTF-16 or the older encoding of Windows; or pasted out of a sheet. What
 * it was read as is said, because nobody can know it for sure. csv-parse is imported only here.
 */
import { CsvError, parse } from 'csv-parse/sync'

export type Encoding = 'utf-8' | 'utf-8-bom' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'pasted'

export interface Table {
  encoding: Encoding
  delimiter: ',' | ';' | '\t'
  header: string[]
  /** With the number of the line in which each ends: in a sheet, its row. */
  rows: { line: number; cells: string[] }[]
}

export type TableProblem = { problem: 'empty' | 'not-text' | 'too-many' } | { problem: 'broken'; line: number }

export const MOST_ROWS = 1000

/** @param given the bytes of a file, or what was pasted */
export function readTable(given: Buffer | string): Table | TableProblem {
  const { text, encoding } = typeof given === 'string' ? { text: given, encoding: 'pasted' as const } : decode(given)
  if (text.trim() === '') return { problem: 'empty' }
  if (/[\u0000-\u0008\u000e-\u001f]/.test(text)) return { problem: 'not-text' }
  const delimiter = delimiterOf(text)
  try {
    const read = parse(text, {
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
      trim: true,
      to: MOST_ROWS + 2,
    }) as unknown as { record: string[]; info: { lines: number } }[]
    const [header, ...rows] = read.map(({ record, info }) => ({ line: info.lines, cells: record }))
    if (!header) return { problem: 'empty' }
    return rows.length > MOST_ROWS ? { problem: 'too-many' } : { encoding, delimiter, header: header.cells, rows }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return { problem: 'broken', line: Number((error as CsvError & { lines?: number }).lines ?? 1) }
  }
}

/** By its first bytes where they say it; bytes that are no UTF-8 are taken for the encoding that Windows saved in before. */
function decode(bytes: Buffer): { text: string; encoding: Encoding } {
  const as = (encoding: string, from = 0) => new TextDecoder(encoding).decode(bytes.subarray(from))
  if (bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) return { text: as('utf-8'), encoding: 'utf-8-bom' }
  if (bytes.subarray(0, 2).equals(Buffer.from([0xff, 0xfe]))) return { text: as('utf-16le'), encoding: 'utf-16le' }
  if (bytes.subarray(0, 2).equals(Buffer.from([0xfe, 0xff]))) return { text: as('utf-16be'), encoding: 'utf-16be' }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), encoding: 'utf-8' }
  } catch {
    return { text: as('windows-1252'), encoding: 'windows-1252' }
  }
}

/** Whichever of the three the first line has most of. */
function delimiterOf(text: string): Table['delimiter'] {
  const first = text.trimStart().split(/\r\n|\r|\n/, 1)[0]!
  const count = (each: string) => first.split(each).length
  return ([',', ';', '\t'] as const).reduce((best, each) => (count(each) > count(best) ? each : best))
}
