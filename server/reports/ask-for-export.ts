/** Asks for an export: recorded first, with what was asked for, then prepared by a job. */
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import type { Reader } from '../sign-in/reader.ts'
import { countUnderWay, insertExport, type Export } from './export.store.ts'
import { factsOf, inOneLine } from './filter-in-words.ts'

/** More at once would only make each of them slower. */
export const MOST_UNDER_WAY = 5

/** @returns its id; undefined when as many are under way as one person may have @throws Unavailable when it cannot be recorded */
export async function askForExport(
  { account, actor }: Reader,
  asked: Pick<Export, 'kind' | 'format' | 'filter'>,
  now = new Date(),
): Promise<string | undefined> {
  const id = newId(now)
  const facts = inOneLine(await factsOf(asked.filter))
  return inTransaction(async (transaction) => {
    if ((await countUnderWay(account.id, transaction)) >= MOST_UNDER_WAY) return undefined
    const said = `${asked.kind}, ${asked.format}, ${facts}`
    await record(actor, { act: 'export.asked', subject: { kind: 'export', id }, said }, transaction, now)
    await insertExport({ id, askedBy: account.id, askedAt: now, ...asked }, transaction)
    await enqueue('prepare-export', { exportId: id }, transaction)
    return id
  })
}
