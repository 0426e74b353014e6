import { addMemberOpener, addSuccessorOpener } from '../accounts/mailbox-key.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { listMembersWithoutOpener, versionsOpenTo } from '../accounts/opener.store.ts'
import { nameOfTeam } from '../accounts/team.store.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import type { Reader } from './reader.ts'

/**
 * Members of the reader's teams who cannot open the team's mailbox (they are new, or have a new sign-in) are let in by the reader's session: it
 * has the key, and nobody else does.
 */
export async function letColleaguesIn(reader: Reader, now = new Date()): Promise<void> {
  const teams = reader.mailboxes.filter(({ teamId }) => teamId !== null)
  if (teams.length === 0) return
  for (const team of teams.filter(({ version }) => version > 1)) await keepEarlierOpen(reader, team, now)
  for (const { mailboxId, accountId } of await listMembersWithoutOpener(teams.map(({ teamId }) => teamId!))) {
    const team = teams.find(({ id }) => id === mailboxId)!
    const pair = await reader.pairOf(team.id, team.version)
    if (!pair) continue
    await inTransaction(async (transaction) => {
      if (!(await addMemberOpener({ ...team, ...pair }, accountId, now, transaction))) return
      const subject = { kind: 'account' as const, id: accountId }
      const after = await nameOfTeam(team.teamId!, transaction)
      const event = { act: 'team.joined', subject, reason: 'let-in-by-colleague', after } as const
      await record(reader.actor, event, transaction, now)
    })
  }
}

/** A team's key that was begun anew, because somebody left, opens the earlier ones too: whoever joins later reads what the others read. */
async function keepEarlierOpen(reader: Reader, team: MailboxKey, now: Date) {
  const open = await versionsOpenTo(team)
  for (let version = team.version - 1; version > 0; version--) {
    const pair = open.has(version) ? undefined : await reader.pairOf(team.id, version)
    if (!pair) continue
    const { privateKey } = pair
    await inTransaction(async (transaction) => {
      if (!(await addSuccessorOpener(team, { version, privateKey }, now, transaction))) return
      const subject = { kind: 'team' as const, id: team.teamId! }
      const event = { act: 'mailbox.earlier-opened', subject, reason: 'let-in-by-colleague' } as const
      await record(reader.actor, event, transaction, now)
    })
  }
}
