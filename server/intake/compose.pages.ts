/** Writing a new message: compose, look at the address once more, send. Everything is kept as a draft first. */
import type { Request, Response } from 'express'
import { findAccountByEmail, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { record } from '../audit/record.ts'
import { settings } from '../settings/settings.ts'
import { NotFound } from '../errors.ts'
import { clock24, dayAndTime } from '../lib/dates.ts'
import { typed, typedList } from '../lib/form.ts'
import { isId, newId } from '../lib/ids.ts'
import { isAnothers } from '../messages/draft.store.ts'
import { answerLate, answerSaved, savesByItself } from '../messages/draft.pages.ts'
import {
  deleteEmptyDraft,
  openDraft,
  removeFromDraft,
  saveDraft,
  writerOf,
  type Draft,
  type DraftText,
} from '../messages/draft.ts'
import { isUsed } from '../messages/message.store.ts'
import { writerIn } from '../messages/late-writer.ts'
import { addedFile, fileDetails, ifEnded, limitsView, paragraphsOf } from '../messages/message.view.ts'
import { namesOf } from '../messages/names.ts'
import { LONGEST_BODY } from '../messages/reply.form.ts'
import { removePlaces } from '../messages/remove-place.ts'
import { fileErrors, trim, uploadsIn } from '../messages/reply.pages.ts'
import { stillCounts } from '../enrolment/access-code.ts'
import { findAccessCode } from '../enrolment/access-code.store.ts'
import { readerOf } from '../sign-in/guards.ts'
import type { Reader } from '../sign-in/reader.ts'
import { keepToShow } from '../enrolment/shown-access-code.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { fromMailbox, problemsOf, sendDraftOnce } from './send-draft.ts'
import { keepAfter } from '../sign-in/sessions.ts'

/** GET /messages/new, also with ?draft=… to go on with one. */
export async function compose(request: Request, response: Response) {
  const id = request.query['draft']
  const draft = id === undefined ? undefined : await ownDraft(readerOf(request), id)
  await showCompose(request, response, draft, [])
}

/** POST /messages: keeps what was written, then says what is missing or leads to the last look. */
export async function takeMessage(request: Request, response: Response) {
  const reader = readerOf(request)
  const { draftId, text } = await keepDraft(request)
  if (savesByItself(request)) return answerSaved(request, response, await savedMessage(reader, draftId, text))
  await removeFromDraft(reader, draftId, typedList(request.body, 'remove'))
  await removePlaces(reader, draftId, typedList(request.body, 'remove-place'))
  await trim(request, draftId)
  const draft = (await openDraft(reader, { id: draftId }))!
  const saving = typed(request.body, 'action') === 'save'
  if (saving && (await deleteEmptyDraft(writerOf(reader), draftId, draft)))
    return response.redirect(303, '/messages/new')
  const problems = saving ? [] : await problemsOf(draft)
  const errors = [...toldErrors(problems, { count: LONGEST_BODY }), ...fileErrors(request, draft.files)]
  if (errors.length > 0) return showCompose(request, response, draft, errors)
  response.redirect(303, saving ? `/messages/new?draft=${draft.id}` : `/drafts/${draft.id}/check`)
}

async function savedMessage(reader: Reader, draftId: string, text: DraftText) {
  if (await deleteEmptyDraft(writerOf(reader), draftId, text))
    return { saved: '', ifEnded: ifEnded(undefined, true), draftId, place: '/messages/new' }
  const now = new Date()
  return { saved: draftSaved(now), ifEnded: ifEnded(now, true), draftId, place: `/messages/new?draft=${draftId}` }
}

function draftSaved(savedAt: Date): string {
  return t('intake:compose.draftSaved', { time: dayAndTime(savedAt, new Date(), clock24).text })
}

async function keepDraft(request: Request): Promise<{ draftId: string; text: DraftText }> {
  const { body } = request
  const text: DraftText = {
    to: typed(body, 'to').slice(0, 1000),
    subject: typed(body, 'subject').slice(0, 1000),
    body: typed(body, 'body').slice(0, 4 * LONGEST_BODY),
    teamId: typed(body, 'team'),
    accessCode: typed(body, 'access-code') === 'yes',
  }
  const writer = writerIn(request)
  // The page names its draft before there is one, so that two forms of one page never make two drafts. One that was sent meanwhile (the page was
  // gone back to) is not written into again, nor is somebody else's: this is another message.
  const named = typed(body, 'draft')
  const free = isId(named) && !(await isUsed(named)) && !(await isAnothers(writer.accountId, named))
  const draftId = free ? named : newId()
  return { draftId: await saveDraft(writer, { draftId }, text, uploadsIn(request)), text }
}

async function showCompose(request: Request, response: Response, draft: Draft | undefined, errors: ToldError[]) {
  const reader = readerOf(request)
  const view = {
    title: t('intake:compose.title'),
    draft: draft?.id ?? newId(),
    form: {
      to: draft?.to ?? '',
      subject: draft?.subject ?? '',
      body: draft?.body ?? '',
      accessCode: draft?.accessCode ?? false,
    },
    teams: await teamChoices(reader, draft?.teamId),
    files: (draft?.files ?? []).map(addedFile),
    limits: limitsView(),
    saved: draft ? draftSaved(draft.savedAt) : '',
    ended: ifEnded(draft?.savedAt, true),
    removeHref: draft ? `/drafts/${draft.id}/delete` : '',
    idleMinutes: settings().idleMinutes,
    backHref: '/messages',
    errors,
  }
  showPage(request, response, 'intake/compose', view, errors.length > 0 ? 422 : 200)
}

async function teamChoices(reader: Reader, chosen: string | undefined) {
  const teams = reader.mailboxes.filter(({ teamId }) => teamId)
  const names = await namesOf(teams.map(({ id }) => id))
  return teams.map(({ id, teamId }) => ({ value: teamId!, label: names.mailbox(id), selected: teamId === chosen }))
}

/** GET /drafts/:draft/check: the address shown once more. */
export async function check(request: Request, response: Response) {
  const reader = readerOf(request)
  const draft = await ownDraft(reader, request.params['draft'])
  const email = readEmailAddress(draft.to)
  if (!email || (await problemsOf(draft)).length > 0) return response.redirect(303, `/messages/new?draft=${draft.id}`)
  // Whose address it is shows on this page, so it is recorded.
  await record(reader.actor, { act: 'address.looked-up', subject: { kind: 'account' } })
  const known = await findAccountByEmail(email)
  const from = fromMailbox(reader, draft)
  const names = await namesOf([from.id])
  showPage(request, response, 'intake/check', {
    title: t('intake:check.title'),
    action: `/drafts/${draft.id}/send`,
    changeHref: `/messages/new?draft=${draft.id}`,
    recipient: { address: email, name: known?.name ?? '', known: known?.state === 'active' },
    accessCode: await accessCodeState(draft, known),
    team: names.mailbox(from.id),
    subject: draft.subject,
    paragraphs: paragraphsOf(draft.body),
    files: draft.files.map((file) => ({ name: file.name, details: fileDetails(file) })),
  })
}

/** What the tick for an access code will do: ask for one, or nothing, because they have a sign-in or were asked before. */
async function accessCodeState(draft: Draft, known: Account | undefined): Promise<'' | 'new' | 'earlier' | 'needless'> {
  if (known?.state === 'active') return draft.accessCode ? 'needless' : ''
  const earlier = known && (await findAccessCode(known.id))
  if (earlier && (!draft.accessCode || stillCounts(earlier, new Date()))) return 'earlier'
  return draft.accessCode ? 'new' : ''
}

/** POST /drafts/:draft/send. Sent twice it is one message: whoever comes second is shown the first one's. */
export async function send(request: Request, response: Response) {
  const draftId = request.params['draft']
  const sent = await sendDraftOnce(readerOf(request), draftId)
  if (sent?.accessCode) keepToShow(request, sent.id, sent.accessCode)
  response.redirect(303, sent ? `/messages/${sent.id}/sent` : `/messages/new?draft=${String(draftId)}`)
}

/** A message that came after its session had ended: kept, and offered after sign-in. */
export async function keepLateMessage(request: Request, response: Response) {
  const { draftId: id } = await keepDraft(request)
  await trim(request, id)
  request.session.keptText = true
  keepAfter(request, `/messages/new?draft=${id}`)
  if (savesByItself(request)) return answerLate(response)
  response.redirect(303, '/sign-in')
}

/** @throws NotFound when it is not there, not theirs, or not an id */
async function ownDraft(reader: Reader, id: unknown): Promise<Draft> {
  const draft = isId(id) ? await openDraft(reader, { id }) : undefined
  if (!draft) throw new NotFound('no such draft')
  return draft
}
