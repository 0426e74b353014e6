/** Linking an account here with its person at the provider, and taking the link away. Each is recorded, and told on every channel. */
import type { Request } from 'express'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, isTaken, type Transaction } from '../database/connection.ts'
import { signOnSettings } from '../sign-in/openid.ts'
import type { Reader } from '../sign-in/reader.ts'
import { endOtherSessions } from '../sign-in/sessions.ts'
import { findIdentity, insertIdentity, removeIdentitiesOf, removeIdentity } from '../sign-in/sign-on-identity.store.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'

const TAKEN = ['sign_on_identities_identity_digest_key', 'sign_on_identities_account_id_provider_digest_key']

/** @returns false when that person at the provider, or this account, is linked with another one, which is recorded */
export async function linkSignOn(
  { account, actor }: Reader,
  identityDigest: Buffer,
  now = new Date(),
): Promise<boolean> {
  const subject = { kind: 'account' as const, id: account.id }
  try {
    await inTransaction(async (transaction) => {
      await insertIdentity(account.id, signOnSettings().issuer, identityDigest, now, transaction)
      await record(actor, { act: 'sign-on.linked', subject }, transaction, now)
      await tellOfChange(account.id, 'sign-on-linked', now, transaction)
    })
    return true
  } catch (error) {
    if (!TAKEN.some((constraint) => isTaken(error, constraint))) throw error
    // The same form, sent twice.
    if ((await findIdentity(identityDigest))?.accountId === account.id) return true
    await recordDenied(actor, 'sign-on.linked', subject, 'linked-with-another')
    return false
  }
}

export async function removeSignOn(request: Request, { account, actor }: Reader, now = new Date()): Promise<void> {
  await inTransaction(async (transaction) => {
    if (!(await removeIdentity(account.id, signOnSettings().issuer, transaction))) return
    // Whoever signs on there may be in, or half-way.
    await endOtherSessions(request, transaction)
    await record(actor, { act: 'sign-on.removed', subject: { kind: 'account', id: account.id } }, transaction, now)
    await tellOfChange(account.id, 'sign-on-removed', now, transaction)
  })
}

/** Takes away what was linked since then, for somebody who says that it was not them. */
export async function takeNewSignOnAway(
  actor: Actor,
  accountId: string,
  since: Date,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  if ((await removeIdentitiesOf(accountId, transaction, since)) === 0) return
  await record(actor, { act: 'sign-on.removed', subject: { kind: 'account', id: accountId } }, transaction, now)
  await tellOfChange(accountId, 'sign-on-removed', now, transaction)
}
