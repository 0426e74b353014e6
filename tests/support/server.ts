/** A whole Letterlock in this process, on a copy of the template: real PostgreSQL, real keys, real files, CSRF and headers on. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from './free-port.ts'
import { rememberStretching } from './remembered-stretching.ts'
import { copyTemplate } from './template.ts'
import { castIn, type Cast } from './cast.ts'

export interface TestServer {
  baseUrl: string
  port: number
  dataDir: string
  cast: Cast
  /** One question to the database as its owner: for what a test has to see or set up behind the product's back. */
  sql<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  stop(): Promise<void>
}

/** @param settings on top of those of a bare try-out */
export async function startTestServer(settings: Record<string, string> = {}): Promise<TestServer> {
  return startOn(await copyTemplate(), settings)
}

/** The same people in sealed mode: the private half of the recovery key was taken off the server. */
export async function startTestServerSealed(settings: Record<string, string> = {}): Promise<TestServer> {
  const dataDir = await copyTemplate()
  await changeBeforeStart(dataDir, `UPDATE vault_keys SET key_wrapped = NULL WHERE name = 'recovery'`)
  return startOn(dataDir, settings)
}

/** The same people, but as in real use: with an address that others reach. Its mails go nowhere. */
export async function startTestServerInRealUse(settings: Record<string, string>): Promise<TestServer> {
  const dataDir = await copyTemplate()
  await changeBeforeStart(dataDir, `UPDATE installation SET value = 'production' WHERE name = 'kind'; ${SET_UP}`)
  return startOn(dataDir, {
    NODE_ENV: 'production',
    SMTP_URL: 'smtp://127.0.0.1:9',
    MASTER_KEY_FILE: join(dataDir, 'master.key'),
    ORGANISATION_NAME: 'Riverside Clinic',
    ORGANISATION_PHONE: '555-0100',
    ORGANISATION_HOURS: 'Monday to Friday, 8 am to 5 pm',
    EMERGENCY_PHONE: '911',
    ...settings,
  })
}

/** Without it administrators are led to the first set-up. */
const SET_UP = `INSERT INTO setup_steps VALUES ('finished', NULL, now())`

/** The same people in a database that an earlier version left, as `statements` make it. */
export async function startTestServerFromBefore(statements: string): Promise<TestServer> {
  const dataDir = await copyTemplate()
  await changeBeforeStart(dataDir, statements)
  return startOn(dataDir, {})
}

async function changeBeforeStart(dataDir: string, statement: string) {
  const database = await secondLook(dataDir)
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  await owner.query(statement)
  await owner.end()
  await database.stop()
}

async function startOn(dataDir: string, settings: Record<string, string>): Promise<TestServer> {
  const port = await freePort()
  Object.assign(process.env, { DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'error', ...settings })
  rememberStretching(dataDir)
  const { start } = await import('../../server/start.ts')
  const running = await start(() => {})
  const database = await secondLook(dataDir)
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 })
  owner.on('error', () => {})
  return {
    baseUrl: running.baseUrl,
    port,
    dataDir,
    cast: castIn(dataDir),
    sql: async (text, values = []) => (await owner.query(text, values)).rows as never,
    async stop() {
      await owner.end()
      await running.stop()
      await database.stop()
      rmSync(join(dataDir, '..'), { recursive: true, force: true })
    },
  }
}

/** A second look at a running database, as its owner. Whoever asked for it stops it too. */
export async function secondLook(dataDir: string) {
  const { startEmbeddedDatabase } = await import('../../server/database/embedded.ts')
  return startEmbeddedDatabase({ dataDir, say: () => {} })
}
