/** Staff whom a provider may identify: a keyed digest of who the provider says they are, bound to one account. */
import { boundRows } from '../audit/bound-rows.ts'
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { newId } from '../lib/ids.ts'
import { lookupDigest } from '../vault/vault.ts'

export interface SignOnIdentity {
  id: string
  accountId: string
  linkedAt: Date
  lastUsedAt: Date | null
}

interface IdentityRow extends SignOnIdentity {
  providerDigest: Buffer
  identityDigest: Buffer
  mac: Buffer | null
}

const identities = table<IdentityRow>('sign_on_identities', {
  id: 'uuid key',
  accountId: 'uuid',
  providerDigest: 'bytea',
  identityDigest: 'bytea',
  mac: 'bytea',
  linkedAt: 'timestamptz',
  lastUsedAt: 'timestamptz',
})
const bound = boundRows<IdentityRow>(
  'sign_on_identities',
  ['id', 'accountId', 'providerDigest', 'identityDigest', 'linkedAt'],
  'a link to the provider',
)

/** What is kept of somebody at a provider: nobody who has it can tell who that is. */
export function digestOfIdentity(issuer: string, subject: string): Buffer {
  return lookupDigest('sign-on-identity', `${issuer}\0${subject}`)
}

/** @throws UniqueConstraintError when it is linked already, or the account is with another one of this provider */
export async function insertIdentity(
  accountId: string,
  issuer: string,
  identityDigest: Buffer,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const row = {
    id: newId(now),
    accountId,
    providerDigest: digestOfProvider(issuer),
    identityDigest,
    linkedAt: now,
    lastUsedAt: null,
  }
  await identities.insert({ ...row, mac: bound.macOf(row) }, transaction)
}

export async function findIdentity(identityDigest: Buffer): Promise<SignOnIdentity | undefined> {
  return (await bound.onlyTrue(await identities.list({ identityDigest })))[0]
}

export async function findIdentityOf(accountId: string, issuer: string): Promise<SignOnIdentity | undefined> {
  const rows = await identities.list({ accountId, providerDigest: digestOfProvider(issuer) })
  return (await bound.onlyTrue(rows))[0]
}

/** @returns whether it is still there */
export async function noteIdentityUse(
  { id, accountId }: Pick<SignOnIdentity, 'id' | 'accountId'>,
  now: Date,
): Promise<boolean> {
  return (await identities.update({ lastUsedAt: now }, { id, accountId })) === 1
}

/** @returns whether there was one */
export async function removeIdentity(accountId: string, issuer: string, transaction: Transaction): Promise<boolean> {
  return (await identities.remove({ accountId, providerDigest: digestOfProvider(issuer) }, transaction)) === 1
}

/** All of an account, or those that were linked since then. @returns how many they were */
export async function removeIdentitiesOf(
  accountId: string,
  transaction: Transaction,
  since = new Date(0),
): Promise<number> {
  const rows = await ask(
    'DELETE FROM sign_on_identities WHERE account_id = $1 AND linked_at >= $2 RETURNING id',
    [accountId, since],
    transaction,
  )
  return rows.length
}

function digestOfProvider(issuer: string) {
  return lookupDigest('sign-on-provider', issuer)
}
