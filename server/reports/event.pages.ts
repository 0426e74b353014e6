/** One event of the access log, for administrators and auditors. */
import type { Request, Response } from 'express'
import { config } from '../config.ts'
import { NotFound } from '../errors.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage } from '../web/page.ts'
import { isEventId } from './access-events.form.ts'
import { oneEventView } from './event.view.ts'
import { readEvent } from './read-event.ts'

/** GET /admin/access-events/:event */
export async function showEvent(request: Request, response: Response) {
  const id = request.params['event']
  if (!isEventId(id)) throw new NotFound('not an id')
  const view = oneEventView(await readEvent(readerOf(request), id), config().baseUrl)
  showPage(request, response, 'reports/event', view)
}
