/** Help with a sign-in, for staff: finding the person, asking, approving, stopping, and making the code that is told by phone. */
import type { Request, Response } from 'express'
import { findAccount, listAccounts } from '../accounts/account.store.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { settings } from '../settings/settings.ts'
import { clock24, inShort, inWords } from '../lib/dates.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { NotFound } from '../errors.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { findOpenReset, listResetsFor, MOST_CODES } from '../accounts/assisted-reset.store.ts'
import { readerOf } from '../sign-in/guards.ts'
import { findPerson, helpRequest, IDENTITY_CHECKS, LONGEST_REASON } from './help-sign-in.form.ts'
import {
  approveHelp,
  askForHelp,
  isInReach,
  isNewcomer,
  lookUp,
  makeCodeFor,
  mayHelp,
  personInReach,
  requestInReach,
  stopHelp,
} from './help-sign-in.ts'
import { movesOf, nameOf, signInInWords, stateOfRequest } from './help-sign-in.view.ts'

const HOME = '/help-sign-in'

/** GET /help-sign-in */
export async function showHelpRequests(request: Request, response: Response) {
  await showRequests(request, response, '', [])
}

/** POST /help-sign-in: looks for the person who called. */
export async function findPersonToHelp(request: Request, response: Response) {
  const email = typed(request.body, 'email')
  const form = readForm(findPerson, request.body)
  if (!form.values) return showRequests(request, response, email, form.errors)
  const person = await lookUp(request.actor, readerOf(request).account, form.values.email)
  if (!person)
    return showRequests(request, response, email, [{ field: 'email', key: 'help-sign-in:find.errors.nobody' }])
  response.redirect(303, `${HOME}/people/${person.id}`)
}

async function showRequests(request: Request, response: Response, email: string, errors: readonly FormError[]) {
  const helper = readerOf(request).account
  const now = new Date()
  const resets = await listResetsFor(helper.id, now)
  const people = new Map((await listAccounts(resets.map(({ accountId }) => accountId))).map((each) => [each.id, each]))
  const seen = resets.filter(({ accountId }) => isInReach(helper, people.get(accountId)!))
  if (seen.length > 0) await record(request.actor, { act: 'help.listed' })
  const rows = seen.map((reset) => {
    const state = stateOfRequest(reset, now)
    const mine = [reset.askedBy, reset.approvedBy].includes(helper.id)
    return {
      href: `${HOME}/requests/${reset.id}`,
      name: nameOf(people.get(reset.accountId)),
      askedAt: inShort(reset.askedAt, now, clock24),
      state,
      mine,
      waits: movesOf(reset, state.step, helper).approve,
    }
  })
  const waiting = rows.filter(({ waits }) => waits)
  const view = {
    title: t('help-sign-in:list.title'),
    action: HOME,
    form: { email },
    waiting,
    waitingText: t('help-sign-in:list.waiting', { count: waiting.length }),
    requests: rows.filter(({ waits, mine }) => mine && !waits),
    errors: toldErrors(errors),
  }
  showPage(request, response, 'help-sign-in/help-requests', view, errors.length > 0 ? 422 : 200)
}

/** GET /help-sign-in/people/:account: who it is, and what to go through with them on the phone. */
export async function showPersonToHelp(request: Request, response: Response) {
  const helper = readerOf(request).account
  const person = await personInReach(request.actor, helper, idIn(request, 'account'))
  const now = new Date()
  const open = await findOpenReset(person.id, now)
  showPage(request, response, 'help-sign-in/help-person', {
    title: t('help-sign-in:person.title'),
    backHref: HOME,
    caller: { name: person.name, email: person.email, signIn: signInInWords(person, now) },
    possible: mayHelp(helper, person),
    newcomer: await isNewcomer(helper.id, now),
    hours: settings().helpWaitingHours,
    openHref: open ? `${HOME}/requests/${open.id}` : '',
    askHref: `${HOME}/people/${person.id}/ask`,
  })
}

/** GET /help-sign-in/people/:account/ask */
export async function askHelp(request: Request, response: Response) {
  await showAsk(request, response, [])
}

/** POST /help-sign-in/people/:account/ask */
export async function takeHelpRequest(request: Request, response: Response) {
  const form = readForm(helpRequest, request.body)
  if (!form.values) return showAsk(request, response, form.errors)
  const accountId = idIn(request, 'account')
  const id = await askForHelp(request.actor, readerOf(request).account, accountId, form.values.reason.trim())
  // Somebody was quicker: their page says that there is a request, and leads to it.
  response.redirect(303, id ? `${HOME}/requests/${id}` : `${HOME}/people/${accountId}`)
}

