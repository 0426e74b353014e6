/** Deleting a draft, and the small answer that the autosave gets in place of a page. */
import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, timeLeft } from '../web/page.ts'
import { deleteDraft, openDraft, writerOf, type Draft } from './draft.ts'
import { newestIn } from './message.store.ts'

/** GET /drafts/:draft/delete */
export async function askDelete(request: Request, response: Response) {
  const draft = await draftIn(request)
  const body = draft.body.trim()
  showPage(request, response, 'messages/delete-draft', {
    title: t('messages:draft.deleteTitle'),
    action: `/drafts/${draft.id}/delete`,
    backHref: draft.threadId ? `${await placeOf(draft)}#reply` : `/messages/new?draft=${draft.id}`,
    subject: draft.subject,
    excerpt: body.length > 200 ? `${[...body].slice(0, 200).join('')} …` : body,
    files: draft.files.length,
  })
}

/** POST /drafts/:draft/delete */
export async function removeDraft(request: Request, response: Response) {
  const draft = await draftIn(request)
  await deleteDraft(writerOf(readerOf(request)), draft.id)
  response.redirect(303, await placeOf(draft))
}

/** Where somebody goes on when the draft is gone. */
async function placeOf(draft: Draft): Promise<string> {
  const newest = draft.threadId ? await newestIn(draft.threadId) : undefined
  return newest ? `/messages/${newest}` : '/messages'
}

async function draftIn(request: Request): Promise<Draft> {
  const id = request.params['draft']
  const draft = isId(id) ? await openDraft(readerOf(request), { id }) : undefined
  if (!draft) throw new NotFound('no such draft')
  return draft
}

/** Whether a page's script saves by itself: it wants a line and no page, and sends no files. */
export function savesByItself(request: Request): boolean {
  return request.accepts(['html', 'json']) === 'json'
}

/** @param saved where the draft is, in words; empty when there is none any more @param ifEnded what the page says should its session be ended */
export function answerSaved(
  request: Request,
  response: Response,
  { saved, ifEnded, draftId, place = '' }: { saved: string; ifEnded: string; draftId: string; place?: string },
) {
  const removeHref = saved ? `/drafts/${draftId}/delete` : ''
  response.json({ saved, ifEnded, removeHref, place, left: timeLeft(request) })
}

/** A text that came after the session's end is kept; its page is told so and stays as it is. */
export function answerLate(response: Response) {
  response.json({ ended: t('messages:draft.endedSaved') })
}
