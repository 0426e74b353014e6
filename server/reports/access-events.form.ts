import { z } from 'zod'
import { readEmailAddress } from '../accounts/email-address.ts'
import { BadInput } from '../errors.ts'
import { readForm } from '../lib/form.ts'
import { isNetwork } from '../lib/network.ts'
import { isDay } from './event-filter.ts'

const email = z
  .string()
  .refine((text) => !text.trim() || readEmailAddress(text) !== undefined, 'reports:accessEvents.whoUnknown')
const day = z.string().refine((text) => !text || isDay(text), 'reports:accessEvents.noDay')

/** What the log's form sends: addresses among it, which are looked up, so that none stands where it leads to. */
export const searching = {
  who: email,
  what: z.string(),
  patient: email,
  outcome: z.string(),
  network: z.string().refine((text) => !text.trim() || isNetwork(text.trim()), 'reports:accessEvents.networkWrong'),
  period: z.string(),
  from: day,
  to: day,
}

/** Whose record is to be shown. */
export const findingPatient = {
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'reports:timeline.errors.email'),
}

/** As PostgreSQL writes any UUID: also an event that somebody else put into the log can be looked at. */
const EVENT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function isEventId(text: unknown): text is string {
  return typeof text === 'string' && EVENT.test(text)
}

/** The event behind which a page of the log begins. @throws BadInput */
export function readPlace(query: unknown): string | undefined {
  const { values } = readForm({ before: z.string().refine((text) => !text || isEventId(text)) }, query)
  if (!values) throw new BadInput('no such page')
  return values.before || undefined
}
