/** Teams, for administrators: founding and renaming them, and who belongs to each. Nothing here opens mail. */
import type { Request, Response } from 'express'
import { holdAccess, isShut, listAccounts, listColleagues } from '../accounts/account.store.ts'
import { foundTeam, joinTeam } from '../accounts/join-team.ts'
import { leaveTeam } from '../accounts/leave-team.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { findTeam, listMembers, listTeams, renameTeam, type Team } from '../accounts/team.store.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { countThreadsOf } from '../messages/thread.store.ts'
import { readerOf } from '../sign-in/guards.ts'
import { recoveryMode } from '../vault/vault.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { joining, naming } from './person.form.ts'

const HOME = '/admin/teams'
const DONE = ['created', 'renamed', 'joined', 'left'] as const
const MOST_COLLEAGUES = 500

/** GET /admin/teams */
export async function showTeams(request: Request, response: Response) {
  await record(request.actor, { act: 'teams.listed' })
  const teams = await Promise.all(
    (await listTeams()).map(async (team) => ({
      name: team.name,
      href: `${HOME}/${team.id}`,
      members: (await listMembers(team.id)).length,
      conversations: await countConversations(team.id),
    })),
  )
  showPage(request, response, 'people/teams', {
    title: t('people:teams.title'),
    backHref: '/admin/people',
    newHref: `${HOME}/new`,
    teams: teams.sort((one, other) => one.name.localeCompare(other.name)),
  })
}

/** GET /admin/teams/:team */
export async function showTeam(request: Request, response: Response) {
  const team = await teamIn(request)
  const [people, conversations] = await Promise.all([
    listMembers(team.id).then((ids) => listAccounts(ids)),
    countConversations(team.id),
  ])
  const done = DONE.find((each) => each === request.query['done'])
  showPage(request, response, 'people/team', {
    title: t('people:team.title'),
    backHref: HOME,
    done: done ? t(`people:teamDone.${done}`) : '',
    name: team.name,
    conversations: t('people:team.conversations', { count: conversations }),
    nobody: people.length === 0 && conversations > 0,
    renameHref: `${HOME}/${team.id}/rename`,
    addHref: `${HOME}/${team.id}/add`,
    members: people.map((each) => ({
      name: each.name || each.email,
      href: `/admin/people/${each.id}`,
      email: each.email,
      state: each.state,
      stateText: t(`accounts:states.${each.state}`),
      removeHref: `${HOME}/${team.id}/remove/${each.id}`,
    })),
  })
}

/** GET and POST /admin/teams/new */
export function askTeam(request: Request, response: Response) {
  showName(request, response, 'new', undefined, [])
}
export async function takeTeam(request: Request, response: Response) {
  const name = await freeName(request, undefined)
  if (typeof name !== 'string') return showName(request, response, 'new', undefined, name)
  const team = await inTransaction((transaction) => foundTeam(readerOf(request).actor, name, new Date(), transaction))
  response.redirect(303, `${HOME}/${team.id}?done=created`)
}

/** GET and POST /admin/teams/:team/rename */
export async function askRename(request: Request, response: Response) {
  showName(request, response, 'rename', await teamIn(request), [])
}
export async function takeRename(request: Request, response: Response) {
  const team = await teamIn(request)
  const name = await freeName(request, team)
  if (typeof name !== 'string') return showName(request, response, 'rename', team, name)
  const subject = { kind: 'team' as const, id: team.id }
  await inTransaction(async (transaction) => {
    const event = { act: 'team.renamed', subject, before: team.name, after: name } as const
    await record(readerOf(request).actor, event, transaction)
    await renameTeam(team.id, name, transaction)
  })
  response.redirect(303, `${HOME}/${team.id}?done=renamed`)
}

async function freeName(request: Request, team: Team | undefined): Promise<string | readonly FormError[]> {
  const form = readForm(naming, request.body)
  if (!form.values) return form.errors
  const name = form.values.name.trim()
  const same = (await listTeams()).find((each) => each.name.toLowerCase() === name.toLowerCase())
  return same && same.id !== team?.id ? [{ field: 'name', key: 'accounts:invite.errors.teamTaken' }] : name
}

function showName(
  request: Request,
  response: Response,
  move: 'new' | 'rename',
  team: Team | undefined,
  errors: readonly FormError[],
) {
  const value = request.method === 'GET' ? (team?.name ?? '') : typed(request.body, 'name')
  showChange(request, response, {
    ...words(move, team),
    backHref: team ? `${HOME}/${team.id}` : HOME,
    action: team ? `${HOME}/${team.id}/rename` : `${HOME}/new`,
    line: { name: 'name', label: t('people:team.name'), hint: t('accounts:invite.newTeamHint'), value },
    effects: team ? [t('people:team-rename.patients')] : [],
    errors: toldErrors(errors, { count: 100 }),
  })
}

