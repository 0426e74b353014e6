/** What to do when one cannot sign in, and a new password by a mailed link. Opening the link, however often, changes nothing. */
import type { Request, Response } from 'express'
import { findAccount, type Account } from '../accounts/account.store.ts'
import { maskEmailAddress, readEmailAddress } from '../accounts/email-address.ts'
import { settings } from '../settings/settings.ts'
import { BadInput, NotFound, SlowDown } from '../errors.ts'
import { readForm, typed } from '../lib/form.ts'
import { recoveryMode } from '../vault/vault.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { tellWait } from '../web/tell-wait.ts'
import { askPasswordReset } from './ask-reset.ts'
import { findCredential } from './credential.store.ts'
import { findReset } from './password-reset.store.ts'
import { forgottenOf, resetForm } from './reset-password.form.ts'
import { resetPassword } from './reset-password.ts'
import { beginSession } from './sessions.ts'
import { isRecovering } from './sign-in.pages.ts'

/** GET /sign-in/help */
export function showSignInHelp(request: Request, response: Response) {
  showPage(request, response, 'sign-in/cannot-sign-in', { title: t('sign-in:cannot.title') })
}

/** GET /sign-in/forgot */
export function askForgotten(request: Request, response: Response) {
  showForgotten(request, response)
}

/** POST /sign-in/forgot: always answered alike. */
export async function takeForgotten(request: Request, response: Response) {
  const form = readForm(forgottenOf, request.body)
  const email = typed(request.body, 'email')
  if (!form.values) return showForgotten(request, response, { email, errors: toldErrors(form.errors) }, 422)
  try {
    await askPasswordReset(request.actor, readEmailAddress(form.values.email)!)
    response.redirect(303, '/sign-in/forgot/asked')
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    showForgotten(request, response, { email, waitUntil: tellWait(response, error) }, 429)
  }
}

/** GET /sign-in/forgot/asked */
export function showAsked(request: Request, response: Response) {
  showPage(request, response, 'sign-in/forgot-asked', { title: t('sign-in:forgot.asked') })
}

interface Told {
  waitUntil?: string
  errors?: ToldError[]
}

function showForgotten(request: Request, response: Response, view: Told & { email?: string } = {}, status = 200) {
  const { email = '', waitUntil = '', errors = [] } = view
  const title = t('sign-in:forgot.title')
  showPage(request, response, 'sign-in/forgot', { title, form: { email }, waitUntil, errors }, status)
}

/** GET /sign-in/reset/:token */
export async function askReset(request: Request, response: Response) {
  const account = await accountOfLink(request)
  if (!account) return showDead(request, response)
  await showReset(request, response, account)
}

/** POST /sign-in/reset/:token */
export async function takeReset(request: Request, response: Response) {
  const account = await accountOfLink(request)
  if (!account) return showDead(request, response)
  refuseOtherFields(request.body)
  const form = readForm(resetForm(account), request.body)
  if (!form.values) return showReset(request, response, account, { errors: toldErrors(form.errors) }, 422)
  try {
    const factor = await resetPassword(request.actor, account, tokenIn(request), form.values)
    // Every session has just been ended, once.
    const after = { ...account, sessionEndings: account.sessionEndings + 1 }
    if (factor === 'recovery-code') await beginSession(request, after, { stage: 'recovered' })
    if (factor) return response.redirect(303, '/sign-in/password-set')
    const errors = toldErrors([{ field: 'code', key: 'sign-in:reset.errors.wrong' }])
    await showReset(request, response, account, { errors }, 422)
  } catch (error) {
    if (error instanceof NotFound) return showDead(request, response)
    if (!(error instanceof SlowDown)) throw error
    await showReset(request, response, account, { waitUntil: tellWait(response, error) }, 429)
  }
}

/** GET /sign-in/password-set */
export function showPasswordSet(request: Request, response: Response) {
  const view = { title: t('sign-in:reset.done'), recovered: isRecovering(request), minutes: settings().idleMinutes }
  showPage(request, response, 'sign-in/password-set', view)
}

/** Nobody's form has more fields: whose password it is stands in the link alone. */
function refuseOtherFields(body: unknown) {
  const other = Object.keys((body ?? {}) as object).find((name) => !['_csrf', 'password', 'code'].includes(name))
  if (other !== undefined) throw new BadInput('a field that the form does not have')
}

async function accountOfLink(request: Request): Promise<Account | undefined> {
  const accountId = await findReset(tokenIn(request), new Date())
  const account = accountId ? await findAccount(accountId) : undefined
  return account?.state === 'active' ? account : undefined
}

function tokenIn(request: Request): string {
  return String(request.params['token'])
}

/** Used, expired, replaced by a newer one, never made: one page for all. */
function showDead(request: Request, response: Response) {
  showPage(request, response, 'sign-in/reset-dead', { title: t('sign-in:reset.dead') }, 404)
}

async function showReset(request: Request, response: Response, account: Account, view: Told = {}, status = 200) {
  const { waitUntil = '', errors = [] } = view
  showPage(
    request,
    response,
    'sign-in/reset',
    {
      title: t('sign-in:reset.title'),
      action: `/sign-in/reset/${tokenIn(request)}`,
      maskedAddress: maskEmailAddress(account.email),
      hasApp: Boolean((await findCredential(account.id))?.totpSecret),
      mode: await recoveryMode(),
      waitUntil,
      errors,
    },
    status,
  )
}
