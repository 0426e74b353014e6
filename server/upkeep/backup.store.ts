/** The backups that were begun, for those who have to say what still holds a message that was destroyed. */
import { appendToLedger, type LedgerLine } from '../audit/ledger.ts'
import { inTransaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { keepEverything } from '../messages/legal-hold.store.ts'

export interface BackupRow {
  id: string
  madeAt: Date
  /** Null: whoever made it named no end. */
  keptUntil: Date | null
  masterKeyVersion: number
}

const backups = table<BackupRow>('backups', {
  id: 'uuid key',
  madeAt: 'timestamptz',
  keptUntil: 'timestamptz',
  masterKeyVersion: 'integer',
})

/** Waits for what is being erased: a certificate names this backup, or the backup does not hold what it says. The ledger has it for an older database. */
export function insertBackup(row: BackupRow): Promise<void> {
  const { id, madeAt, keptUntil, masterKeyVersion } = row
  return inTransaction(async (transaction) => {
    await keepEverything(transaction)
    await backups.insert(row, transaction)
    const until = keptUntil?.toISOString() ?? null
    await appendToLedger({ kind: 'backup', backup: id, until, masterKeyVersion }, madeAt, transaction)
  })
}

/** Those that the ledger knows and an older database does not. */
export async function takeUpBackups(lines: readonly (LedgerLine & { kind: 'backup' })[]): Promise<void> {
  for (const { backup: id, at: madeAt, until, masterKeyVersion } of lines)
    if (!(await backups.find({ id })))
      await backups.insert({ id, madeAt, keptUntil: until ? new Date(until) : null, masterKeyVersion })
}
