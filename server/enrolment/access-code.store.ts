/** Access codes: one row guards one account that has not enrolled, from when a sender asked for a code until the enrolment is complete. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface AccessCodeRow {
  accountId: string
  codeDigest: Buffer
  madeAt: Date
  madeBy: string
  expiresAt: Date
  /** Of the browser that gave the code: from then on the code itself is used up. */
  proofDigest: Buffer | null
  provedAt: Date | null
}

const accessCodes = table<AccessCodeRow>('access_codes', {
  accountId: 'uuid key',
  codeDigest: 'bytea',
  madeAt: 'timestamptz',
  madeBy: 'uuid',
  expiresAt: 'timestamptz',
  proofDigest: 'bytea',
  provedAt: 'timestamptz',
})

export function findAccessCode(accountId: string, transaction?: Transaction): Promise<AccessCodeRow | undefined> {
  return accessCodes.find({ accountId }, transaction)
}

/** A new code in place of an earlier one, whose proof goes too. */
export async function putAccessCode(
  row: Omit<AccessCodeRow, 'proofDigest' | 'provedAt'>,
  transaction: Transaction,
): Promise<void> {
  await accessCodes.remove({ accountId: row.accountId }, transaction)
  await accessCodes.insert({ ...row, proofDigest: null, provedAt: null }, transaction)
}

/** Uses a code up for a proof: a compare-and-set, so that of any number of requests with one code, on any number of processes, one wins. */
export async function useAccessCode(
  { accountId, codeDigest }: Pick<AccessCodeRow, 'accountId' | 'codeDigest'>,
  proofDigest: Buffer,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const rows = await ask<{ accountId: string }>(
    `UPDATE access_codes SET proof_digest = $3, proved_at = $4
     WHERE account_id = $1 AND code_digest = $2 AND expires_at > $4 AND proof_digest IS NULL RETURNING account_id`,
    [accountId, codeDigest, proofDigest, now],
    transaction,
  )
  return rows.length === 1
}

export async function removeAccessCode(accountId: string, transaction: Transaction): Promise<void> {
  await accessCodes.remove({ accountId }, transaction)
}
