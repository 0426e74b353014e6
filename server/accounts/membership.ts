/**
 * Who belongs to a team, as it was written here. A row that somebody put into the table or changed lets nobody in: without this a colleague's
 * session would seal the team's key to whoever stands there.
 */
import { recordChangedRow } from '../audit/record-changed-row.ts'
import { isMembershipMac, type Membership } from '../vault/vault.ts'

/** Leaves out what was not written here, and records it. */
export async function trueMemberships<Row extends Membership & { mac: Buffer }>(rows: readonly Row[]): Promise<Row[]> {
  for (const row of rows.filter((each) => !isMembershipMac(each, each.mac)))
    await recordChangedRow(
      `team_members/${row.teamId}/${row.accountId}`,
      'a membership of a team was changed',
      row.accountId,
    )
  return rows.filter((row) => isMembershipMac(row, row.mac))
}
