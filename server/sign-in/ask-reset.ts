import { findAccountByEmail, type Account } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import type { Reason } from '../audit/reasons.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { SlowDown } from '../errors.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import { limit } from '../web/rate-limits.ts'
import { countAddress } from './address-tries.ts'

const mailsAnHour = limit('password-reset', 5, 60 * 60)

/**
 * Sends a link for a new password to an address that has a sign-in. For every other address, and after five mails an hour, the same is done as
 * far as anybody can tell, and nothing is sent.
 * @param email as `readEmailAddress` returns it @throws SlowDown when too much comes from the asker's network address
 */
export async function askPasswordReset(actor: Actor, email: string, now = new Date()): Promise<void> {
  await countAddress(actor)
  const account = await findAccountByEmail(email)
  const few = await isFew(account?.id ?? email)
  const active = account?.state === 'active' && few
  await inTransaction(async (transaction) => {
    const outcome = active ? {} : { outcome: 'denied' as const, reason: reasonOf(account?.state, few) }
    const subject = account ? { subject: { kind: 'account' as const, id: account.id } } : {}
    await record(actor, { act: 'password.reset-asked', ...subject, ...outcome }, transaction, now)
    // A job for nobody finds nobody; without it the answer would come sooner.
    await enqueue('send-password-reset', { accountId: active ? account.id : newId(now) }, transaction)
  })
}

async function isFew(key: string): Promise<boolean> {
  try {
    await mailsAnHour.count(key)
    return true
  } catch (error) {
    if (error instanceof SlowDown) return false
    throw error
  }
}

function reasonOf(state: Account['state'] | undefined, few: boolean): Reason {
  if (!few) return 'too-many'
  if (state === undefined || state === 'active') return 'unknown'
  return `account-${state}`
}
