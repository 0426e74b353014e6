/** What a mailbox and an author are called, for those who take part in a thread. */
import { listAccounts, type Account } from '../accounts/account.store.ts'
import { listMailboxKeys } from '../accounts/mailbox.store.ts'
import { findTeam, listTeams } from '../accounts/team.store.ts'

export interface Names {
  /** A team's name, or a person's name or else address. */
  mailbox(id: string): string
  /** The person whose mailbox it is; undefined for a team's. */
  owner(mailboxId: string): Account | undefined
  teamOf(mailboxId: string): string | undefined
  author(accountId: string | null): string
}

export async function namesOf(
  mailboxIds: readonly string[],
  authorIds: readonly (string | null)[] = [],
): Promise<Names> {
  const mailboxes = new Map((await listMailboxKeys([...new Set(mailboxIds)])).map((mailbox) => [mailbox.id, mailbox]))
  const owners = [...mailboxes.values()].flatMap(({ accountId }) => (accountId ? [accountId] : []))
  const [people, teams] = await Promise.all([
    listAccounts([...owners, ...authorIds.filter((id) => id !== null)]),
    mailboxes.size === 1 ? findTeamOf([...mailboxes.values()][0]!.teamId) : listTeams(),
  ])
  const person = new Map(people.map((account) => [account.id, account]))
  const team = new Map(teams.map(({ id, name }) => [id, name]))
  const owner = (id: string) => person.get(mailboxes.get(id)?.accountId ?? '')
  const teamOf = (id: string) => team.get(mailboxes.get(id)?.teamId ?? '')
  return {
    owner,
    teamOf,
    mailbox: (id) => teamOf(id) ?? nameOf(owner(id)),
    author: (id) => nameOf(person.get(id ?? '')),
  }
}

async function findTeamOf(id: string | null) {
  const team = id ? await findTeam(id) : undefined
  return team ? [team] : []
}

function nameOf(account: Account | undefined): string {
  return account ? account.name || account.email : ''
}
