import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'
import type { ChangedSettings, SettingName, SettingValue } from './settings.ts'

/** One setting that a version changed. */
export interface SettingChange {
  name: SettingName
  before: SettingValue
  after: SettingValue
  /** It was as the environment has it, and undoing makes it so again. */
  wasOfEnvironment: boolean
}

export interface SettingsVersion {
  version: number
  section: string
  changedBy: string
  changedAt: Date
  undoes: number | null
  values: ChangedSettings
  changes: SettingChange[]
}

type Row = Omit<SettingsVersion, 'values' | 'changes'> & { valuesSealed: Buffer }

const versions = table<Row>('settings_versions', {
  version: 'integer key',
  section: 'text',
  changedBy: 'uuid',
  changedAt: 'timestamptz',
  undoes: 'integer',
  valuesSealed: 'bytea',
})

/** Whoever changes settings does it alone until the transaction ends. */
export async function holdSettings(transaction: Transaction): Promise<void> {
  await ask('SELECT pg_advisory_xact_lock($1)', [HOLDS], transaction)
}

const HOLDS = 7_203_541

export async function insertSettings(
  { values, changes, ...row }: SettingsVersion,
  transaction: Transaction,
): Promise<void> {
  const valuesSealed = sealField(bindingOf(row.version), JSON.stringify({ values, changes }))
  await versions.insert({ ...row, valuesSealed }, transaction)
}

export async function newestVersion(transaction?: Transaction): Promise<number> {
  const [row] = await ask<{ version: number }>(
    'SELECT coalesce(max(version), 0)::int AS version FROM settings_versions',
    [],
    transaction,
  )
  return row!.version
}

/** @throws EnvelopeRefused when it was changed in the database */
export async function findSettings(version: number, transaction?: Transaction): Promise<SettingsVersion | undefined> {
  const row = await versions.find({ version }, transaction)
  return row && opened(row)
}

/** Newest first. */
export async function listSettings(limit: number, before?: number): Promise<SettingsVersion[]> {
  const rows = await ask<Row>(
    'SELECT * FROM settings_versions WHERE $1::int IS NULL OR version < $1 ORDER BY version DESC LIMIT $2',
    [before ?? null, limit],
  )
  return rows.map(opened)
}

function opened({ valuesSealed, ...row }: Row): SettingsVersion {
  const text = unsealField(bindingOf(row.version), valuesSealed)
  return { ...row, ...(JSON.parse(text) as Pick<SettingsVersion, 'values' | 'changes'>) }
}

/** A version's values are those of no other. */
function bindingOf(version: number): string {
  return `settings/${version}`
}
