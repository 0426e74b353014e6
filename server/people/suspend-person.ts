import type { Account } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import type { Transaction } from '../database/connection.ts'
import { changeAccess, type NotChanged } from './change-access.ts'
import { stopWaysBack } from './stop-ways-back.ts'

/** Nobody gets in as this person until an administrator gives it back; nothing of theirs is forgotten. @throws NotFound */
export function suspendPerson(
  actor: Actor,
  accountId: string,
  reason: string,
  now = new Date(),
): Promise<NotChanged | undefined> {
  const wanted = {
    kind: 'suspended' as const,
    reason,
    becomes: ({ role, state }: Account) => (state === 'active' ? { role, state: 'suspended' as const } : undefined),
    also: (person: Account, transaction: Transaction) => stopWaysBack(actor, person.id, now, transaction),
  }
  return changeAccess(actor, accountId, wanted, now)
}
