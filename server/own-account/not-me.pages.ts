/** "This was not me": the page behind the link in every notice of a change to a sign-in. Opening it does nothing. */
import type { Request, Response } from 'express'
import { findAccount, isShut } from '../accounts/account.store.ts'
import { NotFound } from '../errors.ts'
import { inWords } from '../lib/dates.ts'
import { showPage, t } from '../web/page.ts'
import { wasRestoredAt } from '../accounts/address-change.store.ts'
import { disownChange, opensEarlier } from './disown-change.ts'
import { listPasskeys } from '../sign-in/passkey.store.ts'
import { findSecurityLink } from '../sign-in/security-link.store.ts'

/** GET /not-me/:token */
export async function askNotMe(request: Request, response: Response) {
  const { token, link } = await find(request)
  if (link.usedAt) {
    const restored = await wasRestoredAt(link.accountId, link.usedAt)
    const passkey = link.change === 'passkey-added'
    const kept = passkey ? await namesOfKept(link.accountId, link.happenedAt, link.usedAt) : []
    const unlinked = link.change === 'sign-on-linked'
    const closed = opensEarlier(link.change)
    const view = { restored, removed: passkey && kept.length === 0, kept, unlinked, closed }
    return showPage(request, response, 'own-account/disowned', { title: t('own-account:disowned.title'), ...view })
  }
  const what = t('own-account:notMe.what', { context: link.change, at: inWords(link.happenedAt).text })
  showPage(request, response, 'own-account/not-me', {
    title: t('own-account:notMe.title'),
    action: `/not-me/${token}`,
    what,
    passkey: link.change === 'passkey-added',
    signOn: link.change === 'sign-on-linked',
    earlier: opensEarlier(link.change),
  })
}

/** Of the passkeys that were added since, those that nobody could sign in without. */
async function namesOfKept(accountId: string, since: Date, until: Date) {
  const passkeys = await listPasskeys(accountId)
  return passkeys.filter(({ addedAt }) => addedAt >= since && addedAt <= until).map(({ name }) => name)
}

/** POST /not-me/:token */
export async function takeNotMe(request: Request, response: Response) {
  const { token, link } = await find(request)
  await disownChange(request.actor, link)
  response.redirect(303, `/not-me/${token}`)
}

async function find(request: Request) {
  const token = String(request.params['token'])
  const link = await findSecurityLink(token, new Date())
  const account = link && (await findAccount(link.accountId))
  if (!link || !account || isShut(account)) throw new NotFound('no such link')
  return { token, link }
}
