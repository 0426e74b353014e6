/** Making a sign-in, after the landing: a passkey, or password and second factor; then recovery codes, and the message itself. */
import type { Request, Response } from 'express'
import { maskEmailAddress } from '../accounts/email-address.ts'
import { findAccount, type Account } from '../accounts/account.store.ts'
import { config } from '../config.ts'
import { organisation } from '../settings/settings.ts'
import { NotFound } from '../errors.ts'
import { readForm, typed } from '../lib/form.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { codeAppView } from '../sign-in/code-app.view.ts'
import {
  attemptByPasskey,
  beginEnrolment,
  enrolByPasskey,
  finishEnrolment,
  finishEnrolmentWithPassword,
  secondFactorOf,
  type Enrolled,
} from './enrol.ts'
import { ownPath } from '../sign-in/guards.ts'
import { readCode } from '../sign-in/one-time-code.ts'
import { challengeFor, firstName, givenIn, passkeyForm, placeOf } from '../sign-in/passkey-place.ts'
import { optionsForNew } from '../sign-in/passkey.ts'
import { afterOf, beginSession } from '../sign-in/sessions.ts'
import { codesToShow, keepCodesToShow } from '../sign-in/shown-recovery-codes.ts'
import { newPassword, ownWordsOf } from '../sign-in/sign-in.form.ts'
import { beginSignedIn } from '../sign-in/sign-in.pages.ts'

/** The page of step one; who may see it was decided by the link. @param passkeyAction where a passkey may be made instead */
export function showMakePassword(
  request: Request,
  response: Response,
  action: string,
  { passkeyAction, errors = [] }: { passkeyAction?: string; errors?: ToldError[] } = {},
) {
  const passkey = passkeyAction ? passkeyForm(request, passkeyAction, passkeyAction) : null
  const view = { title: t('sign-in:password.title'), action, passkey, errors }
  showPage(request, response, 'enrolment/make-password', view, errors.length > 0 ? 422 : 200)
}

/** Step one: keeps the password and begins a session that can do nothing but the next step. */
export async function takeNewPassword(
  request: Request,
  response: Response,
  account: Account,
  action: string,
  after: string,
) {
  const form = readPassword(request, account)
  if (!form.values)
    return showMakePassword(request, response, action, {
      passkeyAction: beside(action),
      errors: toldErrors(form.errors),
    })
  const enrolmentId = await beginEnrolment(request.actor, account, form.values.password)
  await beginSession(request, account, { stage: 'enrolling', enrolmentId, codeTries: 0, after })
  response.redirect(303, '/enrol/second-factor')
}

/** Where the passkey of step one goes: beside its password. */
const beside = (action: string) => action.replace(/password$/, 'passkey')

function readPassword(request: Request, account: Account) {
  return readForm(newPassword(ownWordsOf(account)), request.body)
}

/** What the script of step one's page asks the device, for somebody who comes by a link. */
export async function sendEnrolmentOptions(request: Request, response: Response, account: Account) {
  const challenge = challengeFor(request, 'enrol', account.id)
  // Whoever holds the link has proved nothing yet, and is not told whose it is.
  const unnamed = { ...account, email: maskEmailAddress(account.email), name: '' }
  response.json(await optionsForNew(placeOf(request).site, challenge, unnamed, [], true))
}

/** Step one with a passkey. Where it opens the mailbox that was the last step too; otherwise a password is next. */
export async function takeNewPasskey(
  request: Request,
  response: Response,
  account: Account,
  action: string,
  after: string,
) {
  const given = { ...givenIn(request), name: firstName(request) }
  const made = await enrolByPasskey(
    { ...request.actor, strength: 'enrolment' },
    account,
    placeOf(request),
    given,
  ).catch(alreadyMade)
  if (made === 'already-made') return response.redirect(303, '/sign-in')
  if (!made) {
    const errors = toldErrors([{ field: 'passkey', key: 'passkeys:errors.notMade' }])
    return showMakePassword(request, response, action, { passkeyAction: beside(action), errors })
  }
  if ('account' in made) return beginEnrolled(request, response, made, after)
  const { enrolmentId } = made
  await beginSession(request, account, { stage: 'enrolling-by-passkey', enrolmentId, after })
  response.redirect(303, '/enrol/password')
}

/** GET /enrol/password: for a passkey that does not open the mailbox. */
export async function askPasswordBesidePasskey(request: Request, response: Response) {
  if (!atEnrolment(request, 'enrolling-by-passkey')) return response.redirect(303, '/sign-in')
  const attempt = await attemptByPasskey(keyOf(request)).catch(alreadyMade)
  if (attempt === 'already-made') return response.redirect(303, '/sign-in')
  showPasswordBesidePasskey(request, response, [])
}

/** POST /enrol/password */
export async function takePasswordBesidePasskey(request: Request, response: Response) {
  if (!atEnrolment(request, 'enrolling-by-passkey')) return response.redirect(303, '/sign-in')
  const attempt = await attemptByPasskey(keyOf(request)).catch(alreadyMade)
  if (attempt === 'already-made') return response.redirect(303, '/sign-in')
  const form = readPassword(request, attempt.account)
  if (!form.values) return showPasswordBesidePasskey(request, response, toldErrors(form.errors))
  const enrolled = await finishEnrolmentWithPassword(
    { ...request.actor, strength: 'enrolment' },
    keyOf(request),
    form.values.password,
  ).catch(alreadyMade)
  if (enrolled === 'already-made') return response.redirect(303, '/sign-in')
  await beginEnrolled(request, response, enrolled, afterOf(request))
}