async function showAsk(request: Request, response: Response, errors: readonly FormError[]) {
  const helper = readerOf(request).account
  const person = await personInReach(request.actor, helper, idIn(request, 'account'))
  const now = new Date()
  if (!mayHelp(helper, person) || (await isNewcomer(helper.id, now)) || (await findOpenReset(person.id, now)))
    return response.redirect(303, `${HOME}/people/${person.id}`)
  const path = `${HOME}/people/${person.id}`
  const view = {
    title: t('help-sign-in:ask.title'),
    backHref: path,
    action: `${path}/ask`,
    caller: { name: person.name, email: person.email },
    checks: IDENTITY_CHECKS.map((name) => ({
      name,
      label: t(`help-sign-in:checks.${name}`),
      hint: t(`help-sign-in:checks.${name}Hint`, { count: settings().helpWaitingHours }),
      ticked: typed(request.body, name) === 'yes',
    })),
    form: { reason: typed(request.body, 'reason') },
    limit: LONGEST_REASON,
    errors: toldErrors(errors, { count: LONGEST_REASON }),
  }
  showPage(request, response, 'help-sign-in/help-ask', view, errors.length > 0 ? 422 : 200)
}

/** GET /help-sign-in/requests/:request */
export async function showHelpRequest(request: Request, response: Response) {
  const helper = readerOf(request).account
  const { reset, person } = await requestInReach(request.actor, helper, idIn(request, 'request'))
  await record(request.actor, { act: 'help.read', subject: { kind: 'account', id: person.id } })
  const now = new Date()
  const [asker, approver] = await Promise.all([
    findAccount(reset.askedBy),
    reset.approvedBy ? findAccount(reset.approvedBy) : undefined,
  ])
  const state = stateOfRequest(reset, now)
  const can = movesOf(reset, state.step, helper)
  const newcomer = await isNewcomer(helper.id, now)
  const path = `${HOME}/requests/${reset.id}`
  const ended = reset.usedAt ?? reset.cancelledAt ?? reset.lapsedAt
  showPage(request, response, 'help-sign-in/help-request', {
    title: t('help-sign-in:request.title'),
    backHref: HOME,
    caller: { name: person.name, email: person.email },
    asked: {
      by: nameOf(asker),
      at: inWords(reset.askedAt, now, clock24),
      reason: reset.reason,
      mine: asker?.id === helper.id,
    },
    checks: IDENTITY_CHECKS.map((name) => t(`help-sign-in:checks.${name}`)),
    approved: reset.approvedAt ? { by: nameOf(approver), at: inWords(reset.approvedAt, now, clock24) } : null,
    endedAt: ended ? inWords(ended, now, clock24) : null,
    state,
    hours: settings().helpWaitingHours,
    can: { ...can, approve: can.approve && !newcomer },
    newcomer: can.approve && newcomer,
    again: state.step.startsWith('stopped') || state.step === 'lapsed' ? againText(state.step) : '',
    againHref: `${HOME}/people/${person.id}`,
    codesLeft: MOST_CODES - reset.codesMade,
    approveAction: `${path}/approve`,
    codeAction: `${path}/code`,
    stopAction: `${path}/stop`,
  })
}

/** What to do for the person when a request is over and nothing came of it. */
function againText(step: string): string {
  return t('help-sign-in:request.again', { context: step })
}

/** POST /help-sign-in/requests/:request/approve */
export async function takeApproval(request: Request, response: Response) {
  const id = idIn(request, 'request')
  await approveHelp(request.actor, readerOf(request).account, id)
  response.redirect(303, `${HOME}/requests/${id}`)
}

/** POST /help-sign-in/requests/:request/stop */
export async function takeStop(request: Request, response: Response) {
  const id = idIn(request, 'request')
  await stopHelp(request.actor, readerOf(request).account, id)
  response.redirect(303, `${HOME}/requests/${id}`)
}

/** POST /help-sign-in/requests/:request/code: the one answer that shows the code. */
export async function showHelpCode(request: Request, response: Response) {
  const id = idIn(request, 'request')
  const made = await makeCodeFor(request.actor, readerOf(request).account, id)
  if (!made) return response.redirect(303, `${HOME}/requests/${id}`)
  const { reset, person } = await requestInReach(request.actor, readerOf(request).account, id)
  showPage(request, response, 'help-sign-in/help-code', {
    title: t('help-sign-in:made.title'),
    backHref: `${HOME}/requests/${id}`,
    name: nameOf(person),
    code: made.code,
    until: clock24(made.expiresAt),
    address: new URL(config().baseUrl).host,
    codesLeft: MOST_CODES - reset.codesMade,
  })
}

/** @throws NotFound for what is no id of ours */
function idIn(request: Request, name: string): string {
  const id = request.params[name]
  if (!isId(id)) throw new NotFound('no id')
  return id
}
