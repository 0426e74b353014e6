/** The backups that were begun, for those who have to say what still holds a message that was destroyed. */
import { table } from '../database/table.ts'

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

export function insertBackup(row: BackupRow): Promise<void> {
  return backups.insert(row)
}
