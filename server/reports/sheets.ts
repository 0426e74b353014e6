/** Which lines an export is made of. */
import type { Export } from './export.store.ts'
import type { Sheet } from './export.ts'
import { sheetOfEvents } from './sheet-of-events.ts'

/** The filter as of the moment when it was asked for: what happens later belongs to a later export, and every reading gives the same. */
export function asOfAsking({ filter, askedAt }: Export): Export['filter'] & { to: Date } {
  return { ...filter, to: filter.to && filter.to < askedAt ? filter.to : askedAt }
}

export function sheetOf(asked: Export): Promise<Sheet> {
  const filter = asOfAsking(asked)
  switch (asked.kind) {
    case 'accesses':
      return sheetOfEvents('accesses', { ...filter, openings: true })
    default:
      return sheetOfEvents('events', filter)
  }
}
