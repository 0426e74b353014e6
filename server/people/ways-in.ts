/** By what people sign in, for a list of them: asked of all at once, and nothing is unsealed. */
import { ask } from '../database/connection.ts'
import { passwordTries } from '../sign-in/tries.ts'

export interface WaysIn {
  password: boolean
  codeApp: boolean
  passkeys: number
  signOn: boolean
  /** Wrong tries from strange devices have used up their turns; it opens by itself after some minutes. */
  locked: boolean
}

type Row = Omit<WaysIn, 'locked'> & { id: string }

export async function listWaysIn(accountIds: readonly string[]): Promise<Map<string, WaysIn>> {
  const rows = await ask<Row>(
    `SELECT a.id, c.password_verifier IS NOT NULL AS password, c.totp_secret_sealed IS NOT NULL AS code_app,
       (SELECT count(*)::int FROM passkeys p WHERE p.account_id = a.id) AS passkeys,
       EXISTS (SELECT FROM sign_on_identities s WHERE s.account_id = a.id) AS sign_on
     FROM accounts a LEFT JOIN credentials c ON c.account_id = a.id WHERE a.id = ANY($1::uuid[])`,
    [accountIds],
  )
  const locked = await passwordTries.full(accountIds)
  return new Map(rows.map(({ id, ...ways }) => [id, { ...ways, locked: locked.has(id) }]))
}
