/** Legal holds, for administrators and auditors. Only administrators place and lift them. */
import type { Request, Response } from 'express'
import { listAccounts, type Account } from '../accounts/account.store.ts'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { clock24, inWords } from '../lib/dates.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { listHolds, type LegalHold } from '../messages/legal-hold.store.ts'
import { holdToLift, liftHold, placeHold } from '../messages/place-hold.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { HELD_THINGS, holding, lifting, LONGEST_REASON, nameProblem } from './erasure.form.ts'

const HOME = '/admin/holds'

/** GET /admin/holds */
export async function showHolds(request: Request, response: Response) {
  await record(request.actor, { act: 'holds.listed' })
  const all = await listHolds()
  const people = await peopleOf(all)
  const views = all.map((hold) => holdView(hold, people))
  showPage(request, response, 'reports/holds', {
    title: t('reports:holds.title'),
    mayPlace: readerOf(request).account.role === 'admin',
    placeHref: `${HOME}/new`,
    placed: views.some(({ id }) => id === request.query['placed']),
    lifted: views.some(({ id }) => id === request.query['lifted']),
    holds: views.filter(({ lifted }) => !lifted),
    past: views.filter(({ lifted }) => lifted),
  })
}

/** GET /admin/holds/new */
export function askHold(request: Request, response: Response) {
  showNew(request, response, [])
}

/** POST /admin/holds/new */
export async function takeHold(request: Request, response: Response) {
  const form = readForm(holding, request.body)
  if (!form.values) return showNew(request, response, form.errors)
  const { what, message, email, reason } = form.values
  const problem = nameProblem(form.values)
  if (problem) return showNew(request, response, [problem])
  const named = what === 'account' ? { what, email: readEmailAddress(email)! } : { what, messageId: message.trim() }
  const id = await placeHold(readerOf(request).actor, named, reason.trim())
  if (id) return response.redirect(303, `${HOME}?placed=${id}`)
  const field = what === 'account' ? 'email' : 'message'
  showNew(request, response, [{ field, key: `reports:holds.errors.${field}Unknown` }])
}

function showNew(request: Request, response: Response, errors: readonly FormError[]) {
  const chosen = typed(request.body, 'what') || 'message'
  const view = {
    title: t('reports:holds.newTitle'),
    backHref: HOME,
    action: `${HOME}/new`,
    things: HELD_THINGS.map((value) => ({
      value,
      label: t(`reports:holds.things.${value}`),
      hint: t(`reports:holds.things.${value}Hint`),
      selected: value === chosen,
    })),
    form: {
      message: typed(request.body, 'message'),
      email: typed(request.body, 'email'),
      reason: typed(request.body, 'reason'),
    },
    limit: LONGEST_REASON,
    errors: toldErrors(errors, { count: LONGEST_REASON }),
  }
  showPage(request, response, 'reports/hold-new', view, errors.length > 0 ? 422 : 200)
}

/** GET /admin/holds/:hold/lift */
export async function askLift(request: Request, response: Response) {
  await showLift(request, response, [])
}

/** POST /admin/holds/:hold/lift */
export async function takeLift(request: Request, response: Response) {
  const form = readForm(lifting, request.body)
  if (!form.values) return showLift(request, response, form.errors)
  const hold = await holdToLift(request.actor, holdIn(request))
  await liftHold(readerOf(request).actor, hold, form.values.reason.trim())
  response.redirect(303, `${HOME}?lifted=${hold.id}`)
}

async function showLift(request: Request, response: Response, errors: readonly FormError[]) {
  const hold = await holdToLift(request.actor, holdIn(request))
  if (hold.lifted) return response.redirect(303, `${HOME}?lifted=${hold.id}`)
  await record(request.actor, { act: 'holds.listed' })
  const view = {
    title: t('reports:holds.liftTitle'),
    backHref: HOME,
    action: `${HOME}/${hold.id}/lift`,
    hold: holdView(hold, await peopleOf([hold])),
    form: { reason: typed(request.body, 'reason') },
    limit: LONGEST_REASON,
    errors: toldErrors(errors, { count: LONGEST_REASON }),
  }
  showPage(request, response, 'reports/hold-lift', view, errors.length > 0 ? 422 : 200)
}

type People = ReadonlyMap<string, Account>

async function peopleOf(holds: readonly LegalHold[]): Promise<People> {
  const ids = holds.flatMap(({ accountId, placedBy, lifted }) => [accountId, placedBy, lifted?.by])
  return new Map((await listAccounts(ids.filter((id) => typeof id === 'string'))).map((each) => [each.id, each]))
}

function holdView(hold: LegalHold, people: People, now = new Date()) {
  const { id, messageId, threadId, accountId, reason, placedBy, placedAt, lifted } = hold
  const what = accountId ? 'account' : messageId ? 'message' : 'thread'
  const person = people.get(accountId ?? '')
  const nameOf = (account: string) => people.get(account)?.name || people.get(account)?.email || ''
  return {
    id,
    what: t(`reports:holds.things.${what}`),
    on: person ? person.name || person.email : (messageId ?? threadId ?? ''),
    isId: !accountId,
    reason,
    placedAt: inWords(placedAt, now, clock24),
    placedBy: nameOf(placedBy),
    liftHref: `${HOME}/${id}/lift`,
    lifted: lifted && { at: inWords(lifted.at, now, clock24), by: nameOf(lifted.by), reason: lifted.reason },
  }
}

/** @throws NotFound for what is no id of ours */
function holdIn(request: Request): string {
  const id = request.params['hold']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}
