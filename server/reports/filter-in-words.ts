/** What was asked for, in words: for the list of exports, the title page of a PDF, and the access log. */
import { listAccounts, type Account } from '../accounts/account.store.ts'
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { ExportFilter, Fact } from './export.ts'

export async function factsOf(filter: ExportFilter): Promise<Fact[]> {
  const people = await listAccounts([filter.actorId, filter.patientId].filter((id) => id !== undefined))
  return factsAmong(filter, new Map(people.map((person) => [person.id, person])))
}

/** @param people whoever may be named in it */
export function factsAmong(filter: ExportFilter, people: ReadonlyMap<string, Account>): Fact[] {
  const nameOf = (id: string) => people.get(id)?.name || people.get(id)?.email || id
  const facts: [string, string | undefined][] = [
    ['who', filter.actorId && nameOf(filter.actorId)],
    ['act', filter.act && t(`reports:acts.${filter.act}`)],
    ['patient', filter.patientId && nameOf(filter.patientId)],
    ['outcome', filter.outcome && t(`reports:outcomes.${filter.outcome}`)],
    ['address', filter.address],
    ['session', filter.session],
    ['from', filter.from && exact(filter.from)],
    ['to', filter.to && exact(filter.to)],
  ]
  return facts.flatMap(([name, value]) => (value ? [{ name: t(`reports:exports.facts.${name}`), value }] : []))
}

/** The same in one sentence. */
export function inOneLine(facts: readonly Fact[]): string {
  return facts.length === 0
    ? t('reports:exports.everything')
    : facts.map(({ name, value }) => `${name}: ${value}`).join('; ')
}
