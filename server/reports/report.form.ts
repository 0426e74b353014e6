import { z } from 'zod'
import { PURPOSES } from './disclosure.store.ts'
import { day } from './export.form.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { isNetwork } from '../lib/network.ts'

const email = z
  .string()
  .max(254, 'reports:reports.errors.email')
  .refine(readEmailAddress, 'reports:reports.errors.email')
const minute = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/, 'reports:reports.errors.moment')
  .refine((text) => !Number.isNaN(Date.parse(`${text}Z`)), 'reports:reports.errors.moment')

/** Of a patient. */
export const aboutPatient = { email, report: z.enum(['disclosures', 'openings'], 'reports:reports.errors.report') }

/** Of a colleague. */
export const aboutPerson = { email, from: day, to: day }

/** Of whoever touched something. */
export const aboutBreach = {
  who: z.string().max(254, 'reports:accessEvents.whoUnknown'),
  session: z
    .string()
    .trim()
    .regex(/^([0-9a-f]{12})?$/, 'reports:reports.errors.session'),
  address: z
    .string()
    .trim()
    .refine((text) => text === '' || isNetwork(text), 'reports:exports.errors.address'),
  from: minute,
  to: minute,
}

export const LONGEST = 500
const text = z.string().trim().min(1, 'reports:disclosure.errors.empty').max(LONGEST, 'reports:disclosure.errors.long')

/** What left the organisation. */
export const disclosing = {
  day: day.refine((value) => value !== '' && Date.parse(value) <= Date.now(), 'reports:disclosure.errors.day'),
  recipient: text,
  what: text,
  purpose: z.enum(PURPOSES, 'reports:disclosure.errors.purpose'),
  why: text,
}
