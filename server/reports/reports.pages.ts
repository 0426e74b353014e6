/** Reports, for administrators and auditors. Each is recorded before it is shown; names stand in forms that are sent, and never in an address. */
import type { Request, Response } from 'express'
import { findAccount, findAccountByEmail, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import type { Act } from '../audit/acts.ts'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { findMessageState } from '../messages/message.store.ts'
import { namesOf } from '../messages/names.ts'
import { readProtection } from '../messages/protection.ts'
import { protectionView } from '../messages/protection.view.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { dayAfter, dayOf } from './export.form.ts'
import type { ExportFilter, ExportKind } from './export.ts'
import { inOneLine } from './filter-in-words.ts'
import { aboutBreach, aboutPatient, aboutPerson } from './report.form.ts'
import { askView, sheetView } from './report.view.ts'
import { sheetOf } from './sheets.ts'

const HOME = '/admin/reports'

/** GET /admin/reports */
export async function showReports(request: Request, response: Response) {
  await record(request.actor, { act: 'reports.listed' })
  const names = ['patient', 'activity', 'coverage', 'touched', 'protection'] as const
  showPage(request, response, 'reports/reports', {
    title: t('reports:reports.title'),
    reports: names.map((name) => ({
      title: t(`reports:reports.list.${name}`),
      text: t(`reports:reports.list.${name}Text`),
      href: `${HOME}/${name}`,
    })),
  })
}

/** GET /admin/reports/patient */
export function askPatient(request: Request, response: Response) {
  showAsk(request, response, 'patient', [])
}

/** POST /admin/reports/patient: finds the person and leads to what was asked for. */
export async function takePatient(request: Request, response: Response) {
  const form = readForm(aboutPatient, request.body)
  if (!form.values) return showAsk(request, response, 'patient', form.errors)
  const account = await findAccountByEmail(readEmailAddress(form.values.email)!)
  if (account?.role !== 'patient') return showAsk(request, response, 'patient', [unknown('email', 'noPatient')])
  response.redirect(303, `${HOME}/patients/${account.id}/${form.values.report}`)
}

/** GET /admin/reports/patients/:account/disclosures */
export async function showDisclosures(request: Request, response: Response) {
  const patient = await personIn(request, 'patient')
  const isAdmin = readerOf(request).account.role === 'admin'
  await showSheet(request, response, 'disclosures', { patientId: patient.id }, 'report.disclosures', {
    backHref: `${HOME}/patient`,
    more: isAdmin
      ? { label: t('reports:disclosure.new'), href: `${HOME}/patients/${patient.id}/disclosures/new` }
      : null,
    entryHref: isAdmin ? `${HOME}/disclosures/` : '',
    beside: { label: t('reports:reports.list.accesses'), href: `${HOME}/patients/${patient.id}/openings` },
    done: typed(request.query, 'done'),
  })
}

/** GET /admin/reports/patients/:account/openings */
export async function showAccesses(request: Request, response: Response) {
  const patient = await personIn(request, 'patient')
  await showSheet(request, response, 'accesses', { patientId: patient.id }, 'report.accesses', {
    backHref: `${HOME}/patient`,
    beside: { label: t('reports:exports.kinds.disclosures'), href: `${HOME}/patients/${patient.id}/disclosures` },
  })
}

/** GET /admin/reports/activity */
export function askActivity(request: Request, response: Response) {
  showAsk(request, response, 'activity', [])
}

/** POST /admin/reports/activity */
export async function takeActivity(request: Request, response: Response) {
  const form = readForm(aboutPerson, request.body)
  if (!form.values) return showAsk(request, response, 'activity', form.errors)
  const { email, from, to } = form.values
  const account = await findAccountByEmail(readEmailAddress(email)!)
  if (!account || account.role === 'patient')
    return showAsk(request, response, 'activity', [unknown('email', 'noColleague')])
  const days = new URLSearchParams(Object.entries({ from, to }).filter(([, value]) => value !== ''))
  response.redirect(303, `${HOME}/people/${account.id}/activity${days.size > 0 ? `?${days.toString()}` : ''}`)
}

/** GET /admin/reports/people/:account/activity */
export async function showActivity(request: Request, response: Response) {
  const person = await personIn(request, 'colleague')
  await showSheet(request, response, 'activity', { actorId: person.id, ...daysIn(request) }, 'report.activity', {
    backHref: `${HOME}/activity`,
  })
}

/** GET /admin/reports/coverage */
export async function showCoverage(request: Request, response: Response) {
  const named = request.query['named'] === 'yes'
  await showSheet(request, response, 'coverage', named ? { named } : {}, 'report.coverage', {
    backHref: HOME,
    beside: named
      ? { label: t('reports:reports.withoutNames'), href: `${HOME}/coverage` }
      : { label: t('reports:reports.withNames'), href: `${HOME}/coverage?named=yes` },
  })
}

/** GET /admin/reports/touched */
export function askTouched(request: Request, response: Response) {
  showAsk(request, response, 'touched', [])
}

/** POST /admin/reports/touched: the answer itself, because a network address has no place in an address. */
export async function takeTouched(request: Request, response: Response) {
  const form = readForm(aboutBreach, request.body)
  if (!form.values) return showAsk(request, response, 'touched', form.errors)
  const { who, session, address, from, to } = form.values
  const email = readEmailAddress(who)
  const account = email ? await findAccountByEmail(email) : undefined
  if (who.trim() && !account) return showAsk(request, response, 'touched', [unknown('who', 'nobody')])
  if (!account && !session && !address) return showAsk(request, response, 'touched', [unknown('who', 'noneNamed')])
  const filter = {
    ...(account ? { actorId: account.id } : {}),
    ...(session ? { session } : {}),
    ...(address ? { address } : {}),
    from: new Date(`${from}Z`),
    to: new Date(`${to}Z`),
  }
  await showSheet(request, response, 'touched', filter, 'report.touched', { backHref: `${HOME}/touched` })
}

/** GET /admin/reports/protection */
export function askProtection(request: Request, response: Response) {
  showAsk(request, response, 'protection', [])
}

/** POST /admin/reports/protection */
export async function takeProtection(request: Request, response: Response) {
  const id = typed(request.body, 'message').trim()
  if (!isId(id) || !(await findMessageState(id)))
    return showAsk(request, response, 'protection', [{ field: 'message', key: 'reports:erasure.errors.unknown' }])
  response.redirect(303, `${HOME}/messages/${id}/protection`)
}

/** GET /admin/reports/messages/:message/protection: patients are not named, as everywhere among the administrators' pages but in the log. */
export async function showProtection(request: Request, response: Response) {
  const id = request.params['message']
  if (!isId(id)) throw new NotFound('not an id')
  await record(request.actor, { act: 'report.protection', subject: { kind: 'message', id } })
  const protection = await readProtection(id)
  const names = await namesOf(protection.wraps.map(({ mailboxId }) => mailboxId))
  const view = protectionView(protection, (mailbox) => names.teamOf(mailbox) ?? t('reports:erasure.fromPerson'))
  showPage(request, response, 'messages/protection', { ...view, backHref: `${HOME}/protection`, id })
}

interface Beside {
  backHref: string
  /** Another report about the same. */
  beside?: { label: string; href: string }
  more?: { label: string; href: string } | null
  /** Where an entry that was written down is marked as written in error, without its id. */
  entryHref?: string
  done?: string
}

/** Recorded, then read: the first lines on the page, all of them in an export. */
async function showSheet(
  request: Request,
  response: Response,
  kind: ExportKind,
  filter: ExportFilter,
  act: Act,
  about: Beside,
) {
  const { actor } = readerOf(request)
  const subjectId = filter.patientId ?? filter.actorId
  const now = new Date()
  const sheet = await sheetOf({ kind, filter, askedAt: now })
  const said = [inOneLine(sheet.facts), filter.named ? t('reports:reports.withNames') : '']
    .filter((part) => part)
    .join('; ')
  await record(
    actor,
    { act, said, ...(subjectId ? { subject: { kind: 'account', id: subjectId } } : {}) },
    undefined,
    now,
  )
  showPage(request, response, 'reports/report', await sheetView(sheet, kind, filter, { done: '', ...about }))
}

type Asked = 'patient' | 'activity' | 'touched' | 'protection'

function showAsk(request: Request, response: Response, report: Asked, errors: readonly FormError[]) {
  const again = (name: string) => typed(request.body, name)
  const view = { ...askView(report, again), errors: toldErrors(errors) }
  showPage(request, response, 'reports/report-ask', view, errors.length > 0 ? 422 : 200)
}

function unknown(field: string, why: string): FormError {
  return { field, key: `reports:reports.errors.${why}` }
}

/** Whom the address is about. @throws NotFound also for somebody of the other kind */
export async function personIn(request: Request, kind: 'patient' | 'colleague'): Promise<Account> {
  const id = request.params['account']
  const account = isId(id) ? await findAccount(id) : undefined
  if (!account || (account.role === 'patient') !== (kind === 'patient')) throw new NotFound('no such person')
  return account
}

/** @throws NotFound for what is no day */
function daysIn(request: Request): Pick<ExportFilter, 'from' | 'to'> {
  const { values } = readForm({ from: aboutPerson.from, to: aboutPerson.to }, request.query)
  if (!values) throw new NotFound('no such day')
  return {
    ...(values.from ? { from: dayOf(values.from) } : {}),
    ...(values.to ? { to: dayAfter(values.to) } : {}),
  }
}
