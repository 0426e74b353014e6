/** The overview to tiles and charts. Pure. */
import type { HourCount } from '../audit/event-hours.store.ts'
import { sizeInWords, weekdayAndHour } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { eventView, inThousands } from './access-events.view.ts'
import { barsChart, columnsChart, heatChart, sparkline, type Chart } from './chart.ts'
import { filterToQuery, type EventFilter } from './event-filter.ts'
import { ANSWERED_WITHIN, FUNNEL } from './overview.store.ts'
import type { Overview } from './read-overview.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR
const logAt = (filter: EventFilter) => `/admin/access-events?${filterToQuery(filter)}`

export function overviewView(overview: Overview, now: Date) {
  return {
    title: t('reports:overview.title'),
    tiles: tilesOf(overview, now),
    charts: [daysChart(overview, now), funnelChart(overview), answersChart(overview), openingsChart(overview)],
    latest: overview.latest.map(eventView),
    logHref: '/admin/access-events',
  }
}

function tilesOf(overview: Overview, now: Date) {
  const { openedSoon, unopened, mailsWaiting, stored } = overview
  const days = lastDays(now)
  const byDay = (hours: readonly HourCount[]) => {
    const counts = sumBy(hours, ({ hour }) => dayOf(hour))
    return days.map((day) => counts.get(day) ?? 0)
  }
  const messages = new Map(overview.days.map((day) => [dayOf(day.day), day]))
  const sent = days.map((day) => (messages.get(day)?.opened ?? 0) + (messages.get(day)?.unopened ?? 0))
  const lastDay = overview.refusals.filter(({ hour }) => hour.getTime() > now.getTime() - DAY)
  const failed = lastDay.reduce((sum, { count }) => sum + count, 0)
  const share = openedSoon.sent === 0 ? undefined : Math.round((100 * openedSoon.opened) / openedSoon.sent)
  const tile = (name: string, big: string, href: string, spark: string, note = '', alert = false) => ({
    name: t(`reports:overview.tiles.${name}`),
    big,
    note,
    href,
    spark,
    alert,
  })
  return [
    tile('sent', inThousands(sum(sent)), logAt({ what: 'message.dropped', period: '30' }), sparkline(sent)),
    tile(
      'openedSoon',
      share === undefined ? '–' : `${share} %`,
      logAt({ what: 'message.opened', period: '30' }),
      sparkline(days.map((day) => messages.get(day)?.opened ?? 0)),
      share === undefined
        ? t('reports:overview.tiles.noneDue')
        : t('reports:overview.tiles.ofSent', {
            opened: inThousands(openedSoon.opened),
            sent: inThousands(openedSoon.sent),
          }),
    ),
    tile(
      'unopened',
      inThousands(unopened),
      '#per-day',
      sparkline(days.map((day) => messages.get(day)?.unopened ?? 0)),
      t('reports:overview.tiles.unopenedNote'),
    ),
    tile(
      'refusals',
      inThousands(failed),
      logAt({ what: 'refusals', period: '1' }),
      sparkline(lastHours(now, overview.refusals)),
      failed >= MANY_REFUSALS ? t('reports:overview.tiles.manyRefusals') : '',
      failed >= MANY_REFUSALS,
    ),
    tile(
      'mails',
      inThousands(mailsWaiting),
      logAt({ what: 'notice.failed', period: '30' }),
      sparkline(byDay(overview.notices)),
      mailsWaiting >= MANY_MAILS ? t('reports:overview.tiles.manyMails') : '',
      mailsWaiting >= MANY_MAILS,
    ),
    tile(
      'stored',
      sizeInWords(stored.database + stored.files),
      logAt({ what: 'attachment.received', period: '30' }),
      sparkline(byDay(overview.received)),
      t('reports:overview.tiles.storedNote', {
        database: sizeInWords(stored.database),
        files: sizeInWords(stored.files),
      }),
    ),
  ]
}

/** More than a clinic's forgotten passwords within a day. */
const MANY_REFUSALS = 50
/** More than wait while all is well: mails go within seconds. */
const MANY_MAILS = 20

