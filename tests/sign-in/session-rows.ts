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

/** Puts other values into a session's row. */
export async function changeSession(server: TestServer, visitor: Visitor, values: Record<string, unknown>) {
  const changed = await server.sql(
    'UPDATE sessions SET sess = (sess::jsonb || $2::jsonb)::json WHERE sid = $1 RETURNING sid',
    [sidOf(visitor), JSON.stringify(values)],
  )
  assert.equal(changed.length, 1)
}

/** Somebody else with the same cookies. */
export function copyOf(server: Pick<TestServer, 'port'>, visitor: Visitor): Visitor {
  const copy = new Visitor(server)
  for (const [name, value] of visitor.cookies) copy.cookies.set(name, value)
  return copy
}
