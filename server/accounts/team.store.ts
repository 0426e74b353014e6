/** Shared mailboxes with members. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { membershipMac, sealField, unsealField, type Membership } from '../vault/vault.ts'
import { trueMemberships } from './membership.ts'

export interface Team {
  id: string
  name: string
  createdAt: Date
}

interface TeamRow {
  id: string
  nameSealed: Buffer
  createdAt: Date
}

const teams = table<TeamRow>('teams', { id: 'uuid key', nameSealed: 'bytea', createdAt: 'timestamptz' })
const teamMembers = table<Membership & { mac: Buffer }>('team_members', {
  teamId: 'uuid key',
  accountId: 'uuid key',
  joinedAt: 'timestamptz',
  mac: 'bytea',
})

export async function insertTeam(team: Team, transaction: Transaction): Promise<void> {
  await teams.insert(
    { id: team.id, nameSealed: sealField(`team/${team.id}/name`, team.name), createdAt: team.createdAt },
    transaction,
  )
}

export async function findTeam(id: string, transaction?: Transaction): Promise<Team | undefined> {
  const row = await teams.find({ id }, transaction)
  return row && toTeam(row)
}

/** As the access log tells it: what the team was called when somebody joined or left. */
export async function nameOfTeam(id: string, transaction?: Transaction): Promise<string> {
  return (await findTeam(id, transaction))!.name
}

export async function listTeams(transaction?: Transaction): Promise<Team[]> {
  return (await teams.list({}, transaction)).map(toTeam)
}

/** The teams that each of these accounts belongs to. */
export async function listMemberships(
  accountIds: readonly string[],
  transaction?: Transaction,
): Promise<{ accountId: string; team: Team }[]> {
  const rows = await ask<TeamRow & { accountId: string }>(
    'SELECT t.*, m.account_id FROM team_members m JOIN teams t ON t.id = m.team_id WHERE m.account_id = ANY($1::uuid[]) ORDER BY t.id',
    [accountIds],
    transaction,
  )
  return rows.map((row) => ({ accountId: row.accountId, team: toTeam(row) }))
}

export async function listMembers(teamId: string, transaction?: Transaction): Promise<string[]> {
  const rows = await trueMemberships(await teamMembers.list({ teamId }, transaction))
  return rows.map(({ accountId }) => accountId)
}

export async function insertMember(
  teamId: string,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  const membership = { teamId, accountId, joinedAt: now }
  await teamMembers.insert({ ...membership, mac: membershipMac(membership) }, transaction)
}

/** @returns whether they were a member */
export async function removeMember(teamId: string, accountId: string, transaction: Transaction): Promise<boolean> {
  return (await teamMembers.remove({ teamId, accountId }, transaction)) === 1
}

export async function renameTeam(id: string, name: string, transaction: Transaction): Promise<void> {
  await teams.update({ nameSealed: sealField(`team/${id}/name`, name) }, { id }, transaction)
}

function toTeam(row: TeamRow): Team {
  return { id: row.id, name: unsealField(`team/${row.id}/name`, row.nameSealed), createdAt: row.createdAt }
}
