import type { Account, Role } from '../accounts/account.store.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import type { Actor } from '../audit/actor.ts'
import type { Transaction } from '../database/connection.ts'
import { countThreadsOf } from '../messages/thread.store.ts'
import { changeAccess, type NotChanged, type WantedChange } from './change-access.ts'
import { leaveTeams } from './close-person.ts'

export const STAFF_ROLES = ['provider', 'admin', 'auditor'] as const satisfies readonly Role[]
export type StaffRole = (typeof STAFF_ROLES)[number]

/**
 * Never to or from a patient. Administrators and auditors read no mail: whoever becomes one leaves their teams, and has no conversations of their
 * own, which are handed over before. @throws NotFound
 */
export function changeRole(
  actor: Actor,
  accountId: string,
  role: StaffRole,
  reason: string,
  now = new Date(),
): Promise<NotChanged | undefined> {
  const wanted: WantedChange = {
    kind: 'role-changed',
    reason,
    becomes: (person: Account) =>
      person.role !== role && ['active', 'invited'].includes(person.state) ? { role, state: person.state } : undefined,
    not: async ({ id }: Account, transaction: Transaction) =>
      role !== 'provider' && (await countOwnConversations(id, transaction)) > 0 ? 'own-conversations' : undefined,
    also: async ({ id }: Account, transaction: Transaction) => {
      if (role !== 'provider') await leaveTeams(actor, id, now, transaction)
    },
  }
  return changeAccess(actor, accountId, wanted, now)
}

export async function countOwnConversations(accountId: string, transaction?: Transaction): Promise<number> {
  const mailbox = await findMailboxOf({ accountId }, transaction)
  return mailbox ? countThreadsOf(mailbox.id, transaction) : 0
}
