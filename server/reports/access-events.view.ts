/** Access events to what their pages may see: who, what, when, from where, and never content. Pure. */
import { ACTS } from '../audit/acts.ts'
import { REASONS } from '../audit/reasons.ts'
import { MOST_COUNTED } from '../audit/search-log.store.ts'
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { isEventId } from './access-events.form.ts'
import { ACT_GROUPS, DEFAULT_PERIOD, filterToQuery, OUTCOMES, PERIODS, type EventFilter } from './event-filter.ts'
import type { Search } from './find-search.ts'
import { PAGE, type ReadEvent, type ReadLog } from './list-access-events.ts'
import { matchesChart } from './matches-chart.ts'

const TONES = { done: 'ok', denied: 'bad', failed: 'warn' } as const
const LOG = '/admin/access-events'
/** Those that the catalogue has words for. */
const SUBJECTS: readonly string[] = ['account', 'team', 'message', 'attachment', 'page', 'backup', 'event', 'draft']
const SECONDS = ['code', 'recovery-code', 'passkey']
const STRENGTHS: readonly string[] = [
  ...SECONDS.flatMap((second) => [`password+${second}`, `sign-on+password+${second}`]),
  'sign-on+password',
  'passkey',
  'enrolment',
]

export function accessEventsView(log: ReadLog, filter: EventFilter, isFirst: boolean, now: Date) {
  const page = log.events.slice(0, PAGE)
  const last = page.at(-1)
  return {
    title: t('reports:accessEvents.title'),
    form: formOf(searchOf(log, filter)),
    chips: chipsOf(log, filter),
    clearHref: LOG,
    scope: scopeOf(filter),
    count: countOf(log),
    chart: isFirst ? matchesChart(log, filter, now) : null,
    events: page.map(eventView),
    newer: isFirst ? '' : hrefOf(filter),
    older: log.events.length > PAGE && last ? hrefOf(filter, { before: last.id }) : '',
  }
}

/** Of a form that could not be read nothing is searched. */
export function wrongSearchView(form: ReturnType<typeof formOf>) {
  const nothing = { chips: [], scope: '', count: '', chart: null, events: [], newer: '', older: '' }
  return { title: t('reports:accessEvents.title'), form, clearHref: LOG, ...nothing }
}

/** The fields of the form as they are filled and chosen. */
export function formOf({ who, what, patient, outcome, network, period, from, to }: Search) {
  const choice = (chosen: string, value: string, label: string) => ({ value, label, selected: value === chosen })
  return {
    who,
    patient,
    network,
    from,
    to,
    acts: [
      choice(what, '', t('reports:accessEvents.anyAct')),
      ...ACT_GROUPS.map((group) => choice(what, group, t(`reports:groups.${group}`))),
      ...ACTS.map((act) => choice(what, act, t(`reports:acts.${act}`))),
    ],
    outcomes: [
      choice(outcome, '', t('reports:accessEvents.anyOutcome')),
      ...OUTCOMES.map((each) => choice(outcome, each, t(`reports:outcomes.${each}`))),
    ],
    periods: PERIODS.map((each) => choice(period || DEFAULT_PERIOD, each, t(`reports:periods.${each}`))),
  }
}

/** The form that leads to this filter again. A network address is not known from its digest, but the events that came from it say it. */
function searchOf({ who, patient, events }: ReadLog, filter: EventFilter): Search {
  const { what = '', outcome = '', network, period = '', from = '', to = '' } = filter
  const address = network ? (events.find(({ details }) => details.address)?.details.address ?? '') : ''
  return { who: who?.email ?? '', patient: patient?.email ?? '', network: address, what, outcome, period, from, to }
}

/** What is looked for, each part with the way to leave it out. */
function chipsOf({ who, patient }: ReadLog, filter: EventFilter) {
  const { what, outcome } = filter
  const name = (person: typeof who) => person?.name || person?.email || t('reports:accessEvents.noName')
  const texts: Partial<Record<keyof EventFilter, string>> = {
    ...(filter.who ? { who: t('reports:accessEvents.chips.who', { name: name(who) }) } : {}),
    ...(filter.patient ? { patient: t('reports:accessEvents.chips.patient', { name: name(patient) }) } : {}),
    ...(what ? { what: whatInWords(what) } : {}),
    ...(outcome ? { outcome: t(`reports:outcomes.${outcome}`) } : {}),
    ...(filter.network ? { network: t('reports:accessEvents.chips.network') } : {}),
    ...(filter.period ? { period: t(`reports:periods.${filter.period}`) } : {}),
    ...(filter.from ? { from: t('reports:accessEvents.chips.from', { day: filter.from }) } : {}),
    ...(filter.to ? { to: t('reports:accessEvents.chips.to', { day: filter.to }) } : {}),
  }
  return Object.entries(texts).map(([part, text]) => ({ text, href: hrefOf({ ...filter, [part]: '' }) }))
}

