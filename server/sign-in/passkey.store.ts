/** Passkeys of accounts, several for each. A passkey is found by the digest of its credential's id; ids and names are sealed. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { lookupDigest, sealField, unsealField } from '../vault/vault.ts'

/** What a browser tells of a new passkey, once it was checked. */
export interface NewPasskey {
  /** base64url */
  credentialId: string
  publicKey: Buffer
  counter: number
  /** How a browser reaches it: 'internal', 'hybrid', 'usb' … */
  transports: string[]
  backedUp: boolean
  /** As its owner calls it. */
  name: string
}

export interface Passkey extends NewPasskey {
  id: string
  accountId: string
  /** Whether the mailbox can be opened with it. Without that it is a second factor only. */
  prf: boolean
  addedAt: Date
  lastUsedAt: Date | null
}

interface PasskeyRow extends Omit<Passkey, 'credentialId' | 'name' | 'transports'> {
  credentialIdDigest: Buffer
  credentialIdSealed: Buffer
  nameSealed: Buffer
  transports: string
}

const passkeys = table<PasskeyRow>('passkeys', {
  id: 'uuid key',
  accountId: 'uuid',
  credentialIdDigest: 'bytea',
  credentialIdSealed: 'bytea',
  publicKey: 'bytea',
  counter: 'bigint',
  transports: 'text',
  nameSealed: 'bytea',
  prf: 'boolean',
  backedUp: 'boolean',
  addedAt: 'timestamptz',
  lastUsedAt: 'timestamptz',
})
table<{ digest: Buffer; expiresAt: Date }>('spent_challenges', {
  digest: 'bytea key',
  expiresAt: 'timestamptz',
})

export async function insertPasskey(passkey: Passkey, transaction: Transaction): Promise<void> {
  const { credentialId, name, transports, ...plain } = passkey
  await passkeys.insert(
    {
      ...plain,
      credentialIdDigest: lookupDigest('passkey', credentialId),
      credentialIdSealed: sealField(`passkey/${passkey.id}/credential`, credentialId),
      nameSealed: sealField(`passkey/${passkey.id}/name`, name),
      transports: transports.join(' '),
    },
    transaction,
  )
}

export async function findPasskeyByCredential(credentialId: string): Promise<Passkey | undefined> {
  const row = await passkeys.find({ credentialIdDigest: lookupDigest('passkey', credentialId) })
  return row && toPasskey(row)
}

export async function findPasskey(
  where: { id: string; accountId: string },
  transaction?: Transaction,
): Promise<Passkey | undefined> {
  const row = await passkeys.find(where, transaction)
  return row && toPasskey(row)
}

/** Holds it until the transaction ends. @returns whether it is still there */
export async function holdPasskey(where: { id: string; accountId: string }, transaction: Transaction) {
  const rows = await ask<{ id: string }>(
    'SELECT id FROM passkeys WHERE id = $1 AND account_id = $2 FOR UPDATE',
    [where.id, where.accountId],
    transaction,
  )
  return rows.length === 1
}

/** In the order in which they were added. */
export async function listPasskeys(accountId: string, transaction?: Transaction): Promise<Passkey[]> {
  const rows = await passkeys.list({ accountId }, transaction)
  return rows.map(toPasskey).sort((a, b) => a.addedAt.getTime() - b.addedAt.getTime())
}

export async function renamePasskey(
  where: { id: string; accountId: string },
  name: string,
  transaction: Transaction,
): Promise<boolean> {
  return (await passkeys.update({ nameSealed: sealField(`passkey/${where.id}/name`, name) }, where, transaction)) === 1
}

/** Its opener goes with it. */
export async function removePasskey(
  where: { id: string; accountId: string },
  transaction: Transaction,
): Promise<boolean> {
  return (await passkeys.remove(where, transaction)) === 1
}

/** All of an account, and their openers with them. */
export async function removePasskeysOf(accountId: string, transaction: Transaction): Promise<void> {
  await passkeys.remove({ accountId }, transaction)
}

/**
 * Notes a use, when the device's counter has risen (devices that do not count say 0 each time): a counter that went back speaks of a copy.
 * @returns false then, and when the passkey was removed meanwhile
 */
export async function notePasskeyUse(
  id: string,
  counter: number,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const rows = await ask(
    'UPDATE passkeys SET counter = $2, last_used_at = $3 WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0)) RETURNING id',
    [id, counter, now],
    transaction,
  )
  return rows.length === 1
}

/** Marks a challenge as answered. @returns false when it was before: of any number of requests on any number of processes, one wins */
export async function insertSpentChallenge(
  challenge: string,
  expiresAt: Date,
  transaction: Transaction,
): Promise<boolean> {
  const rows = await ask(
    'INSERT INTO spent_challenges (digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING digest',
    [lookupDigest('spent-challenge', challenge), expiresAt],
    transaction,
  )
  return rows.length === 1
}

/** Those that are too old to be answered need not be remembered. */
export async function removeLapsedChallenges(now: Date): Promise<void> {
  await ask('DELETE FROM spent_challenges WHERE expires_at <= $1', [now])
}

function toPasskey(row: PasskeyRow): Passkey {
  const { credentialIdDigest: _, credentialIdSealed, nameSealed, transports, ...plain } = row
  return {
    ...plain,
    counter: Number(row.counter),
    transports: transports === '' ? [] : transports.split(' '),
    credentialId: unsealField(`passkey/${row.id}/credential`, credentialIdSealed),
    name: unsealField(`passkey/${row.id}/name`, nameSealed),
  }
}
