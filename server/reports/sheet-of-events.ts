/** Events of the access log as lines: who did what with what, when and from where. What a message says is in none of them. */
import { REASONS } from '../audit/reasons.ts'
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { ExportFilter, Sheet } from './export.ts'
import { factsOf } from './filter-in-words.ts'
import { countToldEvents, toldEvents, type ToldEvent } from './told-events.ts'

/** @param openings only what showed somebody a message or a file */
export async function sheetOfEvents(kind: 'events' | 'accesses', filter: ExportFilter): Promise<Sheet> {
  return {
    title: t(`reports:exports.kinds.${kind}`),
    about: t(`reports:exports.about.${kind}`),
    facts: await factsOf(filter),
    columns: COLUMNS.map(({ name, width }) => ({ label: t(`reports:exports.columns.${name}`), width })),
    count: () => countToldEvents(filter),
    async *rows() {
      for await (const events of toldEvents(filter)) yield events.map((event) => COLUMNS.map(({ of }) => of(event)))
    },
  }
}

const COLUMNS: readonly { name: string; width: number; of: (event: ToldEvent) => string }[] = [
  { name: 'utc', width: 0, of: ({ at }) => at.toISOString() },
  { name: 'local', width: 15, of: ({ at }) => exact(at) },
  { name: 'who', width: 15, of: actorOf },
  { name: 'role', width: 8, of: ({ actorRole }) => (actorRole ? word(`reports:roles.${actorRole}`) : '') },
  { name: 'whoId', width: 0, of: ({ actorId }) => actorId ?? '' },
  { name: 'strength', width: 0, of: ({ strength }) => strength },
  { name: 'what', width: 18, of: ({ act }) => word(`reports:acts.${act}`) },
  { name: 'code', width: 0, of: ({ act }) => act },
  { name: 'subject', width: 14, of: subjectOf },
  { name: 'subjectId', width: 17, of: ({ subjectId }) => subjectId ?? '' },
  { name: 'outcome', width: 7, of: ({ outcome }) => word(`reports:outcomes.${outcome}`) },
  { name: 'times', width: 0, of: ({ details }) => String(details.times ?? 1) },
  { name: 'reason', width: 0, of: reasonOf },
  { name: 'address', width: 11, of: ({ details }) => details.address ?? '' },
  { name: 'browser', width: 0, of: ({ details }) => details.userAgent ?? '' },
  { name: 'session', width: 0, of: ({ details }) => details.session ?? '' },
  { name: 'request', width: 0, of: ({ requestId }) => requestId ?? '' },
  { name: 'event', width: 0, of: ({ id }) => id },
]

export function actorOf({ actorKind, actor }: Pick<ToldEvent, 'actorKind' | 'actor'>): string {
  if (actorKind === 'system') return word('reports:roles.system')
  return actor ? actor.name || actor.email : word('reports:accessEvents.noName')
}

export function subjectOf({ person, subjectKind }: Pick<ToldEvent, 'person' | 'subjectKind'>): string {
  if (person) return person.name || person.email
  return subjectKind ? word(`reports:subjects.${subjectKind}`) : ''
}

/** Lines from before the list of reasons was closed say theirs as they did then. */
function reasonOf({ details: { reason = '', said, found } }: ToldEvent): string {
  const known = REASONS.some((each) => each === reason) ? word(`reports:reasons.${reason}`) : reason
  return [known, said, found].filter((part) => part).join('; ')
}

/** Words without holes, each looked up once: there are few of them, and millions of lines. */
const said = new Map<string, string>()

function word(key: string): string {
  const known = said.get(key)
  if (known !== undefined) return known
  const found = t(key)
  said.set(key, found)
  return found
}
