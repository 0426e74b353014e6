/** What the console's pages are given, with a fictitious cast: charts as server/reports/chart.ts makes them. */
import { barsChart, columnsChart, heatChart, sparkline } from '../../server/reports/chart.ts'

const NOTHING = { steps: [], href: '', link: '' }

export const integrity = {
  good: {
    tone: 'ok',
    text: 'Checked to event 184,220 on Tuesday 17 November, 14:00: nothing was changed, removed or added.',
    ...NOTHING,
  },
  never: { tone: 'warn', text: 'Not checked yet.', ...NOTHING },
  bad: {
    tone: 'bad',
    text: 'Broken at event 18,221: it was changed. Found on Tuesday 17 November, 14:00.',
    steps: ['Change nothing, and keep the database as it is.', 'Run npm run export-log on the server.'],
    href: '/admin/access-events/0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03',
    link: 'See this event',
  },
}

export const matches = columnsChart({
  id: 'matches',
  title: 'Events by day (UTC)',
  caption: 'The most were 41, on 2026-11-17.',
  empty: '',
  of: 'Day (UTC)',
  kinds: [{ label: 'Events', tone: 'first' }],
  columns: Array.from({ length: 90 }, (_, at) => ({
    name: `Day ${at}`,
    mark: at % 12 === 0 ? '11-17' : '',
    counts: [(at * 7) % 42],
  })),
})

const days = columnsChart({
  id: 'per-day',
  title: 'Messages by day (UTC), 30 days',
  caption: '412 messages, 301 of them opened so far; the most were 31, on 2026-11-17.',
  empty: '',
  of: 'Day (UTC)',
  kinds: [
    { label: 'Opened', tone: 'first' },
    { label: 'Not opened', tone: 'second' },
  ],
  columns: Array.from({ length: 30 }, (_, at) => ({
    name: `2026-11-${String(at + 1).padStart(2, '0')}`,
    mark: at % 5 === 0 ? '11-17' : '',
    counts: [(at * 7) % 23, (at * 3) % 9],
  })),
})

const funnel = barsChart({
  id: 'enrolment',
  title: 'How patients get in, 90 days',
  caption: 'Of 120 patients who were written to for the first time, 81 made a sign-in and 77 opened a message.',
  empty: '',
  of: 'How far',
  kind: 'Patients',
  bars: [
    { name: 'Written to', count: 120, note: '(100 %)' },
    { name: 'Made a sign-in', count: 81, note: '(68 %)' },
    { name: 'Opened a message', count: 77, note: '(64 %)' },
  ],
})

const openings = heatChart({
  id: 'openings',
  title: 'When messages and files are opened, 90 days',
  caption: '801 openings; the most in one hour of the week were 23, Tue from 09:00.',
  empty: '',
  of: 'Day',
  rows: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].map((name, day) => ({
    name,
    counts: Array.from({ length: 24 }, (_, hour) => (hour < 6 ? 0 : (hour * (day + 3)) % 23)),
  })),
  columns: Array.from({ length: 24 }, (_, hour) => ({
    name: String(hour).padStart(2, '0'),
    mark: hour % 3 === 0 ? String(hour).padStart(2, '0') : '',
  })),
})

export const overview = {
  integrity: integrity.good,
  form: { email: '' },
  tiles: [
    {
      name: 'Messages sent, 30 days',
      big: '1,482',
      note: '',
      href: '#',
      spark: sparkline([1, 4, 2, 8, 5]),
      alert: false,
    },
    {
      name: 'Failed sign-ins, 24 hours',
      big: '94',
      note: 'More than usual: see where they come from',
      href: '#',
      spark: sparkline([0, 0, 40, 54]),
      alert: true,
    },
  ],
  charts: [days, funnel, openings],
  logHref: '/admin/access-events',
}

export const nothingYet = {
  ...overview,
  integrity: integrity.never,
  tiles: overview.tiles.map((tile) => ({ ...tile, big: '0', note: '', spark: sparkline([0, 0]), alert: false })),
  charts: [{ ...days, empty: 'No message was sent in the last 30 days.' }],
}

export const oneEvent = {
  backHref: '/admin/access-events',
  details: 'open',
  links: [{ href: '/admin/access-events?who=0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f09', text: 'Everything by this person' }],
  proof: {
    number: '184,220 (leaf 184219 of the tree)',
    hash: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    previous: '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    tone: 'ok',
    state: 'What stands here is what was recorded',
    checkpoint: 'Covered by the checkpoint of 184,300 events, signed on Tuesday 17 November, 14:10',
  },
  aroundTitle: 'Just before and after, by the same person',
}

export const eventMore = {
  id: '0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03',
  strength: 'with password and code',
  browser: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  before: 'Signed out after 15 minutes',
  after: 'Signed out after 10 minutes',
  asked: 'what=openings&period=30',
  askedHref: '/admin/access-events?what=openings&period=30',
  requestId: '0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f11',
  permalink: 'https://messages.example.org/admin/access-events/0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03',
}

export const timeline = {
  backHref: '/admin',
  intro: '30 days. Their account, and the messages and files of every conversation that they take part in.',
  periods: [
    { href: '/admin/patients/0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f09?period=7', label: '7 days', current: false },
    { href: '/admin/patients/0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f09?period=30', label: '30 days', current: true },
  ],
  openers: [
    {
      name: 'Maria Gomez',
      role: 'Patient',
      isThem: true,
      times: '4 times',
      last: { text: 'Tuesday 17 November, 14:02', iso: '2026-11-17T19:02:11.000Z' },
      href: '#',
    },
    {
      name: 'Dana Ortiz',
      role: 'Care team',
      isThem: false,
      times: '1 time',
      last: { text: 'Tuesday 17 November, 14:05', iso: '2026-11-17T19:05:11.000Z' },
      href: '#',
    },
  ],
  chart: {
    id: 'lanes',
    title: 'Who did what, and when (UTC)',
    caption: '6 events by 2: 5 opened something, 1 failed or were refused.',
    empty: '',
    legend: [
      { tone: 'first', label: 'Opened something' },
      { tone: 'denied', label: 'Was refused, or failed' },
    ],
    width: 640,
    height: 92,
    rects: [],
    lines: [{ x1: 190, x2: 640, y1: 16, y2: 16 }],
    dots: [
      { x: 240, y: 16, tone: 'first', tip: '2026-11-17 19:02 UTC: Opened a message' },
      { x: 340, y: 16, tone: 'denied', tip: '2026-11-17 19:05 UTC: Opened a message' },
    ],
    texts: [{ x: 180, y: 21, anchor: 'end', text: 'Maria Gomez' }],
    table: { head: ['Who', 'Opened something', 'Was refused'], rows: [['Maria Gomez', '5', '1']] },
  },
  more: 'These are the newest 300 events.',
  allHref: '/admin/access-events?patient=0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f09',
}
