/** Writing down what left the organisation about a patient, for administrators. */
import type { Request, Response } from 'express'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId, newId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { findDisclosure, insertDisclosure, PURPOSES, withdrawDisclosure } from './disclosure.store.ts'
import { dayOf } from './export.form.ts'
import { disclosing, LONGEST } from './report.form.ts'
import { personIn } from './reports.pages.ts'

/** GET /admin/reports/patients/:account/disclosures/new */
export async function askDisclosure(request: Request, response: Response) {
  await showNew(request, response, [])
}

/** POST /admin/reports/patients/:account/disclosures/new */
export async function takeDisclosure(request: Request, response: Response, now = new Date()) {
  const form = readForm(disclosing, request.body)
  if (!form.values) return showNew(request, response, form.errors)
  const { account: admin, actor } = readerOf(request)
  const patient = await personIn(request, 'patient')
  const { day, ...told } = form.values
  const entry = {
    id: newId(now),
    accountId: patient.id,
    disclosedAt: dayOf(day),
    recordedBy: admin.id,
    recordedAt: now,
  }
  await inTransaction(async (transaction) => {
    const said = `${day}: ${told.recipient}`
    await record(
      actor,
      { act: 'disclosure.recorded', subject: { kind: 'account', id: patient.id }, said },
      transaction,
      now,
    )
    await insertDisclosure({ ...entry, ...told }, transaction)
  })
  response.redirect(303, `/admin/reports/patients/${patient.id}/disclosures?done=recorded`)
}

async function showNew(request: Request, response: Response, errors: readonly FormError[]) {
  const patient = await personIn(request, 'patient')
  const again = (name: string) => typed(request.body, name)
  const home = `/admin/reports/patients/${patient.id}/disclosures`
  const view = {
    title: t('reports:disclosure.title'),
    backHref: home,
    action: `${home}/new`,
    form: { day: again('day'), recipient: again('recipient'), what: again('what'), why: again('why') },
    purposes: ['', ...PURPOSES].map((value) => ({
      value,
      label: t(value ? `reports:purposes.${value}` : 'reports:disclosure.choose'),
      selected: value === again('purpose'),
    })),
    limit: LONGEST,
    errors: toldErrors(errors, { count: LONGEST }),
  }
  showPage(request, response, 'reports/disclosure-new', view, errors.length > 0 ? 422 : 200)
}

/** POST /admin/reports/disclosures/:disclosure/withdraw: it stays, marked as written down in error, and counts no more. */
export async function takeWithdrawal(request: Request, response: Response, now = new Date()) {
  const id = request.params['disclosure']
  const found = isId(id) ? await findDisclosure(id) : undefined
  if (!found) throw new NotFound('no such entry')
  const { account: admin, actor } = readerOf(request)
  await inTransaction(async (transaction) => {
    if (!(await withdrawDisclosure(found.id, admin.id, now, transaction))) return
    const subject = { kind: 'account' as const, id: found.accountId }
    const said = `${found.disclosedAt.toISOString().slice(0, 10)}: ${found.recipient}`
    await record(actor, { act: 'disclosure.withdrawn', subject, said }, transaction, now)
  })
  response.redirect(303, `/admin/reports/patients/${found.accountId}/disclosures?done=withdrawn`)
}
