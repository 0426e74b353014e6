/** People, for administrators: who has an account, and inviting a colleague. Nothing here opens mail. */
import type { Request, Response } from 'express'
import {
  findAccountByEmail,
  listColleagues,
  type Account,
  type AccountState,
  type ColleagueFilter,
} from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { lookUpPeople } from '../accounts/find-people.ts'
import { inviteColleague } from '../accounts/invite-account.ts'
import { foundTeam, joinTeam } from '../accounts/join-team.ts'
import { listMemberships, listTeams, type Team } from '../accounts/team.store.ts'
import { record } from '../audit/record.ts'
import { inTransaction, isTaken } from '../database/connection.ts'
import { BadInput } from '../errors.ts'
import { clock24, inShort } from '../lib/dates.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { STAFF_ROLES } from './change-role.ts'
import { invitation, searching, type InvitationForm } from './invitation.form.ts'
import { waysInWords } from './person.pages.ts'
import { listWaysIn, type WaysIn } from './ways-in.ts'

const HOME = '/admin/people'
const PAGE = 50
/** Of those who are found by a part of their name. */
const MOST_FOUND = 25
const STATES = ['invited', 'active', 'suspended', 'closed'] as const satisfies readonly AccountState[]

/** GET /admin/people */
export async function showPeople(request: Request, response: Response) {
  await listPeople(request, response, [])
}

/** POST /admin/people: by a part of a name or address. What was typed stands sealed in the log, and never in an address. */
export async function takeSearch(request: Request, response: Response) {
  const form = readForm(searching, request.body)
  if (!form.values) return listPeople(request, response, form.errors)
  const found = await lookUpPeople(request.actor, form.values.text, { roles: STAFF_ROLES, limit: MOST_FOUND })
  response.redirect(303, `${HOME}?found=${found.map(({ id }) => id).join('.')}`)
}

async function listPeople(request: Request, response: Response, errors: readonly FormError[]) {
  const filter = filterIn(request)
  await record(request.actor, { act: 'people.listed' })
  const teams = await listTeams()
  const rows = await listColleagues(filter, PAGE + 1)
  const page = rows.slice(0, PAGE)
  const ids = page.map(({ id }) => id)
  const [memberships, ways] = await Promise.all([listMemberships(ids), listWaysIn(ids)])
  const view = {
    title: t('accounts:people.title'),
    people: page.map((account) => personView(account, memberships, ways.get(account.id)!)),
    inviteHref: `${HOME}/invite`,
    importHref: `${HOME}/import`,
    invited: page.some(({ id }) => id === request.query['invited']),
    search: { action: HOME, text: typed(request.body, 'text') },
    found: filter.ids ? t('people:search.found', { count: page.length, context: tooMany(page.length) }) : '',
    filters: filtersView(filter, teams),
    filtered: Object.values(filter).some(Boolean),
    clearHref: HOME,
    newer: filter.after ? hrefOf({ ...filter, after: undefined }) : '',
    older: rows.length > PAGE ? hrefOf({ ...filter, after: page.at(-1)!.id }) : '',
    errors: toldErrors(errors),
  }
  showPage(request, response, 'people/people', view, errors.length > 0 ? 422 : 200)
}

function tooMany(found: number) {
  return found >= MOST_FOUND ? 'most' : ''
}

type Memberships = Awaited<ReturnType<typeof listMemberships>>

function personView(account: Account, memberships: Memberships, ways: WaysIn) {
  return {
    name: account.name || account.email,
    href: `${HOME}/${account.id}`,
    email: account.email,
    role: t(`accounts:roles.${account.role}`),
    teams: memberships
      .filter(({ accountId }) => accountId === account.id)
      .map(({ team }) => team.name)
      .join(', '),
    state: account.state,
    stateText: t(`accounts:states.${account.state}`),
    locked: ways.locked,
    ways: ['active', 'suspended'].includes(account.state) ? waysInWords(ways) : '',
    lastSignedInAt: account.lastSignedInAt ? inShort(account.lastSignedInAt, new Date(), clock24) : null,
  }
}

/** @throws BadInput for what no page of ours asks */
function filterIn(request: Request): ColleagueFilter {
  const asked = (name: string) => typed(request.query, name)
  const [role, state, team, after, found] = [
    asked('role'),
    asked('state'),
    asked('team'),
    asked('after'),
    asked('found'),
  ]
  const ids = found === '' ? [] : found.split('.')
  if (![team, after].every((each) => each === '' || isId(each)) || !ids.every(isId) || ids.length > MOST_FOUND)
    throw new BadInput('no such list')
  return {
    role: STAFF_ROLES.find((each) => each === role),
    state: STATES.find((each) => each === state),
    teamId: team || undefined,
    after: after || undefined,
    ids: 'found' in request.query ? ids : undefined,
  }
}

