/**
 * Who belongs to a team, as it was written here. A row that somebody put into the table or changed lets nobody in: without this a colleague's
 * session would seal the team's key to whoever stands there.
 */
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { isMembershipMac, type Membership } from '../vault/vault.ts'

/** Recorded once in a process's life: the same row is met again with every page of every colleague. */
const recorded = new Set<string>()

/** Leaves out what was not written here, and records it. */
export async function trueMemberships<Row extends Membership & { mac: Buffer }>(rows: readonly Row[]): Promise<Row[]> {
  for (const row of rows.filter((each) => !isMembershipMac(each, each.mac))) await recordOnce(row)
  return rows.filter((row) => isMembershipMac(row, row.mac))
}

async function recordOnce({ teamId, accountId }: Membership) {
  const which = `${teamId}/${accountId}`
  if (recorded.has(which)) return
  const subject = { kind: 'account' as const, id: accountId }
  const reason = 'a membership of a team was changed'
  await record(system, { act: 'envelope.refused', outcome: 'failed', subject, reason })
  recorded.add(which)
}
