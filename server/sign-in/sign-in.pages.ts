/** Signing in and out: the password. The second step stands in code.pages.ts. */
import type { Request, Response } from 'express'
import { findAccount, noteSignIn, type Account, type Role } from '../accounts/account.store.ts'
import { maskEmailAddress } from '../accounts/email-address.ts'
import { findLink } from '../accounts/link.store.ts'
import type { SignInStrength } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { inTransaction } from '../database/connection.ts'
import { SlowDown } from '../errors.ts'
import { readForm, typed } from '../lib/form.ts'
import { siteOf } from '../web/host.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { tellWait } from '../web/tell-wait.ts'
import { findOpenReset } from '../accounts/assisted-reset.store.ts'
import { checkPasswordOf } from './check-sign-in.ts'
import { ownPath } from './guards.ts'
import { rememberDevice } from './known-device.ts'
import { passkeyForm } from './passkey-place.ts'
import { listPasskeys } from './passkey.store.ts'
import { afterOf, beginNextSession, beginSession, endSession, sealForSession } from './sessions.ts'
import { signInByEmail, signInByLink } from './sign-in.form.ts'

/** Where somebody of each role begins. */
export const HOME: Record<Role, string> = {
  patient: '/messages',
  provider: '/messages',
  admin: '/admin',
  auditor: '/admin',
}

/** GET /sign-in */
export function askPassword(request: Request, response: Response) {
  if (request.reader) return response.redirect(303, ownPath(request.query['next'], HOME[request.reader.account.role]))
  const ended = request.sessionState === 'ended' && request.session.stage === 'signed-in'
  const notice = signOnNotice(request) || (ended ? endedNotice(request) : signedOutNotice(request))
  const after = WHAT_WAS_DONE.find((done) => done === request.query['after']) ?? ''
  showSignIn(request, response, after ? { after } : { notice })
}

/** What led somebody here, and is not in their session: that is gone. */
const WHAT_WAS_DONE = ['not-me', 'address-stopped', 'all-devices', 'wrong-codes']

/** What a sign-on came to, named in the address that it ends at. */
function signOnNotice({ query }: Request) {
  const came = config().signOn && ['failed', 'unknown'].find((each) => each === query['sign-on'])
  return came ? `sign-on-${came}` : ''
}

function signedOutNotice({ query }: Request) {
  if (query['signed-out'] === undefined) return ''
  return config().signOn && query['signed-out'] === 'here' ? 'signed-out-here' : 'signed-out'
}

function endedNotice(request: Request) {
  const { keptText, movedAt } = request.session
  if (movedAt) return keptText ? 'moved-saved' : 'moved'
  return keptText ? 'saved' : 'idle'
}

interface SignInView {
  link?: string
  maskedAddress?: string
  email?: string
  notice?: string
  after?: string
  waitUntil?: string
  errors?: ToldError[]
}

/** The same page for those who type their address and those who come by a link. */
export function showSignIn(request: Request, response: Response, view: SignInView = {}, status = 200) {
  const { link = '', maskedAddress = '', email = '', notice = '', after = '', waitUntil = '', errors = [] } = view
  const { signOn } = config()
  const next = ownPath(request.query['next'], '')
  const withNext = next ? `?next=${encodeURIComponent(next)}` : ''
  showPage(
    request,
    response,
    'sign-in/sign-in',
    {
      title: t('sign-in:signIn.title'),
      link,
      maskedAddress,
      form: { email },
      notice,
      after,
      waitUntil,
      errors,
      passkey: passkeyForm(request, `/sign-in/passkey${withNext}`, '/sign-in/passkey'),
      // Who comes by a link is a patient, nearly always.
      signOn: signOn && !link ? { name: signOn.name, href: `/sign-in/sign-on${withNext}` } : null,
      signOnName: signOn?.name ?? '',
      action: `/sign-in${withNext}`,
    },
    status,
  )
}

/** POST /sign-in */
export async function takePassword(request: Request, response: Response) {
  const token = typed(request.body, 'link')
  const form = token ? readForm(signInByLink, request.body) : readForm(signInByEmail, request.body)
  const email = token ? '' : typed(request.body, 'email')
  const showAgain = async (view: SignInView, status: number) =>
    showSignIn(request, response, { ...(await linkView(token)), email, ...view }, status)
  if (!form.values) return showAgain({ errors: toldErrors(form.errors) }, 422)
  const claimed = 'link' in form.values ? { link: form.values.link } : { email: form.values.email }
  try {
    const checked = await checkPasswordOf(request.actor, claimed, form.values.password)
    if ('triesLeft' in checked) return await showAgain({ errors: [wrongDetails(checked.triesLeft, token !== '')] }, 422)
    const { account, pair } = checked
    const after = await placeAfter(request, token, account)
    if (isRecovering(request, account)) return await finishRecovery(request, response, account, pair.privateKey, after)
    await beginCodeStep(request, account, pair.privateKey, after)
    response.redirect(303, '/sign-in/code')
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    await showAgain({ waitUntil: tellWait(response, error) }, 429)
  }
}

