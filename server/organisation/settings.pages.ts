/** The organisation's settings, for administrators: looked at, changed after a look at what it would do, and set back. */
import type { Request, Response } from 'express'
import { listAccounts, type Account } from '../accounts/account.store.ts'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { typed, type FormError } from '../lib/form.ts'
import { findSettings, listSettings } from '../settings/settings.store.ts'
import { settings, settingsVersion, type SettingName } from '../settings/settings.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { changeSettings, type Changed } from './change-settings.ts'
import { effectsOf } from './effects.ts'
import { fieldsOf, isSection, type SectionName } from './sections.ts'
import { readSection, type SectionValues } from './settings.form.ts'
import {
  changeViews,
  colourViews,
  fieldView,
  labelOf,
  noticePreviews,
  sectionViews,
  valueInWords,
  versionView,
} from './settings.view.ts'

const HOME = '/admin/settings'
const A_PAGE = 50

/** GET /admin/settings */
export async function showSettings(request: Request, response: Response) {
  await record(request.actor, { act: 'settings.read' })
  showPage(request, response, 'organisation/settings', {
    title: t('organisation:title'),
    sections: sectionViews(),
    historyHref: `${HOME}/history`,
    saved: request.query['saved'] === String(settingsVersion()) && settingsVersion() > 0,
    same: 'same' in request.query,
    setUp: 'set-up' in request.query,
  })
}

/** GET /admin/settings/history */
export async function showHistory(request: Request, response: Response) {
  await record(request.actor, { act: 'settings.read' })
  const before = /^[1-9]\d{0,8}$/.test(String(request.query['before'])) ? Number(request.query['before']) : undefined
  const versions = await listSettings(A_PAGE + 1, before)
  const shown = versions.slice(0, A_PAGE)
  const people = await peopleOf(shown.map(({ changedBy }) => changedBy))
  showPage(request, response, 'organisation/history', {
    title: t('organisation:history.title'),
    backHref: HOME,
    versions: shown.map((each) => versionView(each, people)),
    olderHref: versions.length > A_PAGE ? `${HOME}/history?before=${shown.at(-1)!.version}` : '',
  })
}

/** GET /admin/settings/:section */
export async function askSection(request: Request, response: Response) {
  const section = sectionIn(request)
  await record(request.actor, { act: 'settings.read' })
  showSection(request, response, section, { typed: (name) => String(settings()[name]) })
}

/** POST /admin/settings/:section: first what it would do, and with `confirmed` the change. */
export async function takeSection(request: Request, response: Response) {
  const section = sectionIn(request)
  const form = readSection(section, request.body)
  const seen = seenIn(request)
  if (!form.values || 'look' in (request.body as object))
    return showSection(request, response, section, { errors: form.errors, seen }, form.values ? 200 : 422)
  const { values } = form
  if (typed(request.body, 'confirmed') !== 'yes') return showCheck(request, response, { section, values, seen })
  const changed = await changeSettings(adminIn(request), { section, values, seen })
  if (changed.kind === 'meanwhile') return showMeanwhile(request, response, section, changed)
  response.redirect(303, changed.kind === 'changed' ? `${HOME}?saved=${changed.version}` : `${HOME}?same`)
}

/** GET /admin/settings/history/:version/undo */
export async function askUndo(request: Request, response: Response) {
  const { section, values, undoes } = await undoIn(request)
  await record(request.actor, { act: 'settings.read' })
  await showCheck(request, response, { section, values, seen: settingsVersion(), undoes })
}

/** POST /admin/settings/history/:version/undo */
export async function takeUndo(request: Request, response: Response) {
  const { section, values, undoes } = await undoIn(request)
  const changed = await changeSettings(adminIn(request), { section, values, seen: seenIn(request), undoes })
  // Looked at again: what somebody else changed meanwhile is then on the page.
  if (changed.kind === 'meanwhile')
    return showCheck(request, response, { section, values, seen: changed.version, undoes }, 409)
  response.redirect(303, changed.kind === 'changed' ? `${HOME}?saved=${changed.version}` : `${HOME}?same`)
}

