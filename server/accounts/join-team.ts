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
import { insertMember, insertTeam, type Team } from './team.store.ts'

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
  await record(actor, { act: 'team.joined', subject, reason }, transaction, now)
  await insertMember(teamId, accountId, now, transaction)
  if (!managed) return
  const pair = await openMailboxByRecovery(mailbox, transaction)
  await addMemberOpener({ ...mailbox, ...pair }, accountId, now, transaction)
}
