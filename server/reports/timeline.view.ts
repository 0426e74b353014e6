/** A patient's timeline to lanes, one for each who did something, and the table behind them. Pure. */
import { clock24, inWords } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { eventView, inThousands } from './access-events.view.ts'
import { round, type Chart } from './chart.ts'
import { actsOf, filterToQuery, PERIODS, rangeOf, type Period } from './event-filter.ts'
import type { ReadEvent } from './list-access-events.ts'
import { TIMELINE, type Timeline } from './read-timeline.ts'
import { timeScale } from './scales.ts'

const OPENINGS: readonly string[] = actsOf('openings')
const WIDTH = 640
const START = 190
const LANE = 32
/** Whoever did least shares the last one. */
const MOST_LANES = 12

export function timelineView({ patient, events, openers }: Timeline, period: Period, now: Date) {
  const shown = events.slice(0, TIMELINE)
  const name = patient.name || patient.email
  const log = (what: string) => `/admin/access-events?${filterToQuery({ patient: patient.id, what, period })}`
  return {
    title: t('reports:timeline.title', { name }),
    backHref: '/admin',
    intro: t('reports:timeline.intro', { period: t(`reports:periods.${period}`) }),
    periods: PERIODS.map((each) => ({
      href: `/admin/patients/${patient.id}?period=${each}`,
      label: t(`reports:periods.${each}`),
      current: each === period,
    })),
    openers: openers.map(({ actorId, person, count, last }) => ({
      name: person ? person.name || person.email : t('reports:accessEvents.noName'),
      role: person ? t(`reports:roles.${person.role}`) : '',
      isThem: actorId === patient.id,
      times: t('reports:accessEvents.times', { count }),
      last: inWords(last, now, clock24),
      href: `/admin/access-events?${filterToQuery({ patient: patient.id, what: 'openings', period, ...(actorId ? { who: actorId } : {}) })}`,
    })),
    chart: lanesChart(shown, period, now),
    more: events.length > TIMELINE ? t('reports:timeline.more', { count: inThousands(TIMELINE) }) : '',
    allHref: log(''),
    events: shown.map(eventView),
  }
}

function lanesChart(events: readonly ReadEvent[], period: Period, now: Date): Chart {
  const lanes = lanesOf(events)
  const from = rangeOf({ period }, now).from ?? events.at(-1)?.at ?? now
  const along = timeScale(from, now, [START + 10, WIDTH - 10])
  const ground = lanes.length * LANE
  const opened = events.filter((event) => kindOf(event) === 'opened').length
  const denied = events.filter((event) => kindOf(event) === 'refused').length
  return {
    id: 'lanes',
    title: t('reports:charts.lanes.title'),
    caption: t('reports:charts.lanes.caption', { count: events.length, people: lanes.length, opened, denied }),
    empty: events.length === 0 ? t('reports:charts.lanes.empty') : '',
    legend: (['opened', 'other', 'refused'] as const).map((kind) => ({
      tone: TONES[kind],
      label: t(`reports:charts.lanes.${kind}`),
    })),
    width: WIDTH,
    height: ground + 28,
    rects: [],
    lines: lanes.map((_, at) => ({ x1: START, x2: WIDTH, y1: at * LANE + LANE / 2, y2: at * LANE + LANE / 2 })),
    dots: lanes.flatMap(({ events: own }, at) =>
      own.map((event) => ({
        x: round(along.at(event.at < from ? from : event.at)),
        y: at * LANE + LANE / 2,
        tone: TONES[kindOf(event)],
        tip: `${event.at.toISOString().slice(0, 16).replace('T', ' ')} UTC: ${eventView(event).act.text}`,
      })),
    ),
    texts: [
      ...lanes.map(({ name }, at) => ({
        x: START - 10,
        y: at * LANE + LANE / 2 + 5,
        anchor: 'end' as const,
        text: name.length > 24 ? `${name.slice(0, 23)}…` : name,
      })),
      ...along.ticks
        .filter((tick) => along.at(tick) < WIDTH - 20)
        .map((tick) => ({
          x: round(along.at(tick)),
          y: ground + 20,
          anchor: 'middle' as const,
          text: markOf(tick, period),
        })),
    ],
    table: {
      head: [
        t('reports:accessEvents.actor'),
        ...(['opened', 'other', 'refused'] as const).map((kind) => t(`reports:charts.lanes.${kind}`)),
      ],
      rows: lanes.map(({ name, events: own }) => [
        name,
        ...(['opened', 'other', 'refused'] as const).map((kind) =>
          String(own.filter((event) => kindOf(event) === kind).length),
        ),
      ]),
    },
  }
}

const TONES = { opened: 'first', other: 'second', refused: 'denied' } as const

function kindOf(event: ReadEvent): keyof typeof TONES {
  if (event.isGone || event.outcome !== 'done') return 'refused'
  return OPENINGS.includes(event.act) ? 'opened' : 'other'
}

/** By who acted, the busiest first. */
function lanesOf(events: readonly ReadEvent[]): { name: string; events: ReadEvent[] }[] {
  const byName = new Map<string, { name: string; events: ReadEvent[] }>()
  for (const event of events) {
    const key = event.actorId ?? event.actorKind
    const lane = byName.get(key) ?? { name: eventView(event).actor.name, events: [] }
    lane.events.push(event)
    byName.set(key, lane)
  }
  const lanes = [...byName.values()].sort((one, other) => other.events.length - one.events.length)
  if (lanes.length <= MOST_LANES) return lanes
  const rest = lanes.slice(MOST_LANES - 1)
  const name = t('reports:charts.lanes.others', { count: rest.length })
  return [...lanes.slice(0, MOST_LANES - 1), { name, events: rest.flatMap((lane) => lane.events) }]
}

function markOf(at: Date, period: Period): string {
  return period === '1' ? at.toISOString().slice(11, 16) : at.toISOString().slice(5, 10)
}
