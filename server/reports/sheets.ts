/** Which lines an export is made of. */
import type { Export } from './export.store.ts'
import type { ExportFilter, ExportKind, Sheet } from './export.ts'
import { sheetOfTouched } from './find-touched.ts'
import { sheetOfActivity } from './sheet-of-activity.ts'
import { sheetOfCoverage } from './sheet-of-coverage.ts'
import { sheetOfDisclosures } from './sheet-of-disclosures.ts'
import { sheetOfEvents } from './sheet-of-events.ts'

/** The filter as of the moment when it was asked for: what happens later belongs to a later export, and every reading gives the same. */
export function asOfAsking({ filter, askedAt }: Pick<Export, 'filter' | 'askedAt'>): ExportFilter & { to: Date } {
  return { ...filter, to: filter.to && filter.to < askedAt ? filter.to : askedAt }
}

export async function sheetOf(asked: Pick<Export, 'kind' | 'filter' | 'askedAt'>): Promise<Sheet> {
  const filter = asOfAsking(asked)
  const { patientId, actorId, to, from = sixYearsBefore(to) } = filter
  switch (asked.kind) {
    case 'accesses':
      return sheetOfEvents('accesses', { ...filter, from, openings: true })
    case 'disclosures':
      return sheetOfDisclosures({ ...filter, from, patientId: patientId! })
    case 'activity':
      return sheetOfActivity({ ...filter, from, actorId: actorId! })
    case 'touched':
      return sheetOfTouched({ ...filter, from })
    case 'coverage':
      return sheetOfCoverage(filter)
    default:
      return sheetOfEvents('events', filter)
  }
}

/** What a report needs to be about something. */
export function isWhole(kind: ExportKind, { patientId, actorId, address, session }: ExportFilter): boolean {
  if (kind === 'accesses' || kind === 'disclosures') return patientId !== undefined
  if (kind === 'activity') return actorId !== undefined
  if (kind === 'touched') return [actorId, address, session].some((each) => each !== undefined)
  return true
}

/** As far back as an accounting of disclosures must go (45 CFR 164.528(a)(3)), and a report goes unless it is told. */
export function sixYearsBefore(moment: Date): Date {
  const then = new Date(moment)
  then.setUTCFullYear(then.getUTCFullYear() - 6)
  return then
}
