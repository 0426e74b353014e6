/** What a mailed link finds. A link only finds: it never signs in, is not single-use, and following it changes nothing. */
import { recordChangedRow } from '../audit/record-changed-row.ts'
import type { Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { TOKEN } from '../lib/token.ts'
import { linkToken, lookupDigest } from '../vault/vault.ts'
import { findMailboxOf } from './mailbox.store.ts'

export interface Link {
  accountId: string | null
  messageId: string | null
}

const links = table<Link & { digest: Buffer; createdAt: Date }>('links', {
  digest: 'bytea key',
  accountId: 'uuid',
  messageId: 'uuid',
  createdAt: 'timestamptz',
})

/** The link of a notice about `messageId` to a mailbox; `accountId` when one person reads that mailbox. */
export async function insertLink(
  link: { messageId: string; mailboxId: string; accountId: string | null },
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const digest = lookupDigest('link', linkToken(link.messageId, link.mailboxId))
  await links.insert({ digest, accountId: link.accountId, messageId: link.messageId, createdAt: now }, transaction)
}

/** The link of an invitation that comes without a message. */
export async function insertInvitationLink(accountId: string, now: Date, transaction: Transaction): Promise<void> {
  await links.insert(
    { digest: lookupDigest('link', linkToken('invitation', accountId)), accountId, messageId: null, createdAt: now },
    transaction,
  )
}

/** @returns undefined for everything that is not, letter by letter, a token that we made, and for one that was led to somebody else since */
export async function findLink(token: string): Promise<Link | undefined> {
  if (!TOKEN.test(token)) return undefined
  const link = await links.find({ digest: lookupDigest('link', token) })
  if (!link || (await isTokenOf(link, token))) return link
  await recordChangedRow(`links/${link.digest.toString('hex')}`, 'a link was changed', link.accountId!)
  return undefined
}

/** The token is made from the account that it leads to: a row that names another has another's token. */
async function isTokenOf({ accountId, messageId }: Link, token: string): Promise<boolean> {
  if (!accountId) return true
  if (!messageId) return token === linkToken('invitation', accountId)
  const mailbox = await findMailboxOf({ accountId })
  return mailbox !== undefined && token === linkToken(messageId, mailbox.id)
}
