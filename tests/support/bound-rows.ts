import type { TestServer } from './server.ts'

const TABLES = ['accounts', 'passkeys', 'assisted_resets', 'password_resets', 'address_changes']

/** Changes rows that carry a MAC as if the product had written them; it is made by the keys of the server in this process. */
export async function changeRows<Row extends object>(
  server: Pick<TestServer, 'sql'>,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const rows = await server.sql<Row>(text, values)
  const { ask, inTransaction } = await import('../../server/database/connection.ts')
  const { bindRows } = await import('../../server/audit/bound-rows.ts')
  await inTransaction(async (transaction) => {
    for (const table of TABLES) await ask(`UPDATE ${table} SET mac = NULL`, [], transaction)
    await bindRows(transaction)
  })
  return rows
}
