import type { Account, Role } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import type { Transaction } from '../database/connection.ts'
import { changeAccess, type NotChanged } from './change-access.ts'
import { leaveTeams } from './close-person.ts'

export const STAFF_ROLES = ['provider', 'admin', 'auditor'] as const satisfies readonly Role[]
export type StaffRole = (typeof STAFF_ROLES)[number]

/** Never to or from a patient. Whoever no longer reads for a team leaves it: administrators and auditors read no mail. @throws NotFound */
export function changeRole(
  actor: Actor,
  accountId: string,
  role: StaffRole,
  reason: string,
  now = new Date(),
): Promise<NotChanged | undefined> {
  const wanted = {
    kind: 'role-changed' as const,
    reason,
    becomes: (person: Account) =>
      person.role !== role && ['active', 'invited'].includes(person.state) ? { role, state: person.state } : undefined,
    also: async ({ id }: Account, transaction: Transaction) => {
      if (role !== 'provider') await leaveTeams(actor, id, now, transaction)
    },
  }
  return changeAccess(actor, accountId, wanted, now)
}
