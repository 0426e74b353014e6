/**
 * The reader: a signed-in person with the mailboxes they may read from. Stores ask for it first, so that nothing can be fetched without
 * saying for whom; a team's key is opened only when it is needed, through the member's own opener.
 */
import { findAccount, type Account } from '../accounts/account.store.ts'
import { openMailboxAsMember } from '../accounts/mailbox-key.ts'
import { listReadableMailboxes, type MailboxKey } from '../accounts/mailbox.store.ts'
import type { Actor } from '../audit/actor.ts'
import { NotFound } from '../errors.ts'
import type { KeyPair } from '../vault/hpke.ts'

export interface Reader {
  account: Account
  actor: Actor
  /** The person's own mailbox first, then their teams'. */
  mailboxes: MailboxKey[]
  own: MailboxKey
  /** The key pair of one of `mailboxes`. @throws NotFound for any other */
  keyOf(mailboxId: string): Promise<KeyPair>
}

/** @param privateKey of the person's own mailbox, 32 bytes */
export async function makeReader(
  actor: Actor,
  accountId: string,
  privateKey: () => Buffer,
): Promise<Reader | undefined> {
  const [account, mailboxes] = await Promise.all([findAccount(accountId), listReadableMailboxes(accountId)])
  const own = mailboxes.find((mailbox) => mailbox.accountId === accountId)
  if (!account || account.state !== 'active' || !own) return undefined
  const opened = new Map<string, Promise<KeyPair>>()
  const open = async (id: string): Promise<KeyPair> => {
    const mailbox = mailboxes.find((each) => each.id === id)
    if (!mailbox) throw new NotFound('not your mailbox')
    const ownPair = { publicKey: own.publicKey, privateKey: privateKey() }
    return mailbox === own ? ownPair : openMailboxAsMember(mailbox, accountId, ownPair)
  }
  return {
    account,
    actor: { ...actor, kind: 'account', id: account.id, role: account.role },
    mailboxes,
    own,
    keyOf(id) {
      const known = opened.get(id) ?? open(id)
      opened.set(id, known)
      return known
    },
  }
}
