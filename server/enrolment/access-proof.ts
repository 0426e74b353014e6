/** The cookie of a browser in which the right access code was typed: it goes on with the enrolment without being asked again, for a day. */
import type { NextFunction, Request, Response } from 'express'
import { TOKEN } from '../lib/token.ts'
import { onlyCookie } from '../web/only-cookie.ts'
import { digestOfProof } from './access-code.ts'

const COOKIE = '__Host-access'
const DAY = 24 * 60 * 60 * 1000

/** Says with the actor which proof the browser has. Asks nothing and decides nothing. */
export function knowAccess(request: Request, _response: Response, next: NextFunction) {
  const token = onlyCookie(request, COOKIE, TOKEN)
  if (token) request.actor = { ...request.actor, accessProof: digestOfProof(token) }
  next()
}

export function keepAccessProof(response: Response, token: string) {
  // Lax: the link is followed from a mail, which is another site.
  response.cookie(COOKIE, token, { httpOnly: true, secure: true, sameSite: 'lax', path: '/', maxAge: DAY })
}
