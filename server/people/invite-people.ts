/** The button under a list of people: teams, accounts, memberships and mails in one transaction, once. */
import { findAccountByEmail } from '../accounts/account.store.ts'
import { inviteColleague } from '../accounts/invite-account.ts'
import { foundTeam, joinTeam } from '../accounts/join-team.ts'
import { listTeams } from '../accounts/team.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction, isTaken, type Transaction } from '../database/connection.ts'
import type { PeopleList } from './check-people-list.ts'
import { usePeopleList } from './people-list.store.ts'

/** @returns how many were invited; undefined when the list was used before */
export async function invitePeople(
  actor: Actor,
  listId: string,
  list: PeopleList,
  now = new Date(),
): Promise<number | undefined> {
  const once = () => inTransaction((transaction) => inviteAll(actor, listId, list, now, transaction))
  return once().catch((error: unknown) => {
    // Somebody else invited one of them at this moment: now that one is known, and the others are still to be invited.
    if (isTaken(error, 'accounts_email_digest_key')) return once()
    throw error
  })
}

async function inviteAll(actor: Actor, listId: string, list: PeopleList, now: Date, transaction: Transaction) {
  if (!(await usePeopleList(listId, actor.id!, now, transaction))) return undefined
  await record(actor, { act: 'people-list.used' }, transaction, now)
  const teams = new Map((await listTeams(transaction)).map(({ id, name }) => [name.toLowerCase(), id]))
  let invited = 0
  for (const { name, email, role, team } of list.invite) {
    if (await findAccountByEmail(email, transaction)) continue
    const { id } = await inviteColleague(actor, { role, email, name }, now, transaction)
    invited++
    if (!team) continue
    const known = teams.get(team.toLowerCase())
    const teamId = known ?? (await foundTeam(actor, team, now, transaction)).id
    teams.set(team.toLowerCase(), teamId)
    await joinTeam(actor, teamId, id, now, transaction)
  }
  return invited
}
