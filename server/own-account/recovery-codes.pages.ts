/** The page of one's recovery codes: how many are left, new ones, and what is still closed since a new sign-in. */
import type { Request, Response } from 'express'
import { SlowDown } from '../errors.ts'
import { readForm } from '../lib/form.ts'
import { recoveryMode } from '../vault/vault.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { tellWait } from '../web/tell-wait.ts'
import { ownPath, readerOf } from '../sign-in/guards.ts'
import { closedVersions, openEarlierByCode, openEarlierByPassword } from '../sign-in/open-earlier.ts'
import { countRecoveryCodes } from '../sign-in/recovery-code.ts'
import { renewRecoveryCodes } from './renew-recovery-codes.ts'
import { earlierCode, earlierPassword } from '../sign-in/reset-password.form.ts'
import { keepCodesToShow } from '../sign-in/shown-recovery-codes.ts'

/** GET /account/recovery-codes */
export async function showOwnCodes(request: Request, response: Response) {
  await showCodes(request, response)
}

/** POST /account/recovery-codes: new ones, shown once; the old ones are dead at once. */
export async function renewCodes(request: Request, response: Response) {
  keepCodesToShow(request, await renewRecoveryCodes(readerOf(request)), '/account/recovery-codes')
  response.redirect(303, '/enrol/recovery-codes')
}

/** POST /account/recovery-codes/earlier: a code from before. */
export async function takeEarlierCode(request: Request, response: Response) {
  const form = readForm(earlierCode, request.body)
  if (!form.values) return showCodes(request, response, { errors: toldErrors(form.errors) }, 422)
  const { code } = form.values
  await answerEarlier(request, response, 'code', () => openEarlierByCode(readerOf(request), code))
}

/** POST /account/recovery-codes/earlier-password: a password from before. */
export async function takeEarlierPassword(request: Request, response: Response) {
  const form = readForm(earlierPassword, request.body)
  if (!form.values) return showCodes(request, response, { errors: toldErrors(form.errors) }, 422)
  const { password } = form.values
  await answerEarlier(request, response, 'password', () => openEarlierByPassword(readerOf(request), password))
}

async function answerEarlier(
  request: Request,
  response: Response,
  field: 'code' | 'password',
  open: () => Promise<boolean>,
) {
  try {
    if (await open()) return response.redirect(303, '/account/recovery-codes?opened')
    const errors = toldErrors([{ field, key: `sign-in:ownCodes.errors.${field}` }])
    await showCodes(request, response, { errors }, 422)
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    await showCodes(request, response, { waitUntil: tellWait(response, error) }, 429)
  }
}

async function showCodes(
  request: Request,
  response: Response,
  view: { waitUntil?: string; errors?: ToldError[] } = {},
  status = 200,
) {
  const reader = readerOf(request)
  const [{ left, newest }, closed] = await Promise.all([countRecoveryCodes(reader.own), closedVersions(reader)])
  showPage(
    request,
    response,
    'own-account/recovery-codes',
    {
      title: t('sign-in:ownCodes.title'),
      left,
      newest,
      mode: await recoveryMode(),
      closed: closed.length > 0,
      opened: request.query['opened'] !== undefined,
      waitUntil: view.waitUntil ?? '',
      errors: view.errors ?? [],
    },
    status,
  )
}

/** GET /account/recovery-code-used: the next page after a sign-in by recovery code. */
export async function showCodeUsed(request: Request, response: Response) {
  const { left } = await countRecoveryCodes(readerOf(request).own)
  showPage(request, response, 'own-account/recovery-code-used', {
    title: t('sign-in:codeUsed.title'),
    left,
    nextHref: ownPath(request.query['next'], '/'),
  })
}
