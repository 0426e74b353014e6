/** The password of somebody who is met already: by a passkey that does not open their messages, or by the provider of the sign-on. */
import type { Request, Response } from 'express'
import { findAccount, type Account } from '../accounts/account.store.ts'
import { maskEmailAddress } from '../accounts/email-address.ts'
import { config } from '../config.ts'
import { NotFound, SlowDown } from '../errors.ts'
import { typed } from '../lib/form.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { tellWait } from '../web/tell-wait.ts'
import { checkPasswordAfterPasskey } from './check-passkey.ts'
import { findCredential } from './credential.store.ts'
import { ownPath } from './guards.ts'
import { passkeyForm } from './passkey-place.ts'
import { listPasskeys } from './passkey.store.ts'
import { afterOf, beginNextSession, endSession, sealForSession, unsealFromSession } from './sessions.ts'
import { beginSignedIn, HOME } from './sign-in.pages.ts'
import { checkPasswordAfterSignOn } from './sign-on.ts'

/** GET /sign-in/password */
export async function askPasswordOnceMet(request: Request, response: Response) {
  if (!atPasswordStep(request)) return response.redirect(303, '/sign-in')
  await showPasswordStep(request, response, await accountOfStep(request))
}

/** POST /sign-in/password */
export async function takePasswordOnceMet(request: Request, response: Response) {
  if (!atPasswordStep(request)) return response.redirect(303, '/sign-in')
  const account = await accountOfStep(request)
  const password = typed(request.body, 'password')
  if (password === '' || password.length > 1000) {
    const errors = toldErrors([{ field: 'password', key: 'sign-in:signIn.errors.password' }])
    return showPasswordStep(request, response, account, { errors }, 422)
  }
  try {
    const checked = await check(request, account, password)
    if (checked === 'removed') {
      await endSession(request)
      return response.redirect(303, '/sign-in')
    }
    if ('triesLeft' in checked) {
      const left = checked.triesLeft <= 3 ? { context: 'left', count: checked.triesLeft } : {}
      const text = t('sign-in:signIn.errors.wrongPassword', left)
      const errors = [{ field: 'password', href: '#password', text }]
      return showPasswordStep(request, response, account, { errors }, 422)
    }
    await goOn(request, response, account, checked.pair.privateKey)
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    await showPasswordStep(request, response, account, { waitUntil: tellWait(response, error) }, 429)
  }
}

function check(request: Request, account: Account, password: string) {
  const { session, actor } = request
  const { passkeyId, deviceSecret, signOnId } = session
  if (signOnId) return checkPasswordAfterSignOn(actor, account, signOnId, password)
  const secret = deviceSecret ? unsealFromSession(request, 'device-secret', deviceSecret) : undefined
  return checkPasswordAfterPasskey(actor, account, { id: passkeyId!, secret }, password)
}

/** In, or to the second factor where that is still ours to ask. */
async function goOn(request: Request, response: Response, account: Account, privateKey: Buffer) {
  const { signOnId, provesUntil = 0 } = request.session
  const after = afterOf(request)
  if (signOnId && Date.now() > provesUntil) {
    await beginNextSession(request, { accountId: account.id, stage: 'code', signOnId, ...(after ? { after } : {}) })
    request.session.mailboxKey = sealForSession(request, 'mailbox-key', privateKey)
    return response.redirect(303, '/sign-in/code')
  }
  const strength = signOnId ? 'sign-on+password' : 'password+passkey'
  await beginSignedIn(request, account, privateKey, strength, 'next')
  response.redirect(303, ownPath(after, HOME[account.role]))
}

function atPasswordStep(request: Request) {
  return request.sessionState === 'in-progress' && request.session.stage === 'password'
}

async function accountOfStep(request: Request): Promise<Account> {
  const account = await findAccount(request.session.accountId!)
  if (account?.state !== 'active') throw new NotFound('closed since')
  return account
}

async function showPasswordStep(
  request: Request,
  response: Response,
  account: Account,
  view: { waitUntil?: string; errors?: ToldError[] } = {},
  status = 200,
) {
  const { waitUntil = '', errors = [] } = view
  const { signOnId } = request.session
  const after = afterOf(request) ?? ''
  const withNext = after ? `?next=${encodeURIComponent(after)}` : ''
  const [credential, passkeys] = await Promise.all([findCredential(account.id), listPasskeys(account.id)])
  // A passkey that opens messages is a whole sign-in by itself.
  const instead = signOnId && passkeys.some(({ prf }) => prf)
  const page = {
    title: t('passkeys:afterPasskey.title'),
    signOnName: signOnId ? (config().signOn?.name ?? '') : '',
    maskedAddress: maskEmailAddress(account.email),
    byPassword: credential?.password !== undefined,
    passkey: instead ? passkeyForm(request, `/sign-in/passkey${withNext}`, '/sign-in/passkey') : null,
    waitUntil,
    errors,
  }
  showPage(request, response, 'sign-in/password-step', page, status)
}
