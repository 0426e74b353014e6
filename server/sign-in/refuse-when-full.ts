import type { NextFunction, Request, Response } from 'express'
import { pageForAnybody, t } from '../web/page.ts'
import { hasRoom } from './stretch-password.ts'

let page: string | undefined

/**
 * Refuses a sign-in while as many wait as may, whoever it is for, with one page that was made once. Who has a device's cookie goes on: theirs
 * may be known, and then another queue is theirs.
 */
export function refuseWhenFull(request: Request, response: Response, next: NextFunction) {
  if (request.actor.device || hasRoom('unknown-device')) return next()
  page ??= pageForAnybody('/sign-in', 'sign-in/busy', { title: t('sign-in:busy.title') })
  response.status(429).set('Retry-After', '5').type('html').send(page)
}
