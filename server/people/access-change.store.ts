/** What administrators changed of somebody's access, and why. An end that others have to hear of stays open until somebody says that they did. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'

export type AccessChangeKind = 'suspended' | 'reopened' | 'closed' | 'role-changed'

export interface AccessChange {
  id: string
  accountId: string
  kind: AccessChangeKind
  /** A role or a state. */
  was: string
  became: string
  reason: string
  changedBy: string
  changedAt: Date
  told: { at: Date; by: string } | undefined
}

interface AccessChangeRow extends Omit<AccessChange, 'reason' | 'told'> {
  reasonSealed: Buffer
  toldAt: Date | null
  toldBy: string | null
}

const changes = table<AccessChangeRow>('access_changes', {
  id: 'uuid key',
  accountId: 'uuid',
  kind: 'text',
  was: 'text',
  became: 'text',
  reasonSealed: 'bytea',
  changedBy: 'uuid',
  changedAt: 'timestamptz',
  toldAt: 'timestamptz',
  toldBy: 'uuid',
})

export async function insertAccessChange(change: Omit<AccessChange, 'told'>, transaction: Transaction): Promise<void> {
  const { reason, ...plain } = change
  const reasonSealed = sealField(`access-change/${change.id}/reason`, reason)
  await changes.insert({ ...plain, reasonSealed, toldAt: null, toldBy: null }, transaction)
}

/** Of one person, the newest first. */
export async function listAccessChangesOf(accountId: string): Promise<AccessChange[]> {
  const rows = await ask<AccessChangeRow>(
    'SELECT * FROM access_changes WHERE account_id = $1 ORDER BY changed_at DESC, id DESC LIMIT 50',
    [accountId],
  )
  return rows.map(toChange)
}

/** Access that somebody lost, the newest first, on the older side of `before`. */
export async function listAccessEnds(
  before: { at: Date; id: string } | undefined,
  limit: number,
): Promise<AccessChange[]> {
  const rows = await ask<AccessChangeRow>(
    `SELECT * FROM access_changes WHERE kind <> 'reopened' AND ($1::timestamptz IS NULL OR (changed_at, id) < ($1, $2::uuid))
     ORDER BY changed_at DESC, id DESC LIMIT $3`,
    [before?.at ?? null, before?.id ?? null, limit],
  )
  return rows.map(toChange)
}

export async function findAccessChange(id: string): Promise<AccessChange | undefined> {
  const row = await changes.find({ id })
  return row && toChange(row)
}

/** @returns whether this call was the first that said so */
export async function noteTold(id: string, by: string, now: Date, transaction: Transaction): Promise<boolean> {
  return (await changes.update({ toldAt: now, toldBy: by }, { id, toldAt: null }, transaction)) === 1
}

function toChange({ reasonSealed, toldAt, toldBy, ...plain }: AccessChangeRow): AccessChange {
  const reason = unsealField(`access-change/${plain.id}/reason`, reasonSealed)
  return { ...plain, reason, told: toldAt && toldBy ? { at: toldAt, by: toldBy } : undefined }
}
