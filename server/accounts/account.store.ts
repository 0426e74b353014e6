/** People who can sign in. Addresses and names are sealed; an address is found by its digest. */
import { boundRows } from '../audit/bound-rows.ts'
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import { lookupDigest, sealField, unsealField } from '../vault/vault.ts'

export type Role = 'patient' | 'provider' | 'admin' | 'auditor'
/** `suspended` and `closed`: nobody gets in. The first can be taken back and has forgotten nothing. */
export type AccountState = 'invited' | 'active' | 'suspended' | 'closed'

export interface Account {
  id: string
  role: Role
  state: AccountState
  email: string
  /** As typed by whoever invited them; empty for a patient who was written to by address only. */
  name: string
  invitedAt: Date
  enrolledAt: Date | null
  lastSignedInAt: Date | null
  /** How often all sessions were ended at once; see `beginSession`. */
  sessionEndings: number
}

interface AccountRow extends Omit<Account, 'email' | 'name'> {
  emailDigest: Buffer
  emailSealed: Buffer
  nameSealed: Buffer | null
  mac: Buffer | null
}

const accounts = table<AccountRow>('accounts', {
  id: 'uuid key',
  role: 'text',
  state: 'text',
  emailDigest: 'bytea',
  emailSealed: 'bytea',
  nameSealed: 'bytea',
  invitedAt: 'timestamptz',
  enrolledAt: 'timestamptz',
  lastSignedInAt: 'timestamptz',
  sessionEndings: 'integer',
  mac: 'bytea',
})
const bound = boundRows<AccountRow>('accounts', ['id', 'role', 'state'], 'an account')

export async function insertAccount(
  account: Pick<Account, 'id' | 'role' | 'email' | 'name' | 'invitedAt'>,
  transaction: Transaction,
): Promise<Account> {
  const row = { ...account, state: 'invited' as const, enrolledAt: null, lastSignedInAt: null, sessionEndings: 0 }
  const { email, name, ...plain } = row
  const whole = {
    ...plain,
    emailDigest: lookupDigest('email', email),
    emailSealed: sealField(`account/${row.id}/email`, email),
    nameSealed: name ? sealField(`account/${row.id}/name`, name) : null,
  }
  await accounts.insert({ ...whole, mac: bound.macOf(whole) }, transaction)
  return row
}

export async function findAccount(id: string, transaction?: Transaction): Promise<Account | undefined> {
  const row = await accounts.find({ id }, transaction)
  return row && toAccount(row)
}

/** @param email as `readEmailAddress` returns it @throws EnvelopeRefused when the digest leads to somebody else's address */
export async function findAccountByEmail(email: string, transaction?: Transaction): Promise<Account | undefined> {
  const row = await accounts.find({ emailDigest: lookupDigest('email', email) }, transaction)
  if (!row) return undefined
  const account = toAccount(row)
  // Digests that were swapped in the database would send a letter to another person.
  if (account.email !== email) throw new EnvelopeRefused('an address was found under the digest of another')
  return account
}

export async function listAccounts(ids: readonly string[], transaction?: Transaction): Promise<Account[]> {
  return ids.length === 0 ? [] : (await accounts.list({ id: [...new Set(ids)] }, transaction)).map(toAccount)
}

export interface ColleagueFilter {
  role?: Role | undefined
  state?: AccountState | undefined
  teamId?: string | undefined
  /** Only these, when somebody looked for them. */
  ids?: readonly string[] | undefined
  /** Behind this one. */
  after?: string | undefined
}

/** Everybody who works here, in the order in which they came; patients are left out. A row that was changed in the database is too, and the log says so. */
export async function listColleagues(filter: ColleagueFilter, limit: number): Promise<Account[]> {
  const { role, state, teamId, ids, after } = filter
  const rows = await ask<AccountRow>(
    `SELECT * FROM accounts WHERE role <> 'patient' AND ($1::text IS NULL OR role = $1) AND ($2::text IS NULL OR state = $2)
       AND ($3::uuid IS NULL OR id IN (SELECT account_id FROM team_members WHERE team_id = $3))
       AND ($4::uuid[] IS NULL OR id = ANY($4)) AND ($5::uuid IS NULL OR id > $5) ORDER BY id LIMIT $6`,
    [role ?? null, state ?? null, teamId ?? null, ids ?? null, after ?? null, limit],
  )
  return (await bound.onlyTrue(rows)).map(toAccount)
}

/** Of these roles, in the order in which they came, a few at a time. A row that was changed in the database is left out, and the log says so. */
export async function listAccountsAfter(
  id: string,
  roles: readonly Role[],
  limit: number,
): Promise<{ accounts: Account[]; last: string | undefined }> {
  const rows = await ask<AccountRow>('SELECT * FROM accounts WHERE id > $1 AND role = ANY($2) ORDER BY id LIMIT $3', [
    id,
    roles,
    limit,
  ])
  return { accounts: (await bound.onlyTrue(rows)).map(toAccount), last: rows[limit - 1]?.id }
}

