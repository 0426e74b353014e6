import { addMemberOpener, openMailboxByRecovery } from '../accounts/mailbox-key.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { listMemberships } from '../accounts/team.store.ts'
import type { Account } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { recoveryMode } from '../vault/vault.ts'
import { changeAccess, type NotChanged } from './change-access.ts'

/** Gives back what was suspended: they sign in as before. @throws NotFound */
export function reopenPerson(
  actor: Actor,
  accountId: string,
  reason: string,
  now = new Date(),
): Promise<NotChanged | undefined> {
  const wanted = {
    kind: 'reopened' as const,
    reason,
    becomes: ({ role, state }: Account) => (state === 'suspended' ? { role, state: 'active' as const } : undefined),
    also: (person: Account, transaction: Transaction) => letInAgain(actor, person, now, transaction),
  }
  return changeAccess(actor, accountId, wanted, now)
}

/** Teams whose key was begun anew meanwhile. In sealed mode the next session of a colleague lets them in (let-colleagues-in.ts). */
async function letInAgain(actor: Actor, { id }: Account, now: Date, transaction: Transaction) {
  if ((await recoveryMode(transaction)) === 'sealed') return
  for (const { team } of await listMemberships([id], transaction)) {
    const mailbox = (await findMailboxOf({ teamId: team.id }, transaction))!
    const pair = await openMailboxByRecovery(mailbox, transaction)
    if (!(await addMemberOpener({ ...mailbox, ...pair }, id, now, transaction))) continue
    const subject = { kind: 'account' as const, id }
    const event = { act: 'team.joined', subject, reason: 'by-recovery-key', after: team.name } as const
    await record(actor, event, transaction, now)
  }
}
