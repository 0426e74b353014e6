/**
 * The connection to PostgreSQL: one Sequelize instance for the stores and one plain pool for libraries that bring their own SQL
 * (sessions, rate limits, jobs). Both get their address at start, from `connectDatabase`.
 */
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import {
  ConnectionAcquireTimeoutError,
  ConnectionError,
  QueryTypes,
  Sequelize,
  TimeoutError,
  Transaction,
  UniqueConstraintError,
} from 'sequelize'
import { logWarning } from '../lib/logger.ts'

export type { Transaction }

let address: string | undefined
let pool: pg.Pool | undefined

export const database = new Sequelize({
  dialect: 'postgres',
  logging: false,
  pool: { max: 12, idle: 30_000, acquire: 10_000 },
  define: { timestamps: false, freezeTableName: true, underscored: true },
  hooks: {
    beforeConnect(connection) {
      Object.assign(connection, addressParts())
    },
  },
})

/** Points both pools at `url` (postgres://user:password@host:port/name). Connections are made when first needed. */
export function connectDatabase(url: string) {
  address = url
  pool = new pg.Pool({ connectionString: url, max: 8, application_name: 'letterlock' })
  // Without a listener an administrator's shutdown of the database would end this process.
  pool.on('error', noteEnd)
  pool.on('connect', (client) => client.on('error', noteEnd))
}

function noteEnd(error: Error) {
  logWarning('A database connection ended', { code: (error as { code?: string }).code })
}

export async function disconnectDatabase() {
  await pool?.end()
  await database.close()
}

/** The plain pool, for libraries that speak SQL themselves. */
export function connectionPool(): pg.Pool {
  if (!pool) throw new Error('connectDatabase was not called')
  return pool
}

/** A client of its own, outside the pools, to the database that the pools use. The caller ends it. @param name shows who it is among the connections */
export function ownConnection(name: string): Promise<pg.Client> {
  if (!address) throw new Error('connectDatabase was not called')
  return singleConnection(address, name)
}

/** The same to any database (migrations, as another role). The caller ends it. */
export async function singleConnection(url: string, name = 'letterlock-migrate'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: name })
  client.on('error', noteEnd)
  await client.connect()
  return client
}

/** Asks once whether this setting leads to a database that lets us in. @throws Error with a sentence that names the setting */
export async function tryConnection(setting: string, url: string): Promise<void> {
  try {
    await (await singleConnection(url)).end()
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    throw new Error(
      `${setting} leads to no database that lets us in (${message || code}): check address, name and password, and that PostgreSQL runs there.`,
    )
  }
}

/** Whether an error says that the database is away, starting, stopping or full: worth another try in a moment. */
export function isAway(error: unknown): boolean {
  if (
    error instanceof ConnectionError ||
    error instanceof ConnectionAcquireTimeoutError ||
    error instanceof TimeoutError
  )
    return true
  const { code, original } = (error ?? {}) as { code?: string; original?: { code?: string } }
  return /^(57P0[123]|08...|53300|ECONNREFUSED|ECONNRESET)$/.test(original?.code ?? code ?? '')
}

/** Whether an error says that the database's disk is full. */
export function isFull(error: unknown): boolean {
  const { code, original } = (error ?? {}) as { code?: string; original?: { code?: string } }
  return (original?.code ?? code) === '53100'
}

/** Whether an insert failed because this unique constraint already has such a row. */
export function isTaken(error: unknown, constraint: string): boolean {
  return error instanceof UniqueConstraintError && (error.original as { constraint?: string }).constraint === constraint
}

/** Runs `work` in one transaction: all of it is kept, or nothing. */
export function inTransaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return database.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.READ_COMMITTED }, work)
}

/** One SQL question with `$1` values; rows come back with camelCase names. Values never become part of the text. */
export async function ask<Row extends object>(
  sql: string,
  values: readonly unknown[] = [],
  transaction?: Transaction,
): Promise<Row[]> {
  const rows = await database.query<Record<string, unknown>>(sql, {
    bind: [...values],
    type: QueryTypes.SELECT,
    ...within(transaction),
  })
  return rows.map(
    (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [camelCase(name), value])) as Row,
  )
}

export function within(transaction: Transaction | undefined) {
  return transaction ? { transaction } : {}
}

function camelCase(name: string) {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** What Sequelize wants to know, as pg itself reads the address: with TLS as `sslmode` asks for it, and IPv6 without its brackets. */
function addressParts() {
  if (!address) throw new Error('connectDatabase was not called')
  const { host, port, database, user, password, ssl } = new pg.Client({ connectionString: address }) as Omit<
    pg.Client,
    'ssl'
  > & { ssl: boolean | ConnectionOptions } // @types/pg knows the boolean only
  // pg hides a client's key from those who list the parts, and Sequelize copies by listing.
  const listed = typeof ssl === 'object' && ssl.key ? { ...ssl, key: ssl.key } : ssl
  return { host, port, database, username: user, password, dialectOptions: { ssl: listed } }
}
