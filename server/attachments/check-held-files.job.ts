/** Asks the scanner again about files that it could not judge, more and more seldom, and about those whose check was lost with its process. */
import { config } from '../config.ts'
import { inTransaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { listToCheckAgain } from './attachment.store.ts'

export async function checkHeldFiles(now = new Date()): Promise<void> {
  if (!config().clamdSocket) return
  for (const { id } of await listToCheckAgain(now))
    await inTransaction((transaction) => enqueue('check-file', { attachmentId: id }, transaction))
}
