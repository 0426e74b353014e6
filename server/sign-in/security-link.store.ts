/** The links by which somebody says that a change to their sign-in was not theirs: one for each notice, good once and for thirty days. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { SecurityChange } from '../jobs/names.ts'
import { TOKEN } from '../lib/token.ts'
import { linkToken, lookupDigest } from '../vault/vault.ts'

export interface SecurityLink {
  id: string
  accountId: string
  change: SecurityChange
  happenedAt: Date
  madeAt: Date
  expiresAt: Date
  usedAt: Date | null
}

const securityLinks = table<SecurityLink & { digest: Buffer }>('security_links', {
  id: 'uuid key',
  digest: 'bytea',
  accountId: 'uuid',
  change: 'text',
  happenedAt: 'timestamptz',
  madeAt: 'timestamptz',
  expiresAt: 'timestamptz',
  usedAt: 'timestamptz',
})

/** @returns the link's token @throws UniqueConstraintError when there is a notice of this change already */
export async function insertSecurityLink(
  link: Omit<SecurityLink, 'usedAt'>,
  transaction: Transaction,
): Promise<string> {
  const token = linkToken('not-me', link.id)
  await securityLinks.insert({ ...link, digest: lookupDigest('link', token), usedAt: null }, transaction)
  return token
}

/** Whether a change was told of already, and of how many the account was told since: all together, and of its kind. */
export async function countSecurityLinks(
  { accountId, change, happenedAt }: Pick<SecurityLink, 'accountId' | 'change' | 'happenedAt'>,
  since: Date,
  transaction: Transaction,
): Promise<{ told: boolean; lately: number; ofKind: number }> {
  // One notice of an account at a time, so that two at one moment count each other. Not the account's row: a slow mail server would hold up its
  // owner's sign-in.
  await ask(`SELECT pg_advisory_xact_lock(hashtextextended('security-notice ' || $1, 0))`, [accountId], transaction)
  const [row] = await ask<{ told: boolean; lately: number; ofKind: number }>(
    `SELECT coalesce(bool_or(change = $2 AND happened_at = $3), false) AS told, (count(*) FILTER (WHERE made_at > $4))::int AS lately,
       (count(*) FILTER (WHERE made_at > $4 AND change = $2))::int AS of_kind
     FROM security_links WHERE account_id = $1`,
    [accountId, change, happenedAt, since],
    transaction,
  )
  return row!
}

/** @returns undefined for everything that is not, letter by letter, a token that we made; and after its thirty days */
export async function findSecurityLink(token: string, now: Date): Promise<SecurityLink | undefined> {
  if (!TOKEN.test(token)) return undefined
  const [row] = await ask<SecurityLink & { digest: Buffer }>(
    'SELECT * FROM security_links WHERE digest = $1 AND expires_at > greatest($2::timestamptz, now())',
    [lookupDigest('link', token), now],
  )
  if (!row) return undefined
  const { digest: _, ...link } = row
  return link
}

/** Uses a link, once. @returns whether this call did it */
export async function useSecurityLink(id: string, now: Date, transaction: Transaction): Promise<boolean> {
  return (await securityLinks.update({ usedAt: now }, { id, usedAt: null }, transaction)) === 1
}

/** The links of an account that were made since then and not used are good until `at` and no longer. */
export async function endSecurityLinks(
  { accountId, since }: { accountId: string; since: Date },
  at: Date,
  transaction: Transaction,
): Promise<void> {
  await ask(
    `UPDATE security_links SET expires_at = least(expires_at, $3::timestamptz)
     WHERE account_id = $1 AND made_at >= $2 AND used_at IS NULL`,
    [accountId, since, at],
    transaction,
  )
}

export async function removeOldSecurityLinks(now: Date): Promise<void> {
  await ask('DELETE FROM security_links WHERE expires_at <= least($1::timestamptz, now())', [now])
}
