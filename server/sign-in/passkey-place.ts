/** Passkeys on pages: where an answer comes from, what a form brought, and what the page's script needs to know. */
import type { Request } from 'express'
import { NotFound } from '../errors.ts'
import { typed } from '../lib/form.ts'
import { siteOf } from '../web/host.ts'
import { t } from '../web/page.ts'
import { makeChallenge, type ChallengeFor } from './challenge.ts'
import type { Given, Place } from './check-passkey.ts'
import { whereFrom } from './where-from.ts'

/** @throws NotFound where browsers keep no passkeys */
export function placeOf(request: Request): Place {
  const site = siteOf(request)
  const formSecret = request.formSecrets.csrfSecret
  if (!site || !formSecret) throw new NotFound('no passkeys here')
  return { site, formSecret }
}

/** A challenge for this browser. Making it stores nothing. */
export function challengeFor(request: Request, purpose: ChallengeFor['purpose'], accountId?: string): Buffer {
  const { formSecret } = placeOf(request)
  return makeChallenge({ purpose, formSecret, ...(accountId ? { accountId } : {}) }, new Date())
}

export function givenIn(request: Request): Given {
  return { answer: typed(request.body, 'answer'), prf: typed(request.body, 'prf') }
}

/** For the partial `passkey`: where its form goes and where its options are. Null where browsers keep no passkeys. */
export function passkeyForm(
  request: Request,
  action: string,
  options: string,
): { action: string; options: string } | null {
  return siteOf(request) ? { action, options } : null
}

/** What a new passkey is called until its owner names it: by what the browser says that it runs on. */
export function firstName(request: Request): string {
  return t(`passkeys:names.${whereFrom(request.actor).system || 'other'}`)
}
