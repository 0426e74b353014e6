/** The access log of an installation on which nobody works: what is recorded, sequenced, signed and changed is what the test does. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import pg from 'pg'
import { system } from '../../server/audit/actor.ts'
import { endTurn, findTreeSize, takeTurn } from '../../server/audit/log-proof.store.ts'
import { record } from '../../server/audit/record.ts'
import { giveNextPlaces } from '../../server/audit/sequence-events.ts'
import { newId } from '../../server/lib/ids.ts'
import { projectRoot } from '../../server/lib/root.ts'
import { urlOf } from '../faults/child-server.ts'
import { copyTemplate } from '../support/template.ts'

export interface LogAlone {
  dataDir: string
  /** As a superuser of the database, whom no trigger stops. */
  sql<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  stop(): Promise<void>
}

export async function openLogAlone(settings: Record<string, string> = {}): Promise<LogAlone> {
  const dataDir = await copyTemplate()
  Object.assign(process.env, { DATA_DIR: dataDir, LOG_LEVEL: 'error', ...settings })
  const { openStores } = await import('../../server/start.ts')
  const stops: (() => Promise<void> | void)[] = []
  await openStores(() => {}, stops)
  const superuser = new pg.Client(urlOf(dataDir, 'superuser'))
  superuser.on('error', () => {})
  await superuser.connect()
  await superuser.query('SET session_replication_role = replica')
  return {
    dataDir,
    sql: async (text, values = []) => (await superuser.query(text, values)).rows as never,
    async stop() {
      await superuser.end()
      for (const stop of stops.reverse()) await stop()
      rmSync(join(dataDir, '..'), { recursive: true, force: true })
    },
  }
}

/** Events as the server records them, with details and without, and their places in the tree. @returns how large it is then */
export async function growBy(count: number): Promise<number> {
  const about = () => ({ kind: 'message', id: newId(new Date()) }) as const
  for (let left = count; left > 0; left--)
    await record(
      left % 3 === 0 ? { ...system, address: '192.0.2.7', userAgent: 'A browser' } : system,
      left % 5 === 0
        ? { act: 'message.opened', outcome: 'denied', reason: 'not-yours', subject: about() }
        : { act: 'message.opened', subject: about() },
    )
  return placeAll()
}

/** Lets everything that waits have its place. */
export async function placeAll(): Promise<number> {
  let turn = await takeTurn(0)
  for (let size = -1; turn && turn.size !== size;) {
    size = turn.size
    turn = await giveNextPlaces(turn)
  }
  if (turn) await endTurn(turn)
  return findTreeSize()
}

/** The log's tables, and by what their rows are known. */
const TABLES = {
  access_events: ['at', 'id'],
  waiting_events: ['place'],
  log_leaves: ['leaf'],
  log_tiles: ['level', 'number'],
  log_state: ['id'],
  log_checkpoints: ['epoch', 'size'],
  access_event_hours: ['hour', 'act', 'outcome', 'actor_role'],
  access_event_days: ['day', 'act', 'outcome', 'actor_role'],
}

export const LOG_TABLES = Object.keys(TABLES)

/** Keeps the log's tables as they are now, in a schema of this name. */
export async function keepLog(log: LogAlone, when: string): Promise<void> {
  await log.sql(`CREATE SCHEMA ${when}`)
  for (const name of LOG_TABLES) await log.sql(`CREATE TABLE ${when}.${name} AS TABLE public.${name}`)
}

export async function putLogBack(log: LogAlone, when: string): Promise<void> {
  for (const [name, keys] of Object.entries(TABLES)) {
    const same = keys.map((key) => `t.${key} = d.${key}`).join(' AND ')
    await log.sql(
      `DELETE FROM public.${name} t USING (TABLE public.${name} EXCEPT TABLE ${when}.${name}) d WHERE ${same}`,
    )
    await log.sql(
      `INSERT INTO public.${name} OVERRIDING SYSTEM VALUE (TABLE ${when}.${name} EXCEPT TABLE public.${name})`,
    )
  }
}

/** The verifier as anybody runs it: a process of its own, and nothing of ours. */
export async function verifyLog(...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [join(projectRoot, 'scripts/verify-log.mjs'), ...args], {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

/** The same file in a thread of its own, which starts in a fifth of the time: for thousands of times. */
export async function verifyLogInThread(...args: string[]): Promise<{ code: number | null; said: string }> {
  const worker = new Worker(join(projectRoot, 'scripts/verify-log.mjs'), {
    argv: args,
    env: {},
    stdout: true,
    stderr: true,
  })
  let said = ''
  for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(worker, 'exit')) as [number]
  return { code, said }
}
