/** Runs jobs as they come (graphile-worker, LISTEN/NOTIFY) and the timetable. Errors are logged by class; the queue tries again later. */
import { EventEmitter } from 'node:events'
import { Logger, makeWorkerUtils, run, type Runner, type Task } from 'graphile-worker'
import { connectionPool } from '../database/connection.ts'
import { logError } from '../lib/logger.ts'
import type { Jobs } from './names.ts'

// The library's own log quotes payloads and errors; ours says only which job failed and how.
const quiet = new Logger(() => () => {})

/** Brings the queue's own tables up to date. Once at start, before anything is enqueued. */
export async function prepareJobs(): Promise<void> {
  const utils = await makeWorkerUtils({ pgPool: connectionPool(), logger: quiet })
  await utils.migrate()
  await utils.release()
}

/**
 * @param jobs every job's function
 * @param timetable crontab lines of graphile-worker
 */
export async function startJobs(jobs: Jobs, timetable: string): Promise<{ stop(): Promise<void> }> {
  const events = new EventEmitter()
  events.on('job:error', ({ job, error }: { job: { task_identifier: string; attempts: number }; error: unknown }) =>
    logError('A job failed and will be tried again', error, { job: job.task_identifier, attempt: job.attempts }),
  )
  const runner: Runner = await run({
    pgPool: connectionPool(),
    taskList: Object.fromEntries(
      Object.entries(jobs satisfies Jobs).map(([name, work]) => [
        name,
        ((payload) => (work as (payload: unknown) => Promise<void>)(payload)) satisfies Task,
      ]),
    ),
    crontab: timetable,
    concurrency: 4,
    noHandleSignals: true,
    logger: quiet,
    events: events as never,
  })
  return { stop: () => runner.stop() }
}
