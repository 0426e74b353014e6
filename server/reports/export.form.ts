import { isIP } from 'node:net'
import { z } from 'zod'
import { ACTS } from '../audit/acts.ts'
import { FORMATS } from './export.ts'

const day = z
  .string()
  .regex(/^(\d{4}-\d{2}-\d{2})?$/, 'reports:exports.errors.day')
  .refine(isDay, 'reports:exports.errors.day')

/** The form of a new export. Names and addresses are looked up and never stand in an address. */
export const asking = {
  who: z.string().max(254, 'reports:accessEvents.whoUnknown'),
  what: z.string().refine((act) => act === '' || ACTS.some((each) => each === act), 'reports:exports.errors.what'),
  patient: z.string().max(254, 'reports:accessEvents.whoUnknown'),
  outcome: z.enum(['', 'done', 'denied', 'failed'], 'reports:exports.errors.outcome'),
  address: z
    .string()
    .trim()
    .refine((text) => text === '' || isIP(text) > 0, 'reports:exports.errors.address'),
  from: day,
  to: day,
  format: z.enum(FORMATS, 'reports:exports.errors.format'),
}

function isDay(text: string): boolean {
  return text === '' || !Number.isNaN(dayOf(text).getTime())
}

/** The beginning of a day (UTC). */
export function dayOf(text: string): Date {
  return new Date(`${text}T00:00:00Z`)
}

/** The moment after its end. */
export function dayAfter(text: string): Date {
  return new Date(dayOf(text).getTime() + 24 * 60 * 60 * 1000)
}
