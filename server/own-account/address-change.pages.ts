/** Another address: asking for it, and the pages behind the links in the mails to both addresses. */
import type { Request, Response } from 'express'
import { maskEmailAddress, readEmailAddress } from '../accounts/email-address.ts'
import { BadInput } from '../errors.ts'
import { inWords } from '../lib/dates.ts'
import { readForm, typed } from '../lib/form.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { newAddress } from './account.form.ts'
import {
  addressChangeOfOldLink,
  askAddressChange,
  confirmAddressChange,
  ownAddressChange,
  stopAddressChange,
  stopAddressChangeByLink,
  type Confirmed,
} from './address-change.ts'
import { findAddressChangeOf, type AddressChange } from '../accounts/address-change.store.ts'
import { leadToSignIn, readerOf } from '../sign-in/guards.ts'

/** How far a change is, in what its pages show. */
export function addressChangeView(change: AddressChange) {
  const state = change.changedAt ? 'changed' : change.newConfirmedAt ? 'waits-for-old' : 'waits-for-new'
  return {
    state,
    newEmail: change.newEmail,
    oldEmail: change.oldEmail,
    oldConfirmed: change.oldConfirmedAt !== null,
    endsAt: inWords(change.endsAt),
  }
}

/** GET /account/address */
export async function askAddress(request: Request, response: Response) {
  await showAddress(request, response, '', [])
}

/** POST /account/address */
export async function takeAddress(request: Request, response: Response) {
  const reader = readerOf(request)
  const given = typed(request.body, 'email')
  // No field of one line holds these: it was not typed into our form.
  if (/[\p{Cc}\u2028\u2029]/u.test(given)) throw new BadInput('an address of several lines')
  const form = readForm(newAddress, request.body)
  const email = readEmailAddress(given)
  if (!form.values || !email) return showAddress(request, response, given, toldErrors(form.errors))
  if (email === reader.account.email)
    return showAddress(
      request,
      response,
      given,
      toldErrors([{ field: 'email', key: 'own-account:address.errors.same' }]),
    )
  await askAddressChange(reader, email)
  response.redirect(303, '/account/address')
}

async function showAddress(request: Request, response: Response, email: string, errors: ReturnType<typeof toldErrors>) {
  const { account } = readerOf(request)
  const change = await findAddressChangeOf(account.id, new Date())
  const open = change && !change.changedAt ? addressChangeView(change) : null
  const view = { title: t('own-account:address.title'), current: account.email, change: open, form: { email }, errors }
  showPage(request, response, 'own-account/address', view, errors.length > 0 ? 422 : 200)
}

/** POST /account/address/stop */
export async function stopAddress(request: Request, response: Response) {
  await stopAddressChange(readerOf(request))
  response.redirect(303, '/account?done=address-stopped')
}

/** GET /account/address/confirm/:token: the link in the mail to the new address. Only the button confirms. */
export async function askConfirmNew(request: Request, response: Response) {
  const token = String(request.params['token'])
  const change = await ownAddressChange(readerOf(request), 'new', token)
  if (change.newConfirmedAt) return response.redirect(303, '/account/address')
  showPage(request, response, 'own-account/confirm-address', {
    title: t('own-account:confirmAddress.title'),
    action: `/account/address/confirm/${token}`,
    newEmail: change.newEmail,
    oldEmail: change.oldEmail,
  })
}

/** POST /account/address/confirm/:token */
export async function takeConfirmNew(request: Request, response: Response) {
  const confirmed = await confirmAddressChange(readerOf(request), 'new', String(request.params['token']))
  leadOn(request, response, confirmed)
}

/** GET /address-change/:token: the link in the mails to the old address. Anybody who has it may stop; only its owner confirms. */
export async function showAddressChange(request: Request, response: Response) {
  const token = String(request.params['token'])
  const change = await addressChangeOfOldLink(token)
  const path = `/address-change/${token}`
  const owns = request.reader?.account.id === change.accountId
  showPage(request, response, 'own-account/address-change', {
    title: t('own-account:addressChange.title'),
    done: '',
    changed: change.changedAt ? inWords(change.changedAt) : null,
    askedAt: inWords(change.askedAt),
    endsAt: inWords(change.endsAt),
    newAddress: maskEmailAddress(change.newEmail),
    newConfirmed: change.newConfirmedAt !== null,
    oldConfirmed: change.oldConfirmedAt !== null,
    stopAction: `${path}/stop`,
    confirmAction: owns ? `${path}/confirm` : '',
    signInHref: request.reader ? '' : `/sign-in?next=${encodeURIComponent(path)}`,
  })
}

/** POST /address-change/:token/confirm */
export async function takeConfirmOld(request: Request, response: Response) {
  if (!request.reader) return leadToSignIn(request, response)
  leadOn(request, response, await confirmAddressChange(request.reader, 'old', String(request.params['token'])))
}

/** POST /address-change/:token/stop */
export async function stopByOldLink(request: Request, response: Response) {
  const done = await stopAddressChangeByLink(request.actor, String(request.params['token']))
  request.person = undefined
  showPage(request, response, 'own-account/address-stopped', {
    title: t(`own-account:addressStopped.title_${done}`),
    done,
  })
}

function leadOn(request: Request, response: Response, confirmed: Confirmed) {
  if (confirmed !== 'taken')
    return response.redirect(303, confirmed === 'too-late' ? '/account/address' : `/account?done=address-${confirmed}`)
  showPage(
    request,
    response,
    'own-account/address-stopped',
    { title: t('own-account:addressStopped.title_new'), done: 'new' },
    409,
  )
}
