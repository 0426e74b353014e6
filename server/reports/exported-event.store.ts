/** Events of the access log in the order in which they happened, a page at a time and from any place on: what exports and reports read. */
import type { AccessEventRow } from '../audit/access-event.store.ts'
import { addressDigest } from '../audit/address-digest.ts'
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
  // Whose messages they are narrows most; left to itself the planner goes through all events in their order until a page is full.
  const fitting = `SELECT * FROM access_events e WHERE ${where} AND (e.at, e.id) > ($${at}, $${id}::uuid)`
  const from = subjects ? `WITH fitting AS MATERIALIZED (${fitting}) SELECT * FROM fitting` : fitting
  return ask<AccessEventRow>(`${from} ORDER BY at, id LIMIT $${values.push(limit)}`, values)
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
  if (filter.actorRole) ask('e.actor_role = ?', filter.actorRole)
  if (filter.act) ask('e.act = ?', filter.act)
  if (filter.openings) ask('e.act = ANY(?::text[])', OPENINGS)
  if (filter.outcome) ask('e.outcome = ?', filter.outcome)
  if (filter.from) ask('e.at >= ?::timestamptz', filter.from)
  if (filter.to) ask('e.at < ?::timestamptz', filter.to)
  // Of events from before there were digests the sealed details alone tell.
  if (filter.address)
    ask('(e.address_digest = ? OR e.address_digest IS NULL)', addressDigest({ address: filter.address }))
  if (subjects) ask('e.subject_id = ANY(?::uuid[])', subjects)
  return { where: parts.join(' AND '), values }
}

/** How often somebody did each thing, the most frequent first. */
export function countActs(
  actorId: string,
  { from, to }: { from: Date; to: Date },
): Promise<{ act: string; outcome: string; count: number; first: Date; last: Date }[]> {
  return ask(
    `SELECT act, outcome, count(*)::int AS count, min(at) AS first, max(at) AS last FROM access_events
     WHERE actor_id = $1 AND at >= $2 AND at < $3 GROUP BY act, outcome ORDER BY count DESC, act, outcome`,
    [actorId, from, to],
  )
}

type Hours = Pick<ExportFilter, 'actorId' | 'address'> & { from: Date; to: Date }

function openingsIn({ actorId, address, from, to }: Hours): Question {
  const who = { ...(actorId ? { actorId } : {}), ...(address ? { address } : {}) }
  return questionOf({ ...who, from, to, openings: true, outcome: 'done' }, undefined)
}

/** How often each message and file was opened in these hours, and when first and last: counted by the database. */
export function sumOpenings(hours: Hours): Promise<{ subjectId: string; openings: number; first: Date; last: Date }[]> {
  const { where, values } = openingsIn(hours)
  return ask(
    `SELECT subject_id, count(*)::int AS openings, min(at) AS first, max(at) AS last FROM access_events e
     WHERE ${where} AND e.subject_id IS NOT NULL GROUP BY subject_id`,
    values,
  )
}

/** An opening with what it says of where it came from. */
export interface SealedOpening {
  id: string
  at: Date
  subjectId: string
  detailsSealed: Buffer | null
  addressDigest: Buffer | null
}

/** Openings in these hours, oldest first, behind `after`: those that have the address's digest, and those that have none. */
export function listOpeningsAfter(hours: Hours, after: Place | undefined, limit: number): Promise<SealedOpening[]> {
  const { where, values } = openingsIn(hours)
  const [at, id] = [values.push(after?.at ?? BEGINNING), values.push(after?.id ?? NOBODY)]
  return ask<SealedOpening>(
    `SELECT e.id, e.at, e.subject_id, e.details_sealed, e.address_digest FROM access_events e
     WHERE ${where} AND e.subject_id IS NOT NULL AND (e.at, e.id) > ($${at}, $${id}::uuid) ORDER BY e.at, e.id LIMIT $${values.push(limit)}`,
    values,
  )
}

/** Whose these messages are: the patients who take part in their conversations. A file is named by its message. */
export function listPatientsOf(
  subjectIds: readonly string[],
): Promise<{ subjectId: string; messageId: string; patientId: string | null }[]> {
  return ask(
    `WITH named AS (
       SELECT s.id AS subject_id, coalesce(a.message_id, f.message_id, s.id) AS message_id FROM unnest($1::uuid[]) s (id)
       LEFT JOIN attachments a ON a.id = s.id LEFT JOIN former_attachments f ON f.attachment_id = s.id)
     SELECT n.subject_id, n.message_id, p.id AS patient_id FROM named n
     LEFT JOIN messages m ON m.id = n.message_id LEFT JOIN thread_mailboxes t ON t.thread_id = m.thread_id
     LEFT JOIN mailboxes b ON b.id = t.mailbox_id LEFT JOIN accounts p ON p.id = b.account_id AND p.role = 'patient'`,
    [subjectIds],
  )
}

/** How people of each role sign in. */
export function countSignIns(): Promise<
  {
    role: string
    people: number
    passkey: number
    codeApp: number
    neither: number
    invited: number
    week: number
    quarter: number
    never: number
  }[]
> {
  return ask(
    `SELECT role, count(*) FILTER (WHERE state = 'active')::int AS people,
       count(*) FILTER (WHERE state = 'active' AND passkey)::int AS passkey,
       count(*) FILTER (WHERE state = 'active' AND code_app)::int AS code_app,
       count(*) FILTER (WHERE state = 'active' AND NOT passkey AND NOT code_app)::int AS neither,
       count(*) FILTER (WHERE state = 'invited')::int AS invited,
       count(*) FILTER (WHERE state = 'active' AND last_signed_in_at >= now() - interval '7 days')::int AS week,
       count(*) FILTER (WHERE state = 'active' AND last_signed_in_at < now() - interval '90 days')::int AS quarter,
       count(*) FILTER (WHERE state = 'active' AND last_signed_in_at IS NULL)::int AS never
     FROM (${HOW_PEOPLE_SIGN_IN}) each GROUP BY role
     ORDER BY array_position(ARRAY['patient', 'provider', 'admin', 'auditor'], role)`,
  )
}

/** Staff by how they sign in, those with nothing first. Of patients the counts say enough. */
export function listStaffSignIns(): Promise<
  { id: string; state: string; passkey: boolean; codeApp: boolean; lastSignedInAt: Date | null }[]
> {
  return ask(
    `SELECT id, state, passkey, code_app, last_signed_in_at FROM (${HOW_PEOPLE_SIGN_IN}) each
     WHERE role <> 'patient' AND state <> 'closed' ORDER BY (passkey OR code_app), passkey, last_signed_in_at NULLS FIRST, id`,
  )
}

const HOW_PEOPLE_SIGN_IN = `SELECT a.id, a.role, a.state, a.last_signed_in_at, EXISTS (SELECT FROM passkeys p WHERE p.account_id = a.id) AS passkey,
  EXISTS (SELECT FROM credentials c WHERE c.account_id = a.id AND c.totp_secret_sealed IS NOT NULL) AS code_app FROM accounts a`
