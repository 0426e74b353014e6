/** The pages of the settings and what stands on each: what it is called, what it may be, and what it is measured in. */
import type { SettingName } from '../settings/settings.ts'

export interface Field {
  name: SettingName
  kind: 'text' | 'phone' | 'number' | 'colour' | 'words'
  /** Of numbers. */
  least?: number
  greatest?: number
  /** Of texts: characters. */
  longest?: number
  /** May be left empty, and then it is as Letterlock has it. */
  optional?: boolean
}

const text = (name: SettingName, longest: number): Field => ({ name, kind: 'text', longest })
const phone = (name: SettingName): Field => ({ name, kind: 'phone', longest: 40 })
const number = (name: SettingName, least: number, greatest: number): Field => ({
  name,
  kind: 'number',
  least,
  greatest,
})
const colour = (name: SettingName): Field => ({ name, kind: 'colour', optional: true })
const words = (name: SettingName, longest: number): Field => ({ name, kind: 'words', longest, optional: true })

export const SECTIONS = {
  organisation: [text('name', 60), phone('phone'), text('hours', 80), phone('emergencyPhone')],
  colours: [colour('brandLight'), colour('brandDark')],
  notices: [words('noticeSubject', 60), words('noticeFirst', 160)],
  limits: [
    number('idleMinutes', 5, 60),
    number('sessionHours', 1, 24),
    number('helpWaitingHours', 1, 72),
    number('fileMegabytes', 1, 5120),
    number('filesPerMessage', 1, 100),
  ],
  keeping: [number('keepLeastDays', 0, 36_500), number('keepMostDays', 1, 36_500), number('backupKeptDays', 0, 3650)],
  alarms: [
    number('openingsPerMinute', 10, 10_000),
    number('openingsPerHour', 10, 100_000),
    number('nightFrom', 0, 23),
    number('nightTo', 0, 23),
    number('nightOpenings', 1, 10_000),
    number('refusalsInTenMinutes', 5, 10_000),
    number('lagMinutes', 1, 1440),
  ],
} as const satisfies Record<string, readonly Field[]>

export type SectionName = keyof typeof SECTIONS

export const SECTION_NAMES = Object.keys(SECTIONS) as SectionName[]

export function fieldsOf(section: SectionName): readonly Field[] {
  return SECTIONS[section]
}

export function isSection(name: unknown): name is SectionName {
  return typeof name === 'string' && Object.hasOwn(SECTIONS, name)
}