/** GET and POST /admin/teams/:team/add */
export async function askAdd(request: Request, response: Response) {
  await showAdd(request, response, [])
}
export async function takeAdd(request: Request, response: Response) {
  const team = await teamIn(request)
  const form = readForm(joining, request.body)
  if (!form.values) return showAdd(request, response, form.errors)
  const { account } = form.values
  const joined = await inTransaction(async (transaction) => {
    await holdAccess(transaction)
    const [person] = await listAccounts([account], transaction)
    const members = await listMembers(team.id, transaction)
    if (person?.role !== 'provider' || isShut(person) || members.includes(account)) return false
    await joinTeam(readerOf(request).actor, team.id, account, new Date(), transaction)
    return true
  })
  if (!joined) return showAdd(request, response, [{ field: 'account', key: 'people:errors.account' }])
  response.redirect(303, `${HOME}/${team.id}?done=joined`)
}

async function showAdd(request: Request, response: Response, errors: readonly FormError[]) {
  const team = await teamIn(request)
  const [members, colleagues, mode] = await Promise.all([
    listMembers(team.id),
    listColleagues({ role: 'provider' }, MOST_COLLEAGUES),
    recoveryMode(),
  ])
  const chosen = typed(request.body, 'account')
  const free = colleagues.filter((each) => !members.includes(each.id) && !isShut(each))
  const options = free.map((each) => ({ value: each.id, label: each.name || each.email, selected: each.id === chosen }))
  showChange(request, response, {
    ...words('add', team),
    backHref: `${HOME}/${team.id}`,
    action: `${HOME}/${team.id}/add`,
    select: {
      name: 'account',
      label: t('people:team-add.account'),
      hint: t('people:team-add.hint'),
      options: [{ value: '', label: t('people:team-add.choose'), selected: false }, ...options],
    },
    effects: [t('people:team-add.reads'), t('people:team-add.keys', { context: mode })],
    blocked: options.length === 0 ? t('people:team-add.nobody') : '',
    errors: toldErrors(errors),
  })
}

/** GET and POST /admin/teams/:team/remove/:account */
export async function askRemove(request: Request, response: Response) {
  await showRemove(request, response, [])
}
export async function takeRemove(request: Request, response: Response) {
  const team = await teamIn(request)
  const account = accountIn(request)
  const sure = typed(request.body, 'sure') === 'yes'
  const now = new Date()
  const outcome = await inTransaction(async (transaction) => {
    await holdAccess(transaction)
    const members = await listMembers(team.id, transaction)
    if (!members.includes(account)) return 'gone'
    const last = members.length === 1 && (await countConversations(team.id)) > 0
    if (last && !sure) return 'last'
    await leaveTeam(readerOf(request).actor, team.id, account, now, transaction)
    return 'left'
  })
  if (outcome === 'last') return showRemove(request, response, [{ field: 'sure', key: 'people:errors.lastMember' }])
  response.redirect(303, `${HOME}/${team.id}${outcome === 'left' ? '?done=left' : ''}`)
}

async function showRemove(request: Request, response: Response, errors: readonly FormError[]) {
  const team = await teamIn(request)
  const members = await listMembers(team.id)
  const [person] = await listAccounts(members.filter((id) => id === accountIn(request)))
  if (!person) throw new NotFound('no member')
  const conversations = await countConversations(team.id)
  const last = members.length === 1 && conversations > 0
  const name = person.name || person.email
  showChange(request, response, {
    ...words('remove', team, { name, team: team.name }),
    backHref: `${HOME}/${team.id}`,
    action: `${HOME}/${team.id}/remove/${person.id}`,
    effects: [t('people:team-remove.reads'), t('people:team-remove.keys'), t('people:team-remove.stays')],
    tick: last ? { name: 'sure', label: t('people:team-remove.sure', { count: conversations }), ticked: false } : null,
    errors: toldErrors(errors, { count: conversations }),
  })
}

function words(move: 'new' | 'rename' | 'add' | 'remove', team?: Team, values: object = {}) {
  const all = { name: team?.name ?? '', ...values }
  return {
    title: t(`people:team-${move}.title`),
    back: team ? t('people:team.back') : t('people:teams.back'),
    heading: t(`people:team-${move}.heading`, all),
    intro: t(`people:team-${move}.intro`, all),
    button: t(`people:team-${move}.button`),
  }
}

type ChangeView = { title: string; errors: ReturnType<typeof toldErrors>; [name: string]: unknown }

function showChange(request: Request, response: Response, view: ChangeView) {
  const nothing = {
    effects: [],
    blocked: '',
    blockedHref: '',
    choices: null,
    select: null,
    line: null,
    reason: null,
    tick: null,
  }
  showPage(request, response, 'people/change', { ...nothing, ...view }, view.errors.length > 0 ? 422 : 200)
}

async function countConversations(teamId: string): Promise<number> {
  const mailbox = await findMailboxOf({ teamId })
  return mailbox ? countThreadsOf(mailbox.id) : 0
}

/** The team of the path, recorded before anything of it is shown. @throws NotFound */
async function teamIn(request: Request): Promise<Team> {
  const id = request.params['team']
  const team = isId(id) ? await findTeam(id) : undefined
  if (!team) throw new NotFound('no such team')
  await record(request.actor, { act: 'team.read', subject: { kind: 'team', id: team.id } })
  return team
}

function accountIn(request: Request): string {
  const id = request.params['account']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}
