import type { NextFunction, Request, Response } from 'express'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { logError } from '../lib/logger.ts'
import { lookupDigest } from '../vault/vault.ts'
import { useFormSecrets } from '../web/form-token.ts'
import { takeLastSignIn } from './last-sign-in.ts'
import { letColleaguesIn } from './let-colleagues-in.ts'
import { makeReader, type Reader } from './reader.ts'
import {
  emptyEnded,
  endSession,
  endsOf,
  hasMoved,
  isClick,
  noteClick,
  stateByRow,
  stateOf,
  unsealFromSession,
  type SessionState,
} from './sessions.ts'

declare module 'express-serve-static-core' {
  interface Request {
    sessionState: SessionState
    reader?: Reader
  }
}

/** Finds out who asks: says what the session is worth, and makes the reader of a signed-in one. Decides nothing. */
export async function knowReader(request: Request, response: Response, next: NextFunction) {
  request.sessionState = stateOf(request.session)
  if (!['none', 'ended'].includes(request.sessionState) && hasMoved(request)) await noteMove(request)
  if (request.sessionState === 'signed-in') await meetReader(request)
  if (request.sessionState === 'ended') emptyEnded(request)
  useFormSecrets(request, response, request.sessionState === 'none' ? undefined : request.session)
  next()
}

/** Whoever holds the cookie, the session is over for them and for its owner, who signs in again. */
async function noteMove(request: Request) {
  const subject = { kind: 'account' as const, id: request.session.accountId! }
  await record(request.actor, { act: 'session.moved', outcome: 'denied', subject, reason: 'other-network-and-browser' })
  request.session.movedAt = Date.now()
  request.sessionState = 'ended'
}

/** The private half stays in memory for no longer than its request and half a minute: what goes on after a line was cut is done by then. */
function forgottenSoon(request: Request, privateKey: Buffer): Buffer {
  request.res!.once('close', () => setTimeout(() => privateKey.fill(0), 30_000).unref())
  return privateKey
}

async function meetReader(request: Request) {
  const { strength } = request.session
  const session = lookupDigest('session-mark', request.sessionID).toString('hex').slice(0, 12)
  const reader = await readerIn(request, { ...request.actor, strength: strength ?? ('none' as const), session })
  // Closed since, or somebody else in this house: the session dies with what it was begun for.
  if (!reader) return forgetReader(request)
  request.reader = reader
  request.actor = reader.actor
  request.person = { name: reader.account.name || reader.account.email, role: reader.account.role }
  if (isClick(request)) noteClick(request)
  request.ends = endsOf(request.session)
  request.lastSignIn = () => takeLastSignIn(request)
  // Where a page waits for it, it is there; where it fails, the reader's own page is not the one that breaks.
  if (request.method === 'GET' && request.accepts(['html', 'image/*']) === 'html')
    await letColleaguesIn(reader).catch((error: unknown) => logError('A colleague could not be let in', error))
}

/** Who asks, as they are now; undefined when that is not who the session was begun for. */
async function readerIn(request: Request, actor: Actor): Promise<Reader | undefined> {
  const { accountId, mailboxKey, role } = request.session
  const reader = await makeReader(actor, accountId!, () =>
    forgottenSoon(request, unsealFromSession(request, 'mailbox-key', mailboxKey!)),
  )
  return reader?.account.role === role ? reader : undefined
}

async function forgetReader(request: Request) {
  await endSession(request)
  delete request.reader
  delete request.person
  delete request.ends
  request.sessionState = 'none'
}

/**
 * Looks once more at who asks, after what they sent was hours on its way: their session may have been ended meanwhile, and they may do something
 * else here by now, or read for other teams.
 */
export async function meetReaderAgain(request: Request): Promise<void> {
  if (!request.reader) return
  const [state, reader] = await Promise.all([stateByRow(request), readerIn(request, request.reader.actor)])
  if (state === 'none' || !reader) return forgetReader(request)
  request.reader = reader
  if (state === 'signed-in') return
  delete request.reader
  request.sessionState = state
  emptyEnded(request)
}
