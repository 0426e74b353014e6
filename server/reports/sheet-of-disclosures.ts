/**
 * The accounting of disclosures of one patient (45 CFR 164.528): when, who received, what, why. What the organisation uses for treatment, payment and its
 * own work is excepted, and so is what the patient gets; docs/reports.md says what counts.
 */
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { listDisclosures, type Disclosure } from './disclosure.store.ts'
import type { ExportFilter, Sheet } from './export.ts'
import type { Place } from './exported-event.store.ts'
import { factsOf } from './filter-in-words.ts'
import { toldEvents, type ToldEvent } from './told-events.ts'

export type DisclosuresFilter = ExportFilter & { patientId: string; from: Date; to: Date }

export async function sheetOfDisclosures(filter: DisclosuresFilter): Promise<Sheet> {
  return {
    title: t('reports:exports.kinds.disclosures'),
    about: t('reports:exports.about.disclosures'),
    facts: await factsOf(filter),
    columns: (['utc', 'local', 'recipient', 'disclosed', 'purpose', 'said', 'recordedBy', 'entry'] as const).map(
      (name) => ({ label: t(`reports:exports.columns.${name}`), width: WIDTHS[name] }),
    ),
    count: async () => undefined,
    rows: () => byTime(written(filter), opened(filter)),
  }
}

const WIDTHS = { utc: 0, local: 13, recipient: 22, disclosed: 25, purpose: 17, said: 23, recordedBy: 0, entry: 0 }
const PAGE = 500

/** A line with the moment that it belongs to. */
interface Line {
  at: Date
  cells: string[]
}

/** What somebody wrote down. */
async function* written({ patientId, ...period }: DisclosuresFilter): AsyncGenerator<Line> {
  for (let after: Place | undefined; ;) {
    const found = await listDisclosures(patientId, period, after, PAGE)
    for (const each of found) yield { at: each.disclosedAt, cells: cellsOf(each) }
    const last = found.at(-1)
    if (!last || found.length < PAGE) return
    after = { at: last.disclosedAt, id: last.id }
  }
}

function cellsOf({ id, disclosedAt, recipient, what, purpose, why, recordedBy }: Disclosure): string[] {
  const name = t(`reports:purposes.${purpose}`)
  // A day as it was written down is the same day in every time zone.
  return [disclosedAt.toISOString(), disclosedAt.toISOString().slice(0, 10), recipient, what, name, why, recordedBy, id]
}

/** What the log itself knows of: somebody who is neither the patient nor staff saw a message of theirs. */
async function* opened(filter: DisclosuresFilter): AsyncGenerator<Line> {
  const { patientId, from, to } = filter
  const asked = { patientId, from, to, openings: true, outcome: 'done', actorRole: 'patient' }
  for await (const events of toldEvents(asked))
    for (const event of events) if (event.actorId !== patientId) yield { at: event.at, cells: cellsOfOpening(event) }
}

function cellsOfOpening({ id, at, actor, act, subjectId, actorId }: ToldEvent): string[] {
  const who = actor ? actor.name || actor.email : (actorId ?? '')
  const what = `${t(`reports:acts.${act}`)} ${subjectId ?? ''}`
  return [at.toISOString(), exact(at), who, what, t('reports:purposes.other-patient'), '', '', id]
}

/** Two streams that are each in order, as one. */
async function* byTime(one: AsyncGenerator<Line>, other: AsyncGenerator<Line>): AsyncGenerator<string[][]> {
  const next = async (from: AsyncGenerator<Line>) => (await from.next()).value as Line | undefined
  let [first, second] = [await next(one), await next(other)]
  let page: string[][] = []
  while (first || second) {
    const isFirst = first && (!second || first.at <= second.at)
    page.push((isFirst ? first! : second!).cells)
    if (isFirst) first = await next(one)
    else second = await next(other)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}
