/** Leads to the form of an export with what it is of: ids, words and moments. A network address and a session's mark have no place in an address. */
import type { ExportFilter, ExportKind, Format } from './export.ts'

export function exportHref(kind: ExportKind, filter: ExportFilter, format: Format): string {
  const { actorId, patientId, act, outcome, from, to, named } = filter
  // Without a colon, so that whoever has to prove who they are first comes back to it.
  const moment = (at: Date | undefined) => at?.toISOString().slice(0, 16).replace(':', '')
  const parts = {
    kind,
    format,
    actor: actorId,
    subject: patientId,
    what: act,
    outcome,
    from: moment(from),
    to: moment(to),
  }
  const given = Object.entries({ ...parts, named: named ? 'yes' : undefined })
  const query = new URLSearchParams(given.filter((part): part is [string, string] => part[1] !== undefined))
  return `/admin/exports/new?${query.toString()}`
}