function whatInWords(what: string): string {
  if (ACT_GROUPS.some((group) => group === what)) return t(`reports:groups.${what}`)
  return actInWords(what)
}

/** What somebody else wrote into the database may be no act of ours. */
function actInWords(act: string): string {
  return ACTS.some((each) => each === act) ? t(`reports:acts.${act}`) : act
}

function scopeOf({ period, from, to }: EventFilter): string {
  if (from && to) return t('reports:accessEvents.scope.both', { from, to })
  if (from) return t('reports:accessEvents.scope.from', { from })
  if (to) return t('reports:accessEvents.scope.to', { to })
  return t(`reports:accessEvents.scope.${period ?? DEFAULT_PERIOD}`)
}

function countOf({ counted: { count, more } }: ReadLog): string {
  return more
    ? t('reports:accessEvents.moreThan', { most: inThousands(MOST_COUNTED) })
    : t('reports:accessEvents.count', { count, number: inThousands(count) })
}

export function inThousands(count: number): string {
  return count.toLocaleString('en-US')
}

/** One line of the log, and what its own page begins with. */
export function eventView(event: ReadEvent) {
  return {
    href: isEventId(event.id) ? `${LOG}/${event.id}` : '',
    number: event.leaf === null ? '' : inThousands(event.leaf + 1),
    at: {
      local: exact(event.at),
      utc: event.at.toISOString().slice(11, 19),
      wholeUtc: event.at.toISOString(),
      iso: event.at.toISOString(),
    },
    ...(event.isGone ? goneView() : thereView(event)),
  }
}

function thereView(event: ReadEvent) {
  return {
    actor: actorView(event),
    act: { text: actInWords(event.act), how: howOf(event), code: event.act as string },
    subject: { text: subjectText(event), id: event.subjectId ?? '' },
    outcome: {
      tone: TONES[event.outcome] as string,
      text: t(`reports:outcomes.${event.outcome}`),
      times: event.details.times ? t('reports:accessEvents.times', { count: event.details.times }) : '',
      reason: reasonInWords(event.details.reason),
      said: event.details.said ?? '',
      found: event.details.found ?? '',
    },
    where: event.details.address ?? '',
  }
}

/** Somebody took the row away; that it was there the tree says. */
function goneView() {
  return {
    actor: { name: '–', role: '' },
    act: { text: t('reports:event.gone'), how: '', code: '' },
    subject: { text: '', id: '' },
    outcome: { tone: 'bad', text: t('reports:event.goneShort'), times: '', reason: '', said: '', found: '' },
    where: '',
  }
}

function subjectText(event: ReadEvent): string {
  if (event.person) return event.person.name || event.person.email
  if (!event.subjectKind) return ''
  return SUBJECTS.includes(event.subjectKind) ? t(`reports:subjects.${event.subjectKind}`) : event.subjectKind
}

/** How somebody signed in. Whoever has proved only a part of it has signed nothing in. */
function howOf(event: ReadEvent): string {
  return event.act === 'account.signed-in' ? strengthInWords(event) : ''
}

/** How strongly whoever acted was signed in; nothing where that says nothing. */
export function strengthInWords({ strength }: Pick<ReadEvent, 'strength'>): string {
  return STRENGTHS.includes(strength) ? t(`reports:strengths.${strength}`) : ''
}

/** Lines from before the list of reasons was closed say theirs as they did then. */
function reasonInWords(reason = ''): string {
  return REASONS.some((each) => each === reason) ? t(`reports:reasons.${reason}`) : reason
}

function actorView(event: ReadEvent): { name: string; role: string } {
  // What opened the mailbox is not what the person gave.
  if (event.act === 'mailbox.recovered') {
    const name = event.actor?.name || event.actor?.email || t('reports:accessEvents.noName')
    return { name: t('reports:roles.recoveryKey'), role: t('reports:accessEvents.whenNewPassword', { name }) }
  }
  if (event.actorKind === 'system') return { name: t('reports:roles.system'), role: '' }
  if (!event.actor) return { name: t('reports:accessEvents.noName'), role: '' }
  return { name: event.actor.name || event.actor.email, role: t(`reports:roles.${event.actor.role}`) }
}

function hrefOf(filter: EventFilter, more: Record<string, string> = {}): string {
  const query = filterToQuery(filter, more)
  return query ? `${LOG}?${query}` : LOG
}
