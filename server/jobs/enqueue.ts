import { ask, type Transaction } from '../database/connection.ts'
import type { JobName, JobPayloads } from './names.ts'

/**
 * Puts a job into the queue in the caller's transaction: no change without its job, no job for a change that was rolled back.
 * @param after not before then
 */
export async function enqueue<Name extends JobName>(
  name: Name,
  payload: JobPayloads[Name],
  transaction: Transaction,
  after?: Date,
): Promise<void> {
  await ask(
    'SELECT FROM graphile_worker.add_job($1, $2::json, max_attempts => 20, run_at => $3::timestamptz)',
    [name, JSON.stringify(payload), after ?? null],
    transaction,
  )
}
