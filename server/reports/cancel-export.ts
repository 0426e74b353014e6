/** Gives an export up: what was prepared goes, and its file with it. */
import { removeSealed } from '../attachments/sealed-files.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { noteOver } from './export.store.ts'

/** Whoever prepares it finds out with its next page of lines, and takes its own half away. */
export async function cancelExport(actor: Actor, id: string, now = new Date()): Promise<void> {
  const file = await inTransaction(async (transaction) => {
    const gone = await noteOver(id, 'cancelled', transaction)
    if (gone !== undefined)
      await record(actor, { act: 'export.cancelled', subject: { kind: 'export', id } }, transaction, now)
    return gone
  })
  if (file) await removeSealed(file)
}
