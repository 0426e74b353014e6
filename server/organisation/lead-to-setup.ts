import type { NextFunction, Request, Response } from 'express'
import { config } from '../config.ts'
import { listDoneSteps } from './setup.store.ts'

/** What is open to administrators before the set-up is finished: it, their own account, and the pages that are everybody's. */
const OPEN =
  /^\/(admin\/(setup|people)|prove|account|enrol|session|sign-in|sign-out|help|help-asked|privacy|check-notice|not-me|address-change|m)(\/|\.|$)/

let finished = false

/** Until the set-up is finished, administrators are led to it. It is never unfinished again, so once it is, nothing is asked any more. */
export async function leadToSetup(request: Request, response: Response, next: NextFunction) {
  const isAdmin = request.reader?.account.role === 'admin'
  if (finished || config().tryOut || !isAdmin || request.method !== 'GET' || OPEN.test(request.path)) return next()
  finished = (await listDoneSteps()).has('finished')
  if (finished) return next()
  response.redirect(303, '/admin/setup')
}
