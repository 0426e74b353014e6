/**
 * A restored database is older than what people did since. What may be used once, what was under way, and what was signed in then, ends: nobody can
 * say which of it was used or stopped meanwhile.
 */
import { ask, type Transaction } from '../database/connection.ts'

export async function endOneTimeThings(now: Date, transaction: Transaction): Promise<void> {
  for (const statement of ENDING) await ask(statement, [], transaction)
  // The row stays: it keeps every link shut until staff make a new code. What a browser got for the old one counts no more.
  await ask(
    'UPDATE access_codes SET expires_at = least(expires_at, $1), proof_digest = NULL, proved_at = NULL',
    [now],
    transaction,
  )
  // The code of this moment may have been used before the restore; the next one is good.
  const step = Math.floor(now.getTime() / 30_000)
  await ask('UPDATE credentials SET totp_last_step = greatest(totp_last_step, $1)', [step], transaction)
}

const ENDING = [
  'DELETE FROM sessions',
  'DELETE FROM enrolments',
  'DELETE FROM password_resets',
  'DELETE FROM address_changes WHERE changed_at IS NULL AND cancelled_at IS NULL',
  'DELETE FROM assisted_resets WHERE cancelled_at IS NULL AND used_at IS NULL AND lapsed_at IS NULL',
  // One that was forgotten since would be known again.
  'DELETE FROM known_devices',
  // They sign nobody in any more, and still open the mail of their time.
  `UPDATE openers SET kind = 'earlier-code' WHERE kind = 'recovery-code'`,
]
