import type { NextFunction, Request, Response } from 'express'
import { useFormSecrets } from '../web/form-token.ts'
import { makeReader, type Reader } from './reader.ts'
import { emptyEnded, endSession, noteClick, stateOf, unsealFromSession, type SessionState } from './sessions.ts'

declare module 'express-serve-static-core' {
  interface Request {
    sessionState: SessionState
    reader?: Reader
  }
}

/** Finds out who asks: says what the session is worth, and makes the reader of a signed-in one. Decides nothing. */
export async function knowReader(request: Request, response: Response, next: NextFunction) {
  request.sessionState = stateOf(request.session)
  if (request.sessionState === 'signed-in') await meetReader(request)
  if (request.sessionState === 'ended') emptyEnded(request)
  useFormSecrets(request, response, request.sessionState === 'none' ? undefined : request.session)
  next()
}

async function meetReader(request: Request) {
  const { accountId, mailboxKey, strength } = request.session
  const actor = { ...request.actor, strength: strength ?? ('none' as const) }
  const reader = await makeReader(actor, accountId!, () => unsealFromSession(request, 'mailbox-key', mailboxKey!))
  if (!reader) {
    // Closed since: the session dies with the account.
    await endSession(request)
    request.sessionState = 'none'
    return
  }
  request.reader = reader
  request.actor = reader.actor
  request.person = { name: reader.account.name || reader.account.email, role: reader.account.role }
  noteClick(request)
}
