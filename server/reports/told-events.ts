/** Events of the access log with the names and details that belong to them, oldest first, in pages: however many there are, few are in memory. */
import { listAccounts, type Account } from '../accounts/account.store.ts'
import type { AccessEventRow } from '../audit/access-event.store.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import { networkOf } from '../lib/network.ts'
import { unsealField } from '../vault/vault.ts'
import type { ExportFilter } from './export.ts'
import { countEvents, listEventsAfter, listSubjectsOf, type Place } from './exported-event.store.ts'

export interface ToldEvent extends AccessEventRow {
  actor: Account | undefined
  /** Whom it was done to, where the subject is a person. */
  person: Account | undefined
  details: EventDetails
}

export interface EventDetails {
  address?: string
  userAgent?: string
  reason?: string
  said?: string
  found?: string
  /** How often, where many were told as one. */
  times?: number
  session?: string
}

/** Every event that fits. */
export async function* toldEvents(filter: ExportFilter): AsyncGenerator<ToldEvent[]> {
  const subjects = await subjectsIn(filter)
  const people = knownPeople()
  for (let after: Place | undefined; ;) {
    const rows = await listEventsAfter(filter, subjects, after, PAGE)
    const fitting = rows.map((row) => ({ ...row, details: detailsOf(row) })).filter((row) => fits(row.details, filter))
    await people.know(fitting.flatMap((row) => [row.actorId, row.subjectKind === 'account' ? row.subjectId : null]))
    if (fitting.length > 0)
      yield fitting.map((row) => ({ ...row, actor: people.get(row.actorId), person: people.get(row.subjectId) }))
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return
    after = last
  }
}

/** How many there are; undefined where only opening every event's details tells. */
export async function countToldEvents(filter: ExportFilter): Promise<number | undefined> {
  if (filter.address || filter.session) return undefined
  return countEvents(filter, await subjectsIn(filter))
}

const PAGE = 250

async function subjectsIn({ patientId }: ExportFilter): Promise<string[] | undefined> {
  return patientId ? listSubjectsOf(patientId) : undefined
}

/** What the sealed details say of where it came from. */
export function fits({ address = '', session }: EventDetails, filter: ExportFilter): boolean {
  const isFromThere = !filter.address || networkOf({ address }) === networkOf({ address: filter.address })
  return isFromThere && (!filter.session || session === filter.session)
}

/** One event with broken details must not hide the others. */
export function detailsOf(row: Pick<AccessEventRow, 'id' | 'detailsSealed'>): EventDetails {
  if (!row.detailsSealed) return {}
  try {
    return JSON.parse(unsealField(`access-event/${row.id}`, row.detailsSealed)) as EventDetails
  } catch (error) {
    if (error instanceof EnvelopeRefused) return { reason: 'details-do-not-open' }
    throw error
  }
}

/** Whoever was met lately: the same few act again and again, and a clinic's patients are more than memory should hold. */
function knownPeople() {
  const met = new Map<string, Account>()
  return {
    async know(ids: readonly (string | null)[]): Promise<void> {
      if (met.size > MOST_PEOPLE) met.clear()
      const strangers = ids.filter((id) => id !== null && !met.has(id)) as string[]
      for (const account of await listAccounts(strangers)) met.set(account.id, account)
    },
    get: (id: string | null): Account | undefined => met.get(id ?? ''),
  }
}

const MOST_PEOPLE = 5000
