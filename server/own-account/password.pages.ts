/** Changing one's own password. */
import type { Request, Response } from 'express'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { changePassword, checkCurrentPassword } from './change-password.ts'
import { findCredential } from '../sign-in/credential.store.ts'
import { gavePasswordRecently, readerOf } from '../sign-in/guards.ts'
import type { Reader } from '../sign-in/reader.ts'
import { newPassword, ownWordsOf } from '../sign-in/sign-in.form.ts'

/** GET /account/password */
export async function askChangedPassword(request: Request, response: Response) {
  await showPassword(request, response, [], 200)
}

/** POST /account/password: the current one is asked for, unless it was a step before; having signed in with it is not enough. */
export async function takeChangedPassword(request: Request, response: Response) {
  const reader = readerOf(request)
  const given = typed(request.body, 'current').slice(0, 1000)
  const form = readForm(newPassword(ownWordsOf(reader.account)), request.body)
  const current = await currentOf(request, reader, given)
  if (!current) {
    const key = `own-account:password.errors.${given ? 'wrong' : 'current'}`
    return showPassword(request, response, [{ field: 'current', key }, ...form.errors], 403)
  }
  if (!form.values) return showPassword(request, response, form.errors, 422)
  await changePassword(request, reader, current === 'none' ? undefined : current, form.values.password)
  response.redirect(303, '/account?done=password')
}

/** @returns what is stored of the current password, 'none' when there is none, undefined when it was not given */
async function currentOf(request: Request, reader: Reader, given: string) {
  const stored = (await findCredential(reader.account.id))?.password
  if (!stored) return 'none'
  return gavePasswordRecently(request) ? stored : checkCurrentPassword(reader, given)
}

async function hasPassword({ account }: Reader): Promise<boolean> {
  return (await findCredential(account.id))?.password !== undefined
}

async function showPassword(request: Request, response: Response, problems: readonly FormError[], status: number) {
  const has = await hasPassword(readerOf(request))
  const title = t(`own-account:password.${has ? 'title' : 'titleAdd'}`)
  const view = {
    title,
    hasPassword: has,
    asksCurrent: has && !gavePasswordRecently(request),
    errors: toldErrors(problems),
  }
  showPage(request, response, 'own-account/password', view, status)
}
