/** A table of people to invite: its columns first, then each row; and what would be done of it, which is nothing yet. */
import { findAccountByEmail, listAccountsAfter, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { listTeams } from '../accounts/team.store.ts'
import { STAFF_ROLES, type StaffRole } from './change-role.ts'
import type { Encoding, Table } from './read-table.ts'

export interface ListedPerson {
  line: number
  name: string
  email: string
  role: StaffRole
  /** A name; empty for who needs none. */
  team: string
}

/** What is kept until its button is pressed. */
export interface PeopleList {
  encoding: Encoding
  delimiter: Table['delimiter']
  /** Columns that say nothing to us. */
  unused: string[]
  invite: ListedPerson[]
  /** Known before: invited, signed in, or closed. Nothing is done of them. */
  known: { line: number; email: string; state: Account['state'] }[]
  newTeams: string[]
  /** Addresses that look like another one, which they are not. */
  alike: { line: number; email: string; other: string }[]
}

export type Column = 'name' | 'email' | 'role' | 'team'
export interface RowProblem {
  line: number
  column: Column
  /** A key of the words' catalogue, under `people:import.rows`. */
  problem: string
  given: string
}

export type CheckedList =
  { columns: { problem: 'missing' | 'double'; column: Column }[] } | { rows: RowProblem[] } | { list: PeopleList }

export async function checkPeopleList(table: Table): Promise<CheckedList> {
  const columns = columnsOf(table.header)
  if (columns.problems.length > 0) return { columns: columns.problems }
  const rows = table.rows.map(({ line, cells }) => {
    const cell = (column: Column) => (cells[columns.at.get(column) ?? -1] ?? '').normalize('NFC').trim()
    return { line, name: cell('name'), email: cell('email'), role: cell('role'), team: cell('team') }
  })
  const read = rows.map((row) => ({ ...row, address: readEmailAddress(row.email), means: roleOf(row.role) }))
  const problems = [...read.flatMap(problemsOf), ...doubles(read)].sort((one, other) => one.line - other.line)
  if (problems.length > 0) return { rows: problems }
  const people = read.map(({ line, name, address, means, team }) => ({
    line,
    name,
    email: address!,
    role: means!,
    team: means === 'provider' ? team : '',
  }))
  return sortOut(table, columns.unused, people)
}

const NAMES: Record<Column, readonly string[]> = {
  name: ['name', 'full name'],
  email: ['email', 'e-mail', 'mail', 'email address', 'e-mail address', 'work e-mail address'],
  role: ['role'],
  team: ['team'],
}

function columnsOf(header: readonly string[]) {
  const at = new Map<Column, number>()
  const problems: { problem: 'missing' | 'double'; column: Column }[] = []
  const unused: string[] = []
  for (const [index, text] of header.entries()) {
    const plain = text
      .replace(/^\ufeff/, '')
      .trim()
      .toLowerCase()
      .replaceAll('_', ' ')
    const column = (Object.keys(NAMES) as Column[]).find((each) => NAMES[each].includes(plain))
    if (!column) unused.push(text)
    else if (at.has(column)) problems.push({ problem: 'double', column })
    else at.set(column, index)
  }
  for (const column of ['name', 'email', 'role'] as const)
    if (!at.has(column)) problems.push({ problem: 'missing', column })
  return { at, problems, unused: unused.filter((each) => each.trim() !== '') }
}

const ROLES: Record<StaffRole, readonly string[]> = {
  provider: ['provider', 'care team'],
  admin: ['admin', 'administrator'],
  auditor: ['auditor'],
}

function roleOf(text: string): StaffRole | undefined {
  return STAFF_ROLES.find((role) => ROLES[role].includes(text.toLowerCase().replace(/\s+/g, ' ')))
}

interface ReadRow extends Record<Column, string> {
  line: number
  address: string | undefined
  means: StaffRole | undefined
}

function problemsOf(row: ReadRow): RowProblem[] {
  const problem = (column: Column, what: string) => ({ line: row.line, column, problem: what, given: row[column] })
  const tooLong = (column: 'name' | 'team') => [...row[column]].length > 100 || /[\r\n]/.test(row[column])
  return [
    ...(row.name === '' ? [problem('name', 'noName')] : tooLong('name') ? [problem('name', 'long')] : []),
    ...(row.address ? [] : [problem('email', /[^\x20-\x7e]/.test(row.email) ? 'oddLetters' : 'email')]),
    ...(row.means ? [] : [problem('role', 'role')]),
    ...(row.means === 'provider' && row.team === ''
      ? [problem('team', 'noTeam')]
      : tooLong('team')
        ? [problem('team', 'long')]
        : []),
  ]
}

function doubles(rows: readonly ReadRow[]): RowProblem[] {
  const first = new Map<string, number>()
  return rows.flatMap(({ line, email, address }) => {
    if (!address) return []
    if (first.has(address)) return [{ line, column: 'email' as const, problem: 'double', given: email }]
    first.set(address, line)
    return []
  })
}

async function sortOut(table: Table, unused: string[], people: ListedPerson[]): Promise<CheckedList> {
  const known: PeopleList['known'] = []
  const invite: ListedPerson[] = []
  const patients: RowProblem[] = []
  for (const person of people) {
    const { line, email } = person
    const account = await findAccountByEmail(email)
    if (!account) invite.push(person)
    else if (account.role === 'patient') patients.push({ line, column: 'email', problem: 'patient', given: email })
    else known.push({ line, email, state: account.state })
  }
  if (patients.length > 0) return { rows: patients }
  const { encoding, delimiter } = table
  const alike = await looksAlike(invite)
  return { list: { encoding, delimiter, unused, invite, known, newTeams: await newTeamsOf(invite), alike } }
}

/** Names that no team has, as the first row writes each. */
async function newTeamsOf(people: readonly ListedPerson[]): Promise<string[]> {
  const known = new Set((await listTeams()).map(({ name }) => name.toLowerCase()))
  const names = new Map<string, string>()
  for (const { team } of people)
    if (team && !known.has(team.toLowerCase()) && !names.has(team.toLowerCase())) names.set(team.toLowerCase(), team)
  return [...names.values()]
}

const BATCH = 500
const FIRST = '00000000-0000-0000-0000-000000000000'

/** Among each other, and against everybody who works here. */
async function looksAlike(people: readonly ListedPerson[]): Promise<PeopleList['alike']> {
  const seen = new Map<string, string>()
  for (let after: string | undefined = FIRST; after;) {
    const { accounts, last } = await listAccountsAfter(after, STAFF_ROLES, BATCH)
    for (const { email } of accounts) seen.set(shapeOf(email), email)
    after = last
  }
  return people.flatMap(({ line, email }) => {
    const shape = shapeOf(email)
    const other = seen.get(shape)
    if (other === undefined) seen.set(shape, email)
    return other === undefined ? [] : [{ line, email, other }]
  })
}

/** What an address looks like at a glance: dots and hyphens, a nought for an o, a one or an i for an l, "rn" for an m make no difference. */
function shapeOf(email: string): string {
  return email
    .replace(/[.\-_]/g, '')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replaceAll('0', 'o')
    .replaceAll('5', 's')
    .replace(/[1i|]/g, 'l')
}
