/**
 * Changes of an address that are under way or can still be taken back. Every step holds its row. Ends are held against the database's
 * clock too, so that a clock of ours that was set back revives no link, and one that was set forward lets nothing through early.
 */
import { boundRows } from '../audit/bound-rows.ts'
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { TOKEN } from '../lib/token.ts'
import { linkToken, lookupDigest, sealField, unsealField } from '../vault/vault.ts'

export interface AddressChange {
  id: string
  accountId: string
  oldEmail: string
  newEmail: string
  askedAt: Date
  newConfirmedAt: Date | null
  oldConfirmedAt: Date | null
  changedAt: Date | null
  cancelledAt: Date | null
  endsAt: Date
}

interface AddressChangeRow extends Omit<AddressChange, 'oldEmail' | 'newEmail'> {
  oldEmailSealed: Buffer
  newEmailSealed: Buffer
  newLinkDigest: Buffer
  oldLinkDigest: Buffer
  mac: Buffer | null
}

const addressChanges = table<AddressChangeRow>('address_changes', {
  id: 'uuid key',
  accountId: 'uuid',
  oldEmailSealed: 'bytea',
  newEmailSealed: 'bytea',
  newLinkDigest: 'bytea',
  oldLinkDigest: 'bytea',
  askedAt: 'timestamptz',
  newConfirmedAt: 'timestamptz',
  oldConfirmedAt: 'timestamptz',
  changedAt: 'timestamptz',
  cancelledAt: 'timestamptz',
  endsAt: 'timestamptz',
  mac: 'bytea',
})
// The addresses are sealed to the change's id; whose change it is and how far it has come stand in these.
const bound = boundRows<AddressChangeRow>(
  'address_changes',
  ['id', 'accountId', 'askedAt', 'newConfirmedAt', 'oldConfirmedAt', 'changedAt', 'cancelledAt', 'endsAt'],
  'a change of an address',
)

// $2 is the moment of the question.
const NOT_ENDED = `cancelled_at IS NULL AND ends_at > greatest($2::timestamptz, now())`
const OPEN = `changed_at IS NULL AND ${NOT_ENDED}`

/** To which of the two mailboxes something goes. */
export type Side = 'new' | 'old'

/** The token of the link in the mails to one of the two addresses; always the same for one change, so that none is stored. */
export function addressChangeToken(id: string, side: Side): string {
  return linkToken(`address-change/${side}`, id)
}

/** @throws UniqueConstraintError `address_changes_open` when the account has a change that is still open */
export async function insertAddressChange(
  change: Pick<AddressChange, 'id' | 'accountId' | 'oldEmail' | 'newEmail' | 'askedAt' | 'endsAt'>,
  transaction: Transaction,
): Promise<void> {
  const { oldEmail, newEmail, ...plain } = change
  const row = {
    ...plain,
    oldEmailSealed: sealField(`address-change/${change.id}/old`, oldEmail),
    newEmailSealed: sealField(`address-change/${change.id}/new`, newEmail),
    newLinkDigest: digestOf(addressChangeToken(change.id, 'new')),
    oldLinkDigest: digestOf(addressChangeToken(change.id, 'old')),
    newConfirmedAt: null,
    oldConfirmedAt: null,
    changedAt: null,
    cancelledAt: null,
  }
  await addressChanges.insert({ ...row, mac: bound.macOf(row) }, transaction)
}

/** The newest change of an account that has not ended. */
export async function findAddressChangeOf(accountId: string, now: Date): Promise<AddressChange | undefined> {
  return (await listAddressChanges(accountId, now))[0]
}

export async function findAddressChange(id: string): Promise<AddressChange | undefined> {
  return (await toChanges(await addressChanges.list({ id })))[0]
}

/** @returns undefined for everything that is not, letter by letter, a token that we made; and for one whose change has ended */
export async function findAddressChangeByLink(
  side: Side,
  token: string,
  now: Date,
): Promise<AddressChange | undefined> {
  if (!TOKEN.test(token)) return undefined
  const rows = await ask<AddressChangeRow>(
    `SELECT * FROM address_changes WHERE ${side}_link_digest = $1 AND ${NOT_ENDED}`,
    [digestOf(token), now],
  )
  return (await toChanges(rows))[0]
}

/** One of the two addresses confirms, once. @param endsAt when the change goes through by itself @returns the change, when this call did it */
export async function noteConfirmed(
  id: string,
  side: Side,
  endsAt: Date | undefined,
  now: Date,
  transaction: Transaction,
): Promise<AddressChange | undefined> {
  const confirmed = ({ endsAt: before }: AddressChangeRow) => ({
    [`${side}ConfirmedAt`]: now,
    endsAt: endsAt ?? before,
  })
  const row = await step(`id = $1 AND ${side}_confirmed_at IS NULL AND ${OPEN}`, [id, now], confirmed, transaction)
  return row && toChange(row)
}

