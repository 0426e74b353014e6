import { ask } from '../database/connection.ts'

/**
 * Gives back the jobs of workers that died with them. The queue itself would wait four hours; ours take seconds, and running one twice does no
 * harm, so two minutes are enough to tell a dead worker from a slow one.
 */
export async function freeStuckJobs(): Promise<void> {
  await ask(`SELECT graphile_worker.force_unlock_workers(array_agg(DISTINCT locked_by)) FROM graphile_worker.jobs
    WHERE locked_at < now() - interval '2 minutes' HAVING count(*) > 0`)
}
