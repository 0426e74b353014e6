/**
 * Changes of an address that are under way or can still be taken back. Every step is one guarded update. Ends are held against the database's
 * clock too, so that a clock of ours that was set back revives no link, and one that was set forward lets nothing through early.
 */
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
})

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
  await addressChanges.insert(
    {
      ...plain,
      oldEmailSealed: sealField(`address-change/${change.id}/old`, oldEmail),
      newEmailSealed: sealField(`address-change/${change.id}/new`, newEmail),
      newLinkDigest: digestOf(addressChangeToken(change.id, 'new')),
      oldLinkDigest: digestOf(addressChangeToken(change.id, 'old')),
      newConfirmedAt: null,
      oldConfirmedAt: null,
      changedAt: null,
      cancelledAt: null,
    },
    transaction,
  )
}

/** The newest change of an account that has not ended. */
export async function findAddressChangeOf(accountId: string, now: Date): Promise<AddressChange | undefined> {
  const [row] = await ask<AddressChangeRow>(
    `SELECT * FROM address_changes WHERE account_id = $1 AND ${NOT_ENDED} ORDER BY id DESC LIMIT 1`,
    [accountId, now],
  )
  return row && toChange(row)
}

export async function findAddressChange(id: string): Promise<AddressChange | undefined> {
  const row = await addressChanges.find({ id })
  return row && toChange(row)
}

/** @returns undefined for everything that is not, letter by letter, a token that we made; and for one whose change has ended */
export async function findAddressChangeByLink(
  side: Side,
  token: string,
  now: Date,
): Promise<AddressChange | undefined> {
  if (!TOKEN.test(token)) return undefined
  const [row] = await ask<AddressChangeRow>(
    `SELECT * FROM address_changes WHERE ${side}_link_digest = $1 AND ${NOT_ENDED}`,
    [digestOf(token), now],
  )
  return row && toChange(row)
}

/** One of the two addresses confirms, once. @param endsAt when the change goes through by itself @returns the change, when this call did it */
export async function noteConfirmed(
  id: string,
  side: Side,
  endsAt: Date | undefined,
  now: Date,
  transaction: Transaction,
): Promise<AddressChange | undefined> {
  const [row] = await ask<AddressChangeRow>(
    `UPDATE address_changes SET ${side}_confirmed_at = $2, ends_at = coalesce($3, ends_at)
     WHERE id = $1 AND ${side}_confirmed_at IS NULL AND ${OPEN} RETURNING *`,
    [id, now, endsAt ?? null],
    transaction,
  )
  return row && toChange(row)
}

/** The address was changed. @returns whether this call is the one */
export async function noteChanged(id: string, endsAt: Date, now: Date, transaction: Transaction): Promise<boolean> {
  const rows = await ask(
    `UPDATE address_changes SET changed_at = $2, ends_at = $3
     WHERE id = $1 AND new_confirmed_at IS NOT NULL AND changed_at IS NULL AND cancelled_at IS NULL RETURNING id`,
    [id, now, endsAt],
    transaction,
  )
  return rows.length === 1
}

/** Stops a change, or takes it back while that is possible. @returns it as it was, when this call did it */
export async function cancelAddressChange(
  id: string,
  now: Date,
  transaction: Transaction,
): Promise<AddressChange | undefined> {
  const [row] = await ask<AddressChangeRow>(
    `UPDATE address_changes SET cancelled_at = $2 WHERE id = $1 AND ${NOT_ENDED} RETURNING *`,
    [id, now],
    transaction,
  )
  return row && toChange(row)
}

/** Closes what is open, also when its time is over: for a newer change, and for one that cannot be. */
export async function closeOpenAddressChanges(accountId: string, now: Date, transaction: Transaction): Promise<void> {
  await ask(
    'UPDATE address_changes SET cancelled_at = $2 WHERE account_id = $1 AND changed_at IS NULL AND cancelled_at IS NULL',
    [accountId, now],
    transaction,
  )
}

/** Changes that an account can still take back or stop, newest first. */
export async function listAddressChanges(
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<AddressChange[]> {
  const rows = await ask<AddressChangeRow>(
    `SELECT * FROM address_changes WHERE account_id = $1 AND ${NOT_ENDED} ORDER BY id DESC`,
    [accountId, now],
    transaction,
  )
  return rows.map(toChange)
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
