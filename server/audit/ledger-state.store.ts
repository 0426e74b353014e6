/** What the database knows of the ledger: its number in the newest mark, and what was told of it. One row. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

interface LedgerStateRow {
  id: number
  /** A bigint comes as text. */
  mark: string
  markedAt: Date | null
  markedEvent: string | null
  olderAt: Date | null
  told: string
}

export interface LedgerState extends Omit<LedgerStateRow, 'id' | 'mark'> {
  mark: number
}

const states = table<LedgerStateRow>('ledger_state', {
  id: 'integer key',
  mark: 'bigint',
  markedAt: 'timestamptz',
  markedEvent: 'uuid',
  olderAt: 'timestamptz',
  told: 'text',
})

export async function findLedgerState(transaction?: Transaction): Promise<LedgerState> {
  const row = await states.find({ id: 1 }, transaction)
  return { ...row!, mark: Number(row!.mark) }
}

/** This database was older than the ledger: from now on it has the ledger's number. */
export async function takeUpMark(mark: number, at: Date, now: Date, transaction: Transaction): Promise<void> {
  await states.update({ mark: String(mark), markedAt: at, olderAt: now }, { id: 1 }, transaction)
}

export async function noteTold(told: string): Promise<void> {
  await states.update({ told }, { id: 1 })
}

/** The newest access event of all. */
export async function findNewestEvent(transaction?: Transaction): Promise<{ id: string; at: Date } | undefined> {
  const [row] = await ask<{ id: string; at: Date }>(
    'SELECT id, at FROM access_events ORDER BY at DESC, id DESC LIMIT 1',
    [],
    transaction,
  )
  return row
}
