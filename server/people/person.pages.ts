/** One colleague, for administrators: what they are, may do and sign in with, and every change of it with its effects told before. */
import type { Request, Response } from 'express'
import { findAccount, listAccounts, type Account } from '../accounts/account.store.ts'
import { inviteAgain } from '../accounts/invite-account.ts'
import { listMemberships } from '../accounts/team.store.ts'
import { record, recordDenied, type AccessEvent } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { clock24, inWords } from '../lib/dates.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { listAccessChangesOf, type AccessChange } from './access-change.store.ts'
import type { NotChanged } from './change-access.ts'
import { changeRole, countOwnConversations, STAFF_ROLES } from './change-role.ts'
import { closePerson } from './close-person.ts'
import { changingRole, closing, LONGEST_REASON, withReason } from './person.form.ts'
import { reopenPerson } from './reopen-person.ts'
import { suspendPerson } from './suspend-person.ts'
import { listWaysIn, type WaysIn } from './ways-in.ts'

const HOME = '/admin/people'
const DONE = ['suspended', 'reopened', 'closed', 'role', 'invited', 'handed-over'] as const

/** GET /admin/people/:account */
export async function showPerson(request: Request, response: Response) {
  const person = await personIn(request)
  const [memberships, ways, history, conversations] = await Promise.all([
    listMemberships([person.id]),
    listWaysIn([person.id]),
    listAccessChangesOf(person.id),
    countOwnConversations(person.id),
  ])
  const own = readerOf(request).account.id === person.id
  const done = DONE.find((each) => each === request.query['done'])
  showPage(request, response, 'people/person', {
    title: t('people:person.title'),
    backHref: HOME,
    done: done ? t(`people:done.${done}`) : '',
    name: person.name || person.email,
    state: person.state,
    stateText: t(`accounts:states.${person.state}`),
    locked: ways.get(person.id)!.locked,
    facts: factsOf(person, ways.get(person.id)!),
    may: mayOf(person),
    moves: own ? [] : movesOf(person, conversations),
    noMoves: own ? t('people:person.own') : t('people:person.noMoves'),
    teams: memberships.map(({ team }) => ({ name: team.name, href: `/admin/teams/${team.id}` })),
    conversations: t('people:person.conversations', { count: conversations }),
    history: await historyOf(history),
  })
}

function factsOf(person: Account, ways: WaysIn) {
  const when = (at: Date | null) => (at ? inWords(at, new Date(), clock24).text : t('people:person.never'))
  const fact = (name: string, text: string) => ({ label: t(`people:facts.${name}`), text })
  return [
    fact('email', person.email),
    fact('role', t(`accounts:roles.${person.role}`)),
    fact('ways', waysInWords(ways)),
    fact('invited', when(person.invitedAt)),
    fact('enrolled', when(person.enrolledAt)),
    fact('lastSignIn', when(person.lastSignedInAt)),
  ]
}

/** "Password and code app, 2 passkeys" */
export function waysInWords({ password, codeApp, passkeys, signOn }: WaysIn): string {
  const ways = [
    password ? t('people:ways.password', { context: codeApp ? 'app' : '' }) : '',
    passkeys > 0 ? t('people:ways.passkeys', { count: passkeys }) : '',
    signOn ? t('people:ways.signOn') : '',
  ]
  return ways.filter(Boolean).join(', ') || t('people:ways.none')
}

function mayOf({ role, state }: Account): string[] {
  if (state !== 'active') return [t(`people:may.${state}`)]
  return [t(`accounts:roleHints.${role}`), t(`people:may.${role}`)]
}

function movesOf({ id, state }: Account, conversations: number) {
  const move = (name: string) => ({ href: `${HOME}/${id}/${name}`, label: t(`people:moves.${name}`) })
  const moves = {
    invited: ['role', 'invite-again', 'close'],
    active: ['role', 'suspend', 'close'],
    suspended: ['reopen', 'close'],
    closed: [],
  }[state].map(move)
  return conversations > 0 ? [...moves, move('hand-over')] : moves
}

