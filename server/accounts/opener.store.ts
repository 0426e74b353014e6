import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { Membership } from '../vault/vault.ts'
import { trueMemberships } from './membership.ts'

export type OpenerKind =
  'password' | 'passkey' | 'recovery-code' | 'earlier-code' | 'member' | 'recovery' | 'waiting' | 'successor'

/** One way to a mailbox's private half: an envelope, and whose or which secret opens it. */
export interface Opener {
  id: string
  mailboxId: string
  mailboxVersion: number
  kind: OpenerKind
  accountId: string | null
  codeDigest: Buffer | null
  /** Goes with the passkey that it belongs to. */
  passkeyId: string | null
  /** Of the public half that it is sealed to: the member's, or a later one of the same mailbox. */
  sealedToVersion: number | null
  envelope: Buffer
  createdAt: Date
}

const openers = table<Opener>('openers', {
  id: 'uuid key',
  mailboxId: 'uuid',
  mailboxVersion: 'integer',
  kind: 'text',
  accountId: 'uuid',
  codeDigest: 'bytea',
  passkeyId: 'uuid',
  sealedToVersion: 'integer',
  envelope: 'bytea',
  createdAt: 'timestamptz',
})

export function insertOpeners(rows: readonly Opener[], transaction: Transaction): Promise<void> {
  return openers.insertAll(rows, transaction)
}

export function findOpener(
  where: Partial<Pick<Opener, 'mailboxId' | 'mailboxVersion' | 'kind' | 'accountId' | 'codeDigest' | 'passkeyId'>>,
  transaction?: Transaction,
): Promise<Opener | undefined> {
  return openers.find(where, transaction)
}

export function listOpeners(
  where: Partial<Pick<Opener, 'mailboxId' | 'mailboxVersion' | 'kind' | 'accountId' | 'passkeyId'>>,
  transaction?: Transaction,
): Promise<Opener[]> {
  return openers.list(where, transaction)
}

/** The versions of a mailbox's key that its newest opens, itself among them, through openers sealed to later ones. */
export async function versionsOpenTo(
  mailbox: { id: string; version: number },
  transaction?: Transaction,
): Promise<Set<number>> {
  const rows = await ask<{ version: number }>(
    `WITH RECURSIVE opened(version) AS (
       SELECT $2::integer UNION SELECT o.mailbox_version FROM openers o JOIN opened ON o.sealed_to_version = opened.version
       WHERE o.mailbox_id = $1 AND o.kind = 'successor') SELECT version FROM opened`,
    [mailbox.id, mailbox.version],
    transaction,
  )
  return new Set(rows.map(({ version }) => version))
}

/** Keeps an opener that is sealed to a public half. @returns false when the same one is there already */
export async function insertOnce(row: Opener, transaction: Transaction): Promise<boolean> {
  const { id, mailboxId, mailboxVersion, kind, accountId, sealedToVersion, envelope, createdAt } = row
  const kept = await ask(
    `INSERT INTO openers (id, mailbox_id, mailbox_version, kind, account_id, sealed_to_version, envelope, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id`,
    [id, mailboxId, mailboxVersion, kind, accountId, sealedToVersion, envelope, createdAt],
    transaction,
  )
  return kept.length === 1
}

/** Codes of earlier versions that nothing else opens yet no longer sign in, and stay for what is from their time. */
export async function supersedeCodes(
  mailbox: { id: string; version: number },
  transaction: Transaction,
): Promise<void> {
  await ask(
    `UPDATE openers SET kind = 'earlier-code' WHERE mailbox_id = $1 AND kind = 'recovery-code' AND mailbox_version < $2
     AND NOT EXISTS (SELECT FROM openers s WHERE s.mailbox_id = $1 AND s.kind = 'successor' AND s.mailbox_version = openers.mailbox_version)`,
    [mailbox.id, mailbox.version],
    transaction,
  )
}

/** The members of these teams who have no opener to the newest half of theirs yet. */
export async function listMembersWithoutOpener(
  teamIds: readonly string[],
): Promise<{ mailboxId: string; accountId: string }[]> {
  const rows = await ask<Membership & { mac: Buffer; mailboxId: string }>(
    `SELECT t.id AS mailbox_id, m.* FROM team_members m
     JOIN mailboxes t ON t.team_id = m.team_id JOIN mailboxes p ON p.account_id = m.account_id JOIN accounts a ON a.id = m.account_id
     WHERE m.team_id = ANY($1::uuid[]) AND a.state NOT IN ('closed', 'suspended') AND NOT EXISTS (
       SELECT FROM openers o WHERE o.mailbox_id = t.id AND o.kind = 'member' AND o.account_id = m.account_id
         AND o.mailbox_version = (SELECT max(version) FROM mailbox_keys WHERE mailbox_id = t.id)
         AND o.sealed_to_version = (SELECT max(version) FROM mailbox_keys WHERE mailbox_id = p.id))`,
    [teamIds],
  )
  return trueMemberships(rows)
}

/** Of a mailbox, what was sealed to a later version at exactly this moment. @returns how many it was */
export function removeSuccessors(mailboxId: string, createdAt: Date, transaction: Transaction): Promise<number> {
  return openers.remove({ mailboxId, kind: 'successor', createdAt }, transaction)
}

/** @returns how many were there: a recovery code is used by removing its opener, so that of fifty requests one wins */
export function removeOpeners(
  where: Partial<Pick<Opener, 'id' | 'mailboxId' | 'mailboxVersion' | 'kind' | 'accountId'>>,
  transaction: Transaction,
): Promise<number> {
  return openers.remove(where, transaction)
}
