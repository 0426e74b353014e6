/** Reading the access log. It is itself an access event, with what was looked for: the auditor is audited. */
import { findAccount, listAccounts, type Account } from '../accounts/account.store.ts'
import type { AccessEventRow } from '../audit/access-event.store.ts'
import { record } from '../audit/record.ts'
import {
  countLog,
  searchLog,
  type BucketUnit,
  type CountedLog,
  type FoundEvent,
  type LogQuestion,
} from '../audit/search-log.store.ts'
import { BadInput } from '../errors.ts'
import { listIdsAbout } from '../messages/about-person.store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import { unsealField } from '../vault/vault.ts'
import { actsOf, filterToQuery, rangeOf, type EventFilter } from './event-filter.ts'

export interface EventDetails {
  address?: string
  userAgent?: string
  reason?: string
  said?: string
  before?: string
  after?: string
  found?: string
  asked?: string
  times?: number
}

export interface ReadEvent extends FoundEvent {
  actor: Account | undefined
  /** Whom it was done to, where the subject is a person. */
  person: Account | undefined
  details: EventDetails
}

export interface ReadLog {
  /** Newest first, one more than a page. */
  events: ReadEvent[]
  counted: CountedLog
  unit: BucketUnit
  /** Of whom and about whom it was asked. */
  who: Account | undefined
  patient: Account | undefined
}

export const PAGE = 100

/** @param before the event behind which the page begins @throws Unavailable when that cannot be recorded @throws BadInput for an event that is not there */
export async function readAccessEvents(
  reader: Reader,
  filter: EventFilter,
  before: string | undefined,
  now = new Date(),
): Promise<ReadLog> {
  const asked = filterToQuery(filter)
  await record(reader.actor, { act: 'access-events.read', ...(asked ? { asked } : {}) }, undefined, now)
  const question = await questionOf(filter, now)
  const unit = unitOf(question, now)
  const [found, counted, who, patient] = await Promise.all([
    searchLog(question, before, PAGE + 1),
    countLog(question, unit),
    filter.who ? findAccount(filter.who) : undefined,
    filter.patient ? findAccount(filter.patient) : undefined,
  ])
  if (!found) throw new BadInput('no such page')
  return { events: await withPeople(found), counted, unit, who, patient }
}

/** A filter as the log is asked. */
export async function questionOf(filter: EventFilter, now: Date): Promise<LogQuestion> {
  const { who, what, patient, outcome, network } = filter
  return {
    ...(who ? { actorId: who } : {}),
    ...(what ? { acts: actsOf(what) } : {}),
    ...(patient ? { subjectIds: await listIdsAbout(patient) } : {}),
    ...(outcome ? { outcome } : {}),
    ...(network ? { addressDigest: Buffer.from(network, 'base64url') } : {}),
    ...rangeOf(filter, now),
  }
}

const DAY = 24 * 60 * 60 * 1000

function unitOf({ from, to }: LogQuestion, now: Date): BucketUnit {
  if (!from) return 'month'
  const days = ((to ?? now).getTime() - from.getTime()) / DAY
  if (days <= 2) return 'hour'
  return days <= 124 ? 'day' : 'month'
}

/** With those who acted and those it was done to, and the details as they open. */
export async function withPeople<Row extends AccessEventRow>(
  rows: readonly Row[],
): Promise<(Row & Pick<ReadEvent, 'actor' | 'person' | 'details'>)[]> {
  const ids = rows.flatMap((row) => [row.actorId, row.subjectKind === 'account' ? row.subjectId : null])
  const people = new Map(
    (await listAccounts([...new Set(ids.filter((id) => id !== null))])).map((account) => [account.id, account]),
  )
  return rows.map((row) => ({
    ...row,
    actor: people.get(row.actorId ?? ''),
    person: people.get(row.subjectId ?? ''),
    details: detailsOf(row),
  }))
}

function detailsOf(row: AccessEventRow): EventDetails {
  if (!row.detailsSealed) return {}
  try {
    return JSON.parse(unsealField(`access-event/${row.id}`, row.detailsSealed)) as EventDetails
  } catch (error) {
    // One event with broken details must not hide the others.
    if (error instanceof EnvelopeRefused) return { reason: 'details-do-not-open' }
    throw error
  }
}
