/**
 * Brings a stored password up to today's parameters, which takes the password itself: so it happens when somebody has just given the right one,
 * behind the answer. Of verifier and opener either both are new or none.
 */
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { inTransaction } from '../database/connection.ts'
import { SlowDown } from '../errors.ts'
import { logWarning } from '../lib/logger.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { holdPassword } from './credential.store.ts'
import { hashPassword, isOutdated, type StoredPassword } from './password.ts'
import { setPassword } from './set-password.ts'

const underWay = new Set<string>()

/** Begins it where it is needed, and returns at once. What does not work out is done at the next sign-in. */
export function raisePasswordLater(
  accountId: string,
  mailbox: MailboxKey & KeyPair,
  password: string,
  checked: StoredPassword,
) {
  if (!isOutdated(checked) || underWay.has(accountId)) return
  underWay.add(accountId)
  raisePassword(accountId, mailbox, password, checked)
    .catch((error: unknown) => {
      if (!(error instanceof SlowDown))
        logWarning('A password keeps its old parameters', { class: (error as Error).name })
    })
    .finally(() => underWay.delete(accountId))
}

/** @param checked what the password was right for @returns whether it was raised; false when it was changed meanwhile */
export async function raisePassword(
  accountId: string,
  mailbox: MailboxKey & KeyPair,
  password: string,
  checked: StoredPassword,
): Promise<boolean> {
  const hashed = await hashPassword(password, accountId)
  return inTransaction(async (transaction) => {
    const chosenAt = await holdPassword(accountId, checked, transaction)
    if (!chosenAt) return false
    await setPassword(accountId, mailbox, hashed, chosenAt, transaction)
    return true
  })
}
