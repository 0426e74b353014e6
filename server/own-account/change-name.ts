import { setName } from '../accounts/account.store.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import type { Reader } from '../sign-in/reader.ts'

/** Another name, as its owner typed it. It is no part of the sign-in, so nobody is told. */
export function changeName({ account, actor }: Reader, typed: string, now = new Date()): Promise<void> {
  return inTransaction(async (transaction) => {
    await setName(account.id, typed.trim().normalize('NFC'), transaction)
    const subject = { kind: 'account' as const, id: account.id }
    await record(actor, { act: 'account.name-changed', subject }, transaction, now)
  })
}
