/**
 * A form that can be neither sent nor kept, because its session was ended by somebody or is another one now: what was typed goes back to the
 * browser that it came from, and nowhere else.
 */
import type { Request, Response } from 'express'
import { typed } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { showPage, t } from '../web/page.ts'

/** POST /messages and /messages/:message/replies. */
export function giveBack(request: Request, response: Response) {
  const { body, params } = request
  const place = isId(params['message']) ? `/messages/${params['message']}` : '/messages/new'
  const signedIn = request.reader !== undefined
  const context = typed(body, 'action') === 'save' ? 'saved' : 'sent'
  const view = {
    title: t('messages:givenBack.title', { context }),
    signedOut: !signedIn,
    to: typed(body, 'to'),
    subject: typed(body, 'subject'),
    text: typed(body, 'body'),
    href: signedIn
      ? `${place}${isId(params['message']) ? '#reply' : ''}`
      : `/sign-in?next=${encodeURIComponent(place)}`,
  }
  showPage(request, response, 'messages/given-back', view, 403)
}
