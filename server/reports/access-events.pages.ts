/** The access log, for administrators and auditors. */
import type { Request, Response } from 'express'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, toldErrors } from '../web/page.ts'
import { readEventFilter } from './access-events.form.ts'
import { accessEventsView } from './access-events.view.ts'
import { readAccessEvents } from './list-access-events.ts'

/** GET /admin/access-events */
export async function showAccessEvents(request: Request, response: Response) {
  const { form, filter } = readEventFilter(request.query)
  const events = await readAccessEvents(readerOf(request), filter)
  const errors = toldErrors(events ? [] : [{ field: 'who', key: 'reports:accessEvents.whoUnknown' }])
  const view = { ...accessEventsView(events ?? [], form, !filter.before), errors }
  showPage(request, response, 'reports/access-events', view, events ? 200 : 422)
}
