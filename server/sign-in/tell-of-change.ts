import type { Transaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import type { SecurityChange } from '../jobs/names.ts'

/** Whoever's sign-in was changed hears of it on every channel; kept with the change itself, so that neither goes without the other. */
export function tellOfChange(
  accountId: string,
  change: SecurityChange,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  return enqueue('send-security-notice', { accountId, change, at: now.toISOString() }, transaction)
}
