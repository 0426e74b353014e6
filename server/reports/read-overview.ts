/** What happened lately, in counts: the first page of administrators and auditors. Looking at it is an access event. */
import { listHours, type HourCount } from '../audit/event-hours.store.ts'
import { record } from '../audit/record.ts'
import { searchLog } from '../audit/search-log.store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { actsOf } from './event-filter.ts'
import { withPeople, type ReadEvent } from './list-access-events.ts'
import {
  countAnswers,
  countEnrolment,
  countOpenedWithin,
  countStored,
  countUnopened,
  countWaitingMails,
  listMessageDays,
  type DayOfMessages,
  type Funnel,
} from './overview.store.ts'

export interface Overview {
  /** Of the last 30 days. */
  days: DayOfMessages[]
  openedSoon: { sent: number; opened: number }
  unopened: number
  /** Hour by hour, of the last week. */
  refusals: HourCount[]
  mailsWaiting: number
  notices: HourCount[]
  stored: { database: number; files: number }
  received: HourCount[]
  /** Of the last 90 days. */
  funnel: Funnel
  /** Of the last 30 days; see countAnswers. */
  answers: number[]
  /** Of the last 90 days. */
  openings: HourCount[]
  latest: ReadEvent[]
}

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR
const LATEST = 8

/** @throws Unavailable when it cannot be recorded that they looked */
export async function readOverview(reader: Reader, now = new Date()): Promise<Overview> {
  await record(reader.actor, { act: 'overview.read' }, undefined, now)
  const ago = (days: number) => new Date(Math.floor(now.getTime() / HOUR) * HOUR - days * DAY)
  const [
    days,
    openedSoon,
    unopened,
    refusals,
    mailsWaiting,
    notices,
    stored,
    received,
    funnel,
    answers,
    openings,
    latest,
  ] = await Promise.all([
    listMessageDays(startOfDay(ago(29))),
    countOpenedWithin(48, ago(30), ago(2)),
    countUnopened(ago(90), ago(7)),
    listHours(actsOf('refusals'), ago(7)),
    countWaitingMails(),
    listHours(['notice.sent', 'invitation.sent'], startOfDay(ago(29))),
    countStored(),
    listHours(['attachment.received'], startOfDay(ago(29))),
    countEnrolment(ago(90)),
    countAnswers(ago(30)),
    listHours(actsOf('openings'), ago(90), 'done'),
    searchLog({}, undefined, LATEST),
  ])
  return {
    days,
    openedSoon,
    unopened,
    refusals,
    mailsWaiting,
    notices,
    stored,
    received,
    funnel,
    answers,
    openings,
    latest: await withPeople(latest ?? []),
  }
}

function startOfDay(at: Date): Date {
  return new Date(Math.floor(at.getTime() / DAY) * DAY)
}
