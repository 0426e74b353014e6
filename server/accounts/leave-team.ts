/**
 * Leaving a team: the opener goes, and the mailbox begins a new key that whoever left has never had. What is written from then on is under a new
 * thread key (`replyToThread` makes one as soon as a mailbox has a newer version), so that a key that was carried away opens nothing that comes.
 */
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { recoveryMode } from '../vault/vault.ts'
import { isShut, listAccounts } from './account.store.ts'
import { addMemberOpener, addSuccessorOpener, openMailboxByRecovery, renewMailbox } from './mailbox-key.ts'
import { findMailboxOf, holdMailbox } from './mailbox.store.ts'
import { removeOpeners } from './opener.store.ts'
import { listMembers, nameOfTeam, removeMember } from './team.store.ts'

/** @returns whether they were a member */
export async function leaveTeam(
  actor: Actor,
  teamId: string,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const found = await findMailboxOf({ teamId }, transaction)
  if (!found) throw new NotFound('no such team')
  await holdMailbox(found.id, transaction)
  if (!(await removeMember(teamId, accountId, transaction))) return false
  await removeOpeners({ mailboxId: found.id, kind: 'member', accountId }, transaction)
  const before = await nameOfTeam(teamId, transaction)
  const subjects = [
    { act: 'team.left' as const, subject: { kind: 'account' as const, id: accountId }, before },
    { act: 'mailbox.renewed' as const, subject: { kind: 'team' as const, id: teamId } },
  ]
  await record(actor, subjects, transaction, now)
  await beginNewKey(teamId, now, transaction)
  return true
}

/**
 * The new private half is here for this moment and is sealed to everybody who stays. The earlier one opens to who joins later: by the recovery key
 * now, or in sealed mode as soon as a colleague's session has both (let-colleagues-in.ts).
 */
export async function beginNewKey(teamId: string, now: Date, transaction: Transaction): Promise<void> {
  const earlier = (await findMailboxOf({ teamId }, transaction))!
  const renewed = await renewMailbox(earlier, now, transaction)
  for (const member of await listAccounts(await listMembers(teamId, transaction), transaction))
    if (!isShut(member)) await addMemberOpener(renewed, member.id, now, transaction)
  if ((await recoveryMode(transaction)) === 'sealed') return
  const { privateKey } = await openMailboxByRecovery(earlier, transaction)
  await addSuccessorOpener(renewed, { version: earlier.version, privateKey }, now, transaction)
}
