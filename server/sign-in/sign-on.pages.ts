/** To the provider and back. What it says only begins a sign-in, or is kept for its owner to link it (own-account/sign-on.pages.ts). */
import type { Request, Response } from 'express'
import { recordDenied } from '../audit/record.ts'
import { onlyCookie } from '../web/only-cookie.ts'
import { ownPath } from './guards.ts'
import { addressAtProvider, SignOnRefused } from './openid.ts'
import { beginSession, sealForSession } from './sessions.ts'
import { HOME, placeAfter } from './sign-in.pages.ts'
import { digestOfIdentity } from './sign-on-identity.store.ts'
import { makeTrip, secretsOf, TRIP, TRIP_LIVES, type Trip } from './sign-on-trip.ts'
import { endTrip, meetSignedOn, type Back } from './sign-on.ts'

/** Lax, because the way back begins at another site. */
const COOKIE = '__Host-sign-on'
const ATTRIBUTES = { httpOnly: true, secure: true, sameSite: 'lax', path: '/' } as const

/** GET /sign-in/sign-on?next=… A link and no form: `form-action` would hold the browser back from going on to the provider. */
export async function signOn(request: Request, response: Response) {
  const next = ownPath(request.query['next'], '')
  if (request.reader) return response.redirect(303, next || HOME[request.reader.account.role])
  if (isBegunElsewhere(request)) return response.redirect(303, withNext('/sign-in', next))
  await leadToProvider(response, { purpose: 'sign-in', session: '', next }, withNext(FAILED, next))
}

/** Whether another site sent the browser here. Somebody who wants to sign on presses our own button. */
export function isBegunElsewhere(request: Request): boolean {
  return ['cross-site', 'same-site'].includes(request.get('sec-fetch-site') ?? '')
}

const FAILED = '/sign-in?sign-on=failed'
const UNKNOWN = '/sign-in?sign-on=unknown'

/** @param otherwise where to go when the provider does not answer */
export async function leadToProvider(response: Response, trip: Trip, otherwise: string, now = new Date()) {
  const text = makeTrip(trip, now)
  try {
    const address = await addressAtProvider(secretsOf(text), trip.purpose === 'link')
    response.cookie(COOKIE, text, { ...ATTRIBUTES, maxAge: TRIP_LIVES })
    response.redirect(303, address)
  } catch (error) {
    if (!(error instanceof SignOnRefused)) throw error
    response.redirect(303, otherwise)
  }
}

/** GET /sign-in/sign-on/back?code=…&state=… */
export async function comeBack(request: Request, response: Response) {
  const query = new URLSearchParams(/\?(.*)$/s.exec(request.originalUrl)?.[1] ?? '')
  const back = await endTrip(request.actor, onlyCookie(request, COOKIE, TRIP), query)
  // A trip that somebody else's answer met is still under way.
  if (back.trip) response.clearCookie(COOKIE, ATTRIBUTES)
  if (back.trip?.purpose === 'link') return keepFound(request, response, back.trip, back.said)
  const next = back.trip?.next ?? ''
  if (request.reader) return response.redirect(303, next || HOME[request.reader.account.role])
  if (!back.said) return response.redirect(303, withNext(FAILED, next))
  const met = await meetSignedOn(request.actor, back.said)
  if (!met) return response.redirect(303, withNext(UNKNOWN, next))
  const { account, identityId, provesUntil } = met
  const after = await placeAfter(request, '', account, next)
  await beginSession(request, account, { stage: 'password', signOnId: identityId, provesUntil, after })
  response.redirect(303, '/sign-in/password')
}

/** Whom the provider means is kept under the cookie of the session that asked, until its owner says that it is them. */
export interface Found {
  identityDigest: string
  name: string
  /** Milliseconds. */
  until: number
}

async function keepFound(request: Request, response: Response, trip: Trip, said: Back['said']) {
  if (request.sessionState !== 'signed-in' || request.session.ref !== trip.session) {
    await recordDenied(request.actor, 'sign-in.sign-on-refused', undefined, 'another-session')
    return response.redirect(303, '/sign-in')
  }
  if (!said) return response.redirect(303, '/account/sign-on?failed')
  const digest = digestOfIdentity(said.issuer, said.subject).toString('base64url')
  const found: Found = { identityDigest: digest, name: said.name, until: Date.now() + TRIP_LIVES }
  request.session.signOnFound = sealForSession(request, 'sign-on-found', Buffer.from(JSON.stringify(found)))
  response.redirect(303, '/account/sign-on')
}

function withNext(path: string, next: string) {
  return next ? `${path}${path.includes('?') ? '&' : '?'}next=${encodeURIComponent(next)}` : path
}
