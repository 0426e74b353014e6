/** Sessions as they rest in their table, seen and changed behind the product's back. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { TestServer } from '../support/server.ts'
import { Visitor } from '../support/visitor.ts'

const COOKIE = '__Host-session'

export interface SessionRow {
  sid: string
  sess: Record<string, unknown>
  expire: Date
}

/** The random token in the cookie, without its signature. */
export function tokenOf(visitor: Visitor): string {
  return decodeURIComponent(visitor.cookies.get(COOKIE)!).slice(2).split('.')[0]!
}

export function sidOf(visitor: Visitor): string {
  return createHash('sha256')
    .update(`letterlock/session/${tokenOf(visitor)}`)
    .digest('base64url')
}

export async function rowOf(server: TestServer, visitor: Visitor): Promise<SessionRow | undefined> {
  return (await server.sql<SessionRow>('SELECT * FROM sessions WHERE sid = $1', [sidOf(visitor)]))[0]
}

type Values = Record<string, unknown>

/** Puts other values into a session's row, as if the product had written them. */
export async function changeSession(server: TestServer, visitor: Visitor, values: Values) {
  const sid = sidOf(visitor)
  assert.equal(await changeSessions(server, values, (row) => row.sid === sid), 1)
}

/**
 * Likewise into all that `which` chooses; into all signed-in ones when it is not said. It is done by the keys of the server in this process.
 * @returns how many they were
 */
export async function changeSessions(
  server: Pick<TestServer, 'sql'>,
  values: Values | ((sess: Values) => Values),
  which: (row: SessionRow) => boolean = ({ sess }) => sess['stage'] === 'signed-in',
): Promise<number> {
  const { withMac } = await import('../../server/sign-in/session-mac.ts')
  const rows = (await server.sql<SessionRow>('SELECT * FROM sessions')).filter(which)
  for (const { sid, sess } of rows) {
    const changed = { ...sess, ...(typeof values === 'function' ? values(sess) : values) }
    await server.sql('UPDATE sessions SET sess = $2 WHERE sid = $1', [sid, JSON.stringify(withMac(sid, changed))])
  }
  return rows.length
}

/** Somebody else with the same cookies. */
export function copyOf(server: Pick<TestServer, 'port'>, visitor: Visitor): Visitor {
  const copy = new Visitor(server)
  for (const [name, value] of visitor.cookies) copy.cookies.set(name, value)
  return copy
}