function daysChart({ days }: Overview, now: Date): Chart {
  const counts = new Map(days.map((day) => [dayOf(day.day), day]))
  const columns = lastDays(now).map((day, at) => ({
    name: day,
    mark: at % 5 === 0 ? day.slice(5) : '',
    counts: [counts.get(day)?.opened ?? 0, counts.get(day)?.unopened ?? 0],
  }))
  const busiest = columns.reduce((most, column) => (sum(column.counts) > sum(most.counts) ? column : most), columns[0]!)
  const all = sum(columns.flatMap(({ counts: each }) => each))
  return columnsChart({
    id: 'per-day',
    title: t('reports:charts.days.title'),
    caption: t('reports:charts.days.caption', {
      count: all,
      opened: sum(columns.map((column) => column.counts[0]!)),
      most: sum(busiest.counts),
      day: busiest.name,
    }),
    empty: all === 0 ? t('reports:charts.days.empty') : '',
    of: t('reports:charts.units.day'),
    kinds: [
      { label: t('reports:charts.days.opened'), tone: 'first' },
      { label: t('reports:charts.days.unopened'), tone: 'second' },
    ],
    columns,
  })
}

function funnelChart({ funnel }: Overview): Chart {
  const share = (count: number) => (funnel.invited === 0 ? '' : `(${Math.round((100 * count) / funnel.invited)} %)`)
  return barsChart({
    id: 'enrolment',
    title: t('reports:charts.funnel.title'),
    caption: t('reports:charts.funnel.caption', {
      count: funnel.invited,
      enrolled: funnel.enrolled,
      opened: funnel.opened,
    }),
    empty: funnel.invited === 0 ? t('reports:charts.funnel.empty') : '',
    of: t('reports:charts.funnel.step'),
    kind: t('reports:charts.funnel.patients'),
    bars: FUNNEL.map((step) => ({
      name: t(`reports:charts.funnel.${step}`),
      count: funnel[step],
      note: share(funnel[step]),
    })),
  })
}

function answersChart({ answers }: Overview): Chart {
  const names = [
    ...ANSWERED_WITHIN.map((hours) => (hours < 48 ? `< ${hours} h` : `< ${hours / 24} d`)),
    t('reports:charts.answers.longer'),
    t('reports:charts.answers.waiting'),
  ]
  const all = sum(answers)
  return columnsChart({
    id: 'answers',
    title: t('reports:charts.answers.title'),
    caption: t('reports:charts.answers.caption', {
      count: all,
      day: sum(answers.slice(0, 4)),
      waiting: answers.at(-1)!,
    }),
    empty: all === 0 ? t('reports:charts.answers.empty') : '',
    of: t('reports:charts.answers.within'),
    kinds: [{ label: t('reports:charts.answers.messages'), tone: 'first' }],
    columns: names.map((name, at) => ({ name, mark: name, counts: [answers[at]!] })),
  })
}

/** By the hour and the day of the week as the organisation's clocks show them. */
function openingsChart({ openings }: Overview): Chart {
  const field = Array.from({ length: 7 }, () => Array<number>(24).fill(0))
  for (const { hour, count } of openings) {
    const { weekday, hour: at } = weekdayAndHour(hour)
    field[weekday]![at]! += count
  }
  const names = Array.from({ length: 7 }, (_, day) => t(`reports:charts.weekdays.${day}`))
  const all = sum(field.flat())
  const most = Math.max(...field.flat())
  const day = field.findIndex((counts) => counts.includes(most))
  return heatChart({
    id: 'openings',
    title: t('reports:charts.openings.title'),
    caption: t('reports:charts.openings.caption', {
      count: all,
      most,
      day: names[day],
      hour: `${field[day]!.indexOf(most)}`.padStart(2, '0'),
    }),
    empty: all === 0 ? t('reports:charts.openings.empty') : '',
    of: t('reports:charts.openings.day'),
    rows: field.map((counts, at) => ({ name: names[at]!, counts })),
    columns: Array.from({ length: 24 }, (_, hour) => ({
      name: String(hour).padStart(2, '0'),
      mark: hour % 3 === 0 ? String(hour).padStart(2, '0') : '',
    })),
  })
}

function lastDays(now: Date): string[] {
  return Array.from({ length: 30 }, (_, at) => dayOf(new Date(now.getTime() - (29 - at) * DAY)))
}

function lastHours(now: Date, hours: readonly HourCount[]): number[] {
  const counts = sumBy(hours, ({ hour }) => hour.toISOString().slice(0, 13))
  return Array.from(
    { length: 24 },
    (_, at) => counts.get(new Date(now.getTime() - (23 - at) * HOUR).toISOString().slice(0, 13)) ?? 0,
  )
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10)
}

function sumBy(hours: readonly HourCount[], name: (hour: HourCount) => string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const hour of hours) sums.set(name(hour), (sums.get(name(hour)) ?? 0) + hour.count)
  return sums
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0)
}
