/** The backups that were begun, for those who have to say what still holds a message that was destroyed. */
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

/** Waits for what is being erased: a certificate names this backup, or the backup does not hold what it says. */
export function insertBackup(row: BackupRow): Promise<void> {
  return inTransaction(async (transaction) => {
    await keepEverything(transaction)
    await backups.insert(row, transaction)
  })
}
