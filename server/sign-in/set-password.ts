import { openerRow, sealOpener } from '../accounts/mailbox-key.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { insertOpeners, removeOpeners } from '../accounts/opener.store.ts'
import type { Transaction } from '../database/connection.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { storePassword } from './credential.store.ts'
import { keepEarlierPassword } from './earlier-password.store.ts'
import type { HashedPassword } from './password.ts'

/**
 * Puts a new password in the old one's place: what it is checked by and what it opens, together. What the old one opened of an earlier key
 * (`pairForNewSignIn`) stays for whoever remembers it.
 * @param hashed made before the transaction began: it takes long
 */
export async function setPassword(
  accountId: string,
  mailbox: MailboxKey & KeyPair,
  hashed: HashedPassword,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await keepEarlierPassword(mailbox, transaction)
  await storePassword(accountId, hashed.stored, now, transaction)
  await removeOpeners({ mailboxId: mailbox.id, mailboxVersion: mailbox.version, kind: 'password' }, transaction)
  const envelope = sealOpener(mailbox, 'password', hashed.opener, mailbox.privateKey)
  await insertOpeners([openerRow(mailbox, 'password', envelope, now)], transaction)
}
