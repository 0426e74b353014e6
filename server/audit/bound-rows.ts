/**
 * Tables of which a row is bound by a MAC to what it was written as. A row that somebody put there, or whose columns were changed in the database,
 * counts as not there, and the log says so.
 */
import { ask, type Transaction } from '../database/connection.ts'
import { isRowMac, rowMac } from '../vault/row-mac.ts'
import { recordChangedRow } from './record-changed-row.ts'

type Bound = { mac: Buffer | null }
type Value = string | number | boolean | Buffer | Date | null
type Columns<Row> = readonly (keyof Omit<Row, 'mac'> & string)[]

export interface BoundRows<Row extends Bound> {
  macOf(row: Omit<Row, 'mac'>): Buffer
  isTrue(row: Row): boolean
  /** Leaves out what was not written here, and records it. */
  onlyTrue(rows: readonly Row[]): Promise<Row[]>
}

/** For the rows of before there were MACs; see bind-earlier-rows.ts. */
const tables: ((transaction: Transaction) => Promise<void>)[] = []

/** @param columns those that decide; the first is the row's key @param what for the log: 'a passkey' */
export function boundRows<Row extends Bound>(table: string, columns: Columns<Row>, what: string): BoundRows<Row> {
  const fieldsOf = (row: object) => columns.map((column) => (row as Record<string, Value>)[column]!)
  const macOf = (row: Omit<Row, 'mac'>) => rowMac(table, fieldsOf(row))
  const isTrue = (row: Row) => isRowMac(table, fieldsOf(row), row.mac)
  tables.push(async (transaction) => {
    const [key] = columns
    const rows = await ask<Row>(`SELECT * FROM ${table} WHERE mac IS NULL FOR UPDATE`, [], transaction)
    for (const row of rows)
      await ask(`UPDATE ${table} SET mac = $2 WHERE ${key} = $1`, [fieldsOf(row)[0], macOf(row)], transaction)
  })
  return {
    macOf,
    isTrue,
    async onlyTrue(rows) {
      for (const row of rows.filter((each) => !isTrue(each))) {
        const { accountId } = row as { accountId?: string }
        await recordChangedRow(`${table}/${String(fieldsOf(row)[0])}`, `${what} was changed`, accountId)
      }
      return rows.filter(isTrue)
    },
  }
}

/** Gives a MAC to every row that has none. */
export async function bindRows(transaction: Transaction): Promise<void> {
  for (const bind of tables) await bind(transaction)
}
