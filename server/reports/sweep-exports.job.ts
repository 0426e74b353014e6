/** Each minute: takes up exports that nobody is at any more, and erases files that were there for a day. */
import { removeSealed } from '../attachments/sealed-files.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { listLeftAlone, listOutlived, noteOver } from './export.store.ts'
import { PATIENCE_SECONDS } from './prepare-export.job.ts'

export const KEPT_FOR = 24 * 60 * 60 * 1000

export async function sweepExports(now = new Date()): Promise<void> {
  for (const exportId of await listLeftAlone(PATIENCE_SECONDS))
    await inTransaction((transaction) => enqueue('prepare-export', { exportId }, transaction))
  for (const id of await listOutlived(new Date(now.getTime() - KEPT_FOR))) await erase(id, now)
}

async function erase(id: string, now: Date): Promise<void> {
  const file = await inTransaction(async (transaction) => {
    const gone = await noteOver(id, 'expired', transaction)
    if (gone) await record(system, { act: 'export.erased', subject: { kind: 'export', id } }, transaction, now)
    return gone
  })
  // Its key is gone already: where the store is away now, what is left opens for nobody, and the daily sweep takes it.
  if (file) await removeSealed(file)
}
