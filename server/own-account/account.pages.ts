/** A person's own account: everything at one glance, and their name. */
import type { Request, Response } from 'express'
import { maskEmailAddress } from '../accounts/email-address.ts'
import { config } from '../config.ts'
import { inWords } from '../lib/dates.ts'
import { readForm, typed } from '../lib/form.ts'
import { completeLanguages } from '../lib/words.ts'
import { recoveryMode } from '../vault/vault.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { ownName } from './account.form.ts'
import { addressChangeView } from './address-change.pages.ts'
import { findAddressChangeOf } from '../accounts/address-change.store.ts'
import { changeName } from './change-name.ts'
import { findCodeApp, findPasswordChange } from '../sign-in/credential.store.ts'
import { readerOf } from '../sign-in/guards.ts'
import { lastSignIn } from '../sign-in/last-sign-in.ts'
import { listPasskeys } from '../sign-in/passkey.store.ts'
import { countRecoveryCodes } from '../sign-in/recovery-code.ts'
import { listSessionsOf } from '../sign-in/sessions.ts'
import { findIdentityOf } from '../sign-in/sign-on-identity.store.ts'

/** What can have been done just now, named in the address that the page is come back to. */
const DONE = ['name', 'password', 'code-app', 'address-stopped', 'address-confirmed', 'address-changed'] as const

/** GET /account */
export async function showAccount(request: Request, response: Response) {
  const { account, own } = readerOf(request)
  const { signOn } = config()
  const [changedAt, codeApp, change, codes, sessions, passkeys, identity] = await Promise.all([
    findPasswordChange(account.id),
    findCodeApp(account.id),
    findAddressChangeOf(account.id, new Date()),
    countRecoveryCodes(own),
    listSessionsOf(account.id),
    listPasskeys(account.id),
    signOn ? findIdentityOf(account.id, signOn.issuer) : undefined,
  ])
  showPage(request, response, 'own-account/account', {
    title: t('own-account:index.title'),
    done: DONE.find((each) => each === request.query['done']) ?? '',
    name: account.name,
    email: account.email,
    change: change ? addressChangeView(change) : null,
    passwordChangedAt: changedAt ? inWords(changedAt) : null,
    codeApp: codeApp !== undefined,
    signOn: signOn && account.role !== 'patient' ? { name: signOn.name, linked: identity !== undefined } : null,
    codesLeft: codes.left,
    passkeyCount: passkeys.length,
    sessionCount: sessions.length,
    signedInBefore: lastSignIn(request),
    maskedAddress: maskEmailAddress(account.email),
    mode: await recoveryMode(),
    languages: completeLanguages(),
    staff: account.role === 'provider',
  })
}

/** GET /account/name */
export function askName(request: Request, response: Response) {
  showName(request, response, readerOf(request).account.name)
}

/** POST /account/name */
export async function takeName(request: Request, response: Response) {
  const form = readForm(ownName, request.body)
  if (!form.values) return showName(request, response, typed(request.body, 'name'), toldErrors(form.errors))
  await changeName(readerOf(request), form.values.name)
  response.redirect(303, '/account?done=name')
}

function showName(request: Request, response: Response, name: string, errors: ReturnType<typeof toldErrors> = []) {
  const view = { title: t('own-account:name.title'), form: { name }, errors }
  showPage(request, response, 'own-account/name', view, errors.length > 0 ? 422 : 200)
}