function showPasswordBesidePasskey(request: Request, response: Response, errors: ToldError[]) {
  const view = { title: t('passkeys:besidePassword.title'), action: '/enrol/password', errors }
  showPage(request, response, 'enrolment/password-beside-passkey', view, errors.length > 0 ? 422 : 200)
}

/** GET /enrol/second-factor */
export async function askSecondFactor(request: Request, response: Response) {
  if (!atEnrolment(request)) return response.redirect(303, '/sign-in')
  await showSecondFactor(request, response, [])
}

/** POST /enrol/second-factor */
export async function takeSecondFactor(request: Request, response: Response) {
  if (!atEnrolment(request)) return response.redirect(303, '/sign-in')
  const text = typed(request.body, 'code')
  if (text.trim() === '') return showSecondFactor(request, response, ['empty'])
  if (!readCode(text)) return showSecondFactor(request, response, ['short'])
  const enrolled = await finishEnrolment({ ...request.actor, strength: 'enrolment' }, keyOf(request), text).catch(
    alreadyMade,
  )
  if (enrolled === 'already-made') return response.redirect(303, '/sign-in')
  if (!enrolled) {
    request.session.codeTries = (request.session.codeTries ?? 0) + 1
    return showSecondFactor(request, response, [request.session.codeTries > 1 ? 'clock' : 'wrong'])
  }
  await beginEnrolled(request, response, enrolled, afterOf(request))
}

/** Signed in, with the recovery codes still to be shown. */
async function beginEnrolled(request: Request, response: Response, enrolled: Enrolled, after: string | undefined) {
  await beginSignedIn(request, enrolled.account, enrolled.pair.privateKey, 'enrolment')
  keepCodesToShow(request, enrolled.recoveryCodes, ownPath(after, '/messages'))
  response.redirect(303, '/enrol/recovery-codes')
}

function alreadyMade(error: unknown): 'already-made' {
  if (error instanceof NotFound) return 'already-made'
  throw error
}

function atEnrolment(request: Request, stage = 'enrolling') {
  return request.sessionState === 'in-progress' && request.session.stage === stage
}

function keyOf({ session }: Request) {
  return { id: session.enrolmentId!, accountId: session.accountId! }
}

async function showSecondFactor(request: Request, response: Response, problems: string[]) {
  const found = await secondFactorOf(keyOf(request)).catch(alreadyMade)
  if (found === 'already-made') return response.redirect(303, '/sign-in')
  const { account, secret } = found
  const errors = toldErrors(
    problems.map((problem) => ({ field: 'code', key: `sign-in:secondFactor.errors.${problem}` })),
  )
  const view = {
    title: t('sign-in:secondFactor.title'),
    action: '/enrol/second-factor',
    ...codeAppView(secret, account.email),
    errors,
  }
  showPage(request, response, 'enrolment/second-factor', view, errors.length > 0 ? 422 : 200)
}

/** GET /enrol/recovery-codes: shown until the person says that they are kept. */
export function showRecoveryCodes(request: Request, response: Response) {
  const codes = codesToShow(request)
  if (!codes) return response.redirect(303, '/messages')
  showCodes(request, response, codes, [])
}

/** GET /enrol/recovery-codes.txt */
export async function downloadRecoveryCodes(request: Request, response: Response) {
  const codes = codesToShow(request)
  if (!codes) throw new NotFound('no codes to show')
  const account = await findAccount(request.session.accountId!)
  response.attachment('recovery-codes.txt').type('text/plain')
  response.send(
    [
      t('sign-in:recoveryCodes.fileTitle', { organisation: organisation().name, address: account?.email ?? '' }),
      config().baseUrl,
      '',
      ...codes,
      '',
    ].join('\r\n'),
  )
}

/** POST /enrol/recovery-codes */
export function keepRecoveryCodes(request: Request, response: Response) {
  const codes = codesToShow(request)
  if (!codes) return response.redirect(303, '/messages')
  if (typed(request.body, 'saved') !== 'yes') return showCodes(request, response, codes, ['saved'])
  const after = afterOf(request)
  delete request.session.recoveryCodes
  delete request.session.after
  response.redirect(303, ownPath(after, '/messages'))
}

function showCodes(request: Request, response: Response, codes: string[], problems: string[]) {
  const errors = toldErrors(
    problems.map((problem) => ({ field: problem, key: `sign-in:recoveryCodes.errors.${problem}` })),
  )
  const view = {
    title: t('sign-in:recoveryCodes.title'),
    action: '/enrol/recovery-codes',
    renewed: afterOf(request) === '/account/recovery-codes',
    toMessage: afterOf(request)?.startsWith('/messages/') ?? false,
    codes,
    textHref: '/enrol/recovery-codes.txt',
    errors,
  }
  showPage(request, response, 'enrolment/recovery-codes', view, errors.length > 0 ? 422 : 200)
}
