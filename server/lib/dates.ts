/** Dates in words, in the organisation's time zone; the machine-readable form is UTC. */
import { config } from '../config.ts'

export interface Moment {
  text: string
  iso: string
}

/** How the time of day is written: `clockTime` for patients, `clock24` for staff. */
export type Clock = (date: Date) => string

const LANGUAGE = 'en-US'

/** "Tuesday 17 November, 2:02 pm"; with the year when it is another one. */
export function inWords(date: Date, now = new Date(), clock: Clock = clockTime): Moment {
  return { text: `${dayInWords(date, now)}, ${clock(date)}`, iso: date.toISOString() }
}

/** "Tuesday 17 November"; with the year when it is another one. */
export function dayInWords(date: Date, now = new Date()): string {
  const parts = format(date, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
  const year = parts['year'] === format(now, { year: 'numeric' })['year'] ? '' : ` ${parts['year']}`
  return `${parts['weekday']} ${parts['day']} ${parts['month']}${year}`
}

/** "2:02 pm" today, "Tue 2:02 pm" within the week, "17 Nov" or "17 Nov 2025" before. */
export function inShort(date: Date, now = new Date(), clock: Clock = clockTime): Moment {
  const parts = format(date, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })
  const today = format(now, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })
  const iso = date.toISOString()
  if (parts['day'] === today['day'] && parts['month'] === today['month'] && parts['year'] === today['year'])
    return { text: clock(date), iso }
  if (now.getTime() - date.getTime() < 6 * 24 * 60 * 60 * 1000)
    return { text: `${parts['weekday']} ${clock(date)}`, iso }
  return { text: `${parts['day']} ${parts['month']}${parts['year'] === today['year'] ? '' : ` ${parts['year']}`}`, iso }
}

/** "Tue 2:02 pm": a weekday and the clock, for receipts; the date stands in `datetime`. */
export function dayAndTime(date: Date, now = new Date(), clock: Clock = clockTime): Moment {
  const parts = format(date, { weekday: 'short', day: 'numeric', month: 'short' })
  const old = now.getTime() - date.getTime() > 6 * 24 * 60 * 60 * 1000
  return {
    text: `${parts['weekday']}${old ? ` ${parts['day']} ${parts['month']}` : ''} ${clock(date)}`,
    iso: date.toISOString(),
  }
}

/** "22 December"; with the year when it is another one. */
export function day(date: Date, now = new Date()): Moment {
  const parts = format(date, { day: 'numeric', month: 'long', year: 'numeric' })
  const year = parts['year'] === format(now, { year: 'numeric' })['year'] ? '' : ` ${parts['year']}`
  return { text: `${parts['day']} ${parts['month']}${year}`, iso: date.toISOString() }
}

/** "2:02 pm" */
export function clockTime(date: Date): string {
  const { hour, minute, dayPeriod } = format(date, { hour: 'numeric', minute: '2-digit', hour12: true })
  return `${hour}:${minute} ${(dayPeriod ?? '').toLowerCase()}`
}

/** "14:02" */
export function clock24(date: Date): string {
  const { hour, minute } = format(date, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  return `${hour}:${minute}`
}

/** "2026-11-17 14:02:11" in the organisation's zone, for the log. */
export function exact(date: Date): string {
  const parts = format(date, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
  return `${parts['year']}-${parts['month']}-${parts['day']} ${parts['hour']}:${parts['minute']}:${parts['second']}`
}

/** Monday is 0; the hour from 0 to 23. */
export function weekdayAndHour(date: Date): { weekday: number; hour: number } {
  const { weekday, hour } = format(date, { weekday: 'short', hour: '2-digit', hourCycle: 'h23' })
  return { weekday: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(weekday!), hour: Number(hour) }
}

function format(date: Date, options: Intl.DateTimeFormatOptions): Record<string, string> {
  const parts = formatFor(options).formatToParts(date)
  return Object.fromEntries(parts.map(({ type, value }) => [type, value]))
}

// Making one takes a third of a millisecond, which a list would pay for each of its lines.
const formats = new Map<string, Intl.DateTimeFormat>()

function formatFor(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const { timeZone } = config()
  const key = JSON.stringify([timeZone, options])
  const made = formats.get(key) ?? new Intl.DateTimeFormat(LANGUAGE, { ...options, timeZone })
  formats.set(key, made)
  return made
}

/** "184 KB", "2.1 MB" (powers of 1,000, as phones count). */
export function sizeInWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} KB`
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(1)} GB`
}
