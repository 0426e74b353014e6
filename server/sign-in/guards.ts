/** Who may ask. `routes.ts` puts every URL behind one of these. */
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { Role } from '../accounts/account.store.ts'
import { recordDenied } from '../audit/record.ts'
import { NotAllowed, NotFound } from '../errors.ts'
import type { Reader } from './reader.ts'
import { SessionEnded } from './sessions.ts'

/** The reader of a request that came through a guard. */
export function readerOf(request: Request): Reader {
  if (!request.reader) throw new NotFound('no reader')
  return request.reader
}

/** Lets signed-in people of these roles pass (all, when none is named). Others are led to the sign-in, or told that there is no such page. */
export function only(...roles: Role[]): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    if (!request.reader) return leadToSignIn(request, response)
    // Recovery codes are shown once; a slip of the finger must not lose them.
    if (
      request.session.recoveryCodes &&
      request.method === 'GET' &&
      !isAboutRecoveryCodes(request) &&
      wantsPage(request)
    )
      return response.redirect(303, '/enrol/recovery-codes')
    if (request.session.helpAsked && request.method === 'GET' && request.path !== '/help-asked' && wantsPage(request))
      return response.redirect(303, `/help-asked?next=${encodeURIComponent(request.originalUrl)}`)
    if (request.session.mustAddPasskey && !BEFORE_A_PASSKEY.test(request.path)) return leadToPasskeys(request, response)
    if (roles.length === 0 || roles.includes(request.reader.account.role)) return next()
    await recordDenied(request.actor, 'page.refused', { kind: 'page' }, 'not-for-role')
    throw new NotFound('not for this role')
  }
}

/** What is open to an administrator who has to make a passkey first. */
const BEFORE_A_PASSKEY = /^\/(account\/passkeys|prove|session\/extend|help-asked|enrol\/recovery-codes)(\/|\.|$)/

function leadToPasskeys(request: Request, response: Response) {
  if (request.method === 'GET') return response.redirect(303, '/account/passkeys')
  throw new NotAllowed('an administrator without a passkey')
}

const FIVE_MINUTES = 5 * 60 * 1000

/**
 * Security changes ask for what somebody signs in with once more, unless they gave it within five minutes. A page leads there and back; a form
 * that comes too late is refused. Stands after `only`.
 */
export function provedRecently(request: Request, response: Response, next: NextFunction) {
  if (isProvedRecently(request)) return next()
  if (request.method === 'GET') return response.redirect(303, `/prove?next=${encodeURIComponent(request.originalUrl)}`)
  throw new NotAllowed('asked for without a recent proof')
}

export function isProvedRecently(request: Request, now = Date.now()): boolean {
  return now - (request.session.provedAt ?? 0) <= FIVE_MINUTES
}

/** Whether they have just been asked for their password on the way to a change: nobody is asked for it twice in a row. */
export function gavePasswordRecently(request: Request, now = Date.now()): boolean {
  return now - (request.session.passwordGivenAt ?? 0) <= FIVE_MINUTES
}

function isAboutRecoveryCodes(request: Request) {
  return request.path.startsWith('/enrol/recovery-codes')
}

/** A page, and not a picture on one. */
function wantsPage(request: Request) {
  return request.accepts(['html', 'image/*']) === 'html'
}

const NEXT_STEP: Record<string, string> = {
  code: '/sign-in/code',
  password: '/sign-in/password',
  enrolling: '/enrol/second-factor',
  helped: '/sign-in/staff-code/password',
  'enrolling-by-passkey': '/enrol/password',
}

/** To the step of the sign-in that is next. Only a page that was asked for by reading is come back to. */
export function leadToSignIn(request: Request, response: Response) {
  if (request.sessionState === 'in-progress')
    return response.redirect(303, NEXT_STEP[request.session.stage!] ?? '/sign-in')
  const next =
    request.method === 'GET' && request.originalUrl !== '/messages'
      ? `?next=${encodeURIComponent(request.originalUrl)}`
      : ''
  response.redirect(303, `/sign-in${next}`)
}

/** Express calls it with any error of any step: a session that was ended meanwhile is no error, and its person signs in again. */
export function leadEndedToSignIn(error: unknown, _request: Request, response: Response, next: NextFunction) {
  if (error instanceof SessionEnded) return response.redirect(303, '/sign-in')
  next(error)
}

/** An own path, to go back to after sign-in; anything else becomes `fallback`. A path never begins with two slashes, so no other host fits. */
export function ownPath(path: unknown, fallback: string): string {
  return typeof path === 'string' && /^\/(?![/\\])[\w/?=&.-]{0,300}$/.test(path) && !/\/\.{1,2}(\/|$)/.test(path)
    ? path
    : fallback
}
