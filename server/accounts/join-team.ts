/**
 * Teams: founding one, and joining it. In managed mode the recovery key lets a new member read; in sealed mode the next session of a colleague
 * does. Either is recorded.
 */
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import { recoveryMode } from '../vault/vault.ts'
import { addMemberOpener, makeMailbox, openMailboxByRecovery } from './mailbox-key.ts'
import { findMailboxOf } from './mailbox.store.ts'
import { beginNewKey } from './leave-team.ts'
import { insertMember, insertTeam, listMembers, nameOfTeam, type Team } from './team.store.ts'

export async function foundTeam(actor: Actor, name: string, now: Date, transaction: Transaction): Promise<Team> {
  const team = { id: newId(now), name, createdAt: now }
  await insertTeam(team, transaction)
  await makeMailbox({ teamId: team.id }, now, transaction)
  await record(actor, { act: 'team.created', subject: { kind: 'team', id: team.id } }, transaction, now)
  return team
}

export async function joinTeam(
  actor: Actor,
  teamId: string,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const mailbox = await findMailboxOf({ teamId }, transaction)
  if (!mailbox) throw new NotFound('no such team')
  const managed = (await recoveryMode(transaction)) === 'managed'
  const reason = managed ? 'by-recovery-key' : 'waits-for-colleague'
  const subject = { kind: 'account' as const, id: accountId }
  const after = await nameOfTeam(teamId, transaction)
  await record(actor, { act: 'team.joined', subject, reason, after }, transaction, now)
  await insertMember(teamId, accountId, now, transaction)
  if (!managed) return beginAnewIfAlone(actor, teamId, accountId, now, transaction)
  const pair = await openMailboxByRecovery(mailbox, transaction)
  await addMemberOpener({ ...mailbox, ...pair }, accountId, now, transaction)
}

/** Nobody is left who could let them in: the team goes on under a new key, and what is from before waits for the recovery shares. */
async function beginAnewIfAlone(actor: Actor, teamId: string, accountId: string, now: Date, transaction: Transaction) {
  const others = (await listMembers(teamId, transaction)).filter((id) => id !== accountId)
  if (others.length > 0) return
  await record(actor, { act: 'mailbox.renewed', subject: { kind: 'team', id: teamId } }, transaction, now)
  await beginNewKey(teamId, now, transaction)
}
