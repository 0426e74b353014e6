/** "Our staff gave me a code": the code, a new password, a new code app. Then come the recovery codes, and the person is signed in. */
import type { Request, Response } from 'express'
import { findAccount, type Account } from '../accounts/account.store.ts'
import { NotFound } from '../errors.ts'
import { readForm, typed } from '../lib/form.ts'
import { recoveryMode } from '../vault/vault.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { isAttemptOpen } from '../accounts/assisted-reset.store.ts'
import { codeAppView } from '../sign-in/code-app.view.ts'
import { showMakePassword } from '../enrolment/enrol.pages.ts'
import { helpCode } from './help-sign-in.form.ts'
import { beginHelped, finishHelped, halfMake, type HalfMade } from './helped-sign-in.ts'
import { readCode } from '../sign-in/one-time-code.ts'
import { beginSession, endSession, noteClick, sealForSession, unsealFromSession } from '../sign-in/sessions.ts'
import { keepCodesToShow } from '../sign-in/shown-recovery-codes.ts'
import { newPassword, ownWordsOf } from '../sign-in/sign-in.form.ts'
import { beginSignedIn, HOME } from '../sign-in/sign-in.pages.ts'

const START = '/sign-in/staff-code'

/** GET /sign-in/staff-code */
export async function askHelpCode(request: Request, response: Response) {
  await showCodeForm(request, response, [])
}

/** POST /sign-in/staff-code */
export async function takeHelpCode(request: Request, response: Response) {
  const form = readForm(helpCode, request.body)
  if (!form.values) return showCodeForm(request, response, toldErrors(form.errors))
  const begun = await beginHelped(request.actor, form.values.email, form.values.code)
  if (!begun)
    return showCodeForm(request, response, toldErrors([{ field: 'code', key: 'help-sign-in:code.errors.wrong' }]))
  await beginSession(request, begun.account, { stage: 'helped', attemptId: begun.attemptId })
  response.redirect(303, `${START}/password`)
}

async function showCodeForm(request: Request, response: Response, errors: ToldError[]) {
  const view = {
    title: t('help-sign-in:code.title'),
    action: START,
    form: { email: typed(request.body, 'email') },
    over: request.query['over'] !== undefined && errors.length === 0,
    sealed: (await recoveryMode()) === 'sealed',
    errors,
  }
  showPage(request, response, 'help-sign-in/staff-code', view, errors.length > 0 ? 422 : 200)
}

/** GET /sign-in/staff-code/password */
export async function askHelpedPassword(request: Request, response: Response) {
  if (!(await accountOfAttempt(request))) return backToStart(request, response)
  showMakePassword(request, response, `${START}/password`)
}

/** POST /sign-in/staff-code/password */
export async function takeHelpedPassword(request: Request, response: Response) {
  const account = await accountOfAttempt(request)
  if (!account) return backToStart(request, response)
  const form = readForm(newPassword(ownWordsOf(account)), request.body)
  if (!form.values) return showMakePassword(request, response, `${START}/password`, { errors: toldErrors(form.errors) })
  const halfMade = await halfMake(request.actor, account, form.values.password)
  await beginSession(request, account, { stage: 'helped', attemptId: request.session.attemptId! })
  request.session.halfMade = sealForSession(request, 'half-made', bytesOf(halfMade))
  response.redirect(303, `${START}/second-factor`)
}

/** GET /sign-in/staff-code/second-factor */
export async function askHelpedSecondFactor(request: Request, response: Response) {
  await showSecondFactor(request, response, [])
}

/** POST /sign-in/staff-code/second-factor: the step that swaps everything. */
export async function takeHelpedSecondFactor(request: Request, response: Response) {
  const account = await accountOfAttempt(request)
  const halfMade = halfMadeIn(request)
  if (!account || !halfMade) return backToStart(request, response)
  const text = typed(request.body, 'code')
  if (text.trim() === '') return showSecondFactor(request, response, ['empty'])
  if (!readCode(text)) return showSecondFactor(request, response, ['short'])
  const actor = { ...request.actor, strength: 'enrolment' as const }
  const done = await finishHelped(actor, account, request.session.attemptId!, halfMade, text).catch(overMeanwhile)
  if (done === 'over') return backToStart(request, response)
  if (!done) {
    request.session.codeTries = (request.session.codeTries ?? 0) + 1
    return showSecondFactor(request, response, [request.session.codeTries > 1 ? 'clock' : 'wrong'])
  }
  await beginSignedIn(request, done.account, done.pair.privateKey, 'enrolment')
  keepCodesToShow(request, done.recoveryCodes, HOME[done.account.role])
  response.redirect(303, '/enrol/recovery-codes')
}

async function showSecondFactor(request: Request, response: Response, problems: string[]) {
  const account = await accountOfAttempt(request)
  const halfMade = halfMadeIn(request)
  if (!account || !halfMade) return backToStart(request, response)
  const errors = toldErrors(
    problems.map((problem) => ({ field: 'code', key: `sign-in:secondFactor.errors.${problem}` })),
  )
  const view = {
    title: t('sign-in:secondFactor.title'),
    action: `${START}/second-factor`,
    ...codeAppView(halfMade.totpSecret, account.email),
    errors,
  }
  showPage(request, response, 'enrolment/second-factor', view, errors.length > 0 ? 422 : 200)
}

/** Whose half-made sign-in this session holds, while it can still be completed. Setting up an app takes time: each page counts as a click. */
async function accountOfAttempt(request: Request): Promise<Account | undefined> {
  const { attemptId, accountId } = request.session
  if (request.sessionState !== 'in-progress' || request.session.stage !== 'helped' || !attemptId) return undefined
  if (!(await isAttemptOpen(attemptId, new Date()))) return undefined
  noteClick(request)
  const account = await findAccount(accountId!)
  return account?.state === 'active' ? account : undefined
}

async function backToStart(request: Request, response: Response) {
  const was = request.session.stage === 'helped'
  if (was) await endSession(request)
  response.redirect(303, was ? `${START}?over` : START)
}

function overMeanwhile(error: unknown): 'over' {
  if (error instanceof NotFound) return 'over'
  throw error
}

function bytesOf({ password: { stored, opener }, totpSecret }: HalfMade): Buffer {
  const { passwordSalt, passwordParameters, passwordVerifier } = stored
  const parts = [passwordSalt, passwordVerifier, opener].map((part) => part.toString('base64'))
  return Buffer.from(JSON.stringify([passwordParameters, totpSecret, ...parts]))
}

function halfMadeIn(request: Request): HalfMade | undefined {
  if (!request.session.halfMade) return undefined
  const [passwordParameters, totpSecret, ...parts] = JSON.parse(
    unsealFromSession(request, 'half-made', request.session.halfMade).toString(),
  ) as string[]
  const [passwordSalt, passwordVerifier, opener] = parts.map((part) => Buffer.from(part, 'base64'))
  const stored = {
    passwordSalt: passwordSalt!,
    passwordParameters: passwordParameters!,
    passwordVerifier: passwordVerifier!,
  }
  return { password: { stored, opener: opener! }, totpSecret: totpSecret! }
}
