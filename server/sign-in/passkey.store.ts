/** Passkeys of accounts, several for each. A passkey is found by the digest of its credential's id; ids and names are sealed. */
import { boundRows } from '../audit/bound-rows.ts'
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
  /** Whether the mailbox's newest key can be opened with it. Without that it is a second factor only. */
  prf: boolean
  addedAt: Date
  lastUsedAt: Date | null
}

interface PasskeyRow extends Omit<Passkey, 'credentialId' | 'name' | 'transports' | 'prf'> {
  credentialIdDigest: Buffer
  credentialIdSealed: Buffer
  nameSealed: Buffer
  transports: string
  mac: Buffer | null
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
  backedUp: 'boolean',
  addedAt: 'timestamptz',
  lastUsedAt: 'timestamptz',
  mac: 'bytea',
})
const bound = boundRows<PasskeyRow>('passkeys', ['id', 'accountId', 'credentialIdDigest', 'publicKey'], 'a passkey')
table<{ digest: Buffer; expiresAt: Date }>('spent_challenges', {
  digest: 'bytea key',
  expiresAt: 'timestamptz',
})

/** @param passkey whether it opens the mailbox, the opener that is kept with it says */
export async function insertPasskey(passkey: Omit<Passkey, 'prf'>, transaction: Transaction): Promise<void> {
  const { credentialId, name, transports, ...plain } = passkey
  const row = {
    ...plain,
    credentialIdDigest: lookupDigest('passkey', credentialId),
    credentialIdSealed: sealField(`passkey/${passkey.id}/credential`, credentialId),
    nameSealed: sealField(`passkey/${passkey.id}/name`, name),
    transports: transports.join(' '),
  }
  await passkeys.insert({ ...row, mac: bound.macOf(row) }, transaction)
}

const WITH_OPENER = `SELECT p.*, EXISTS (SELECT FROM openers o WHERE o.passkey_id = p.id AND o.kind = 'passkey'
    AND o.mailbox_version = (SELECT max(version) FROM mailbox_keys WHERE mailbox_id = o.mailbox_id)) AS prf FROM passkeys p`

async function passkeysWhere(condition: string, values: unknown[], transaction?: Transaction): Promise<Passkey[]> {
  const rows = await ask<PasskeyRow & { prf: boolean }>(`${WITH_OPENER} WHERE ${condition}`, values, transaction)
  return ((await bound.onlyTrue(rows)) as typeof rows).map(toPasskey)
}

export async function findPasskeyByCredential(credentialId: string): Promise<Passkey | undefined> {
  return (await passkeysWhere('p.credential_id_digest = $1', [lookupDigest('passkey', credentialId)]))[0]
}

export async function findPasskey(
  where: { id: string; accountId: string },
  transaction?: Transaction,
): Promise<Passkey | undefined> {
  return (await passkeysWhere('p.id = $1 AND p.account_id = $2', [where.id, where.accountId], transaction))[0]
}

/** In the order in which they were added. */
export async function listPasskeys(accountId: string, transaction?: Transaction): Promise<Passkey[]> {
  return passkeysWhere('p.account_id = $1 ORDER BY p.added_at, p.id', [accountId], transaction)
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
    // After an older database came back nobody knows which of those from before were answered.
    `INSERT INTO spent_challenges (digest, expires_at) SELECT $1, $2
     WHERE NOT EXISTS (SELECT FROM ledger_state WHERE older_at > $2::timestamptz - interval '10 minutes')
     ON CONFLICT DO NOTHING RETURNING digest`,
    [lookupDigest('spent-challenge', challenge), expiresAt],
    transaction,
  )
  return rows.length === 1
}

/** Those that are too old to be answered need not be remembered. */
export async function removeLapsedChallenges(now: Date): Promise<void> {
  await ask('DELETE FROM spent_challenges WHERE expires_at <= $1', [now])
}

function toPasskey(row: PasskeyRow & { prf: boolean }): Passkey {
  const { id, accountId, publicKey, transports, prf, backedUp, addedAt, lastUsedAt } = row
  return {
    id,
    accountId,
    credentialId: unsealField(`passkey/${id}/credential`, row.credentialIdSealed),
    publicKey,
    counter: Number(row.counter),
    transports: transports === '' ? [] : transports.split(' '),
    name: unsealField(`passkey/${id}/name`, row.nameSealed),
    prf,
    backedUp,
    addedAt,
    lastUsedAt,
  }
}
