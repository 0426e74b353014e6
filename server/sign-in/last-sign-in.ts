/** The sign-in before this one, told so that somebody else's would be noticed. */
import type { Request } from 'express'
import { clock24, clockTime, dayInWords } from '../lib/dates.ts'

export interface LastSignIn {
  day: string
  time: string
  iso: string
}

/** @returns null for somebody who signed in for the first time */
export function lastSignIn(request: Request, now = new Date()): LastSignIn | null {
  const at = request.session.lastSignedInAt
  if (!at) return null
  const moment = new Date(at)
  const clock = request.person?.role === 'patient' ? clockTime : clock24
  return { day: dayInWords(moment, now), time: clock(moment), iso: moment.toISOString() }
}

/** The same, once: for the first page after signing in. */
export function takeLastSignIn(request: Request): LastSignIn | null {
  if (!request.session.tellsLastSignIn) return null
  delete request.session.tellsLastSignIn
  return lastSignIn(request)
}
