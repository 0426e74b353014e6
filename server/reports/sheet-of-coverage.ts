/** How people sign in: how many have a passkey, a code app, or neither yet, and when they last came. It names people only where that was asked for. */
import { listAccounts } from '../accounts/account.store.ts'
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { ExportFilter, Sheet } from './export.ts'
import { countSignIns, listStaffSignIns } from './exported-event.store.ts'

export function sheetOfCoverage({ named }: ExportFilter): Sheet {
  const columns = named ? NAMED : COUNTED
  return {
    title: t('reports:exports.kinds.coverage'),
    about: t(`reports:exports.about.${named ? 'coverageNamed' : 'coverage'}`),
    facts: [],
    columns: columns.map((name) => ({ label: t(`reports:exports.columns.${name}`), width: name === 'who' ? 2 : 1 })),
    count: async () => undefined,
    rows: named ? namedRows : countedRows,
  }
}

const COUNTED = ['role', 'people', 'passkey', 'codeApp', 'neither', 'invited', 'week', 'quarter', 'never'] as const
const NAMED = ['who', 'role', 'state', 'passkey', 'codeApp', 'lastSignIn'] as const

async function* countedRows() {
  const found = await countSignIns()
  yield found.map((each) =>
    COUNTED.map((name) => (name === 'role' ? t(`reports:roles.${each.role}`) : String(each[name]))),
  )
}

async function* namedRows() {
  const found = await listStaffSignIns()
  const people = new Map((await listAccounts(found.map(({ id }) => id))).map((person) => [person.id, person]))
  const yes = (has: boolean) => t(has ? 'reports:exports.yes' : 'reports:exports.no')
  yield found.map(({ id, state, passkey, codeApp, lastSignedInAt }) => {
    const person = people.get(id)
    const last = lastSignedInAt ? exact(lastSignedInAt) : t('reports:exports.neverYet')
    const name = person ? person.name || person.email : ''
    return [
      name,
      t(`reports:roles.${person?.role ?? 'system'}`),
      t(`reports:exports.accountStates.${state}`),
      yes(passkey),
      yes(codeApp),
      last,
    ]
  })
}