interface Shown {
  errors?: readonly FormError[]
  seen?: number
  typed?: (name: SettingName) => string
  meanwhile?: { by: string; changes: ReturnType<typeof changeViews> }
  /** On the way through the first set-up. */
  inSetup?: boolean
}

export function showSection(request: Request, response: Response, section: SectionName, shown: Shown, status = 200) {
  const { errors = [], seen = settingsVersion(), meanwhile, inSetup = false } = shown
  const inField = shown.typed ?? ((name: SettingName) => typed(request.body, name))
  const view = {
    title: t(`organisation:sections.${section}.title`),
    heading: t(`organisation:sections.${section}.title`),
    intro: t(`organisation:sections.${section}.intro`),
    backHref: inSetup ? '/admin/setup' : HOME,
    backLabel: t(inSetup ? 'organisation:setup.back' : 'organisation:back'),
    nextLabel: t(inSetup ? 'organisation:setup.next' : 'organisation:next'),
    action: inSetup ? `/admin/setup/${section}` : `${HOME}/${section}`,
    seen,
    fields: fieldsOf(section).map((field) => fieldView(field, inField(field.name))),
    colours: section === 'colours' ? colourViews(inField('brandLight'), inField('brandDark')) : [],
    previews:
      section === 'notices' ? noticePreviews(inField('noticeSubject').trim(), inField('noticeFirst').trim()) : null,
    meanwhile: meanwhile ?? null,
    errors: toldErrors(errors),
  }
  showPage(request, response, 'organisation/section', view, status)
}

async function showMeanwhile(
  request: Request,
  response: Response,
  section: SectionName,
  { version, by, changes }: Extract<Changed, { kind: 'meanwhile' }>,
) {
  const person = (await peopleOf([by])).get(by)
  const meanwhile = { by: person ? person.name || person.email : '', changes: changeViews(changes) }
  showSection(request, response, section, { seen: version, meanwhile }, 409)
}

interface Checked {
  section: SectionName
  values: SectionValues
  seen: number
  undoes?: number
}

async function showCheck(
  request: Request,
  response: Response,
  { section, values, seen, undoes }: Checked,
  status = 200,
) {
  const now = settings()
  const names = (Object.keys(values) as SettingName[]).filter((name) => values[name] !== now[name])
  if (names.length === 0) return response.redirect(303, `${HOME}?same`)
  const effects = await effectsOf(values)
  showPage(
    request,
    response,
    'organisation/check',
    {
      title: t('organisation:check.title'),
      backHref: undoes === undefined ? `${HOME}/${section}` : `${HOME}/history`,
      action: undoes === undefined ? `${HOME}/${section}` : `${HOME}/history/${undoes}/undo`,
      seen,
      moved: status === 409,
      changes: names.map((name) => ({
        label: labelOf(name),
        before: valueInWords(name, now[name]),
        after: valueInWords(name, values[name]!),
      })),
      effects: effects.map(({ key, count, heavy }) => ({ text: t(`organisation:effects.${key}`, { count }), heavy })),
      hidden: (Object.keys(values) as SettingName[]).map((name) => ({ name, value: String(values[name]) })),
    },
    status,
  )
}

function sectionIn(request: Request): SectionName {
  const { section } = request.params
  if (!isSection(section)) throw new NotFound('no such settings')
  return section
}

export function seenIn(request: Request): number {
  const text = typed(request.body, 'seen')
  return /^\d{1,9}$/.test(text) ? Number(text) : 0
}

/** What a version set, as it was before. @throws NotFound */
async function undoIn(request: Request): Promise<Checked & { undoes: number }> {
  const text = String(request.params['version'])
  const version = /^[1-9]\d{0,8}$/.test(text) ? await findSettings(Number(text)) : undefined
  if (!version || !isSection(version.section)) throw new NotFound('no such version')
  const values = Object.fromEntries(version.changes.map(({ name, before }) => [name, before]))
  return { section: version.section, values, seen: settingsVersion(), undoes: version.version }
}

export function adminIn(request: Request) {
  const { actor, account } = readerOf(request)
  return { ...actor, id: account.id }
}

async function peopleOf(ids: readonly string[]): Promise<Map<string, Account>> {
  return new Map((await listAccounts(ids)).map((each) => [each.id, each]))
}