function filtersView({ role, state, teamId }: ColleagueFilter, teams: Team[]) {
  const any = (label: string, chosen: string | undefined) => ({ value: '', label: t(label), selected: !chosen })
  const choice = (value: string, label: string, chosen: string | undefined) => ({
    value,
    label,
    selected: value === chosen,
  })
  return {
    roles: [
      any('people:filter.anyRole', role),
      ...STAFF_ROLES.map((each) => choice(each, t(`accounts:roles.${each}`), role)),
    ],
    states: [
      any('people:filter.anyState', state),
      ...STATES.map((each) => choice(each, t(`accounts:states.${each}`), state)),
    ],
    teams: [any('people:filter.anyTeam', teamId), ...teams.map(({ id, name }) => choice(id, name, teamId))],
  }
}

function hrefOf({ role, state, teamId, ids, after }: ColleagueFilter): string {
  const asked = { role, state, team: teamId, found: ids?.join('.'), after }
  const query = new URLSearchParams(Object.entries(asked).filter((each): each is [string, string] => !!each[1]))
  return query.size > 0 ? `${HOME}?${query.toString()}` : HOME
}

/** GET /admin/people/invite */
export async function askInvitation(request: Request, response: Response) {
  await showInvite(request, response, {}, [])
}

/** POST /admin/people/invite: the account, its team and the mail that tells them, in one transaction. */
export async function takeInvitation(request: Request, response: Response) {
  const showAgain = (errors: readonly FormError[]) =>
    showInvite(request, response, request.body as object, toldErrors(errors, { count: 100 }))
  const form = readForm(invitation, request.body)
  if (!form.values) return showAgain(form.errors)
  const email = readEmailAddress(form.values.email)!
  const problems = await problemsOf(form.values, email)
  if (problems.length > 0) return showAgain(problems)
  const id = await invite(request, form.values, email).catch((error: unknown) => {
    // Another request was quicker with the same address.
    if (isTaken(error, 'accounts_email_digest_key')) return undefined
    throw error
  })
  if (!id) return showAgain([EMAIL_KNOWN])
  response.redirect(303, `/admin/people?invited=${id}`)
}

const EMAIL_KNOWN = { field: 'email', key: 'accounts:invite.errors.emailKnown' }

async function problemsOf({ role, team, newTeam }: InvitationForm, email: string): Promise<FormError[]> {
  const problems: FormError[] = []
  if (await findAccountByEmail(email)) problems.push(EMAIL_KNOWN)
  if (role !== 'provider') return problems
  const teams = await listTeams()
  const name = newTeam.trim()
  if (name && teams.some((each) => each.name === name))
    problems.push({ field: 'newTeam', key: 'accounts:invite.errors.teamTaken' })
  if (!name && !teams.some(({ id }) => id === team))
    problems.push({ field: 'newTeam', key: 'accounts:invite.errors.team' })
  return problems
}

function invite(request: Request, { role, name, team, newTeam }: InvitationForm, email: string) {
  const now = new Date()
  return inTransaction(async (transaction) => {
    const account = await inviteColleague(request.actor, { role, email, name: name.trim() }, now, transaction)
    if (role !== 'provider') return account.id
    const teamId = newTeam.trim() ? (await foundTeam(request.actor, newTeam.trim(), now, transaction)).id : team
    await joinTeam(request.actor, teamId, account.id, now, transaction)
    return account.id
  })
}

async function showInvite(request: Request, response: Response, given: object, errors: ToldError[]) {
  const teams = await listTeams()
  const role = typed(given, 'role') || 'provider'
  const team = typed(given, 'team')
  const view = {
    title: t('accounts:invite.title'),
    backHref: '/admin/people',
    action: '/admin/people/invite',
    form: { name: typed(given, 'name'), email: typed(given, 'email'), newTeam: typed(given, 'newTeam') },
    roles: STAFF_ROLES.map((each) => ({
      value: each,
      label: t(`accounts:roles.${each}`),
      hint: t(`accounts:roleHints.${each}`),
      selected: each === role,
    })),
    teams:
      teams.length === 0
        ? []
        : [
            { value: '', label: t('accounts:invite.noTeam'), selected: team === '' },
            ...teams.map(({ id, name }) => ({ value: id, label: name, selected: id === team })),
          ],
    errors,
  }
  showPage(request, response, 'people/invite', view, errors.length > 0 ? 422 : 200)
}
