/**
 * The token in every form. csurf is imported only here; its secret rests in the session, or, before there is one, in a `__Host-` cookie:
 * opening a sign-in page or a notice's link stores nothing on the server.
 */
import csurf from 'csurf'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { FormExpired } from '../errors.ts'
import { onlyCookie } from './only-cookie.ts'
import './request.ts'

const COOKIE = '__Host-form'

// Only the body: a token never stands in an address. The cast is the library's types under nodenext.
const check = (csurf as unknown as (options: object) => RequestHandler)({
  sessionKey: 'formSecrets',
  value: (request: Request) => {
    const token = (request.body as Record<string, unknown> | undefined)?.['_csrf']
    return typeof token === 'string' ? token : ''
  },
})

/** The same token where the body is bytes of a file: in a header, which no other site's page can send here. */
const checkHeader = (csurf as unknown as (options: object) => RequestHandler)({
  sessionKey: 'formSecrets',
  value: (request: Request) => request.get('x-form-token') ?? '',
})

/** Chooses where the secret rests. `session` is given when the request has one that is kept anyway. */
export function useFormSecrets(request: Request, response: Response, session: { csrfSecret?: string } | undefined) {
  request.formSecrets = session ?? cookieSecrets(request, response)
}

/** Checks the token of a form (a no-op for reads) and gives pages `request.csrfToken()`. */
export function checkFormToken(request: Request, response: Response, next: NextFunction) {
  check(request, response, orExpired(next))
}

/** Checks the token of what a page's script sends, before a byte of the body is read. */
export function checkHeaderToken(request: Request, response: Response, next: NextFunction) {
  checkHeader(request, response, orExpired(next))
}

function orExpired(next: NextFunction): NextFunction {
  return (error?: unknown) => {
    if (!error) return next()
    next((error as { code?: string }).code === 'EBADCSRFTOKEN' ? new FormExpired() : error)
  }
}

function cookieSecrets(request: Request, response: Response): { csrfSecret?: string } {
  let secret = onlyCookie(request, COOKIE, /^[A-Za-z0-9_-]{8,64}$/)
  return {
    get csrfSecret() {
      return secret as string
    },
    set csrfSecret(made: string) {
      secret = made
      response.cookie(COOKIE, made, { httpOnly: true, secure: true, sameSite: 'strict', path: '/' })
    },
  }
}
