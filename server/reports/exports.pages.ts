/** Exports, for administrators and auditors: ask for one, see how far it is, take it away. */
import { pipeline } from 'node:stream'
import type { Request, Response } from 'express'
import { findAccountByEmail, listAccounts, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { downloadHeaders } from '../attachments/download-headers.ts'
import { FileMissing } from '../attachments/file-store.ts'
import { readSealed } from '../attachments/sealed-files.ts'
import { record } from '../audit/record.ts'
import { BadInput, NotFound } from '../errors.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { logError } from '../lib/logger.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, toldErrors } from '../web/page.ts'
import { askForExport } from './ask-for-export.ts'
import { cancelExport } from './cancel-export.ts'
import { linkFor, isGoodLink } from './export-link.ts'
import { asking, filterOf, type Asking } from './export.form.ts'
import { findExport, listExports, type Export } from './export.store.ts'
import { bindingOf, fileNameOf, TYPES } from './export.ts'
import { exportsView, exportView, newExportView, stateView } from './exports.view.ts'
import { factsOf } from './filter-in-words.ts'
import { isWhole } from './sheets.ts'

const HOME = '/admin/exports'
const MOST_LISTED = 100

/** GET /admin/exports */
export async function showExports(request: Request, response: Response) {
  await record(request.actor, { act: 'exports.listed' })
  const all = await listExports(MOST_LISTED)
  showPage(request, response, 'reports/exports', exportsView(all, await peopleIn(all)))
}

/** GET /admin/exports/new: with nothing chosen, or with what a report or the log is about. */
export async function askExport(request: Request, response: Response) {
  await showNew(request, response, request.query, [])
}

/** POST /admin/exports/new */
export async function takeExport(request: Request, response: Response) {
  const { body } = request as { body: unknown }
  const form = readForm(asking, body)
  if (!form.values) return showNew(request, response, body, form.errors)
  const { kind, who, actor, patient, subject, format } = form.values
  const [actorId, patientId] = [actor || (await personOf(who)), subject || (await personOf(patient))]
  const asked = { kind: kind || ('events' as const), format, filter: filterOf(form.values, actorId, patientId) }
  const errors: FormError[] = [
    ...(actorId === 'nobody' ? [{ field: 'who', key: 'reports:accessEvents.whoUnknown' }] : []),
    ...(patientId === 'nobody' ? [{ field: 'patient', key: 'reports:accessEvents.whoUnknown' }] : []),
    ...(format === 'ndjson' && asked.kind !== 'events'
      ? [{ field: 'format', key: 'reports:exports.errors.format' }]
      : []),
  ]
  if (errors.length > 0) return showNew(request, response, body, errors)
  if (!isWhole(asked.kind, asked.filter)) throw new NotFound('a report about nobody')
  const id = await askForExport(readerOf(request), asked)
  if (!id) return showNew(request, response, body, [{ field: 'format', key: 'reports:exports.errors.tooMany' }])
  response.redirect(303, `${HOME}/${id}`)
}

/** @returns an account's id; undefined: nobody was named; 'nobody': nobody has this address */
async function personOf(text: string): Promise<string | undefined> {
  if (!text.trim()) return undefined
  const email = readEmailAddress(text)
  return (email && (await findAccountByEmail(email))?.id) || 'nobody'
}

async function showNew(request: Request, response: Response, given: unknown, errors: readonly FormError[]) {
  const form = Object.fromEntries(Object.keys(asking).map((name) => [name, typed(given, name)])) as Record<
    keyof Asking,
    string
  >
  // Whoever comes from a report or the log is shown what it will be of, which names people.
  const isOfSomething = (form.kind || 'events') !== 'events' || form.actor || form.subject
  const read = isOfSomething ? readForm(asking, { ...form, format: form.format || 'csv' }).values : undefined
  if (isOfSomething && !read) throw new BadInput('no such export')
  const filter = read && filterOf(read, read.actor, read.subject)
  if (filter) await record(request.actor, { act: 'exports.listed' })
  const view = { ...newExportView(form, filter && (await factsOf(filter))), errors: toldErrors(errors) }
  showPage(request, response, 'reports/export-new', view, errors.length > 0 ? 422 : 200)
}

/** GET /admin/exports/:export: how far it is, and once it is ready a link that is good for ten minutes. */
export async function showExport(request: Request, response: Response) {
  const asked = await exportIn(request)
  await record(request.actor, { act: 'exports.listed', subject: { kind: 'export', id: asked.id } })
  const href = asked.file ? linkFor(asked.id, readerOf(request).account.id) : ''
  const view = exportView(asked, await peopleIn([asked]), href, request.query['link'] === 'old')
  showPage(request, response, 'reports/export', view)
}

/** GET /admin/exports/:export/state: for the page's script, which asks until it is over. */
export async function sendExportState(request: Request, response: Response) {
  const asked = await exportIn(request)
  response.json({ state: asked.state, text: stateView(asked).text })
}

/** POST /admin/exports/:export/cancel */
export async function takeCancel(request: Request, response: Response) {
  const asked = await exportIn(request)
  await cancelExport(readerOf(request).actor, asked.id)
  response.redirect(303, `${HOME}/${asked.id}`)
}

/** GET /admin/exports/:export/files/:link: recorded, then unsealed as it streams. */
export async function downloadExport(request: Request, response: Response) {
  const asked = await exportIn(request)
  const { account, actor } = readerOf(request)
  const { file } = asked
  if (!file || !isGoodLink(asked.id, account.id, String(request.params['link'])))
    return response.redirect(303, `${HOME}/${asked.id}${file ? '?link=old' : ''}`)
  if (request.method === 'HEAD') return void response.set(headersOf(asked, file.bytes)).end()
  const subject = { kind: 'export' as const, id: asked.id }
  await record(actor, { act: 'export.downloaded', subject })
  const bytes = await readSealed(file.id, bindingOf(asked.id, file.id), file.key).catch(unlessMissing)
  if (!bytes) {
    await record(actor, { act: 'export.downloaded', subject, outcome: 'failed', reason: 'file-gone' })
    return response.redirect(303, `${HOME}/${asked.id}?link=gone`)
  }
  response.set(headersOf(asked, file.bytes))
  await new Promise<void>((done) => {
    pipeline(bytes, response, (error) => {
      if (error && (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE')
        logError('A download broke off', error, { requestId: request.requestId })
      done()
    })
  })
}

function headersOf(asked: Export, bytes: number): Record<string, string> {
  return {
    ...downloadHeaders(fileNameOf(asked), ''),
    'Content-Type': TYPES[asked.format],
    'Content-Length': String(bytes),
  }
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof FileMissing) return undefined
  throw error
}

async function peopleIn(all: readonly Export[]): Promise<ReadonlyMap<string, Account>> {
  const ids = all.flatMap(({ askedBy, filter }) => [askedBy, filter.actorId, filter.patientId])
  return new Map((await listAccounts(ids.filter((id) => typeof id === 'string'))).map((each) => [each.id, each]))
}

/** @throws NotFound */
async function exportIn(request: Request): Promise<Export> {
  const id = request.params['export']
  const asked = isId(id) ? await findExport(id) : undefined
  if (!asked) throw new NotFound('no such export')
  return asked
}
