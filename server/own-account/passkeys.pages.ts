/** The account's page of passkeys. */
import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { inWords } from '../lib/dates.ts'
import { readForm, typed } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { addPasskey, MOST_PASSKEYS, namePasskey, takePasskeyAway, whyNeeded } from './change-passkeys.ts'
import { readerOf } from '../sign-in/guards.ts'
import { challengeFor, firstName, givenIn, passkeyForm, placeOf } from '../sign-in/passkey-place.ts'
import { optionsForNew } from '../sign-in/passkey.ts'
import { findPasskey, listPasskeys, type Passkey } from '../sign-in/passkey.store.ts'
import { passkeyName } from './passkeys.form.ts'

const PAGE = '/account/passkeys'
const DONE = ['added', 'renamed', 'removed'] as const

/** GET /account/passkeys */
export async function showPasskeys(request: Request, response: Response) {
  await showList(request, response, [])
}

/** GET /account/passkeys/new: what the page's script asks the device. */
export async function sendNewPasskeyOptions(request: Request, response: Response) {
  const { account } = readerOf(request)
  const challenge = challengeFor(request, 'add', account.id)
  const known = await listPasskeys(account.id)
  response.json(await optionsForNew(placeOf(request).site, challenge, account, known, false))
}

/** POST /account/passkeys */
export async function takeNewPasskey(request: Request, response: Response) {
  const reader = readerOf(request)
  const added = await addPasskey(reader, placeOf(request), { ...givenIn(request), name: firstName(request) })
  if (!added) {
    const errors = toldErrors([{ field: 'passkey', key: 'passkeys:errors.notMade' }])
    return showList(request, response, errors)
  }
  delete request.session.mustAddPasskey
  response.redirect(303, `${PAGE}?done=added`)
}

async function showList(request: Request, response: Response, errors: ToldError[]) {
  const { account } = readerOf(request)
  const passkeys = await listPasskeys(account.id)
  const view = {
    title: t('passkeys:list.title'),
    done: DONE.find((each) => each === request.query['done']) ?? '',
    must: request.session.mustAddPasskey === true,
    passkeys: passkeys.map(toRow),
    // As many as anybody needs.
    passkey: passkeys.length < MOST_PASSKEYS ? passkeyForm(request, PAGE, `${PAGE}/new`) : null,
    full: passkeys.length >= MOST_PASSKEYS,
    errors,
  }
  showPage(request, response, 'own-account/passkeys', view, errors.length > 0 ? 422 : 200)
}

function toRow({ id, name, prf, addedAt, lastUsedAt }: Passkey) {
  return {
    name,
    opens: prf,
    addedAt: inWords(addedAt),
    usedAt: lastUsedAt && inWords(lastUsedAt),
    renameHref: `${PAGE}/${id}/name`,
    removeHref: `${PAGE}/${id}/remove`,
  }
}

/** GET /account/passkeys/:passkey/name */
export async function askPasskeyName(request: Request, response: Response) {
  const { name } = await theirs(request)
  showName(request, response, name, [])
}

/** POST /account/passkeys/:passkey/name */
export async function takePasskeyName(request: Request, response: Response) {
  const { id } = await theirs(request)
  const form = readForm(passkeyName, request.body)
  if (!form.values) return showName(request, response, typed(request.body, 'name'), toldErrors(form.errors))
  await namePasskey(readerOf(request), id, form.values.name)
  response.redirect(303, `${PAGE}?done=renamed`)
}

function showName(request: Request, response: Response, name: string, errors: ToldError[]) {
  const view = { title: t('passkeys:list.nameTitle'), action: request.path, form: { name }, backHref: PAGE, errors }
  showPage(request, response, 'own-account/passkey-name', view, errors.length > 0 ? 422 : 200)
}

/** GET /account/passkeys/:passkey/remove */
export async function askPasskeyRemoval(request: Request, response: Response) {
  const passkey = await theirs(request)
  showRemoval(request, response, passkey, (await whyNeeded(readerOf(request), passkey.id)) ?? '')
}

/** POST /account/passkeys/:passkey/remove */
export async function removeOwnPasskey(request: Request, response: Response) {
  const passkey = await theirs(request)
  const outcome = await takePasskeyAway(request, readerOf(request), passkey.id)
  if (outcome !== 'removed') return showRemoval(request, response, passkey, outcome, 409)
  response.redirect(303, `${PAGE}?done=removed`)
}

function showRemoval(request: Request, response: Response, passkey: Passkey, kept: string, status = 200) {
  const title = t('passkeys:list.removeTitle', { name: passkey.name })
  const view = { title, action: request.path, name: passkey.name, kept, backHref: PAGE }
  showPage(request, response, 'own-account/passkey-remove', view, status)
}

async function theirs(request: Request): Promise<Passkey> {
  const { passkey: id } = request.params
  const found = isId(id) ? await findPasskey({ id, accountId: readerOf(request).account.id }) : undefined
  if (!found) throw new NotFound('not your passkey')
  return found
}
