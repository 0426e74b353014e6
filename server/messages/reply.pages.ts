/** Answering in a thread. */
import type { Request, Response } from 'express'
import { BadInput, NotFound } from '../errors.ts'
import { readForm, typed, typedList } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import type { Reader } from '../sign-in/reader.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { takeDraft } from './draft.store.ts'
import { openDraft, removeFromDraft, saveDraft } from './draft.ts'
import { replyToThread } from './drop-message.ts'
import { writerIn } from './late-writer.ts'
import {
  claimMessage,
  findBySubmission,
  findMessage,
  listRecipients,
  listThread,
  type Claimed,
} from './message.store.ts'
import { emergency, sizeOfLimit } from './message.view.ts'
import { namesOf } from './names.ts'
import { claimOrRefuse } from './open-thread.ts'
import { LONGEST_BODY, replyText } from './reply.form.ts'
import { messageIn, showThread } from './thread.pages.ts'

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

const turns = new Map<string, Promise<void>>()

/**
 * Forms of one number are worked on one after another: the button pressed twice must not put its second copies of the files into the first
 * one's message. That it is one message, on any number of processes, is held by the database.
 */
async function inTurn(form: string, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(form) ?? Promise.resolve()).then(work, work)
  turns.set(form, turn)
  try {
    await turn
  } finally {
    if (turns.get(form) === turn) turns.delete(form)
  }
}

async function takeReply(request: Request, response: Response, claimed: Claimed, submission: string): Promise<void> {
  const reader = readerOf(request)
  const sent = await findBySubmission(reader, submission)
  if (sent) return response.redirect(303, `/messages/${sent.id}/sent`)
  const draftId = await keepReply(request, claimed.threadId)
  const body = typed(request.body, 'body')
  const errors = await replyErrors(request, reader, draftId, body)
  if (errors.length > 0) return showThread(request, response, claimed.message.id, { body, submission, errors })
  if (typed(request.body, 'action') === 'save') return response.redirect(303, `/messages/${claimed.message.id}#reply`)
  if (await isOvertaken(reader, claimed, typed(request.body, 'seen')))
    return showThread(request, response, claimed.message.id, {
      body,
      submission,
      newer: true,
      errors: toldErrors([{ field: 'body', key: 'messages:reply.errors.newer' }]),
    })
  const id = await replyOnce(reader, claimed, { body, draftId, submission })
  response.redirect(303, `/messages/${id}/sent`)
}

function readSubmission(request: Request): string {
  const submission = typed(request.body, 'submission')
  if (!isId(submission)) throw new BadInput('a reply without its number')
  return submission
}

/** Keeps text and files of this form in the writer's draft of the thread. @returns the draft's id */
async function keepReply(request: Request, threadId: string): Promise<string> {
  const text = { to: '', subject: '', body: typed(request.body, 'body').slice(0, 4 * LONGEST_BODY), teamId: '' }
  return saveDraft(
    writerIn(request),
    { draftId: readSubmission(request), threadId },
    text,
    (request.keptFiles ?? []) as string[],
  )
}

async function replyErrors(request: Request, reader: Reader, draftId: string, body: string) {
  await removeFromDraft(reader, draftId, typedList(request.body, 'remove'))
  const form = readForm(replyText, request.body)
  const draft = await openDraft(reader, { id: draftId })
  const files = fileErrors(request, draft?.files.length ?? 0)
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

/** The files of this form that were not kept, and too many of them; one line, because a field has one error. */
export function fileErrors(request: Request, kept: number): { field: string; href: string; text: string }[] {
  const texts = (request.fileProblems ?? []).map(({ name, problem }) =>
    t(`messages:files.errors.${problem}`, { name, size: sizeOfLimit(), count: 10 }),
  )
  if (kept > 10) texts.push(t('messages:files.tooMany', { count: 10 }))
  return texts.length > 0 ? [{ field: 'files', href: '#files', text: [...new Set(texts)].join(' ') }] : []
}

/** Whether the other side wrote since this page was shown. */
async function isOvertaken(reader: Reader, claimed: Claimed, seen: string): Promise<boolean> {
  if (!isId(seen)) return false
  const [before, newest] = await Promise.all([claimMessage(reader, seen), newestOf(claimed)])
  return (
    before !== undefined &&
    newest !== undefined &&
    newest.sentAt > before.message.sentAt &&
    newest.fromMailboxId !== claimed.mailboxId
  )
}

async function newestOf(claimed: Claimed) {
  return (await listThread(claimed)).filter((message) => !message.recalledAt).at(-1)
}

/** Sends it once: whoever comes second with the same form finds the first one's message. */
async function replyOnce(
  reader: Reader,
  claimed: Claimed,
  content: { body: string; draftId: string; submission: string },
): Promise<string> {
  const id = await replyToThread(reader, claimed.threadId, claimed.mailboxId, content).catch(
    async (error: { name?: string }) => {
      if (error.name === 'SequelizeUniqueConstraintError') return undefined
      throw error
    },
  )
  if (id) return id
  const sent = await findBySubmission(reader, content.submission)
  if (!sent) throw new NotFound('the draft was used elsewhere')
  // It was written again while the first one was on its way.
  await takeDraft(reader.account.id, content.draftId)
  return sent.id
}

/** A reply that came after its session had ended: kept, and offered after sign-in at the same place. */
export async function keepLateReply(request: Request, response: Response) {
  const message = await findMessage(messageIn(request))
  if (message) await keepReply(request, message.threadId)
  request.session.keptText = true
  request.session.after = `/messages/${messageIn(request)}`
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
    recipient: { address: names.owner(to)?.email ?? names.mailbox(to), known: names.owner(to)?.state !== 'invited' },
  })
}
