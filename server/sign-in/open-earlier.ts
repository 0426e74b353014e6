/** Messages from before a new sign-in are opened again: by a recovery code or a password from that time. Tries are counted. */
import { openMailboxWithSecret } from '../accounts/mailbox-key.ts'
import { takeUpEarlier } from '../accounts/take-up-earlier.ts'
import { inTransaction } from '../database/connection.ts'
import { limit } from '../web/rate-limits.ts'
import { listEarlierPasswords } from './earlier-password.store.ts'
import { checkPassword } from './password.ts'
import type { Reader } from './reader.ts'
import { spendEarlierCode } from './recovery-code.ts'
import { tellOfChange } from './tell-of-change.ts'

const tries = limit('earlier', 5, 60 * 60)

/** Versions of the reader's own key that nothing at hand opens. */
export async function closedVersions(reader: Reader): Promise<number[]> {
  const { id, version } = reader.own
  const earlier = Array.from({ length: version - 1 }, (_, index) => index + 1)
  const pairs = await Promise.all(earlier.map((each) => reader.pairOf(id, each)))
  return earlier.filter((_, index) => !pairs[index])
}

/** @returns whether the code opened something; it is used up then @throws SlowDown */
export async function openEarlierByCode(reader: Reader, typed: string, now = new Date()): Promise<boolean> {
  const { own, actor, account } = reader
  await tries.count(account.id)
  const opened = await inTransaction(async (transaction) => {
    const earlier = await spendEarlierCode(own, typed, transaction)
    if (!earlier) return false
    await takeUpEarlier(actor, own, earlier, now, transaction)
    await tellOfChange(account.id, 'recovery-code-used', now, transaction)
    return true
  })
  if (opened) await tries.forgive(account.id)
  return opened
}

/** @returns whether it was a password from before, and opened something @throws SlowDown */
export async function openEarlierByPassword(reader: Reader, typed: string, now = new Date()): Promise<boolean> {
  const { own, actor, account } = reader
  await tries.count(account.id)
  for (const stored of await listEarlierPasswords(own.id)) {
    const key = await checkPassword(typed, account.id, stored)
    if (!key) continue
    const version = stored.mailboxVersion
    const { privateKey } = await openMailboxWithSecret({ ...own, version }, 'password', key)
    await inTransaction((transaction) => takeUpEarlier(actor, own, { version, privateKey }, now, transaction))
    await tries.forgive(account.id)
    return true
  }
  return false
}
