/** Reports to what their pages may see: the first lines of a sheet, and how to take all of them away. Pure but for reading the lines. */
import { t } from '../web/page.ts'
import { exportHref } from './export-query.ts'
import type { ExportFilter, ExportKind, Sheet } from './export.ts'

/** More is for a file. */
const MOST_SHOWN = 500

interface About {
  backHref: string
  beside?: { label: string; href: string }
  more?: { label: string; href: string } | null
  entryHref?: string
  done: string
}

export async function sheetView(sheet: Sheet, kind: ExportKind, filter: ExportFilter, about: About) {
  const { rows, hasMore } = await firstRows(sheet)
  const shown = sheet.columns.map((column, index) => ({ ...column, index })).filter(({ width }) => width > 0)
  const entry = sheet.columns.length - 1
  // A network address or a session's mark goes on in a form.
  const isSecret = filter.address !== undefined || filter.session !== undefined
  return {
    title: sheet.title,
    about: sheet.about,
    backHref: about.backHref,
    beside: about.beside ?? null,
    more: about.more ?? null,
    done: about.done === 'recorded' || about.done === 'withdrawn' ? t(`reports:disclosure.${about.done}`) : '',
    facts: [...sheet.facts],
    columns: shown.map(({ label }) => label),
    rows: rows.map((row) => ({
      cells: shown.map(({ label, index }, at) => ({ label, text: row[index] ?? '', first: at === 0 })),
      // What the log knows by itself was written down by nobody.
      entry:
        about.entryHref && row[entry - 1]
          ? { href: `${about.entryHref}${row[entry]}/withdraw`, label: t('reports:disclosure.withdraw') }
          : null,
    })),
    hasEntries: about.entryHref !== undefined && about.entryHref !== '',
    count: hasMore
      ? t('reports:reports.firstOf', { count: MOST_SHOWN })
      : t('reports:reports.lines', { count: rows.length }),
    exports: (['csv', 'pdf'] as const).map((format) => ({
      label: t(`reports:reports.as.${format}`),
      href: isSecret ? '' : exportHref(kind, filter, format),
      format,
    })),
    hidden: isSecret ? hiddenOf(kind, filter) : [],
  }
}

async function firstRows(sheet: Sheet): Promise<{ rows: (readonly string[])[]; hasMore: boolean }> {
  const rows: (readonly string[])[] = []
  for await (const page of sheet.rows()) {
    rows.push(...page)
    if (rows.length > MOST_SHOWN) return { rows: rows.slice(0, MOST_SHOWN), hasMore: true }
  }
  return { rows, hasMore: false }
}

function hiddenOf(kind: ExportKind, filter: ExportFilter) {
  const { actorId = '', address = '', session = '', from, to } = filter
  const moment = (at: Date | undefined) => at?.toISOString().slice(0, 16) ?? ''
  return Object.entries({ kind, actor: actorId, address, session, from: moment(from), to: moment(to) }).map(
    ([name, value]) => ({
      name,
      value,
    }),
  )
}

/** The form of a report. @param again what was typed */
export function askView(report: 'patient' | 'activity' | 'touched' | 'protection', again: (name: string) => string) {
  const field = (name: string, type: string, more: { hint?: string; optional?: string } = {}) => ({
    name,
    type,
    label: t(`reports:reports.fields.${name}`),
    hint: '',
    optional: '',
    value: again(name),
    ...more,
  })
  const hint = (name: string) => ({ hint: t(`reports:reports.hints.${name}`) })
  const optional = { optional: 'yes' }
  const fields = {
    patient: [field('email', 'email')],
    activity: [field('email', 'email'), field('from', 'date', optional), field('to', 'date', optional)],
    touched: [
      field('who', 'email', optional),
      field('session', 'text', { ...optional, ...hint('session') }),
      field('address', 'text', optional),
      field('from', 'datetime-local', hint('moment')),
      field('to', 'datetime-local', hint('moment')),
    ],
    protection: [field('message', 'text', { hint: t('reports:erasure.messageHint') })],
  }[report]
  return {
    title: t(`reports:reports.list.${report}`),
    heading: t(`reports:reports.list.${report}`),
    text: t(`reports:reports.list.${report}Text`),
    backHref: '/admin/reports',
    action: `/admin/reports/${report}`,
    fields,
    choices:
      report === 'patient'
        ? (['disclosures', 'openings'] as const).map((value) => ({
            value,
            label: t(`reports:reports.choices.${value}`),
            hint: t(`reports:reports.choices.${value}Hint`),
            selected: value === (again('report') || 'disclosures'),
          }))
        : [],
  }
}
