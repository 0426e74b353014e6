import { addMemberOpener } from '../accounts/mailbox-key.ts'
import { listMembersWithoutOpener } from '../accounts/opener.store.ts'
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
  for (const { mailboxId, accountId } of await listMembersWithoutOpener(teams.map(({ teamId }) => teamId!))) {
    const team = teams.find(({ id }) => id === mailboxId)!
    const pair = await reader.pairOf(team.id, team.version)
    if (!pair) continue
    await inTransaction(async (transaction) => {
      if (!(await addMemberOpener({ ...team, ...pair }, accountId, now, transaction))) return
      const subject = { kind: 'account' as const, id: accountId }
      await record(reader.actor, { act: 'team.joined', subject, reason: 'let-in-by-colleague' }, transaction, now)
    })
  }
}
