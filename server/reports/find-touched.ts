/** The breach query: whose mail did an account, a session or a network address touch between two moments. */
import { listAccounts } from '../accounts/account.store.ts'
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { ExportFilter, Sheet } from './export.ts'
import {
  listOpeningsAfter,
  listPatientsOf,
  sumOpenings,
  type Place,
  type SealedOpening,
} from './exported-event.store.ts'
import { factsOf } from './filter-in-words.ts'
import { detailsOf, fits } from './told-events.ts'

export type TouchedFilter = ExportFilter & { from: Date; to: Date }

/** A message that was opened, or a file of which was. */
export interface TouchedMessage {
  messageId: string
  openings: number
  first: Date
  last: Date
}

export interface Touched {
  /** null: no patient takes part in its conversation. */
  patientId: string | null
  messages: TouchedMessage[]
}

/** By patient, those with the most messages first. Held in memory is one small entry for each message that was touched. */
export async function findTouched(filter: TouchedFilter): Promise<Touched[]> {
  const touched = await readOpenings(filter)
  const byPatient = new Map<string | null, Map<string, TouchedMessage>>()
  const ids = [...touched.keys()]
  for (let at = 0; at < ids.length; at += PAGE)
    for (const { subjectId, messageId, patientId } of await whoseAre(ids.slice(at, at + PAGE))) {
      const messages = byPatient.get(patientId) ?? new Map<string, TouchedMessage>()
      byPatient.set(
        patientId,
        messages.set(messageId, merged(messages.get(messageId), messageId, touched.get(subjectId)!)),
      )
    }
  return [...byPatient]
    .map(([patientId, messages]) => ({ patientId, messages: [...messages.values()] }))
    .sort(
      (one, other) =>
        other.messages.length - one.messages.length || (one.patientId ?? '').localeCompare(other.patientId ?? ''),
    )
}

const PAGE = 2000

type Span = Omit<TouchedMessage, 'messageId'>

/** By what was opened, a message or a file. Where only the sealed details tell (of a session, and of addresses from before they had digests), each opening's are opened. */
async function readOpenings(filter: TouchedFilter): Promise<Map<string, Span>> {
  if (filter.address === undefined && filter.session === undefined)
    return new Map((await sumOpenings(filter)).map(({ subjectId, ...span }) => [subjectId, span]))
  const touched = new Map<string, Span>()
  for (let after: Place | undefined; ;) {
    const rows = await listOpeningsAfter(filter, after, PAGE)
    for (const row of rows) {
      if (!isFrom(filter, row)) continue
      const span = { openings: 1, first: row.at, last: row.at }
      touched.set(row.subjectId, joined(touched.get(row.subjectId), span))
    }
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return touched
    after = last
  }
}

/** Where the address's digest was compared nothing has to be opened. */
function isFrom(filter: TouchedFilter, opening: SealedOpening): boolean {
  return (!filter.session && opening.addressDigest !== null) || fits(detailsOf(opening), filter)
}

/** A conversation between staff is nobody's mail, and still somebody must know that it was read. */
async function whoseAre(subjectIds: readonly string[]) {
  const found = await listPatientsOf(subjectIds)
  const withPatient = new Set(found.filter(({ patientId }) => patientId).map(({ subjectId }) => subjectId))
  return found.filter(({ subjectId, patientId }) => patientId !== null || !withPatient.has(subjectId))
}

function merged(before: TouchedMessage | undefined, messageId: string, span: Span): TouchedMessage {
  return { messageId, ...joined(before, span) }
}

function joined(one: Span | undefined, other: Span): Span {
  if (!one) return other
  return {
    openings: one.openings + other.openings,
    first: one.first < other.first ? one.first : other.first,
    last: one.last > other.last ? one.last : other.last,
  }
}

/** A line for each message of each patient. */
export async function sheetOfTouched(filter: TouchedFilter): Promise<Sheet> {
  return {
    title: t('reports:exports.kinds.touched'),
    about: t('reports:exports.about.touched'),
    facts: await factsOf(filter),
    columns: (['patient', 'patientId', 'message', 'openings', 'first', 'last'] as const).map((name) => ({
      label: t(`reports:exports.columns.${name}`),
      width: WIDTHS[name],
    })),
    count: async () => undefined,
    async *rows() {
      for (const { patientId, messages } of await findTouched(filter)) {
        const [patient] = patientId ? await listAccounts([patientId]) : []
        const name = patient ? patient.name || patient.email : t('reports:exports.noPatient')
        for (let at = 0; at < messages.length; at += PAGE)
          yield messages
            .slice(at, at + PAGE)
            .map(({ messageId, openings, first, last }) => [
              name,
              patientId ?? '',
              messageId,
              String(openings),
              exact(first),
              exact(last),
            ])
      }
    },
  }
}

const WIDTHS = { patient: 22, patientId: 0, message: 30, openings: 10, first: 17, last: 17 }
