import { ask, inTransaction } from '../database/connection.ts'
import { bindRows } from './bound-rows.ts'

/**
 * Rows from before there were MACs get one, in the first start of this version and never again: from then on a row without one is a changed row.
 * The application's role can write that this was done, and can not take it back.
 */
export async function bindEarlierRows(): Promise<void> {
  await inTransaction(async (transaction) => {
    const first = await ask(
      `INSERT INTO installation (name, value) VALUES ('rows', 'bound') ON CONFLICT DO NOTHING RETURNING name`,
      [],
      transaction,
    )
    if (first.length === 1) await bindRows(transaction)
  })
}
