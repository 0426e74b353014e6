/** Signing in with a passkey: by it alone where it opens the mailbox, otherwise with the password after it (password-step.pages.ts). */
import type { Request, Response } from 'express'
import { typed } from '../lib/form.ts'
import { toldErrors } from '../web/page.ts'
import { checkPasskeySignIn } from './check-passkey.ts'
import { ownPath } from './guards.ts'
import { optionsForUse } from './passkey.ts'
import { challengeFor, givenIn, placeOf } from './passkey-place.ts'
import { beginSession, sealForSession } from './sessions.ts'
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