/** By a link there is only a password to get wrong. */
function wrongDetails(triesLeft: number, byLink: boolean) {
  const key = `sign-in:signIn.errors.${byLink ? 'wrongPassword' : 'wrong'}`
  const text = triesLeft <= 3 ? t(key, { context: 'left', count: triesLeft }) : t(key)
  return { field: 'password', href: '#password', text }
}

export async function linkView(token: string): Promise<Pick<SignInView, 'link' | 'maskedAddress'>> {
  const link = token ? await findLink(token) : undefined
  const account = link?.accountId ? await findAccount(link.accountId) : undefined
  return account ? { link: token, maskedAddress: maskEmailAddress(account.email) } : {}
}

/** Where to go when both steps are done: the message of the link, the page that was asked for, or the place where the session ended. */
export async function placeAfter(
  request: Request,
  token: string,
  account: Account,
  next = request.query['next'],
): Promise<string> {
  const messageId = token ? (await findLink(token))?.messageId : undefined
  if (messageId) return `/messages/${messageId}`
  // On a computer that people share, the place of one is not told to the next.
  const ownEnded = request.sessionState === 'ended' && request.session.accountId === account.id
  return ownPath(next, ownEnded ? ownPath(afterOf(request), '') : '')
}

/** Whether this browser has just set a new password by link and recovery code, and the code has not been counted at a sign-in yet. */
export function isRecovering(request: Request, account?: Account): boolean {
  const { stage, accountId } = request.session
  return request.sessionState === 'in-progress' && stage === 'recovered' && (!account || account.id === accountId)
}

/** The recovery code of a moment ago is the second factor, once: the session in which it rests becomes the one that is signed in. */
async function finishRecovery(
  request: Request,
  response: Response,
  account: Account,
  privateKey: Buffer,
  after: string,
) {
  const strength = 'password+recovery-code'
  await beginSignedIn(request, account, privateKey, strength, 'next')
  response.redirect(303, placeAfterRecoveryCode(ownPath(after, HOME[account.role])))
}

/** Whoever used a recovery code is told first what is left of them. */
export function placeAfterRecoveryCode(next: string): string {
  return `/account/recovery-code-used?next=${encodeURIComponent(next)}`
}

async function beginCodeStep(request: Request, account: Account, privateKey: Buffer, after: string) {
  await beginSession(request, account, { stage: 'code', after })
  request.session.mailboxKey = sealForSession(request, 'mailbox-key', privateKey)
}

/**
 * A session of a new id that is signed in, with the mailbox's private half sealed under its cookie. It begins, and is recorded, in one step.
 * @param from 'next' where it follows from a step whose session must not have been ended @throws SessionEnded; then nothing is recorded
 */
export async function beginSignedIn(
  request: Request,
  account: Account,
  privateKey: Buffer,
  strength: SignInStrength,
  from: 'nothing' | 'next' = 'nothing',
) {
  const mustAddPasskey = await lacksNeededPasskey(request, account)
  const now = new Date()
  const content = {
    accountId: account.id,
    stage: 'signed-in' as const,
    strength,
    role: account.role,
    provedAt: now.getTime(),
    // Of the account as it was before this sign-in was noted.
    ...(account.lastSignedInAt ? { lastSignedInAt: account.lastSignedInAt.getTime(), tellsLastSignIn: true } : {}),
    ...(mustAddPasskey ? { mustAddPasskey } : {}),
  }
  await inTransaction(async (transaction) => {
    // A sign-in that was just made has an event of its own.
    if (strength !== 'enrolment') await noteSignIn(account.id, now, transaction)
    if (from === 'next') await beginNextSession(request, content, now.getTime(), transaction)
    else await beginSession(request, account, content, now.getTime(), transaction)
    if (strength === 'enrolment') return
    const actor = { ...request.actor, kind: 'account' as const, id: account.id, role: account.role, strength }
    await record(actor, { act: 'account.signed-in' }, transaction, now)
  })
  // Behind the session: a sign-in that came to nothing leaves no device known.
  await rememberDevice(request, request.res!, account, strength)
  request.session.mailboxKey = sealForSession(request, 'mailbox-key', privateKey)
  if ((await findOpenReset(account.id, new Date()))?.approvedAt) request.session.helpAsked = true
}

/** In real use an administrator makes a passkey before anything else, where the browser can keep one for this site. */
async function lacksNeededPasskey(request: Request, account: Account): Promise<boolean> {
  if (account.role !== 'admin' || config().tryOut || !siteOf(request)) return false
  return (await listPasskeys(account.id)).length === 0
}

/** POST /sign-out */
export async function signOut(request: Request, response: Response) {
  const { reader, actor } = request
  const bySignOn = request.session.strength?.startsWith('sign-on')
  await endSession(request)
  request.person = undefined
  // Only now: nobody is kept signed in because the log cannot be written.
  if (reader) await record(actor, { act: 'account.signed-out' })
  response.set('Clear-Site-Data', '"cache", "storage"')
  response.redirect(303, bySignOn ? '/sign-in?signed-out=here' : '/sign-in?signed-out')
}

/** GET / */
export function goHome(request: Request, response: Response) {
  response.redirect(303, request.reader ? HOME[request.reader.account.role] : '/sign-in')
}
