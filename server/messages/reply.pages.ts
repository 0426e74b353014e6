/** Answering in a thread. */
import type { Request, Response } from 'express'
import type { Account } from '../accounts/account.store.ts'
import { listReadableMailboxes } from '../accounts/mailbox.store.ts'
import { LIMITS, type Attachment } from '../attachments/attachment.ts'
import { fileKinds } from '../attachments/file-kinds.ts'
import { BadInput, NotFound } from '../errors.ts'
import { readForm, typed, typedList } from '../lib/form.ts'
import { isId, newId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import type { Reader } from '../sign-in/reader.ts'
import { takeToShow } from '../enrolment/shown-access-code.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { findAccessCode } from '../enrolment/access-code.store.ts'
import { accessCodeView } from './access-code.view.ts'
import { answerLate, answerSaved, savesByItself } from './draft.pages.ts'
import {
  deleteEmptyDraft,
  openDraft,
  removeFromDraft,
  saveDraft,
  trimDraft,
  writerOf,
  type DraftText,
} from './draft.ts'
import { writerIn } from './late-writer.ts'
import { findBySubmission, findMessageState, isUsed, listRecipients, type Claimed } from './message.store.ts'
import { draftSaved, emergency, ifEnded, sizeOfLimit } from './message.view.ts'
import { namesOf } from './names.ts'
import { claimOrRefuse, saysTheSame } from './open-thread.ts'
import { LONGEST_BODY, replyText } from './reply.form.ts'
import { inTurn, isOvertaken, sendReplyOnce } from './send-reply.ts'
import { removePlaces } from './remove-place.ts'
import { messageIn, showThread } from './thread.pages.ts'
import { takesPart } from './thread.store.ts'
import { keepAfter } from '../sign-in/sessions.ts'

/**
 * POST /messages/:message/replies. What was written is kept as a draft before anything else, so that nothing that goes wrong can lose it.
 * The same form sent twice is one message.
 */
export async function sendReply(request: Request, response: Response) {
  const reader = readerOf(request)
  const claimed = await claimOrRefuse(reader, messageIn(request))
  const submission = readSubmission(request)
  await inTurn(`${reader.account.id}/${submission}`, () => takeReply(request, response, claimed, submission))
}

async function takeReply(request: Request, response: Response, claimed: Claimed, number: string): Promise<void> {
  const reader = readerOf(request)
  const body = typed(request.body, 'body')
  const sent = await findBySubmission(reader, number)
  // It was sent while the page saved by itself: nothing is left to keep.
  if (sent && savesByItself(request)) return answerSaved(request, response, { ...notSaved(), draftId: number })
  if (sent && (await saysTheSame(reader, sent, body))) return response.redirect(303, `/messages/${sent.id}/sent`)
  // A page that was gone back to, with other words on it: another message, not the one that was sent.
  const submission = sent ? newId() : number
  const draftId = await keepReply(request, claimed.threadId, submission)
  if (savesByItself(request)) return answerSaved(request, response, await savedReply(reader, draftId, body))
  await removeFromDraft(reader, draftId, typedList(request.body, 'remove'))
  await removePlaces(reader, draftId, typedList(request.body, 'remove-place'))
  await trim(request, draftId)
  const errors = await replyErrors(request, reader, draftId, body)
  if (errors.length > 0) return showThread(request, response, claimed.message.id, { body, submission, errors })
  if (typed(request.body, 'action') === 'save') {
    await deleteEmptyDraft(writerOf(reader), draftId, textOf(body))
    return response.redirect(303, `/messages/${claimed.message.id}#reply`)
  }
  if (await isOvertaken(reader, claimed, typed(request.body, 'seen')))
    return showThread(request, response, claimed.message.id, {
      body,
      submission,
      newer: true,
      errors: toldErrors([{ field: 'body', key: 'messages:reply.errors.newer' }]),
    })
  const id = await sendReplyOnce(reader, claimed, { body, draftId, submission })
  response.redirect(303, `/messages/${id}/sent`)
}

function readSubmission(request: Request): string {
  const submission = typed(request.body, 'submission')
  if (!isId(submission)) throw new BadInput('a reply without its number')
  return submission
}

/** Keeps text and files of this form in the writer's draft of the thread. @returns the draft's id */
async function keepReply(request: Request, threadId: string, draftId: string): Promise<string> {
  const text = textOf(typed(request.body, 'body').slice(0, 4 * LONGEST_BODY))
  return saveDraft(writerIn(request), { draftId, threadId }, text, uploadsIn(request))
}

/** The files that came with a form, and those that its page's script had sent before; whose they are the store asks. */
export function uploadsIn(request: Request): string[] {
  const sent = typedList(request.body, 'uploaded').slice(0, 2 * LIMITS.files)
  return [...((request.keptFiles ?? []) as string[]), ...sent.filter(isId)]
}

function textOf(body: string): DraftText {
  return { to: '', subject: '', body, teamId: '' }
}

async function savedReply(reader: Reader, draftId: string, body: string) {
  if (await deleteEmptyDraft(writerOf(reader), draftId, textOf(body))) return { ...notSaved(), draftId }
  const now = new Date()
  const staff = reader.account.role === 'provider'
  return { saved: draftSaved(now, staff), ifEnded: ifEnded(now, staff), draftId }
}

function notSaved() {
  return { saved: '', ifEnded: ifEnded(undefined, false) }
}

/** What is more than a message may have is not kept, and told like any other file that was not. */
export async function trim(request: Request, draftId: string) {
  if ((await trimDraft(writerIn(request), draftId)) > 0)
    request.fileProblems = [...(request.fileProblems ?? []), { name: '', problem: 'too-many' }]
}

async function replyErrors(request: Request, reader: Reader, draftId: string, body: string) {
  const form = readForm(replyText, request.body)
  const draft = await openDraft(reader, { id: draftId })
  const files = fileErrors(request, draft?.files)
  const empty =
    typed(request.body, 'action') !== 'save' &&
    body.trim() === '' &&
    (draft?.files.length ?? 0) === 0 &&
    files.length === 0
  const text = toldErrors(empty ? [{ field: 'body', key: 'messages:reply.errors.empty' }] : form.errors, {
    count: LONGEST_BODY,
  })
  return [...text, ...files]
}

/**
 * What is wrong with the files of this form, in one line, because a field has one error: those that were not kept, and of the draft's what must not
 * be sent. Whoever sends a photo that says where it was taken is told so once.
 */
export function fileErrors(request: Request, draftFiles: readonly Attachment[] = []): ToldError[] {
  const refused = (request.fileProblems ?? []).map(({ name, problem }) =>
    t(`messages:files.errors.${problem}`, { name, size: sizeOfLimit(), count: LIMITS.files, kinds: fileKinds() }),
  )
  const texts = typed(request.body, 'action') === 'save' ? refused : [...refused, ...sendingErrors(request, draftFiles)]
  return texts.length > 0 ? [{ field: 'files', href: '#files', text: [...new Set(texts)].join(' ') }] : []
}

function sendingErrors(request: Request, files: readonly Attachment[]): string[] {
  const told = typedList(request.body, 'told-place')
  return files.flatMap(({ id, name, checkState, tellsPlace }) => {
    if (checkState === 'blocked') return [t('messages:files.errors.blocked', { name })]
    return tellsPlace && !told.includes(id) ? [t('messages:files.errors.place', { name })] : []
  })
}

/** A reply that came after its session had ended: kept, and offered after sign-in at the same place. */
export async function keepLateReply(request: Request, response: Response) {
  const message = await findMessageState(messageIn(request))
  const mailboxes = (await listReadableMailboxes(writerIn(request).accountId)).map(({ id }) => id)
  if (message && (await takesPart(message.threadId, mailboxes))) {
    const number = readSubmission(request)
    await trim(request, await keepReply(request, message.threadId, (await isUsed(number)) ? newId() : number))
  }
  request.session.keptText = true
  keepAfter(request, `/messages/${messageIn(request)}`)
  if (savesByItself(request)) return answerLate(response)
  response.redirect(303, '/sign-in')
}

/** GET /messages/:message/sent */
export async function showSent(request: Request, response: Response) {
  const reader = readerOf(request)
  const { message } = await claimOrRefuse(reader, messageIn(request))
  if (!reader.mailboxes.some(({ id }) => id === message.fromMailboxId)) throw new NotFound('not sent by them')
  const recipients = await listRecipients([message.id])
  const names = await namesOf(recipients.map(({ mailboxId }) => mailboxId))
  const to = recipients[0]?.mailboxId ?? ''
  const staff = reader.account.role === 'provider'
  const kind = message.subjectSealed ? 'message' : 'reply'
  showPage(request, response, 'messages/sent', {
    title: t('messages:sentPage.title', { context: kind }),
    staff,
    kind,
    threadHref: `/messages/${message.id}`,
    messagesHref: '/messages',
    takeBackHref:
      !message.recalledAt && recipients.every(({ openedAt }) => !openedAt) ? `/messages/${message.id}/recall` : '',
    team: names.mailbox(to),
    answerTime: t('messages:answerTime'),
    emergency: emergency(),
    accessCode: staff ? await sentAccessCode(request, message.id, names.owner(to)) : null,
    recipient: { address: names.owner(to)?.email ?? names.mailbox(to), known: names.owner(to)?.state !== 'invited' },
  })
}

/** The access code, once; afterwards where a new one can be made. Null when none is asked for. */
async function sentAccessCode(request: Request, messageId: string, to: Account | undefined) {
  const shown = takeToShow(request, messageId)
  const asked = to?.state === 'invited' && (shown ?? (await findAccessCode(to.id)))
  return asked ? accessCodeView(messageId, shown) : null
}
