/** Handing over the conversations of a colleague's own mailbox: how many, to whom, and what of them opens afterwards, told before. */
import type { Request, Response } from 'express'
import { isShut, listColleagues } from '../accounts/account.store.ts'
import { listTeams } from '../accounts/team.store.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { handOverThreads, type TakesOver } from '../messages/hand-over-threads.ts'
import { readerOf } from '../sign-in/guards.ts'
import { recoveryMode } from '../vault/vault.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { countOwnConversations } from './change-role.ts'
import { handingOver, LONGEST_REASON } from './person.form.ts'
import { personIn } from './person.pages.ts'

const MOST_COLLEAGUES = 500

/** GET /admin/people/:account/hand-over */
export async function askHandOver(request: Request, response: Response) {
  await show(request, response, [])
}

/** POST /admin/people/:account/hand-over */
export async function takeHandOver(request: Request, response: Response) {
  const form = readForm(handingOver, request.body)
  if (!form.values) return show(request, response, form.errors)
  const person = await personIn(request)
  const { to, reason } = form.values
  await handOverThreads(readerOf(request).actor, person.id, takesOver(to), reason.trim())
  response.redirect(303, `/admin/people/${person.id}?done=handed-over`)
}

function takesOver(to: string): TakesOver {
  const [kind, id] = to.split('.') as [string, string]
  return kind === 'team' ? { teamId: id } : { accountId: id }
}

async function show(request: Request, response: Response, errors: readonly FormError[]) {
  const person = await personIn(request)
  const [count, teams, colleagues, mode] = await Promise.all([
    countOwnConversations(person.id),
    listTeams(),
    listColleagues({ role: 'provider', state: 'active' }, MOST_COLLEAGUES),
    recoveryMode(),
  ])
  const chosen = typed(request.body, 'to')
  const choice = (value: string, label: string) => ({ value, label, selected: value === chosen })
  const name = person.name || person.email
  const view = {
    title: t('people:hand-over.title'),
    backHref: `/admin/people/${person.id}`,
    back: t('people:change.back'),
    action: `/admin/people/${person.id}/hand-over`,
    heading: t('people:hand-over.heading', { name }),
    intro: t('people:hand-over.intro', { count }),
    effects: [
      t('people:hand-over.keys', { context: mode }),
      t('people:hand-over.later'),
      t('people:hand-over.patients'),
      t('people:hand-over.recorded'),
      ...(isShut(person) ? [] : [t('people:hand-over.told')]),
    ],
    blocked: count === 0 ? t('people:hand-over.none') : '',
    blockedHref: '',
    choices: null,
    select: {
      name: 'to',
      label: t('people:hand-over.to'),
      hint: t('people:hand-over.toHint'),
      options: [
        choice('', t('people:hand-over.choose')),
        ...teams.map((team) => choice(`team.${team.id}`, t('people:hand-over.team', { name: team.name }))),
        ...colleagues
          .filter(({ id }) => id !== person.id)
          .map((each) => choice(`account.${each.id}`, each.name || each.email)),
      ],
    },
    line: null,
    reason: { value: typed(request.body, 'reason'), limit: LONGEST_REASON },
    tick: null,
    button: t('people:hand-over.button'),
    errors: toldErrors(errors, { count: LONGEST_REASON }),
  }
  showPage(request, response, 'people/change', view, errors.length > 0 ? 422 : 200)
}
