/** Exports to what their pages may see. Pure. */
import type { Account } from '../accounts/account.store.ts'
import { ACTS } from '../audit/acts.ts'
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { Export } from './export.store.ts'
import type { Asking } from './export.form.ts'
import { FORMATS, type Fact } from './export.ts'
import { factsAmong, inOneLine } from './filter-in-words.ts'
import { KEPT_FOR } from './sweep-exports.job.ts'

const HOME = '/admin/exports'
const TONES = { preparing: 'info', ready: 'ok', failed: 'bad', cancelled: 'plain', expired: 'plain' } as const
type People = ReadonlyMap<string, Account>

export function exportsView(all: readonly Export[], people: People) {
  return {
    title: t('reports:exports.title'),
    newHref: `${HOME}/new`,
    exports: all.map((asked) => ({
      ...lineOf(asked, people),
      href: `${HOME}/${asked.id}`,
    })),
  }
}

/** @param href of its file; empty while there is none @param isLate whether somebody came by a link that was no longer good */
export function exportView(asked: Export, people: People, href: string, isLate: boolean) {
  const { id, state, readyAt, file } = asked
  return {
    title: t('reports:exports.oneTitle'),
    backHref: HOME,
    againHref: `${HOME}/${id}`,
    export: {
      ...lineOf(asked, people),
      hash: file?.sha256.toString('hex') ?? '',
      size: file ? String(file.bytes) : '',
      until: readyAt ? exact(new Date(readyAt.getTime() + KEPT_FOR)) : '',
      note: file ? t(`reports:exports.notes.${asked.format}`) : '',
    },
    preparing: state === 'preparing',
    stateHref: `${HOME}/${id}/state`,
    cancelHref: state === 'preparing' ? `${HOME}/${id}/cancel` : '',
    href,
    isLate,
  }
}

function lineOf(asked: Export, people: People) {
  const { askedBy, askedAt, kind, format, filter, rowCount, state } = asked
  const by = people.get(askedBy)
  return {
    what: t(`reports:exports.kinds.${kind}`),
    format: t(`reports:exports.formats.${format}`),
    filter: inOneLine(factsAmong(filter, people)),
    rows: state === 'ready' || state === 'expired' ? rowCount.toLocaleString('en') : '',
    by: by ? by.name || by.email : '',
    at: { text: exact(askedAt), iso: askedAt.toISOString() },
    state: stateView(asked),
  }
}

export function stateView({ state, why, rowCount, expected }: Export) {
  const count = rowCount.toLocaleString('en')
  const text =
    state === 'preparing' && rowCount > 0
      ? expected
        ? t('reports:exports.states.preparingOf', { count, all: expected.toLocaleString('en') })
        : t('reports:exports.states.preparingSome', { count })
      : t(`reports:exports.states.${state}`)
  return { tone: TONES[state], text, why: why ? t(`reports:exports.failures.${why}`) : '' }
}

/** @param form what was typed, to show it again @param facts what it is of, when that was chosen elsewhere */
export function newExportView(form: Record<keyof Asking, string>, facts: readonly Fact[] | undefined) {
  const choice = (chosen: string, value: string, label: string) => ({ value, label, selected: value === chosen })
  const kind = form.kind || 'events'
  const formats = FORMATS.filter((each) => kind === 'events' || each !== 'ndjson')
  return {
    title: t('reports:exports.newTitle'),
    backHref: HOME,
    action: `${HOME}/new`,
    form,
    chosen: facts
      ? { what: t(`reports:exports.kinds.${kind}`), filter: inOneLine(facts), hidden: hiddenOf(form) }
      : null,
    acts: [
      choice(form.what, '', t('reports:accessEvents.anyAct')),
      ...ACTS.map((act) => choice(form.what, act, t(`reports:acts.${act}`))),
    ],
    outcomes: [
      choice(form.outcome, '', t('reports:accessEvents.anyOutcome')),
      ...(['done', 'denied', 'failed'] as const).map((each) =>
        choice(form.outcome, each, t(`reports:outcomes.${each}`)),
      ),
    ],
    formats: formats.map((each) => ({
      ...choice(form.format || 'csv', each, t(`reports:exports.formats.${each}`)),
      hint: t(`reports:exports.formatHints.${each}`),
    })),
  }
}

function hiddenOf(form: Record<keyof Asking, string>) {
  return Object.entries(form)
    .filter(([name, value]) => name !== 'format' && value !== '')
    .map(([name, value]) => ({ name, value }))
}
