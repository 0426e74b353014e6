/** Reading the access log. It is itself an access event: the auditor is audited. */
import { findAccountByEmail, listAccounts, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { listAccessEvents, type AccessEventRow } from '../audit/access-event.store.ts'
import { record } from '../audit/record.ts'
import type { Reader } from '../sign-in/reader.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import { unsealField } from '../vault/vault.ts'

export interface EventFilter {
  /** An e-mail address. */
  who: string
  act: string
  outcome: string
  from: Date | undefined
  to: Date | undefined
  before: { at: Date; id: string } | undefined
}

export interface ReadEvent extends AccessEventRow {
  actor: Account | undefined
  /** Whom it was done to, where the subject is a person. */
  person: Account | undefined
  details: { address?: string; userAgent?: string; reason?: string; said?: string; found?: string; times?: number }
}

export const PAGE = 100

/** Newest first, one more than a page. @returns undefined when nobody has the address that was asked for @throws Unavailable when that cannot be recorded */
export async function readAccessEvents(reader: Reader, filter: EventFilter): Promise<ReadEvent[] | undefined> {
  await record(reader.actor, { act: 'access-events.read' })
  const email = readEmailAddress(filter.who)
  const actor = email ? await findAccountByEmail(email) : undefined
  if (filter.who.trim() && !actor) return undefined
  const rows = await listAccessEvents({
    actorId: actor?.id,
    act: filter.act || undefined,
    outcome: filter.outcome || undefined,
    from: filter.from,
    to: filter.to,
    before: filter.before,
    limit: PAGE + 1,
  })
  const ids = rows.flatMap((row) => [row.actorId, row.subjectKind === 'account' ? row.subjectId : null])
  const people = new Map((await listAccounts(ids.filter((id) => id !== null))).map((account) => [account.id, account]))
  return rows.map((row) => ({
    ...row,
    actor: people.get(row.actorId ?? ''),
    person: people.get(row.subjectId ?? ''),
    details: detailsOf(row),
  }))
}

function detailsOf(row: AccessEventRow): ReadEvent['details'] {
  if (!row.detailsSealed) return {}
  try {
    return JSON.parse(unsealField(`access-event/${row.id}`, row.detailsSealed)) as ReadEvent['details']
  } catch (error) {
    // One event with broken details must not hide the others.
    if (error instanceof EnvelopeRefused) return { reason: 'details-do-not-open' }
    throw error
  }
}
