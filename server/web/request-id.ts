import type { NextFunction, Request, Response } from 'express'
import { newId } from '../lib/ids.ts'
import './request.ts'

/** Gives the request an id of ours; one that came in is not believed. */
export function nameRequest(request: Request, response: Response, next: NextFunction) {
  request.requestId = newId()
  response.set('X-Request-Id', request.requestId)
  next()
}
