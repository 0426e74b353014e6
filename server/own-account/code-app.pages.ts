/** Setting up another code app: its secret waits in the session, sealed under the cookie, until a code of it is right. */
import type { Request, Response } from 'express'
import { typed } from '../lib/form.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { changeCodeApp } from './change-code-app.ts'
import { codeAppView } from '../sign-in/code-app.view.ts'
import { findCodeApp } from '../sign-in/credential.store.ts'
import { readerOf } from '../sign-in/guards.ts'
import { makeCodeSecret, readCode } from '../sign-in/one-time-code.ts'
import { sealForSession, unsealFromSession } from '../sign-in/sessions.ts'

const FIFTEEN_MINUTES = 15 * 60 * 1000

/** GET /account/code-app: never the secret that is in use. */
export async function askOtherCodeApp(request: Request, response: Response) {
  await showCodeApp(request, response, [])
}

/** POST /account/code-app */
export async function takeOtherCodeApp(request: Request, response: Response) {
  const text = typed(request.body, 'code')
  const secret = waitingSecret(request)
  if (!secret) return showCodeApp(request, response, ['late'])
  if (text.trim() === '') return showCodeApp(request, response, ['empty'])
  if (!readCode(text)) return showCodeApp(request, response, ['short'])
  const changed = await changeCodeApp(request, readerOf(request), secret, text)
  if (changed === undefined) {
    request.session.codeTries = (request.session.codeTries ?? 0) + 1
    return showCodeApp(request, response, [request.session.codeTries > 1 ? 'clock' : 'wrong'])
  }
  delete request.session.codeSecret
  delete request.session.codeTries
  response.redirect(303, changed ? '/account?done=code-app' : '/account')
}

/** The secret that was shown, for fifteen minutes. */
function waitingSecret(request: Request, now = Date.now()): string | undefined {
  const { codeSecret, codeSecretUntil } = request.session
  if (!codeSecret || (codeSecretUntil ?? 0) <= now) return undefined
  return unsealFromSession(request, 'code-secret', codeSecret).toString()
}

function newWaitingSecret(request: Request, now = Date.now()): string {
  const secret = makeCodeSecret()
  request.session.codeSecret = sealForSession(request, 'code-secret', Buffer.from(secret))
  request.session.codeSecretUntil = now + FIFTEEN_MINUTES
  return secret
}

async function showCodeApp(request: Request, response: Response, problems: string[]) {
  const first = (await findCodeApp(readerOf(request).account.id)) === undefined
  const secret = waitingSecret(request) ?? newWaitingSecret(request)
  const errors = toldErrors(
    problems.map((problem) => ({
      field: 'code',
      key: problem === 'late' ? 'own-account:codeApp.late' : `sign-in:secondFactor.errors.${problem}`,
    })),
  )
  const view = {
    title: t(first ? 'own-account:codeApp.titleAdd' : 'own-account:codeApp.title'),
    first,
    action: '/account/code-app',
    ...codeAppView(secret, readerOf(request).account.email),
    errors,
  }
  showPage(request, response, 'own-account/code-app', view, errors.length > 0 ? 422 : 200)
}
