/** What a mailed link finds. A link only finds: it never signs in, is not single-use, and following it changes nothing. */
import type { Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { TOKEN } from '../lib/token.ts'
import { linkToken, lookupDigest } from '../vault/vault.ts'

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

/** @returns undefined for everything that is not, letter by letter, a token that we made */
export async function findLink(token: string): Promise<Link | undefined> {
  if (!TOKEN.test(token)) return undefined
  return links.find({ digest: lookupDigest('link', token) })
}
