/** Recovery codes on their way to the page that shows them: sealed in the session, until the person says that they are kept. */
import type { Request } from 'express'
import { keepAfter, sealForSession, unsealFromSession } from './sessions.ts'

/** @param after own path to go to when they are kept */
export function keepCodesToShow(request: Request, codes: readonly string[], after: string) {
  request.session.recoveryCodes = sealForSession(request, 'recovery-codes', Buffer.from(codes.join('\n')))
  keepAfter(request, after)
}

export function codesToShow(request: Request): string[] | undefined {
  const sealed = request.session.recoveryCodes
  return sealed ? unsealFromSession(request, 'recovery-codes', sealed).toString().split('\n') : undefined
}