/** Holds the account until the transaction ends, if its person has no sign-in yet. */
export async function holdInvited(id: string, transaction: Transaction): Promise<boolean> {
  return (await holdInvitedRow(id, transaction)) !== undefined
}

async function holdInvitedRow(id: string, transaction: Transaction): Promise<AccountRow | undefined> {
  const [row] = await ask<AccountRow>(
    `SELECT * FROM accounts WHERE id = $1 AND state = 'invited' FOR NO KEY UPDATE`,
    [id],
    transaction,
  )
  if (row) mustBeTrue(row)
  return row
}

/** invited → active, once. @returns whether this call was the one that did it */
export async function activateAccount(id: string, now: Date, transaction: Transaction): Promise<boolean> {
  const row = await holdInvitedRow(id, transaction)
  if (!row) return false
  const mac = bound.macOf({ ...row, state: 'active' })
  await accounts.update({ state: 'active', enrolledAt: now, mac }, { id }, transaction)
  return true
}

/** Nobody gets in by any door, and no mail leads to one. */
export function isShut({ state }: Pick<Account, 'state'>): boolean {
  return state === 'suspended' || state === 'closed'
}

const CHANGES_OF_ACCESS = 4_270_025

/** Changes of who may do what at work come one after another: of two administrators who shut each other out at the same moment, one is too late. */
export async function holdAccess(transaction: Transaction): Promise<void> {
  await ask('SELECT FROM pg_advisory_xact_lock($1)', [CHANGES_OF_ACCESS], transaction)
}

/** The administrators who can sign in. A row that was made one in the database is none. */
export async function listActiveAdministrators(transaction: Transaction): Promise<string[]> {
  const rows = await ask<AccountRow>(
    `SELECT * FROM accounts WHERE role = 'admin' AND state = 'active'`,
    [],
    transaction,
  )
  return (await bound.onlyTrue(rows)).map(({ id }) => id)
}

/** One step of what an account is, guarded by what it was. @returns whether this call took it */
export async function changeAccount(
  id: string,
  was: Pick<Account, 'role' | 'state'>,
  becomes: Pick<Account, 'role' | 'state'>,
  transaction: Transaction,
): Promise<boolean> {
  const [row] = await ask<AccountRow>(
    'SELECT * FROM accounts WHERE id = $1 AND role = $2 AND state = $3 FOR NO KEY UPDATE',
    [id, was.role, was.state],
    transaction,
  )
  if (!row) return false
  mustBeTrue(row)
  const mac = bound.macOf({ ...row, ...becomes })
  await accounts.update({ ...becomes, mac }, { id }, transaction)
  return true
}

export async function noteSignIn(id: string, now: Date, transaction?: Transaction): Promise<void> {
  await accounts.update({ lastSignedInAt: now }, { id }, transaction)
}

/** All sessions of an account end, but perhaps the one that asks: a sign-in that is under way makes none after it. */
export async function noteSessionEnding(id: string, transaction: Transaction): Promise<void> {
  await ask('UPDATE accounts SET session_endings = session_endings + 1 WHERE id = $1', [id], transaction)
}

export async function setName(id: string, name: string, transaction: Transaction): Promise<void> {
  await accounts.update({ nameSealed: sealField(`account/${id}/name`, name) }, { id }, transaction)
}

/**
 * Puts another address in a person's place, unless theirs is not `from` any more (undefined: whichever it is). @returns whether it was done
 * @throws UniqueConstraintError `accounts_email_digest_key` when it is somebody else's
 */
export async function setEmail(
  id: string,
  from: string | undefined,
  email: string,
  transaction: Transaction,
): Promise<boolean> {
  const values = { emailDigest: lookupDigest('email', email), emailSealed: sealField(`account/${id}/email`, email) }
  const where = from === undefined ? { id } : { id, emailDigest: lookupDigest('email', from) }
  return (await accounts.update(values, where, transaction)) === 1
}

/** @throws EnvelopeRefused */
function toAccount(row: AccountRow): Account {
  mustBeTrue(row)
  const { id, role, state, invitedAt, enrolledAt, lastSignedInAt, sessionEndings } = row
  const email = unsealField(`account/${id}/email`, row.emailSealed)
  const name = row.nameSealed ? unsealField(`account/${id}/name`, row.nameSealed) : ''
  return { id, role, state, email, name, invitedAt, enrolledAt, lastSignedInAt, sessionEndings }
}

/** A patient that was made an administrator in the database, or a closed account that was made an active one, is nobody at all. */
function mustBeTrue(row: AccountRow) {
  if (!bound.isTrue(row)) throw new EnvelopeRefused('the role or the state of an account was changed')
}
