/** People, for administrators: who has an account, and inviting a colleague. Nothing here opens mail. */
import type { Request, Response } from 'express'
import { record } from '../audit/record.ts'
import { inTransaction, isTaken } from '../database/connection.ts'
import { clock24, inShort } from '../lib/dates.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { findAccountByEmail, listColleagues, type Role } from './account.store.ts'
import { readEmailAddress } from './email-address.ts'
import { inviteColleague } from './invite-account.ts'
import { invitation, type InvitationForm } from './invitation.form.ts'
import { foundTeam, joinTeam } from './join-team.ts'
import { listMemberships, listTeams } from './team.store.ts'

/** GET /admin/people */
export async function showPeople(request: Request, response: Response) {
  await record(request.actor, { act: 'people.listed' })
  const colleagues = await listColleagues()
  const memberships = await listMemberships(colleagues.map(({ id }) => id))
  const people = colleagues.map((account) => ({
    name: account.name,
    email: account.email,
    role: t(`accounts:roles.${account.role}`),
    teams: memberships
      .filter(({ accountId }) => accountId === account.id)
      .map(({ team }) => team.name)
      .join(', '),
    state: account.state,
    stateText: t(`accounts:states.${account.state}`),
    lastSignedInAt: account.lastSignedInAt ? inShort(account.lastSignedInAt, new Date(), clock24) : null,
  }))
  showPage(request, response, 'accounts/people', {
    title: t('accounts:people.title'),
    people,
    inviteHref: '/admin/people/invite',
    invited: colleagues.some(({ id }) => id === request.query['invited']),
  })
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

const ROLES: readonly Role[] = ['provider', 'admin', 'auditor']

async function showInvite(request: Request, response: Response, given: object, errors: ToldError[]) {
  const teams = await listTeams()
  const role = typed(given, 'role') || 'provider'
  const team = typed(given, 'team')
  const view = {
    title: t('accounts:invite.title'),
    backHref: '/admin/people',
    action: '/admin/people/invite',
    form: { name: typed(given, 'name'), email: typed(given, 'email'), newTeam: typed(given, 'newTeam') },
    roles: ROLES.map((each) => ({
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
  showPage(request, response, 'accounts/invite', view, errors.length > 0 ? 422 : 200)
}
