/**
 * Forms that come late: the session has ended while somebody was writing. The row of an ended session still says who they were, so what they
 * wrote is sealed to their own public half and offered after sign-in. Nothing is sent, and nothing is shown, for such a request.
 */
import type { Request } from 'express'
import { findAccount } from '../accounts/account.store.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { NotFound } from '../errors.ts'
import { writerOf, type Writer } from './draft.ts'

declare module 'express-serve-static-core' {
  interface Request {
    lateWriter?: Writer
  }
}

/** Finds the writer of a form whose session has ended. @returns undefined when nothing can be kept for them */
export async function lateWriter(request: Request): Promise<Writer | undefined> {
  const { accountId, stage } = request.session
  if (!accountId || stage !== 'signed-in') return undefined
  const [account, own] = await Promise.all([findAccount(accountId), findMailboxOf({ accountId })])
  if (account?.state !== 'active' || !own) return undefined
  request.actor = { ...request.actor, kind: 'account', id: account.id, role: account.role }
  request.lateWriter = { accountId, own }
  return request.lateWriter
}

/** Whoever writes this form: the reader, or the writer of a late one. */
export function writerIn(request: Request): Writer {
  if (request.reader) return writerOf(request.reader)
  if (request.lateWriter) return request.lateWriter
  throw new NotFound('no writer')
}
