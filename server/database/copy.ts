/**
 * Rows out of a table and into one as PostgreSQL's COPY moves them, in its binary form: exact for every type, and a row a time, so that
 * memory stays flat. The library speaks the protocol and leaves COPY to those who hand it an object with these few functions.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type pg from 'pg'

/** Of a connection of `pg`, what COPY needs; its own types leave it out. */
interface Connection {
  stream: Socket
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(why: string): void
}

export type Client = pg.Client | pg.PoolClient

/** Every row that `select` finds, in COPY's binary form without the head and the end of a whole copy. */
export function copyOut(client: Client, select: string): AsyncIterable<Buffer> {
  let connection: Connection | undefined
  let first = true
  const rows = new Readable({
    objectMode: true,
    highWaterMark: 256,
    read: () => connection?.stream.resume(),
    destroy(error, done) {
      connection?.stream.resume()
      done(error)
    },
  })
  submit(client, {
    submit(on) {
      connection = on
      on.query(`COPY (${select}) TO STDOUT (FORMAT binary)`)
    },
    handleCopyData({ chunk }) {
      // The first message begins with the head, the last one is the end. A copy, because the library uses the bytes' place again.
      const row = Buffer.from(first ? chunk.subarray(HEAD.length) : chunk)
      first = false
      if (row.length > END.length && !rows.destroyed && !rows.push(row)) connection!.stream.pause()
    },
    handleError: (error) => rows.destroy(error),
    handleReadyForQuery() {
      rows.push(null)
    },
  })
  return rows
}

/** Takes rows in the same form. */
export interface RowsIn {
  write(rows: Buffer): Promise<void>
  /** @returns how many rows were kept @throws what PostgreSQL says against them */
  end(): Promise<number>
}

export async function copyIn(client: Client, table: string, columns: readonly string[]): Promise<RowsIn> {
  let failure: Error | undefined
  let kept = 0
  let ended = () => {}
  const end = new Promise<void>((done) => (ended = done))
  const names = columns.map((column) => client.escapeIdentifier(column)).join(', ')
  const connection = await new Promise<Connection>((ready, fail) =>
    submit(client, {
      submit: (on) => on.query(`COPY ${client.escapeIdentifier(table)} (${names}) FROM STDIN (FORMAT binary)`),
      handleCopyInResponse: ready,
      handleError(error) {
        failure = error
        fail(error)
        ended()
      },
      handleCommandComplete: ({ text }) => (kept = Number(/^COPY (\d+)$/.exec(text)?.[1])),
      handleReadyForQuery: () => ended(),
    }),
  )
  connection.sendCopyFromChunk(HEAD)
  return {
    async write(rows) {
      if (failure) throw failure
      connection.sendCopyFromChunk(rows)
      if (connection.stream.writableNeedDrain) await Promise.race([once(connection.stream, 'drain'), end])
    },
    async end() {
      if (!failure) {
        connection.sendCopyFromChunk(END)
        connection.endCopyFrom()
      }
      await end
      if (failure) throw failure
      return kept
    },
  }
}

/** What COPY's binary form begins with (its mark, no flags, nothing more), and what it ends with. */
const HEAD = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const END = Buffer.from([0xff, 0xff])

interface Handlers {
  submit(connection: Connection): void
  handleError(error: Error): void
  handleReadyForQuery(connection: Connection): void
  handleCopyData?(message: { chunk: Buffer }): void
  handleCopyInResponse?(connection: Connection): void
  handleCommandComplete?(message: { text: string }): void
}

function submit(client: Client, handlers: Handlers) {
  const silent = { handleRowDescription() {}, handleDataRow() {}, handleCommandComplete() {}, handleEmptyQuery() {} }
  client.query({ ...silent, ...handlers } as unknown as pg.Submittable)
}
