import type { NextFunction, Request, Response } from 'express'
import { EnvelopeRefused } from '../vault/floe.ts'
import { MasterKeyProblem } from '../vault/master-key.ts'
import './know-actor.ts'
import { record } from './record.ts'

/**
 * An envelope that was moved, cut, swapped or changed does not open, and that is an access event, wherever on a request's way it was found.
 * Stands before the error page. What breaks while bytes are on their way no longer comes by here and is recorded where it streams.
 */
export async function recordRefusal(error: unknown, request: Request, _response: Response, next: NextFunction) {
  // A wrap that names a version of the master key which was never there was changed too: the start saw to those that were.
  if (error instanceof EnvelopeRefused || error instanceof MasterKeyProblem)
    await record(request.actor, {
      act: 'envelope.refused',
      outcome: 'failed',
      reason: 'not-as-sealed',
      found: error.message,
    })
  next(error)
}
