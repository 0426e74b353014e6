/** The second step of signing in: a code from the app, a passkey, or a recovery code in their place. */
import type { Request, Response } from 'express'
import { findAccount, type Account } from '../accounts/account.store.ts'
import type { SecondFactor } from '../audit/actor.ts'
import { NotFound, SlowDown } from '../errors.ts'
import { typed } from '../lib/form.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { limit } from '../web/rate-limits.ts'
import { checkCodeOf, checkRecoveryCodeOf } from './check-sign-in.ts'
import { checkPasskeyAfterPassword } from './check-passkey.ts'
import { findCredential } from './credential.store.ts'
import { ownPath } from './guards.ts'
import { readCode } from './one-time-code.ts'
import { challengeFor, givenIn, passkeyForm, placeOf } from './passkey-place.ts'
import { optionsForUse } from './passkey.ts'
import { listPasskeys } from './passkey.store.ts'
import { afterOf, endSession, unsealFromSession } from './sessions.ts'
import { beginSignedIn, HOME, placeAfterRecoveryCode } from './sign-in.pages.ts'

const CODE_TRIES = 5
/** As long as a session can live, so that no try of a step comes back. */
const stepTries = limit('code-step', CODE_TRIES, 12 * 60 * 60)

/** GET /sign-in/code */
export async function askCode(request: Request, response: Response) {
  if (!atCodeStep(request)) return response.redirect(303, '/sign-in')
  await showCode(request, response, [])
}

/** GET /sign-in/code/passkey: what the page's script asks the device. Whose passkeys they are was proved by the password. */
export async function sendCodeStepOptions(request: Request, response: Response) {
  if (!atCodeStep(request)) throw new NotFound('not at this step')
  const account = await accountOfStep(request)
  const challenge = challengeFor(request, 'second-factor', account.id)
  response.json(await optionsForUse(placeOf(request).site, challenge, await listPasskeys(account.id)))
}

/** POST /sign-in/code/passkey */
export async function takePasskeyAsCode(request: Request, response: Response) {
  if (!atCodeStep(request)) return response.redirect(303, '/sign-in')
  const account = await accountOfStep(request)
  const privateKey = unsealFromSession(request, 'mailbox-key', request.session.mailboxKey!)
  const right = await checkPasskeyAfterPassword(request.actor, account, privateKey, placeOf(request), givenIn(request))
  if (right) return finish(request, response, account, 'passkey')
  await showCode(request, response, [], toldErrors([{ field: 'passkey', key: 'passkeys:errors.refused' }]))
}

/** GET /sign-in/recovery-code */
export function askRecoveryCode(request: Request, response: Response) {
  if (!atCodeStep(request)) return response.redirect(303, '/sign-in')
  showRecoveryCode(request, response, [])
}

/** POST /sign-in/code */
export async function takeCode(request: Request, response: Response) {
  if (!atCodeStep(request)) return response.redirect(303, '/sign-in')
  const text = typed(request.body, 'code')
  const account = await accountOfStep(request)
  if (text.trim() === '') return showCode(request, response, ['empty'])
  const left = await countTry(request)
  if (left === undefined) return backToPassword(request, response)
  if (await checkCodeOf(request.actor, account, text)) return finish(request, response, account, 'code')
  if (left === 0) return backToPassword(request, response)
  await showCode(request, response, [readCode(text) ? (left < CODE_TRIES - 1 ? 'clock' : 'wrong') : 'short'])
}

/** POST /sign-in/recovery-code */
export async function takeRecoveryCode(request: Request, response: Response) {
  if (!atCodeStep(request)) return response.redirect(303, '/sign-in')
  const text = typed(request.body, 'code')
  const account = await accountOfStep(request)
  if (text.trim() === '') return showRecoveryCode(request, response, ['empty'])
  const left = await countTry(request)
  if (left === undefined) return backToPassword(request, response)
  if (await checkRecoveryCodeOf(request.actor, account, text))
    return finish(request, response, account, 'recovery-code')
  if (left === 0) return backToPassword(request, response)
  showRecoveryCode(request, response, ['wrong'])
}

function atCodeStep(request: Request) {
  return request.sessionState === 'in-progress' && request.session.stage === 'code'
}

async function accountOfStep(request: Request): Promise<Account> {
  const account = await findAccount(request.session.accountId!)
  if (account?.state !== 'active') throw new NotFound('closed since')
  return account
}

/**
 * Counts one of the five tries of this step, before the code is looked at: requests that come at the same moment share them.
 * @returns how many are left, undefined when this one is too many
 */
async function countTry(request: Request): Promise<number | undefined> {
  try {
    return await stepTries.count(request.sessionID)
  } catch (error) {
    if (error instanceof SlowDown) return undefined
    throw error
  }
}

async function backToPassword(request: Request, response: Response) {
  await endSession(request)
  response.redirect(303, '/sign-in?after=wrong-codes')
}

async function showCode(
  request: Request,
  response: Response,
  problems: string[],
  errors = toldErrors(problems.map((problem) => ({ field: 'code', key: `sign-in:code.errors.${problem}` }))),
) {
  const accountId = request.session.accountId!
  const [credential, passkeys] = await Promise.all([findCredential(accountId), listPasskeys(accountId)])
  const byApp = credential?.totpSecret !== undefined
  const view = {
    title: t(byApp ? 'sign-in:code.title' : 'sign-in:code.title_passkey'),
    byApp,
    passkey: passkeys.length > 0 ? passkeyForm(request, '/sign-in/code/passkey', '/sign-in/code/passkey') : null,
    recoveryHref: '/sign-in/recovery-code',
    errors,
  }
  showPage(request, response, 'sign-in/code', view, errors.length > 0 ? 422 : 200)
}

function showRecoveryCode(request: Request, response: Response, problems: string[]) {
  const errors = toldErrors(
    problems.map((problem) => ({ field: 'code', key: `sign-in:recoveryCode.errors.${problem}` })),
  )
  showPage(
    request,
    response,
    'sign-in/recovery-code',
    { title: t('sign-in:recoveryCode.title'), codeHref: '/sign-in/code', errors },
    problems.length > 0 ? 422 : 200,
  )
}

async function finish(request: Request, response: Response, account: Account, second: SecondFactor) {
  const { mailboxKey, signOnId } = request.session
  const after = afterOf(request)
  const privateKey = unsealFromSession(request, 'mailbox-key', mailboxKey!)
  const strength = signOnId ? (`sign-on+password+${second}` as const) : (`password+${second}` as const)
  await beginSignedIn(request, account, privateKey, strength, 'next')
  const place = ownPath(after, HOME[account.role])
  response.redirect(303, second === 'recovery-code' ? placeAfterRecoveryCode(place) : place)
}
