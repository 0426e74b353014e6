/** What somebody did in some days: how often each act, with what outcome, the first and the last time. */
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { ExportFilter, Sheet } from './export.ts'
import { countActs } from './exported-event.store.ts'
import { factsOf } from './filter-in-words.ts'

export type ActivityFilter = ExportFilter & { actorId: string; from: Date; to: Date }

export async function sheetOfActivity(filter: ActivityFilter): Promise<Sheet> {
  return {
    title: t('reports:exports.kinds.activity'),
    about: t('reports:exports.about.activity'),
    facts: await factsOf(filter),
    columns: (['what', 'code', 'outcome', 'count', 'first', 'last'] as const).map((name) => ({
      label: t(`reports:exports.columns.${name}`),
      width: WIDTHS[name],
    })),
    count: async () => undefined,
    async *rows() {
      const found = await countActs(filter.actorId, filter)
      yield found.map(({ act, outcome, count, first, last }) => [
        t(`reports:acts.${act}`),
        act,
        t(`reports:outcomes.${outcome}`),
        String(count),
        exact(first),
        exact(last),
      ])
    },
  }
}

const WIDTHS = { what: 35, code: 0, outcome: 12, count: 10, first: 20, last: 20 }