async function historyOf(changes: AccessChange[]) {
  const people = await listAccounts(changes.map(({ changedBy }) => changedBy))
  const nameOf = (id: string) => people.find((each) => each.id === id)?.name ?? ''
  return changes.map(({ kind, was, became, reason, changedBy, changedAt }) => ({
    at: inWords(changedAt, new Date(), clock24),
    what:
      kind === 'role-changed'
        ? t('people:history.role-changed', { was: t(`accounts:roles.${was}`), became: t(`accounts:roles.${became}`) })
        : t(`people:history.${kind}`),
    by: t('people:history.by', { name: nameOf(changedBy) }),
    reason,
  }))
}

/** GET and POST /admin/people/:account/suspend */
export const askSuspend = (request: Request, response: Response) => ask(request, response, 'suspend')
export async function takeSuspend(request: Request, response: Response) {
  const form = readForm(withReason, request.body)
  if (!form.values) return ask(request, response, 'suspend', form.errors)
  const id = accountIn(request)
  const refused = await suspendPerson(readerOf(request).actor, id, form.values.reason.trim())
  await answer(request, response, 'suspend', 'suspended', refused)
}

/** GET and POST /admin/people/:account/reopen */
export const askReopen = (request: Request, response: Response) => ask(request, response, 'reopen')
export async function takeReopen(request: Request, response: Response) {
  const form = readForm(withReason, request.body)
  if (!form.values) return ask(request, response, 'reopen', form.errors)
  const id = accountIn(request)
  const refused = await reopenPerson(readerOf(request).actor, id, form.values.reason.trim())
  await answer(request, response, 'reopen', 'reopened', refused)
}

/** GET and POST /admin/people/:account/close */
export const askClose = (request: Request, response: Response) => ask(request, response, 'close')
export async function takeClose(request: Request, response: Response) {
  const form = readForm(closing, request.body)
  if (!form.values) return ask(request, response, 'close', form.errors)
  const id = accountIn(request)
  const refused = await closePerson(readerOf(request).actor, id, form.values.reason.trim())
  await answer(request, response, 'close', 'closed', refused)
}

/** GET and POST /admin/people/:account/role */
export const askRole = (request: Request, response: Response) => ask(request, response, 'role')
export async function takeRole(request: Request, response: Response) {
  const form = readForm(changingRole, request.body)
  if (!form.values) return ask(request, response, 'role', form.errors)
  const { role, reason } = form.values
  const id = accountIn(request)
  const person = await findAccount(id)
  if (person?.role === role) return ask(request, response, 'role', [{ field: 'role', key: 'people:errors.sameRole' }])
  const refused = await changeRole(readerOf(request).actor, id, role, reason.trim())
  await answer(request, response, 'role', 'role', refused)
}

/** GET and POST /admin/people/:account/invite-again */
export const askInviteAgain = (request: Request, response: Response) => ask(request, response, 'invite-again')
export async function takeInviteAgain(request: Request, response: Response) {
  const person = await personIn(request)
  if (person.state !== 'invited') return answer(request, response, 'invite-again', 'invited', 'other-state')
  const now = new Date()
  await inTransaction((transaction) => inviteAgain(readerOf(request).actor, person, now, transaction))
  response.redirect(303, `${HOME}/${person.id}?done=invited`)
}

type Move = 'suspend' | 'reopen' | 'close' | 'role' | 'invite-again'

const FITS: Record<Move, readonly Account['state'][]> = {
  suspend: ['active'],
  reopen: ['suspended'],
  close: ['invited', 'active', 'suspended'],
  role: ['invited', 'active'],
  'invite-again': ['invited'],
}

async function answer(
  request: Request,
  response: Response,
  move: Move,
  done: (typeof DONE)[number],
  refused: NotChanged | undefined,
) {
  if (!refused) return response.redirect(303, `${HOME}/${accountIn(request)}?done=${done}`)
  await ask(request, response, move, [], refused)
}