/** The address was changed. @returns whether this call is the one */
export async function noteChanged(id: string, endsAt: Date, now: Date, transaction: Transaction): Promise<boolean> {
  const where = 'id = $1 AND new_confirmed_at IS NOT NULL AND changed_at IS NULL AND cancelled_at IS NULL'
  return (await step(where, [id], () => ({ changedAt: now, endsAt }), transaction)) !== undefined
}

/** Stops a change, or takes it back while that is possible. @returns it as it was, when this call did it */
export async function cancelAddressChange(
  id: string,
  now: Date,
  transaction: Transaction,
): Promise<AddressChange | undefined> {
  const row = await step(`id = $1 AND ${NOT_ENDED}`, [id, now], () => ({ cancelledAt: now }), transaction)
  return row && toChange(row)
}

/** Closes what is open, also when its time is over: for a newer change, and for one that cannot be. */
export async function closeOpenAddressChanges(accountId: string, now: Date, transaction: Transaction): Promise<void> {
  const open = 'account_id = $1 AND changed_at IS NULL AND cancelled_at IS NULL'
  await step(open, [accountId], () => ({ cancelledAt: now }), transaction)
  // One that somebody put there keeps no other from being asked for.
  await ask(`UPDATE address_changes SET cancelled_at = $2 WHERE ${open}`, [accountId, now], transaction)
}

/** Changes that an account can still take back or stop, newest first. */
export async function listAddressChanges(
  accountId: string,
  now: Date,
  transaction?: Transaction,
): Promise<AddressChange[]> {
  const rows = await ask<AddressChangeRow>(
    `SELECT * FROM address_changes WHERE account_id = $1 AND ${NOT_ENDED} ORDER BY id DESC`,
    [accountId, now],
    transaction,
  )
  return toChanges(rows)
}

/** Whether the account got an earlier address back at this moment. */
export async function wasRestoredAt(accountId: string, at: Date): Promise<boolean> {
  const rows = await ask(
    'SELECT id FROM address_changes WHERE account_id = $1 AND cancelled_at = $2 AND changed_at IS NOT NULL',
    [accountId, at],
  )
  return rows.length > 0
}

/** Changes that the new address has confirmed, and whose 72 hours are over by our clock and by the database's. */
export async function listDueAddressChanges(now: Date): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    `SELECT id FROM address_changes WHERE new_confirmed_at IS NOT NULL AND changed_at IS NULL AND cancelled_at IS NULL
       AND ends_at <= least($1::timestamptz, now())`,
    [now],
  )
  return rows.map(({ id }) => id)
}

/** Addresses are kept a month after their change ended, for those who ask what happened. */
export async function removeOldAddressChanges(before: Date): Promise<void> {
  await ask('DELETE FROM address_changes WHERE ends_at < least($1::timestamptz, now())', [before])
}

/** One step of one change, which is held meanwhile. @returns it as it is now, when this call did it */
async function step(
  where: string,
  values: readonly unknown[],
  changes: (row: AddressChangeRow) => Partial<AddressChangeRow>,
  transaction: Transaction,
): Promise<AddressChangeRow | undefined> {
  const sql = `SELECT * FROM address_changes WHERE ${where} FOR UPDATE`
  const [row] = await bound.onlyTrue(await ask<AddressChangeRow>(sql, values, transaction))
  if (!row) return undefined
  const changed = { ...row, ...changes(row) }
  await addressChanges.update({ ...changes(row), mac: bound.macOf(changed) }, { id: row.id }, transaction)
  return changed
}

async function toChanges(rows: readonly AddressChangeRow[]): Promise<AddressChange[]> {
  return (await bound.onlyTrue(rows)).map(toChange)
}

function digestOf(token: string) {
  return lookupDigest('link', token)
}

function toChange(row: AddressChangeRow): AddressChange {
  const { id, accountId, askedAt, newConfirmedAt, oldConfirmedAt, changedAt, cancelledAt, endsAt } = row
  return {
    id,
    accountId,
    oldEmail: unsealField(`address-change/${id}/old`, row.oldEmailSealed),
    newEmail: unsealField(`address-change/${id}/new`, row.newEmailSealed),
    askedAt,
    newConfirmedAt,
    oldConfirmedAt,
    changedAt,
    cancelledAt,
    endsAt,
  }
}
