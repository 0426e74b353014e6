/** Mailboxes and the public halves of their keys. A public half is handed out only after its MAC was checked. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { checkPublicHalf, publicHalfMac } from '../vault/vault.ts'
import { trueMemberships } from './membership.ts'

export interface Mailbox {
  id: string
  accountId: string | null
  teamId: string | null
  createdAt: Date
}

/** A mailbox with the newest public half of its key, for sealing to it. */
export interface MailboxKey extends Mailbox {
  version: number
  publicKey: Buffer
}

const mailboxes = table<Mailbox>('mailboxes', {
  id: 'uuid key',
  accountId: 'uuid',
  teamId: 'uuid',
  createdAt: 'timestamptz',
})
const mailboxKeys = table<{
  mailboxId: string
  version: number
  publicHalf: Buffer
  publicMac: Buffer
  createdAt: Date
}>('mailbox_keys', {
  mailboxId: 'uuid key',
  version: 'integer key',
  publicHalf: 'bytea',
  publicMac: 'bytea',
  createdAt: 'timestamptz',
})

export async function insertMailbox(mailbox: MailboxKey, transaction: Transaction): Promise<void> {
  const { id, accountId, teamId, createdAt } = mailbox
  await mailboxes.insert({ id, accountId, teamId, createdAt }, transaction)
  await insertMailboxKey(mailbox, createdAt, transaction)
}

/** A further version of a mailbox's key: from now on the one that is sealed to. */
export async function insertMailboxKey(mailbox: MailboxKey, now: Date, transaction: Transaction): Promise<void> {
  const { id, version, publicKey } = mailbox
  const publicMac = publicHalfMac(mailbox, version, publicKey)
  await mailboxKeys.insert({ mailboxId: id, version, publicHalf: publicKey, publicMac, createdAt: now }, transaction)
}

/** When a version of a mailbox's key was made. */
export async function keyMadeAt(mailboxId: string, version: number): Promise<Date | undefined> {
  return (await mailboxKeys.find({ mailboxId, version }))?.createdAt
}

/** Of two that make a further version at the same moment, the second waits here and finds the first one's. */
export async function holdMailbox(id: string, transaction: Transaction): Promise<void> {
  await ask('SELECT FROM mailboxes WHERE id = $1 FOR NO KEY UPDATE', [id], transaction)
}

interface MailboxKeyRow extends Mailbox {
  version: number
  publicHalf: Buffer
  publicMac: Buffer
}

const NEWEST_KEY = `SELECT m.*, k.version, k.public_half, k.public_mac FROM mailboxes m
  JOIN LATERAL (SELECT * FROM mailbox_keys WHERE mailbox_id = m.id ORDER BY version DESC LIMIT 1) k ON true`

export async function findMailboxOf(
  owner: { accountId: string } | { teamId: string },
  transaction?: Transaction,
): Promise<MailboxKey | undefined> {
  const [row] = await ask<MailboxKeyRow>(
    'accountId' in owner ? `${NEWEST_KEY} WHERE m.account_id = $1` : `${NEWEST_KEY} WHERE m.team_id = $1`,
    ['accountId' in owner ? owner.accountId : owner.teamId],
    transaction,
  )
  return row && toKey(row)
}

export async function listMailboxKeys(ids: readonly string[], transaction?: Transaction): Promise<MailboxKey[]> {
  return (await ask<MailboxKeyRow>(`${NEWEST_KEY} WHERE m.id = ANY($1::uuid[])`, [ids], transaction)).map(toKey)
}

/** Every version of every mailbox's key behind this one, a few at a time: for whoever goes through all of them. */
export function listMailboxVersionsAfter(
  { mailboxId, version }: { mailboxId: string; version: number },
  limit: number,
): Promise<{ mailboxId: string; version: number; publicHalf: Buffer }[]> {
  return ask(
    `SELECT mailbox_id, version, public_half FROM mailbox_keys WHERE (mailbox_id, version) > ($1::uuid, $2)
     ORDER BY mailbox_id, version LIMIT $3`,
    [mailboxId, version, limit],
  )
}

/** The mailboxes that a person reads from: their own, then those of their teams. */
export async function listReadableMailboxes(accountId: string, transaction?: Transaction): Promise<MailboxKey[]> {
  const rows = await ask<MailboxKeyRow & { joinedAt: Date | null; mac: Buffer | null }>(
    `SELECT n.*, t.joined_at, t.mac FROM (${NEWEST_KEY}) n LEFT JOIN team_members t ON t.team_id = n.team_id AND t.account_id = $1
     WHERE n.account_id = $1 OR t.account_id = $1 ORDER BY n.account_id NULLS LAST, n.id`,
    [accountId],
    transaction,
  )
  const memberships = rows.flatMap(({ teamId, joinedAt, mac }) =>
    teamId && joinedAt && mac ? [{ teamId, accountId, joinedAt, mac }] : [],
  )
  const teams = (await trueMemberships(memberships)).map(({ teamId }) => teamId)
  return rows
    .filter(({ teamId }) => teamId === null || teams.includes(teamId))
    .map(({ joinedAt: _, mac: __, ...row }) => toKey(row))
}

function toKey({ publicHalf, publicMac, ...row }: MailboxKeyRow): MailboxKey {
  checkPublicHalf(row, row.version, publicHalf, publicMac)
  return { ...row, publicKey: publicHalf }
}
