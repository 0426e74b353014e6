import type { NextFunction, Request, Response } from 'express'
import { countWaitingFor } from './help-sign-in.ts'

/** Counts, for the navigation of staff, the requests for help that wait for a second person: nobody else tells them. */
export async function knowHelpWaiting(request: Request, _response: Response, next: NextFunction) {
  if (request.reader && request.accepts(['html', 'image/*', 'json']) === 'html') {
    const waiting = await countWaitingFor(request.reader.account)
    if (waiting > 0) request.waiting = { '/help-sign-in': waiting }
  }
  next()
}
