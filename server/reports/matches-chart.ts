/** How the events that fit lie in time. Pure. */
import { MOST_COUNTED, type BucketUnit } from '../audit/search-log.store.ts'
import { t } from '../web/page.ts'
import { columnsChart, type Chart } from './chart.ts'
import { rangeOf, type EventFilter } from './event-filter.ts'
import type { ReadLog } from './list-access-events.ts'

/** Columns for the hours, days or months (UTC) from the first to the last, those without events too. */
export function matchesChart({ counted, unit }: ReadLog, filter: EventFilter, now: Date): Chart {
  const range = rangeOf(filter, now)
  const first = counted.buckets[0]?.at
  const from = range.from && !counted.more ? range.from : first
  const to = range.to && range.to < now ? range.to : now
  const counts = new Map(counted.buckets.map(({ at, count }) => [at.getTime(), count]))
  const times = from ? timesFrom(floor(from, unit), to, unit) : []
  // Events of a clock that ran ahead stand behind today.
  const all = [...new Set([...times.map((at) => at.getTime()), ...counts.keys()])].sort((one, other) => one - other)
  const every = Math.max(1, Math.ceil(all.length / 8))
  const most = Math.max(0, ...counts.values())
  const busiest = all.find((at) => counts.get(at) === most)
  return columnsChart({
    id: 'matches',
    title: t(`reports:charts.matches.${unit}`),
    caption: t('reports:charts.matches.caption', {
      count: most,
      when: busiest === undefined ? '' : nameOf(new Date(busiest), unit),
      context: counted.more ? 'newest' : undefined,
      most: MOST_COUNTED.toLocaleString('en-US'),
    }),
    empty: counted.count === 0 ? t('reports:charts.matches.empty') : '',
    of: t(`reports:charts.units.${unit}`),
    kinds: [{ label: t('reports:charts.events'), tone: 'first' }],
    columns: all.map((at, index) => ({
      name: nameOf(new Date(at), unit),
      mark: index % every === 0 && index + every / 2 < all.length ? markOf(new Date(at), unit) : '',
      counts: [counts.get(at) ?? 0],
    })),
  })
}

function timesFrom(from: Date, to: Date, unit: BucketUnit): Date[] {
  const times = []
  for (let at = from; at < to && times.length < 400; at = next(at, unit)) times.push(at)
  return times
}

function floor(at: Date, unit: BucketUnit): Date {
  const parts = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours()] as const
  if (unit === 'month') return new Date(Date.UTC(parts[0], parts[1]))
  return new Date(Date.UTC(parts[0], parts[1], parts[2], unit === 'day' ? 0 : parts[3]))
}

function next(at: Date, unit: BucketUnit): Date {
  if (unit === 'month') return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1))
  return new Date(at.getTime() + (unit === 'day' ? 24 : 1) * 60 * 60 * 1000)
}

function nameOf(at: Date, unit: BucketUnit): string {
  const iso = at.toISOString()
  if (unit === 'month') return iso.slice(0, 7)
  return unit === 'day' ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${iso.slice(11, 16)}`
}

function markOf(at: Date, unit: BucketUnit): string {
  const iso = at.toISOString()
  if (unit === 'month') return iso.slice(0, 7)
  return unit === 'day' ? iso.slice(5, 10) : iso.slice(11, 16)
}