async function ask(
  request: Request,
  response: Response,
  move: Move,
  errors: readonly FormError[] = [],
  refused?: NotChanged,
) {
  const person = await personIn(request)
  const problem = refused ?? (await problemOf(request, person, move))
  const name = person.name || person.email
  // Somebody who never began has no access that could end.
  const context = person.state === 'invited' ? 'invited' : ''
  const view = {
    title: t(`people:${move}.title`, { context }),
    backHref: `${HOME}/${person.id}`,
    back: t('people:change.back'),
    action: `${HOME}/${person.id}/${move}`,
    heading: t(`people:${move}.heading`, { name, context }),
    intro: t(`people:${move}.intro`, { name, context }),
    effects: problem ? [] : await effectsOf(person, move),
    blocked: problem ? t(`people:blocked.${problem}`) : '',
    blockedHref: problem === 'own-conversations' ? `${HOME}/${person.id}/hand-over` : '',
    choices: move === 'role' ? roleChoices(person, typed(request.body, 'role')) : null,
    select: null,
    line: null,
    reason: move === 'invite-again' ? null : { value: typed(request.body, 'reason'), limit: LONGEST_REASON },
    tick: move === 'close' ? { name: 'sure', label: t('people:close.sure'), ticked: false } : null,
    button: t(`people:${move}.button`, { context }),
    errors: toldErrors(errors, { count: LONGEST_REASON }),
  }
  showPage(request, response, 'people/change', view, errors.length > 0 ? 422 : refused ? 409 : 200)
}

/** What stands against a change whatever is chosen. */
async function problemOf(request: Request, person: Account, move: Move): Promise<NotChanged | undefined> {
  if (person.id === readerOf(request).account.id) return 'own-access'
  if (!FITS[move].includes(person.state)) return 'other-state'
  const leavesCareTeam = move === 'role' && person.role === 'provider'
  return leavesCareTeam && (await countOwnConversations(person.id)) > 0 ? 'own-conversations' : undefined
}

function roleChoices(person: Account, chosen: string) {
  const items = STAFF_ROLES.map((value) => ({
    value,
    label: t(`accounts:roles.${value}`),
    hint: t(`accounts:roleHints.${value}`),
    selected: value === (chosen || person.role),
  }))
  return { name: 'role', label: t('people:role.role'), items }
}

/** What a change will do, told before it is made. */
async function effectsOf(person: Account, move: Move): Promise<string[]> {
  const [memberships, conversations] = await Promise.all([
    listMemberships([person.id]),
    countOwnConversations(person.id),
  ])
  const teams = memberships.map(({ team }) => team.name).join(', ')
  const effect = (name: string, values = {}) => t(`people:effects.${name}`, values)
  const invited = person.state === 'invited'
  const ends = invited ? [] : [effect('sessions')]
  const leaves = teams ? [effect('teams', { teams }), effect('newKeys')] : []
  const left = [...leaves, ...(conversations > 0 ? [effect('conversations', { count: conversations })] : [])]
  if (move === 'suspend') return [...ends, effect('noSignIn'), effect('kept'), effect('told')]
  if (move === 'reopen') return [effect('signsIn'), effect('told')]
  if (move === 'close')
    return invited ? [effect('linkDead'), ...left] : [...ends, effect('forgotten'), ...left, effect('told')]
  if (move === 'role')
    return [
      ...ends,
      ...(leaves.length > 0 ? [effect('ifNoProvider'), ...leaves] : []),
      ...(invited ? [] : [effect('told')]),
    ]
  return []
}

/** The colleague of the path, recorded before anything of them is shown. @throws NotFound for patients and for nobody */
export async function personIn(request: Request): Promise<Account> {
  const id = accountIn(request)
  const person = await findAccount(id)
  if (!person || person.role === 'patient') {
    const subject: AccessEvent['subject'] = { kind: 'account', id }
    await recordDenied(request.actor, 'person.read', subject, 'not-yours')
    throw new NotFound('no colleague')
  }
  await record(request.actor, { act: 'person.read', subject: { kind: 'account', id: person.id } })
  return person
}

/** @throws NotFound for what is no id of ours */
export function accountIn(request: Request): string {
  const id = request.params['account']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}
