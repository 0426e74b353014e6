/** Settings as their pages show them. */
import type { Account } from '../accounts/account.store.ts'
import { clock24, inWords } from '../lib/dates.ts'
import { renderMail } from '../lib/templates.ts'
import { config } from '../config.ts'
import { brandOf, isReadable, leastContrast, readColour, SURFACES, type Scheme } from '../settings/brand-colour.ts'
import type { SettingChange, SettingsVersion } from '../settings/settings.store.ts'
import { organisation, settings, type SettingName, type SettingValue } from '../settings/settings.ts'
import { t } from '../web/page.ts'
import { fieldsOf, SECTION_NAMES, type Field } from './sections.ts'
import { roundedDown } from './settings.form.ts'

const HOME = '/admin/settings'

/** Every section with its current values. */
export function sectionViews() {
  return SECTION_NAMES.map((name) => ({
    name,
    title: t(`organisation:sections.${name}.title`),
    href: `${HOME}/${name}`,
    values: fieldsOf(name).map((field) => ({
      label: labelOf(field.name),
      value: valueInWords(field.name, settings()[field.name]),
    })),
  }))
}

/** A field for `partials/field`. @param typed what stands in it */
export function fieldView(field: Field, typed: string) {
  const { name, kind, least, greatest, longest } = field
  return {
    name,
    label: labelOf(name),
    hint: t(`organisation:fields.${name}.hint`, { least, greatest, count: longest ?? 0 }),
    // Numbers are typed as texts: a wheel over a number field changes what nobody looks at.
    type: kind === 'phone' ? 'tel' : 'text',
    narrow: kind === 'number' || kind === 'colour',
    value: typed,
  }
}

export function labelOf(name: SettingName): string {
  return t(`organisation:fields.${name}.label`)
}

export function valueInWords(name: SettingName, value: SettingValue): string {
  if (value === '') return t('organisation:ours')
  const key = `organisation:fields.${name}.value`
  return typeof value === 'number' ? t(key, { count: value }) : value
}

export function changeViews(changes: readonly SettingChange[]) {
  return changes.map(({ name, before, after }) => ({
    label: labelOf(name),
    before: valueInWords(name, before),
    after: valueInWords(name, after),
  }))
}

export function versionView(
  { version, section, changedBy, changedAt, undoes, changes }: SettingsVersion,
  people: ReadonlyMap<string, Account>,
  now = new Date(),
) {
  const person = people.get(changedBy)
  return {
    version,
    section: t(`organisation:sections.${section}.title`),
    at: inWords(changedAt, now, clock24),
    by: person ? person.name || person.email : '',
    undoes: undoes ?? 0,
    changes: changeViews(changes),
    undoHref: `${HOME}/history/${version}/undo`,
  }
}

/** How the colours look, and whether they can be read; ours where none is chosen or what was typed is none. */
export function colourViews(light: string, dark: string) {
  return [colourView(light, 'light'), colourView(dark, 'dark')]
}

const OURS: Record<Scheme, string> = { light: '#0b5563', dark: '#5cc3d1' }

function colourView(typed: string, scheme: Scheme) {
  const own = readColour(typed)
  const colour = own ?? OURS[scheme]
  const { on } = brandOf(colour, scheme)
  return {
    scheme: t(`organisation:preview.${scheme}`),
    colour,
    on,
    surface: SURFACES[scheme][scheme === 'light' ? 1 : 0]!,
    own: own !== undefined,
    contrast: roundedDown(leastContrast(colour, scheme)),
    readable: isReadable(colour, scheme),
  }
}

/** The notice as a phone, a desk and a mail program without HTML show it. */
export function noticePreviews(subject: string, first: string) {
  const { name, phone, hours } = organisation()
  const named = (text: string) => text.replaceAll('{organisation}', name)
  const mail = renderMail('notice', {
    organisation: { name, phone, hours },
    link: `${config().baseUrl}/m/${'x'.repeat(43)}`,
    reminder: false,
    subject: named(subject),
    first: named(first),
  })
  const [firstLine = ''] = mail.text.split('\n')
  return {
    from: name,
    phone: cut(mail.subject, 38),
    phoneFirst: cut(firstLine, 45),
    desk: mail.subject,
    deskFirst: firstLine,
    text: paragraphsOf(mail.text),
  }
}

/** As mail programs of phones cut a line: about so many characters at 320 pixels. */
function cut(text: string, length: number): string {
  const letters = [...text]
  return letters.length > length ? `${letters.slice(0, length - 1).join('')}…` : text
}

function paragraphsOf(text: string): string[][] {
  return text
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.split('\n'))
}
