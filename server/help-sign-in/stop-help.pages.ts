/**
 * Stopping help that somebody asked for in a person's name: by the link of the mail, which changes nothing until its button is pressed, or after
 * signing in.
 */
import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { inWords } from '../lib/dates.ts'
import { typed } from '../lib/form.ts'
import { showPage, t } from '../web/page.ts'
import { findOpenReset, findResetByToken, type AssistedReset } from '../accounts/assisted-reset.store.ts'
import { ownPath, readerOf } from '../sign-in/guards.ts'
import { stopHelpByLink, stopOwnHelp } from './help-sign-in.ts'

/** GET /stop-help/:cancel */
export async function askStopHelp(request: Request, response: Response) {
  const reset = await findResetByToken(String(request.params['cancel']))
  if (!reset) throw new NotFound('no such link')
  showStop(request, response, reset)
}

/** POST /stop-help/:cancel */
export async function stopHelpFromMail(request: Request, response: Response) {
  const token = String(request.params['cancel'])
  await stopHelpByLink(request.actor, token)
  // Whatever it is now: stopped by this, or over before.
  response.redirect(303, `/stop-help/${token}`)
}

function showStop(request: Request, response: Response, reset: AssistedReset) {
  const state = reset.usedAt ? 'used' : reset.cancelledAt ? 'stopped' : reset.lapsedAt ? 'lapsed' : 'open'
  const at = reset.usedAt ?? reset.cancelledAt
  showPage(request, response, 'help-sign-in/stop-help', {
    title: t(`help-sign-in:stop.title`, { context: state }),
    action: `/stop-help/${String(request.params['cancel'])}`,
    state,
    at: at ? inWords(at) : null,
    readyAt: reset.readyAt ? inWords(reset.readyAt) : null,
  })
}

/** GET /help-asked: after signing in as always, while help is under way. */
export async function askHelpAsked(request: Request, response: Response) {
  const reset = await findOpenReset(readerOf(request).account.id, new Date())
  if (!reset) {
    delete request.session.helpAsked
    return response.redirect(303, nextOf(request))
  }
  showAsked(request, response, reset, false)
}

/** POST /help-asked */
export async function answerHelpAsked(request: Request, response: Response) {
  const { id } = readerOf(request).account
  const reset = await findOpenReset(id, new Date())
  delete request.session.helpAsked
  if (typed(request.body, 'answer') !== 'stop' || !reset) return response.redirect(303, nextOf(request))
  await stopOwnHelp(request.actor, id)
  showAsked(request, response, reset, true)
}

function showAsked(request: Request, response: Response, reset: AssistedReset, stopped: boolean) {
  const next = nextOf(request)
  showPage(request, response, 'help-sign-in/help-asked', {
    title: t(`help-sign-in:asked.${stopped ? 'stoppedTitle' : 'title'}`),
    action: next === '/' ? '/help-asked' : `/help-asked?next=${encodeURIComponent(next)}`,
    stopped,
    nextHref: next,
    askedAt: inWords(reset.askedAt),
    readyAt: reset.readyAt ? inWords(reset.readyAt) : null,
  })
}

function nextOf(request: Request) {
  return ownPath(request.query['next'], '/')
}
