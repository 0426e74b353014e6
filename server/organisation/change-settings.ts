/** An administrator changes the settings of one page. Two who do it at once: the second is told what the first one did, and keeps what they typed. */
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { lookAtSettings } from '../settings/follow-settings.ts'
import {
  findSettings,
  holdSettings,
  insertSettings,
  newestVersion,
  type SettingChange,
  type SettingsVersion,
} from '../settings/settings.store.ts'
import {
  settingsOfEnvironment,
  type ChangedSettings,
  type SettingName,
  type Settings,
  type SettingValue,
} from '../settings/settings.ts'
import { fieldsOf, type SectionName } from './sections.ts'
import type { SectionValues } from './settings.form.ts'

export interface WantedChange {
  section: SectionName
  values: SectionValues
  /** Which version the page showed that they changed. */
  seen: number
  /** The version that is set back. */
  undoes?: number
}

export type Changed =
  | { kind: 'changed'; version: number }
  | { kind: 'same' }
  /** Somebody else changed these meanwhile. */
  | { kind: 'meanwhile'; version: number; by: string; changes: SettingChange[] }

export async function changeSettings(
  actor: Actor & { id: string },
  wanted: WantedChange,
  now = new Date(),
): Promise<Changed> {
  const changed = await inTransaction((transaction) => change(actor, wanted, now, transaction))
  // The others see it within a second; whoever saved it, at once.
  if (changed.kind !== 'same') await lookAtSettings()
  return changed
}

async function change(
  actor: Actor & { id: string },
  { section, values, seen, undoes }: WantedChange,
  now: Date,
  transaction: Transaction,
): Promise<Changed> {
  await holdSettings(transaction)
  const newest = await newestVersion(transaction)
  const before = await changedAt(newest, transaction)
  const meanwhile = differences(section, await changedAt(seen, transaction), before)
  if (meanwhile.length > 0)
    return {
      kind: 'meanwhile',
      version: newest,
      by: (await findSettings(newest, transaction))!.changedBy,
      changes: meanwhile,
    }
  // What was not changed stays as the environment has it, whatever that will be.
  const wantedNow = differences(section, before, { ...before, ...values })
  const after: ChangedSettings = { ...before, ...Object.fromEntries(wantedNow.map((each) => [each.name, each.after])) }
  const undone = undoes === undefined ? undefined : await findSettings(undoes, transaction)
  for (const { name, wasOfEnvironment } of undone?.changes ?? [])
    if (wasOfEnvironment) delete (after as Record<string, unknown>)[name]
  const changes = differences(section, before, after)
  if (changes.length === 0) return { kind: 'same' }
  const row: SettingsVersion = {
    version: newest + 1,
    section,
    changedBy: actor.id,
    changedAt: now,
    undoes: undoes ?? null,
    values: after,
    changes,
  }
  await insertSettings(row, transaction)
  await record(
    actor,
    changes.map((each) => ({
      act: 'settings.changed',
      before: told(each.name, each.before),
      after: told(each.name, each.after),
    })),
    transaction,
    now,
  )
  return { kind: 'changed', version: row.version }
}

async function changedAt(version: number, transaction: Transaction): Promise<ChangedSettings> {
  return version === 0 ? {} : ((await findSettings(version, transaction))?.values ?? {})
}

/** What differs on one page of settings. */
export function differences(section: SectionName, from: ChangedSettings, to: ChangedSettings): SettingChange[] {
  const [before, after] = [valuesOf(from), valuesOf(to)]
  return fieldsOf(section)
    .filter(({ name }) => before[name] !== after[name])
    .map(({ name }) => ({ name, before: before[name], after: after[name], wasOfEnvironment: from[name] === undefined }))
}

function valuesOf(changed: ChangedSettings): Settings {
  return { ...settingsOfEnvironment(), ...changed }
}

function told(name: SettingName, value: SettingValue): string {
  return `${name}: ${value}`
}
