/**
 * What a mailed link shows. Opening it, pressing its button or posting garbage stores nothing: before enrolment it leads to making a sign-in (by
 * an access code, where the sender asked for one), afterwards it only finds the message behind the sign-in. Unknown and garbled links look the
 * same.
 */
import type { Request, Response } from 'express'
import { findAccount, type Account } from '../accounts/account.store.ts'
import { maskEmailAddress } from '../accounts/email-address.ts'
import { findLink, type Link } from '../accounts/link.store.ts'
import { record, recordDenied } from '../audit/record.ts'
import { Gone, NotFound, SlowDown } from '../errors.ts'
import { inWords } from '../lib/dates.ts'
import { typed } from '../lib/form.ts'
import { findMessageState, type MessageState } from '../messages/message.store.ts'
import { giveAccessCode, mayEnrol } from '../enrolment/access-code.ts'
import { keepAccessProof } from '../enrolment/access-proof.ts'
import { networkOf } from '../lib/network.ts'
import { sendEnrolmentOptions, showMakePassword, takeNewPasskey, takeNewPassword } from '../enrolment/enrol.pages.ts'
import { showSignIn } from '../sign-in/sign-in.pages.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { limit } from '../web/rate-limits.ts'
import { tellWait } from '../web/tell-wait.ts'

interface Found {
  token: string
  link: Link
  message: MessageState | undefined
  /** Whose sign-in it leads to; a team's notice leads to whichever member signs in. */
  account: Account | undefined
  after: string
}

/** GET /m/:token */
export async function landing(request: Request, response: Response) {
  const found = await find(request)
  if (!request.reader) await recordFetched(request, found)
  if (found.account?.state === 'invited') return showLanding(request, response, found, found.account, {})
  // The right person is signed in already, or one of a team's members.
  if (request.reader && (!found.account || found.account.id === request.reader.account.id))
    return response.redirect(303, found.after)
  if (!found.account) return response.redirect(303, `/sign-in?next=${encodeURIComponent(found.after)}`)
  showSignIn(request, response, { link: found.token, maskedAddress: maskEmailAddress(found.account.email), notice: '' })
}

/** Somebody or something asked for the link. Mail filters do, so it says nothing of a person, and is no receipt. */
async function recordFetched(request: Request, { message, account }: Found) {
  if (message) await record(request.actor, { act: 'link.fetched', subject: { kind: 'message', id: message.id } })
  else if (account) await record(request.actor, { act: 'link.fetched', subject: { kind: 'account', id: account.id } })
}

interface LandingProblem {
  problem?: 'empty' | 'short' | 'wrong'
  waitUntil?: string
}

async function showLanding(
  request: Request,
  response: Response,
  { token, message }: Found,
  account: Account,
  { problem, waitUntil = '' }: LandingProblem,
) {
  const errors = toldErrors(problem ? [{ field: 'code', key: `sign-in:landing.code.errors.${problem}` }] : [])
  const view = {
    title: t('sign-in:landing.title'),
    action: `/m/${token}`,
    sentAt: inWords(message?.sentAt ?? account.invitedAt),
    maskedAddress: maskEmailAddress(account.email),
    asksCode: !(await mayEnrol(request.actor, account.id)),
    waitUntil,
    errors,
  }
  showPage(request, response, 'sign-in/landing', view, waitUntil ? 429 : problem ? 422 : 200)
}

/** POST /m/:token: the button. It only leads on; where an access code was asked for, only with the right one. */
export async function pressContinue(request: Request, response: Response) {
  const found = await find(request)
  if (found.account?.state !== 'invited') return response.redirect(303, `/m/${found.token}`)
  if (!(await mayEnrol(request.actor, found.account.id))) return takeAccessCode(request, response, found, found.account)
  response.redirect(303, `/m/${found.token}/password`)
}

async function takeAccessCode(request: Request, response: Response, found: Found, account: Account) {
  try {
    const given = await giveAccessCode(request.actor, account.id, typed(request.body, 'code'))
    if (typeof given === 'string') return await showLanding(request, response, found, account, { problem: given })
    keepAccessProof(response, given.proof)
    response.redirect(303, `/m/${found.token}/password`)
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    await showLanding(request, response, found, account, { waitUntil: tellWait(response, error) })
  }
}

/** GET /m/:token/password */
export async function askNewPassword(request: Request, response: Response) {
  const found = await find(request)
  if (found.account?.state !== 'invited' || !(await mayEnrol(request.actor, found.account.id)))
    return response.redirect(303, `/m/${found.token}`)
  const path = `/m/${found.token}`
  showMakePassword(request, response, `${path}/password`, { passkeyAction: `${path}/passkey` })
}

const lateTries = limit('past-enrolment', 10, 60 * 60)

/** POST /m/:token/password. For an account that is past enrolment nothing changes, and the log says that somebody tried, ten times an hour. */
export async function takePasswordByLink(request: Request, response: Response) {
  const found = await find(request)
  if (found.account?.state !== 'invited') return refuseLate(request, response, found)
  // The page of the code was left out, or its day is over.
  if (!(await mayEnrol(request.actor, found.account.id))) return response.redirect(303, `/m/${found.token}`)
  await takeNewPassword(request, response, found.account, `/m/${found.token}/password`, found.after)
}

/** GET /m/:token/passkey: what the page's script asks the device. */
export async function sendPasskeyOptions(request: Request, response: Response) {
  const found = await find(request)
  if (found.account?.state !== 'invited') throw new NotFound('past enrolment')
  if (!(await mayEnrol(request.actor, found.account.id))) throw new NotFound('not let in')
  await sendEnrolmentOptions(request, response, found.account)
}

/** POST /m/:token/passkey. Past enrolment the same as a password. */
export async function takePasskeyByLink(request: Request, response: Response) {
  const found = await find(request)
  if (found.account?.state !== 'invited') return refuseLate(request, response, found)
  if (!(await mayEnrol(request.actor, found.account.id))) return response.redirect(303, `/m/${found.token}`)
  await takeNewPasskey(request, response, found.account, `/m/${found.token}/password`, found.after)
}

async function refuseLate(request: Request, response: Response, found: Found) {
  await lateTries.count(`${found.token} ${networkOf(request.actor)}`)
  const subject = found.account ? { kind: 'account' as const, id: found.account.id } : undefined
  await recordDenied(request.actor, 'enrolment.refused', subject, 'past-enrolment')
  response.redirect(303, `/m/${found.token}`)
}

/** @throws NotFound for what is not a link of ours, Gone when its message was taken back */
async function find(request: Request): Promise<Found> {
  const token = String(request.params['token'])
  const link = await findLink(token)
  if (!link) throw new NotFound('no such link')
  const [message, account] = await Promise.all([
    link.messageId ? findMessageState(link.messageId) : undefined,
    link.accountId ? findAccount(link.accountId) : undefined,
  ])
  if (link.messageId && !message) throw new NotFound('its message is gone')
  if (account?.state === 'closed') throw new NotFound('closed')
  if (message?.recalledAt) throw new Gone(message.recalledAt, message.erasedWhy)
  return { token, link, message, account, after: message ? `/messages/${message.id}` : '/messages' }
}
