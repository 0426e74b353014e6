/** What happened to a patient's messages, for administrators and auditors. */
import type { Request, Response } from 'express'
import { BadInput, NotFound } from '../errors.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { findingPatient } from './access-events.form.ts'
import { PERIODS, type Period } from './event-filter.ts'
import { findPatientByEmail, readTimeline } from './read-timeline.ts'
import { timelineView } from './timeline.view.ts'

/** POST /admin/patients: leads to the patient's page, at an address that does not name them. */
export async function findPatient(request: Request, response: Response) {
  const form = readForm(findingPatient, request.body)
  if (!form.values) return showWrong(request, response, form.errors)
  const patient = await findPatientByEmail(readerOf(request), form.values.email)
  if (patient) return response.redirect(303, `/admin/patients/${patient.id}`)
  showWrong(request, response, [{ field: 'email', key: 'reports:timeline.errors.unknown' }])
}

function showWrong(request: Request, response: Response, errors: readonly FormError[]) {
  const view = {
    title: t('reports:timeline.find'),
    backHref: '/admin',
    form: { email: typed(request.body, 'email') },
    errors: toldErrors(errors),
  }
  showPage(request, response, 'reports/find-patient', view, 422)
}

/** GET /admin/patients/:account */
export async function showTimeline(request: Request, response: Response) {
  const id = request.params['account']
  if (!isId(id)) throw new NotFound('not an id')
  const period = (typed(request.query, 'period') || '30') as Period
  if (!PERIODS.includes(period)) throw new BadInput('no such time')
  const now = new Date()
  const timeline = await readTimeline(readerOf(request), id, period, now)
  showPage(request, response, 'reports/timeline', timelineView(timeline, period, now))
}
