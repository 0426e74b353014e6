/** What was begun before and would lead in later: links for a new password, help of colleagues, a change of the address. */
import { closeOpenAddressChanges } from '../accounts/address-change.store.ts'
import { cancelReset, findOpenReset } from '../accounts/assisted-reset.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { forgetResetsOf } from '../sign-in/password-reset.store.ts'

export async function stopWaysBack(actor: Actor, accountId: string, now: Date, transaction: Transaction) {
  await forgetResetsOf(accountId, transaction)
  await closeOpenAddressChanges(accountId, now, transaction)
  const help = await findOpenReset(accountId, now)
  if (help && (await cancelReset(help.id, actor.id!, now, transaction)))
    await record(actor, { act: 'help.cancelled', subject: { kind: 'account', id: accountId } }, transaction, now)
}
