/** Inviting many: a table is brought, its mistakes are told by row, what would be done is shown, and one button does it. */
import type { Request, Response } from 'express'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { typed, type FormError } from '../lib/form.ts'
import { isId, newId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { checkPeopleList, type CheckedList, type PeopleList } from './check-people-list.ts'
import { invitePeople } from './invite-people.ts'
import { findPeopleList, insertPeopleList } from './people-list.store.ts'
import { MOST_ROWS, readTable, type Table, type TableProblem } from './read-table.ts'

const HOME = '/admin/people/import'
const SHOWN = 20
const MOST_PROBLEMS = 100

/** GET /admin/people/import */
export function askList(request: Request, response: Response) {
  showForm(request, response, {})
}

/** GET /admin/people/import.csv: the columns, in a file that sheets open with the right letters. */
export function downloadTemplate(_request: Request, response: Response) {
  response.attachment('people.csv').type('text/csv').send('\ufeffname,email,role,team\r\n')
}

/** POST /admin/people/import: reads the table and keeps it, sealed, until its button is pressed. Nobody is invited yet. */
export async function takeList(request: Request, response: Response) {
  const { actor, account } = readerOf(request)
  await record(actor, { act: 'people-list.read' })
  const table = tableIn(request)
  if (!('header' in table)) return showForm(request, response, { errors: [tableError(table)] })
  const checked = await checkPeopleList(table)
  if (!('list' in checked)) return showForm(request, response, { table, checked })
  const id = newId()
  await insertPeopleList(id, account.id, checked.list, new Date())
  response.redirect(303, `${HOME}/${id}`)
}

function tableIn(request: Request): Table | TableProblem | { problem: 'too-big' | 'nothing' } {
  if ((request.fileProblems ?? []).length > 0) return { problem: 'too-big' }
  const [file] = (request.keptFiles ?? []) as Buffer[]
  if (file && file.length > 0) return readTable(file)
  const pasted = typed(request.body, 'pasted')
  return pasted.trim() === '' ? { problem: 'nothing' } : readTable(pasted)
}

type Unread = Exclude<ReturnType<typeof tableIn>, Table>

function tableError(unread: Unread): FormError {
  const values = 'line' in unread ? { line: unread.line } : { count: MOST_ROWS }
  return { field: 'list', key: `people:import.errors.${unread.problem}`, values }
}

interface Shown {
  errors?: FormError[]
  table?: Table
  checked?: Exclude<CheckedList, { list: unknown }>
}

function showForm(request: Request, response: Response, { errors = [], table, checked }: Shown) {
  const columns = checked && 'columns' in checked ? checked.columns : []
  const rows = checked && 'rows' in checked ? checked.rows : []
  const problems: FormError[] = [
    ...errors,
    ...(columns.length > 0 ? [{ field: 'list', key: 'people:import.errors.columns' }] : []),
    ...(rows.length > 0
      ? [
          {
            field: 'list',
            key: 'people:import.errors.rows',
            values: { count: new Set(rows.map(({ line }) => line)).size },
          },
        ]
      : []),
  ]
  const view = {
    title: t('people:import.title'),
    backHref: '/admin/people',
    action: HOME,
    templateHref: `${HOME}.csv`,
    readAs: table ? readAs(table) : '',
    pasted: typed(request.body, 'pasted'),
    columnProblems: columns.map(({ problem, column }) =>
      t(`people:import.columns.${problem}`, { column: t(`people:import.names.${column}`) }),
    ),
    rowProblems: rows.slice(0, MOST_PROBLEMS).map(({ line, column, problem, given }) => ({
      line,
      column: t(`people:import.names.${column}`),
      text: t(`people:import.rows.${problem}`),
      given,
    })),
    more: rows.length > MOST_PROBLEMS ? t('people:import.more', { count: rows.length - MOST_PROBLEMS }) : '',
    limit: MOST_ROWS,
    errors: toldErrors(problems),
  }
  showPage(request, response, 'people/import', view, problems.length > 0 ? 422 : 200)
}

function readAs({ encoding, delimiter }: Pick<Table, 'encoding' | 'delimiter'>): string {
  const name = { ',': 'comma', ';': 'semicolon', '\t': 'tab' }[delimiter]
  const parts = t(`people:import.delimiters.${name}`)
  return t('people:import.readAs', { encoding: t(`people:import.encodings.${encoding}`), parts })
}

/** GET /admin/people/import/:list: what would be done, and after that what was. */
export async function showList(request: Request, response: Response) {
  const { id, list, usedAt } = await listIn(request)
  await record(request.actor, { act: 'people-list.read' })
  showDryRun(request, response, id, list, usedAt, [])
}

/** POST /admin/people/import/:list */
export async function useList(request: Request, response: Response) {
  const { id, list, usedAt } = await listIn(request)
  const errors = usedAt ? [] : missingTicks(request, list)
  if (errors.length > 0) return showDryRun(request, response, id, list, usedAt, errors)
  await invitePeople(readerOf(request).actor, id, list)
  response.redirect(303, `${HOME}/${id}`)
}

function missingTicks(request: Request, { newTeams, alike }: PeopleList): FormError[] {
  const unticked = (field: string) => typed(request.body, field) !== 'yes'
  return [
    ...(newTeams.length > 0 && unticked('teams') ? [{ field: 'teams', key: 'people:import.errors.teams' }] : []),
    ...(alike.length > 0 && unticked('alike') ? [{ field: 'alike', key: 'people:import.errors.alike' }] : []),
  ]
}

function showDryRun(
  request: Request,
  response: Response,
  id: string,
  list: PeopleList,
  usedAt: Date | null,
  errors: readonly FormError[],
) {
  const { invite, known, newTeams, alike, unused } = list
  const view = {
    title: t('people:import.checkTitle'),
    backHref: HOME,
    peopleHref: '/admin/people?state=invited',
    action: `${HOME}/${id}`,
    used: usedAt !== null,
    readAs: readAs(list),
    counts: {
      invite: t('people:import.invite', { count: invite.length }),
      known: t('people:import.known', { count: known.length }),
      unused: unused.length > 0 ? t('people:import.unused', { columns: unused.join(', ') }) : '',
    },
    any: invite.length > 0,
    done: t('people:import.done', { count: invite.length }),
    people: invite.slice(0, SHOWN).map(({ line, name, email, role, team }) => ({
      line,
      name,
      email,
      role: t(`accounts:roles.${role}`),
      team,
    })),
    more: invite.length > SHOWN ? t('people:import.morePeople', { count: invite.length - SHOWN }) : '',
    known: known
      .slice(0, SHOWN)
      .map(({ line, email, state }) => ({ line, email, state: t(`accounts:states.${state}`) })),
    alike: alike.map(({ line, email, other }) => t('people:import.alikeRow', { line, email, other })),
    newTeams:
      newTeams.length > 0 ? t('people:import.newTeams', { count: newTeams.length, names: newTeams.join(', ') }) : '',
    button: t('people:import.button', { count: invite.length }),
    errors: toldErrors(errors),
  }
  showPage(request, response, 'people/import-check', view, errors.length > 0 ? 422 : 200)
}

/** @throws NotFound when it is not theirs, too old or not there */
async function listIn(request: Request) {
  const id = request.params['list']
  const { account } = readerOf(request)
  const found = isId(id) ? await findPeopleList<PeopleList>(id, account.id, new Date()) : undefined
  if (!found) throw new NotFound('no such list')
  return { id: id as string, ...found }
}
