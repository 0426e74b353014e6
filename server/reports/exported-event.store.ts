/** Events of the access log in the order in which they happened, a page at a time and from any place on: what exports and reports read. */
import type { AccessEventRow } from '../audit/access-event.store.ts'
import { ask } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { OPENINGS, type ExportFilter } from './export.ts'

table<{ attachmentId: string; messageId: string }>('former_attachments', {
  attachmentId: 'uuid key',
  messageId: 'uuid',
})

/** Whose event stands last on a page; the next page begins behind it. */
export interface Place {
  at: Date
  id: string
}

/** What of a filter the database knows by itself; the details are sealed. */
interface Question {
  where: string
  values: unknown[]
}

/** Oldest first, behind `after`. */
export async function listEventsAfter(
  filter: ExportFilter,
  subjects: readonly string[] | undefined,
  after: Place | undefined,
  limit: number,
): Promise<AccessEventRow[]> {
  const { where, values } = questionOf(filter, subjects)
  const [at, id] = [values.push(after?.at ?? BEGINNING), values.push(after?.id ?? NOBODY)]
  return ask<AccessEventRow>(
    `SELECT * FROM access_events e WHERE ${where} AND (e.at, e.id) > ($${at}, $${id}::uuid) ORDER BY e.at, e.id LIMIT $${values.push(limit)}`,
    values,
  )
}

export async function countEvents(filter: ExportFilter, subjects: readonly string[] | undefined): Promise<number> {
  const { where, values } = questionOf(filter, subjects)
  const [row] = await ask<{ count: string }>(`SELECT count(*) AS count FROM access_events e WHERE ${where}`, values)
  return Number(row!.count)
}

/** A person's messages and files, those too that were destroyed, and the person: everything in the log that an event about them can name. */
export async function listSubjectsOf(accountId: string): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    `WITH letters AS (
       SELECT m.id FROM messages m JOIN thread_mailboxes t USING (thread_id) JOIN mailboxes b ON b.id = t.mailbox_id WHERE b.account_id = $1)
     SELECT id FROM letters
     UNION ALL SELECT a.id FROM attachments a JOIN letters l ON l.id = a.message_id
     UNION ALL SELECT f.attachment_id FROM former_attachments f JOIN letters l ON l.id = f.message_id
     UNION ALL SELECT $1::uuid`,
    [accountId],
  )
  return rows.map(({ id }) => id)
}

const BEGINNING = new Date(0)
const NOBODY = '00000000-0000-0000-0000-000000000000'

/** Only what is asked for stands in it, so that the planner sees which index serves. */
function questionOf(filter: ExportFilter, subjects: readonly string[] | undefined): Question {
  const values: unknown[] = []
  const parts: string[] = ['true']
  const ask = (condition: string, value: unknown) => parts.push(condition.replace('?', `$${values.push(value)}`))
  if (filter.actorId) ask('e.actor_id = ?::uuid', filter.actorId)
  if (filter.act) ask('e.act = ?', filter.act)
  if (filter.openings) ask('e.act = ANY(?::text[])', OPENINGS)
  if (filter.outcome) ask('e.outcome = ?', filter.outcome)
  if (filter.from) ask('e.at >= ?::timestamptz', filter.from)
  if (filter.to) ask('e.at < ?::timestamptz', filter.to)
  if (subjects) ask('e.subject_id = ANY(?::uuid[])', subjects)
  return { where: parts.join(' AND '), values }
}
