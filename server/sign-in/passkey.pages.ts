/** Signing in with a passkey: by it alone where it opens the mailbox, otherwise with the password after it. */
import type { Request, Response } from 'express'
import { findAccount, type Account } from '../accounts/account.store.ts'
import { maskEmailAddress } from '../accounts/email-address.ts'
import { NotFound, SlowDown } from '../errors.ts'
import { typed } from '../lib/form.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { tellWait } from '../web/tell-wait.ts'
import { checkPasskeySignIn, checkPasswordAfterPasskey } from './check-passkey.ts'
import { ownPath } from './guards.ts'
import { optionsForUse } from './passkey.ts'
import { challengeFor, givenIn, placeOf } from './passkey-place.ts'
import { beginSession, endSession, sealForSession, unsealFromSession } from './sessions.ts'
import { beginSignedIn, HOME, linkView, placeAfter, showSignIn } from './sign-in.pages.ts'

/** GET /sign-in/passkey: what the page's script asks the device. The same for everybody: who they are only the device tells. */
export async function sendSignInOptions(request: Request, response: Response) {
  response.json(await optionsForUse(placeOf(request).site, challengeFor(request, 'sign-in')))
}

/** POST /sign-in/passkey */
export async function takePasskey(request: Request, response: Response) {
  const token = typed(request.body, 'link')
  const met = await checkPasskeySignIn(request.actor, placeOf(request), givenIn(request))
  if (!met) {
    const errors = toldErrors([{ field: 'passkey', key: 'passkeys:errors.refused' }])
    return showSignIn(request, response, { ...(await linkView(token)), errors }, 422)
  }
  const { account, passkey, pair, secret } = met
  const after = await placeAfter(request, token, account)
  if (!pair) {
    await beginSession(request, account, { stage: 'password', passkeyId: passkey.id, after })
    // It may open what is from before the newest key, once the password has opened that.
    if (secret) request.session.deviceSecret = sealForSession(request, 'device-secret', secret)
    return response.redirect(303, '/sign-in/password')
  }
  await beginSignedIn(request, account, pair.privateKey, 'passkey')
  response.redirect(303, ownPath(after, HOME[account.role]))
}

/** GET /sign-in/password */
export async function askPasswordAfterPasskey(request: Request, response: Response) {
  if (!atPasswordStep(request)) return response.redirect(303, '/sign-in')
  showPasswordStep(request, response, await accountOfStep(request))
}

/** POST /sign-in/password */
export async function takePasswordAfterPasskey(request: Request, response: Response) {
  if (!atPasswordStep(request)) return response.redirect(303, '/sign-in')
  const account = await accountOfStep(request)
  const password = typed(request.body, 'password')
  if (password === '' || password.length > 1000) {
    const errors = toldErrors([{ field: 'password', key: 'sign-in:signIn.errors.password' }])
    return showPasswordStep(request, response, account, { errors }, 422)
  }
  try {
    const { passkeyId, deviceSecret } = request.session
    const secret = deviceSecret ? unsealFromSession(request, 'device-secret', deviceSecret) : undefined
    const checked = await checkPasswordAfterPasskey(request.actor, account, { id: passkeyId!, secret }, password)
    if (checked === 'removed') {
      await endSession(request)
      return response.redirect(303, '/sign-in')
    }
    if ('triesLeft' in checked) {
      const left = checked.triesLeft <= 3 ? { context: 'left', count: checked.triesLeft } : {}
      const text = t('sign-in:signIn.errors.wrongPassword', left)
      return showPasswordStep(
        request,
        response,
        account,
        { errors: [{ field: 'password', href: '#password', text }] },
        422,
      )
    }
    const { after } = request.session
    await beginSignedIn(request, account, checked.pair.privateKey, 'password+passkey', 'next')
    response.redirect(303, ownPath(after, HOME[account.role]))
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    showPasswordStep(request, response, account, { waitUntil: tellWait(response, error) }, 429)
  }
}

function atPasswordStep(request: Request) {
  return request.sessionState === 'in-progress' && request.session.stage === 'password'
}

async function accountOfStep(request: Request): Promise<Account> {
  const account = await findAccount(request.session.accountId!)
  if (account?.state !== 'active') throw new NotFound('closed since')
  return account
}

function showPasswordStep(
  request: Request,
  response: Response,
  account: Account,
  view: { waitUntil?: string; errors?: ToldError[] } = {},
  status = 200,
) {
  const { waitUntil = '', errors = [] } = view
  showPage(
    request,
    response,
    'sign-in/password-after-passkey',
    { title: t('passkeys:afterPasskey.title'), maskedAddress: maskEmailAddress(account.email), waitUntil, errors },
    status,
  )
}
