/** Ten new recovery codes, by their owner's wish; the old ones are dead at once. */
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import type { Reader } from '../sign-in/reader.ts'
import { makeRecoveryCodes } from '../sign-in/recovery-code.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'

/** @returns them as shown */
export async function renewRecoveryCodes({ own, account, actor, keyOf }: Reader, now = new Date()): Promise<string[]> {
  const pair = await keyOf(own.id)
  return inTransaction(async (transaction) => {
    const codes = await makeRecoveryCodes({ ...own, ...pair }, now, transaction)
    const subject = { kind: 'account' as const, id: account.id }
    await record(actor, { act: 'recovery-codes.made', subject }, transaction, now)
    await tellOfChange(account.id, 'recovery-codes-made', now, transaction)
    return codes
  })
}
