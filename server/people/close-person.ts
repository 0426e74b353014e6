/**
 * Closing for good: what they signed in with and what opened their mailbox is forgotten, and they leave their teams, whose mail stays with the
 * teams. Their own mailbox keeps the opener of the recovery key: conversations can still be handed over, as far as the mode allows.
 */
import type { Account } from '../accounts/account.store.ts'
import { leaveTeam } from '../accounts/leave-team.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { removeOpeners } from '../accounts/opener.store.ts'
import { listMemberships } from '../accounts/team.store.ts'
import type { Actor } from '../audit/actor.ts'
import type { Transaction } from '../database/connection.ts'
import { removeEnrolments } from '../enrolment/enrolment.store.ts'
import { removeCredential } from '../sign-in/credential.store.ts'
import { forgetDevicesOf } from '../sign-in/known-device.store.ts'
import { removePasskeysOf } from '../sign-in/passkey.store.ts'
import { removeIdentitiesOf } from '../sign-in/sign-on-identity.store.ts'
import { changeAccess, type NotChanged } from './change-access.ts'
import { stopWaysBack } from './stop-ways-back.ts'

/** Also takes back the invitation of somebody who has not begun. @throws NotFound */
export function closePerson(
  actor: Actor,
  accountId: string,
  reason: string,
  now = new Date(),
): Promise<NotChanged | undefined> {
  const wanted = {
    kind: 'closed' as const,
    reason,
    becomes: ({ role, state }: Account) => (state === 'closed' ? undefined : { role, state: 'closed' as const }),
    also: async ({ id }: Account, transaction: Transaction) => {
      await stopWaysBack(actor, id, now, transaction)
      await forgetSignIn(id, transaction)
      await leaveTeams(actor, id, now, transaction)
    },
  }
  return changeAccess(actor, accountId, wanted, now)
}

const OWN_WAYS = ['password', 'passkey', 'recovery-code', 'earlier-code', 'waiting', 'successor'] as const

async function forgetSignIn(accountId: string, transaction: Transaction) {
  await removeEnrolments(accountId, transaction)
  await removePasskeysOf(accountId, transaction)
  await removeIdentitiesOf(accountId, transaction)
  await forgetDevicesOf(accountId, transaction)
  await removeCredential(accountId, transaction)
  const mailbox = (await findMailboxOf({ accountId }, transaction))!
  for (const kind of OWN_WAYS) await removeOpeners({ mailboxId: mailbox.id, kind }, transaction)
}

export async function leaveTeams(actor: Actor, accountId: string, now: Date, transaction: Transaction) {
  for (const { team } of await listMemberships([accountId], transaction))
    await leaveTeam(actor, team.id, accountId, now, transaction)
}
