/** Proving once more who one is, before something about the sign-in changes. */
import type { Request, Response } from 'express'
import { SlowDown } from '../errors.ts'
import { readForm } from '../lib/form.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { tellWait } from '../web/tell-wait.ts'
import { checkPasskeyAsProof } from './check-passkey.ts'
import { findCredential } from './credential.store.ts'
import { isProvedRecently, ownPath, readerOf } from './guards.ts'
import { challengeFor, givenIn, passkeyForm, placeOf } from './passkey-place.ts'
import { optionsForUse } from './passkey.ts'
import { listPasskeys } from './passkey.store.ts'
import { proof } from './prove.form.ts'
import { proveByPasswordAndCode } from './prove.ts'
import { noteProof } from './sessions.ts'

interface ProveView {
  waitUntil?: string
  errors?: ToldError[]
}

/** GET /prove?next=… */
export async function askProof(request: Request, response: Response) {
  if (isProvedRecently(request)) return response.redirect(303, placeAfter(request))
  await showProve(request, response)
}

/** POST /prove?next=… */
export async function takeProof(request: Request, response: Response) {
  const { account } = readerOf(request)
  const form = readForm(proof, request.body)
  if (!form.values) return showProve(request, response, { errors: toldErrors(form.errors) }, 422)
  try {
    const result = await proveByPasswordAndCode(request.actor, account, form.values)
    if (result !== 'proved') {
      const field = result === 'wrong-code' ? 'code' : 'password'
      const errors = toldErrors([{ field, key: `sign-in:prove.errors.${result}` }])
      return showProve(request, response, { errors }, 422)
    }
    await noteProof(request)
    request.session.passwordGivenAt = Date.now()
    response.redirect(303, placeAfter(request))
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    await showProve(request, response, { waitUntil: tellWait(response, error) }, 429)
  }
}

/** GET /prove/passkey: what the page's script asks the device. */
export async function sendProofOptions(request: Request, response: Response) {
  const { account } = readerOf(request)
  const challenge = challengeFor(request, 'prove', account.id)
  response.json(await optionsForUse(placeOf(request).site, challenge, await listPasskeys(account.id)))
}

/** POST /prove/passkey?next=… */
export async function takePasskeyAsProof(request: Request, response: Response) {
  const { account } = readerOf(request)
  if (await checkPasskeyAsProof(request.actor, account, placeOf(request), givenIn(request))) {
    await noteProof(request)
    return response.redirect(303, placeAfter(request))
  }
  const errors = toldErrors([{ field: 'passkey', key: 'passkeys:errors.refused' }])
  await showProve(request, response, { errors }, 422)
}

/** Where the person was going when they were asked. */
export function placeAfter(request: Request): string {
  return ownPath(request.query['next'], '/')
}

async function showProve(request: Request, response: Response, view: ProveView = {}, status = 200) {
  const { account } = readerOf(request)
  const { waitUntil = '', errors = [] } = view
  const after = placeAfter(request)
  const withNext = after === '/' ? '' : `?next=${encodeURIComponent(after)}`
  const [credential, passkeys] = await Promise.all([findCredential(account.id), listPasskeys(account.id)])
  showPage(
    request,
    response,
    'sign-in/prove',
    {
      title: t('sign-in:prove.title'),
      action: `/prove${withNext}`,
      email: account.email,
      byCode: Boolean(credential?.password && credential.totpSecret),
      passkey: passkeys.length > 0 ? passkeyForm(request, `/prove/passkey${withNext}`, '/prove/passkey') : null,
      waitUntil,
      errors,
    },
    status,
  )
}
