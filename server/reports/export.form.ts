import { z } from 'zod'
import { ACTS } from '../audit/acts.ts'
import { isId } from '../lib/ids.ts'
import { isNetwork } from '../lib/network.ts'
import { FORMATS, KINDS, type ExportFilter } from './export.ts'

export const day = z
  .string()
  .regex(/^(\d{4}-\d{2}-\d{2})?$/, 'reports:exports.errors.day')
  .refine((text) => text === '' || isMoment(text), 'reports:exports.errors.day')
const moment = z
  .string()
  .regex(/^(\d{4}-\d{2}-\d{2}(T\d{2}:?\d{2})?)?$/, 'reports:exports.errors.day')
  .refine((text) => text === '' || isMoment(text), 'reports:exports.errors.day')
const id = z.string().refine((text) => text === '' || isId(text), 'reports:exports.errors.id')

/** The form of a new export. Names and addresses are looked up and never stand in an address; whoever comes from a report or the log brings ids. */
export const asking = {
  kind: z.enum(['', ...KINDS], 'reports:exports.errors.kind'),
  who: z.string().max(254, 'reports:accessEvents.whoUnknown'),
  actor: id,
  what: z.string().refine((act) => act === '' || ACTS.some((each) => each === act), 'reports:exports.errors.what'),
  patient: z.string().max(254, 'reports:accessEvents.whoUnknown'),
  subject: id,
  outcome: z.enum(['', 'done', 'denied', 'failed'], 'reports:exports.errors.outcome'),
  address: z
    .string()
    .trim()
    .refine((text) => text === '' || isNetwork(text), 'reports:exports.errors.address'),
  session: z
    .string()
    .trim()
    .regex(/^([0-9a-f]{12})?$/, 'reports:reports.errors.session'),
  from: moment,
  to: moment,
  named: z.enum(['', 'yes'], 'reports:exports.errors.kind'),
  format: z.enum(FORMATS, 'reports:exports.errors.format'),
}

export type Asking = z.infer<z.ZodObject<typeof asking>>

/** @param actorId whoever acted @param patientId whose messages it was done with */
export function filterOf(
  { what, outcome, address, session, from, to, named }: Asking,
  actorId: string | undefined,
  patientId: string | undefined,
): ExportFilter {
  return {
    ...(actorId ? { actorId } : {}),
    ...(what ? { act: what } : {}),
    ...(patientId ? { patientId } : {}),
    ...(outcome ? { outcome } : {}),
    ...(address ? { address } : {}),
    ...(session ? { session } : {}),
    ...(from ? { from: dayOf(from) } : {}),
    ...(to ? { to: dayAfter(to) } : {}),
    ...(named ? { named: true } : {}),
  }
}

function isMoment(text: string): boolean {
  return !Number.isNaN(dayOf(text).getTime())
}

/** The beginning of a day, or a minute (UTC). */
export function dayOf(text: string): Date {
  const [date, time = '0000'] = text.split('T')
  return new Date(`${date}T${time.slice(0, 2)}:${time.slice(-2)}:00Z`)
}

/** The moment after a day's end; a minute is its own end. */
export function dayAfter(text: string): Date {
  const begin = dayOf(text)
  return text.includes('T') ? begin : new Date(begin.getTime() + 24 * 60 * 60 * 1000)
}
