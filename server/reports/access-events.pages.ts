/** The access log, for administrators and auditors. */
import type { Request, Response } from 'express'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, toldErrors } from '../web/page.ts'
import { readPlace, searching } from './access-events.form.ts'
import { accessEventsView, formOf, wrongSearchView } from './access-events.view.ts'
import { filterFromQuery, filterToQuery } from './event-filter.ts'
import { findSearch, type Search } from './find-search.ts'
import { readIntegrity } from './integrity.ts'
import { readAccessEvents } from './list-access-events.ts'

const LOG = '/admin/access-events'

/** GET /admin/access-events */
export async function showAccessEvents(request: Request, response: Response) {
  const filter = filterFromQuery(request.query)
  const before = readPlace(request.query)
  const now = new Date()
  const log = await readAccessEvents(readerOf(request), filter, before, now)
  const view = { ...accessEventsView(log, filter, !before, now), integrity: await readIntegrity(now) }
  showPage(request, response, 'reports/access-events', view)
}

/** POST /admin/access-events: leads to the log, at an address that names nobody. */
export async function searchAccessEvents(request: Request, response: Response) {
  const form = readForm(searching, request.body)
  if (!form.values) return showWrong(request, response, form.errors)
  const found = await findSearch(readerOf(request), form.values)
  if (!('filter' in found)) return showWrong(request, response, found.errors)
  const query = filterToQuery(found.filter)
  response.redirect(303, query ? `${LOG}?${query}` : LOG)
}

async function showWrong(request: Request, response: Response, errors: readonly FormError[]) {
  const given = Object.fromEntries(Object.keys(searching).map((name) => [name, typed(request.body, name)]))
  const view = {
    ...wrongSearchView(formOf(given as unknown as Search)),
    integrity: await readIntegrity(),
    errors: toldErrors(errors),
  }
  showPage(request, response, 'reports/access-events', view, 422)
}
