import type { NextFunction, Request, Response } from 'express'
import { newId } from '../lib/ids.ts'
import './request.ts'

/** Gives the request an id of ours (one that came in is not believed) and an actor that is anonymous so far. */
export function nameRequest(request: Request, response: Response, next: NextFunction) {
  request.requestId = newId()
  request.actor = {
    kind: 'anonymous',
    strength: 'none',
    requestId: request.requestId,
    address: request.ip ?? '',
    userAgent: request.get('user-agent') ?? '',
  }
  response.set('X-Request-Id', request.requestId)
  next()
}
