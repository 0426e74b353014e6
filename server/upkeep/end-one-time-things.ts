/**
 * A restored database is older than what people did since. What may be used once, and what was signed in then, ends: nobody can say which of it
 * was used or ended meanwhile.
 */
import { ask, type Transaction } from '../database/connection.ts'

export async function endOneTimeThings(now: Date, transaction: Transaction): Promise<void> {
  await ask('DELETE FROM sessions', [], transaction)
  await ask('DELETE FROM enrolments', [], transaction)
  await ask('DELETE FROM password_resets', [], transaction)
  // The code of this moment may have been used before the restore; the next one is good.
  const step = Math.floor(now.getTime() / 30_000)
  await ask('UPDATE credentials SET totp_last_step = greatest(totp_last_step, $1)', [step], transaction)
}
