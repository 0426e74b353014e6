/** What was erased, for administrators and auditors: certificates to take away, and for administrators the way to erase a message. */
import type { Request, Response } from 'express'
import { listAccounts } from '../accounts/account.store.ts'
import { record } from '../audit/record.ts'
import { BadInput, NotFound } from '../errors.ts'
import { clock24, exact, inWords } from '../lib/dates.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { certificateVerifier } from '../messages/certificate.ts'
import { listCertificates, type Certificate } from '../messages/certificate.store.ts'
import { sendCertificate } from '../messages/certificate.pages.ts'
import { eraseMessage, messageToErase } from '../messages/erase-message.ts'
import { isHeld } from '../messages/legal-hold.store.ts'
import { listRecipients } from '../messages/message.store.ts'
import { namesOf } from '../messages/names.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { erasing, findMessage, LONGEST_REASON } from './erasure.form.ts'

const HOME = '/admin/erasures'
const PAGE = 50

/** GET /admin/erasures */
export async function showErasures(request: Request, response: Response) {
  const { account } = readerOf(request)
  const before = readPlace(typed(request.query, 'before'))
  await record(request.actor, { act: 'erasures.listed' })
  const found = await listCertificates(before, PAGE + 1)
  const page = found.slice(0, PAGE)
  const people = await listAccounts(page.flatMap(({ erasedBy }) => erasedBy ?? []))
  const nameOf = (id: string | null) => people.find((each) => each.id === id)?.name ?? ''
  const last = page.at(-1)
  showPage(request, response, 'reports/erasures', {
    title: t('reports:erasures.title'),
    mayErase: account.role === 'admin',
    eraseHref: `${HOME}/new`,
    erased: page.some(({ messageId }) => messageId === request.query['erased']),
    verifier: certificateVerifier(),
    erasures: page.map((certificate) => erasureView(certificate, nameOf(certificate.erasedBy))),
    newer: before ? HOME : '',
    older: found.length > PAGE && last ? `${HOME}?before=${last.erasedAt.getTime()}.${last.messageId}` : '',
  })
}

function erasureView({ messageId, why, erasedAt, sentAt, fileCount, reason }: Certificate, by: string) {
  return {
    id: messageId,
    erasedAt: { text: exact(erasedAt), iso: erasedAt.toISOString() },
    sentAt: { text: exact(sentAt), iso: sentAt.toISOString() },
    why: t('reports:erasures.why', { context: why, name: by || t('reports:erasures.unnamed') }),
    reason,
    files: fileCount,
    certificateHref: `${HOME}/${messageId}/certificate`,
  }
}

/** GET /admin/erasures/:message/certificate */
export async function downloadCertificate(request: Request, response: Response) {
  await sendCertificate(request, response, messageIn(request))
}

/** GET /admin/erasures/new */
export function askWhich(request: Request, response: Response) {
  showWhich(request, response, [])
}

/** POST /admin/erasures/new: finds the message; nothing is erased yet. */
export async function takeWhich(request: Request, response: Response) {
  const form = readForm(findMessage, request.body)
  if (!form.values) return showWhich(request, response, form.errors)
  const id = form.values.message.trim()
  const message = await messageToErase(request.actor, id).catch((error: unknown) => {
    if (error instanceof NotFound) return undefined
    throw error
  })
  if (!message) return showWhich(request, response, [{ field: 'message', key: 'reports:erasure.errors.unknown' }])
  response.redirect(303, `${HOME}/${id}/erase`)
}

function showWhich(request: Request, response: Response, errors: readonly FormError[]) {
  const view = {
    title: t('reports:erasure.findTitle'),
    backHref: HOME,
    action: `${HOME}/new`,
    form: { message: typed(request.body, 'message') },
    errors: toldErrors(errors),
  }
  showPage(request, response, 'reports/erase-which', view, errors.length > 0 ? 422 : 200)
}

/** GET /admin/erasures/:message/erase: what would be erased, as far as somebody may know who does not read it. */
export async function askErase(request: Request, response: Response) {
  await recordAsked(request, messageIn(request))
  await showErase(request, response, [], 200)
}

/** Before anything of it is shown. @throws NotFound when there is no such message */
async function recordAsked(request: Request, messageId: string) {
  const { id } = await messageToErase(request.actor, messageId)
  await record(request.actor, { act: 'message.erase-asked', subject: { kind: 'message', id } })
}

/** POST /admin/erasures/:message/erase */
export async function takeErase(request: Request, response: Response) {
  const id = messageIn(request)
  const form = readForm(erasing, request.body)
  if (!form.values) {
    await recordAsked(request, id)
    return showErase(request, response, form.errors, 422)
  }
  const outcome = await eraseMessage(readerOf(request).actor, id, form.values.reason.trim())
  if (outcome === 'erased') return response.redirect(303, `${HOME}?erased=${id}`)
  await showErase(request, response, [], 409)
}

async function showErase(request: Request, response: Response, errors: readonly FormError[], status: number) {
  const message = await messageToErase(request.actor, messageIn(request))
  const [recipients, held, names] = await Promise.all([
    listRecipients([message.id]),
    isHeld(message.id, null),
    namesOf([message.fromMailboxId]),
  ])
  const now = new Date()
  const view = {
    title: t('reports:erasure.title'),
    backHref: HOME,
    action: `${HOME}/${message.id}/erase`,
    message: {
      id: message.id,
      // A patient's name stands nowhere among the administrators' pages but in the log.
      from: names.teamOf(message.fromMailboxId) ?? t('reports:erasure.fromPerson'),
      sentAt: inWords(message.sentAt, now, clock24),
      files: message.fileCount,
      opened: recipients.some(({ openedAt }) => openedAt),
    },
    gone: message.recalledAt ? inWords(message.recalledAt, now, clock24) : null,
    held,
    holdsHref: '/admin/holds',
    form: { reason: typed(request.body, 'reason'), word: typed(request.body, 'word') },
    limit: LONGEST_REASON,
    errors: toldErrors(errors, { count: LONGEST_REASON }),
  }
  showPage(request, response, 'reports/erase', view, status)
}

/** @throws NotFound for what is no id of ours */
function messageIn(request: Request): string {
  const id = request.params['message']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}

function readPlace(text: string): { at: Date; id: string } | undefined {
  if (!text) return undefined
  const [, at, id] = /^(\d{1,15})\.(.+)$/.exec(text) ?? []
  if (!at || !isId(id)) throw new BadInput('no such page')
  return { at: new Date(Number(at)), id }
}
