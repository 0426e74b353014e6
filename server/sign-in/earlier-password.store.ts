/** Passwords that were replaced together with the mailbox's key: whoever remembers one opens what is from then. They sign nobody in. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import type { StoredPassword } from './password.ts'

/** What an opener's password is checked by. */
export interface EarlierPassword extends StoredPassword {
  openerId: string
}

table<EarlierPassword>('earlier_passwords', {
  openerId: 'uuid key',
  passwordSalt: 'bytea',
  passwordParameters: 'text',
  passwordVerifier: 'bytea',
})

/** Before the password is replaced: keeps what it is checked by with the openers of earlier versions that it opens. */
export async function keepEarlierPassword(mailbox: MailboxKey, transaction: Transaction): Promise<void> {
  await ask(
    `INSERT INTO earlier_passwords (opener_id, password_salt, password_parameters, password_verifier)
     SELECT o.id, c.password_salt, c.password_parameters, c.password_verifier FROM openers o JOIN credentials c ON c.account_id = $1
     WHERE o.mailbox_id = $2 AND o.kind = 'password' AND o.mailbox_version < $3 AND c.password_salt IS NOT NULL ON CONFLICT DO NOTHING`,
    [mailbox.accountId, mailbox.id, mailbox.version],
    transaction,
  )
}

/** The earlier passwords of a mailbox with what they open, newest version first. */
export function listEarlierPasswords(
  mailboxId: string,
): Promise<(EarlierPassword & { mailboxVersion: number; envelope: Buffer })[]> {
  return ask(
    `SELECT p.*, o.mailbox_version, o.envelope FROM earlier_passwords p JOIN openers o ON o.id = p.opener_id
     WHERE o.mailbox_id = $1 ORDER BY o.mailbox_version DESC`,
    [mailboxId],
  )
}
