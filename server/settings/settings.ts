/**
 * What administrators set while the server runs. The environment gives what counts until somebody changes it (config.ts); whatever stands in the
 * database wins. Every process holds the current values and looks for newer ones each second (follow-settings.ts), so asking costs nothing.
 */
import { config } from '../config.ts'

export interface Settings {
  readonly name: string
  readonly phone: string
  readonly hours: string
  readonly emergencyPhone: string
  /** `#rrggbb` on light and on dark pages; empty: our own. */
  readonly brandLight: string
  readonly brandDark: string
  /** Of the notice that something waits; empty: our own words. `{organisation}` stands for the name. */
  readonly noticeSubject: string
  readonly noticeFirst: string
  readonly idleMinutes: number
  readonly sessionHours: number
  readonly helpWaitingHours: number
  readonly fileMegabytes: number
  readonly filesPerMessage: number
  readonly keepLeastDays: number
  readonly keepMostDays: number
  readonly backupKeptDays: number
  /** After so many openings in a minute an account waits. */
  readonly openingsPerMinute: number
  /** From here on openings within an hour can be an alarm. */
  readonly openingsPerHour: number
  /** Openings of staff from this hour to that one are unusual; none are when both are the same. */
  readonly nightFrom: number
  readonly nightTo: number
  readonly nightOpenings: number
  readonly refusalsInTenMinutes: number
  readonly lagMinutes: number
}

export type SettingName = keyof Settings
export type SettingValue = string | number
/** Only what was changed. */
export type ChangedSettings = Partial<Settings>

let version = 0
let changed: ChangedSettings = {}
let current: Settings | undefined

/** The settings as they are now. */
export function settings(): Settings {
  return (current ??= Object.freeze({ ...settingsOfEnvironment(), ...changed }))
}

/** What the pages, mails and keys say of the organisation. */
export function organisation(): Pick<Settings, 'name' | 'phone' | 'hours' | 'emergencyPhone'> {
  return settings()
}

/** Which version of them is in use; 0 while nobody has changed any. */
export function settingsVersion(): number {
  return version
}

/** Takes a version into use. */
export function useSettings(to: number, values: ChangedSettings) {
  version = to
  changed = values
  current = undefined
}

const MEGABYTE = 1024 * 1024
const SIX_YEARS = 2192

/** What counts while nobody has changed it. */
export function settingsOfEnvironment(): Settings {
  const { organisation: own, idleMinutes, sessionHours, helpWaitingHours, files, backupKeptDays } = config()
  return {
    ...own,
    brandLight: '',
    brandDark: '',
    noticeSubject: '',
    noticeFirst: '',
    idleMinutes,
    sessionHours,
    helpWaitingHours,
    fileMegabytes: files.bytes / MEGABYTE,
    filesPerMessage: files.perMessage,
    keepLeastDays: SIX_YEARS,
    keepMostDays: 3650,
    backupKeptDays,
    openingsPerMinute: 300,
    openingsPerHour: 200,
    nightFrom: 22,
    nightTo: 5,
    nightOpenings: 10,
    refusalsInTenMinutes: 30,
    lagMinutes: 5,
  }
}
