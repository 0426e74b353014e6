import type { NextFunction, Request, Response } from 'express'
import type { Actor } from './actor.ts'

declare module 'express-serve-static-core' {
  interface Request {
    /** Whoever asks; anonymous until the session says more. */
    actor: Actor
  }
}

/** Gives the request its actor, anonymous so far. */
export function knowActor(request: Request, _response: Response, next: NextFunction) {
  request.actor = {
    kind: 'anonymous',
    strength: 'none',
    requestId: request.requestId,
    address: request.ip ?? '',
    userAgent: request.get('user-agent') ?? '',
  }
  next()
}
