/** Known devices: for each account one row, until thirty days after its last whole sign-in there. The cookie's token is not in it. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { newId } from '../lib/ids.ts'
import { lookupDigest, sealField, unsealField } from '../vault/vault.ts'

export interface KnownDevice {
  id: string
  accountId: string
  /** The digest of its cookie: the same for all who share the device. */
  digest: Buffer
  /** Without versions; empty when it is none that we know. */
  browser: string
  system: string
  firstSeenAt: Date
  lastSeenAt: Date
  expiresAt: Date
}

interface KnownDeviceRow extends Omit<KnownDevice, 'browser' | 'system'> {
  labelSealed: Buffer
}

const knownDevices = table<KnownDeviceRow>('known_devices', {
  id: 'uuid key',
  accountId: 'uuid',
  digest: 'bytea',
  labelSealed: 'bytea',
  firstSeenAt: 'timestamptz',
  lastSeenAt: 'timestamptz',
  expiresAt: 'timestamptz',
})

/** Notes a sign-in on a device. @returns whether it was not known to this account */
export async function noteDevice(
  device: Pick<KnownDevice, 'accountId' | 'digest' | 'browser' | 'system' | 'expiresAt'>,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const { accountId, digest, browser, system, expiresAt } = device
  await ask('DELETE FROM known_devices WHERE account_id = $1 AND expires_at <= $2', [accountId, now], transaction)
  const known = await ask(
    'UPDATE known_devices SET last_seen_at = $3, expires_at = $4 WHERE account_id = $1 AND digest = $2 RETURNING id',
    [accountId, digest, now, expiresAt],
    transaction,
  )
  if (known.length > 0) return false
  const id = newId(now)
  const labelSealed = sealField(`known-device/${id}`, JSON.stringify({ browser, system }))
  const made = await ask(
    `INSERT INTO known_devices (id, account_id, digest, label_sealed, first_seen_at, last_seen_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $5, $6) ON CONFLICT (account_id, digest) DO NOTHING RETURNING id`,
    [id, accountId, digest, labelSealed, now, expiresAt],
    transaction,
  )
  return made.length > 0
}

/** The accounts that a device is known for. */
export async function accountsOfDevice(digest: Buffer, now: Date): Promise<string[]> {
  const rows = await ask<{ accountId: string }>(
    'SELECT account_id FROM known_devices WHERE digest = $1 AND expires_at > $2',
    [digest, now],
  )
  return rows.map(({ accountId }) => accountId)
}

/**
 * Whether a device is known for the account of an address or of a mailed link. The database is asked of the device alone and of no address, and
 * nothing is unsealed: it costs the same whether there is such an account.
 */
export async function isDeviceOf(
  digest: Buffer,
  claimed: { email: string } | { link: string },
  now: Date,
): Promise<boolean> {
  const link = lookupDigest('link', 'link' in claimed ? claimed.link : '')
  const rows = await ask<{ emailDigest: Buffer; byLink: boolean | null }>(
    `SELECT accounts.email_digest, accounts.id = (SELECT links.account_id FROM links WHERE links.digest = $3) AS by_link
     FROM known_devices JOIN accounts ON accounts.id = known_devices.account_id
     WHERE known_devices.digest = $1 AND known_devices.expires_at > $2`,
    [digest, now, link],
  )
  if ('link' in claimed) return rows.some(({ byLink }) => byLink)
  const email = lookupDigest('email', claimed.email)
  return rows.some(({ emailDigest }) => emailDigest.equals(email))
}

/** The devices that are known for an account, the last used first. */
export async function listKnownDevices(accountId: string, now = new Date()): Promise<KnownDevice[]> {
  const rows = await ask<KnownDeviceRow>(
    'SELECT * FROM known_devices WHERE account_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, id DESC',
    [accountId, now],
  )
  return rows.map(({ labelSealed, ...plain }) => {
    const label = JSON.parse(unsealField(`known-device/${plain.id}`, labelSealed)) as {
      browser: string
      system: string
    }
    return { ...plain, ...label }
  })
}

/** @returns whether it was a device of this account */
export async function forgetDevice(accountId: string, id: string, transaction?: Transaction): Promise<boolean> {
  return (await knownDevices.remove({ accountId, id }, transaction)) === 1
}

export async function forgetDevicesOf(accountId: string, transaction?: Transaction): Promise<void> {
  await knownDevices.remove({ accountId }, transaction)
}

export async function forgetLapsedDevices(now: Date): Promise<void> {
  await ask('DELETE FROM known_devices WHERE expires_at <= $1', [now])
}
