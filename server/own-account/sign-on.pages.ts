/** The account's page of the sign-on: linked from here only, by somebody who has just proved who they are. */
import type { Request, Response } from 'express'
import { inWords } from '../lib/dates.ts'
import { readerOf } from '../sign-in/guards.ts'
import { signOnSettings } from '../sign-in/openid.ts'
import { unsealFromSession } from '../sign-in/sessions.ts'
import { findIdentityOf } from '../sign-in/sign-on-identity.store.ts'
import { isBegunElsewhere, leadToProvider, type Found } from '../sign-in/sign-on.pages.ts'
import { showPage, t } from '../web/page.ts'
import { linkSignOn, removeSignOn } from './link-sign-on.ts'

const PAGE = '/account/sign-on'
const DONE = ['linked', 'removed'] as const

/** GET /account/sign-on */
export async function showSignOn(request: Request, response: Response) {
  await show(request, response, request.query['failed'] === undefined ? '' : 'failed')
}

/** GET /account/sign-on/begin: to the provider, where they sign in anew, so that nobody links who was there before them. */
export async function beginLink(request: Request, response: Response) {
  if (isBegunElsewhere(request)) return response.redirect(303, PAGE)
  delete request.session.signOnFound
  const trip = { purpose: 'link', session: request.session.ref!, next: '' } as const
  await leadToProvider(response, trip, `${PAGE}?failed`)
}

/** POST /account/sign-on: it is them. */
export async function takeLink(request: Request, response: Response) {
  const found = foundIn(request)
  delete request.session.signOnFound
  if (!found) return response.redirect(303, PAGE)
  if (!(await linkSignOn(readerOf(request), Buffer.from(found.identityDigest, 'base64url'))))
    return show(request, response, 'taken', 409)
  response.redirect(303, `${PAGE}?done=linked`)
}

/** POST /account/sign-on/remove */
export async function removeLink(request: Request, response: Response) {
  await removeSignOn(request, readerOf(request))
  response.redirect(303, `${PAGE}?done=removed`)
}

function foundIn(request: Request, now = Date.now()): Found | undefined {
  const { signOnFound } = request.session
  if (!signOnFound) return undefined
  const found = JSON.parse(unsealFromSession(request, 'sign-on-found', signOnFound).toString()) as Found
  return found.until > now ? found : undefined
}

async function show(request: Request, response: Response, problem: '' | 'failed' | 'taken', status = 200) {
  const { name, issuer } = signOnSettings()
  const identity = await findIdentityOf(readerOf(request).account.id, issuer)
  const found = identity ? undefined : foundIn(request)
  const page = {
    title: t('sign-on:account.title', { name }),
    name,
    done: DONE.find((each) => each === request.query['done']) ?? '',
    // Then it is their own account that has another link.
    problem: problem === 'taken' && identity ? 'taken-here' : problem,
    linked: identity
      ? { since: inWords(identity.linkedAt), usedAt: identity.lastUsedAt && inWords(identity.lastUsedAt) }
      : null,
    found: found ? { name: found.name } : null,
    beginHref: `${PAGE}/begin`,
  }
  showPage(request, response, 'own-account/sign-on', page, status)
}
