/**
 * The reader: a signed-in person with the mailboxes they may read from. Stores ask for it first, so that nothing can be fetched without
 * saying for whom; a team's key is opened only when it is needed, through the member's own opener.
 */
import { findAccount, type Account } from '../accounts/account.store.ts'
import { openEarlier, openMailboxAsMember } from '../accounts/mailbox-key.ts'
import { listReadableMailboxes, type MailboxKey } from '../accounts/mailbox.store.ts'
import type { Actor } from '../audit/actor.ts'
import { NotFound } from '../errors.ts'
import { pairOfPrivate, type KeyPair } from '../vault/hpke.ts'

export interface Reader {
  account: Account
  actor: Actor
  /** The person's own mailbox first, then their teams'. */
  mailboxes: MailboxKey[]
  own: MailboxKey
  /** The newest key pair of one of `mailboxes`. @throws NotFound for any other, and for a team's that waits for a colleague */
  keyOf(mailboxId: string): Promise<KeyPair>
  /** A version of its key pair; undefined while nothing that this session has opens it. @throws NotFound for a mailbox of somebody else */
  pairOf(mailboxId: string, version: number): Promise<KeyPair | undefined>
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
  const opened = new Map<string, Promise<ReadonlyMap<number, KeyPair>>>()
  const open = async (id: string): Promise<ReadonlyMap<number, KeyPair>> => {
    if (id === own.id) return openEarlier(own, new Map([[own.version, newestOf(own, privateKey())]]))
    const team = mailboxes.find((each) => each.id === id)
    if (!team) throw new NotFound('not your mailbox')
    return openMailboxAsMember(team, accountId, await versionsOf(own.id))
  }
  const versionsOf = (id: string) => {
    const known = opened.get(id) ?? open(id)
    opened.set(id, known)
    return known
  }
  return {
    account,
    actor: { ...actor, kind: 'account', id: account.id, role: account.role },
    mailboxes,
    own,
    async keyOf(id) {
      const version = mailboxes.find((each) => each.id === id)?.version ?? 0
      const pair = (await versionsOf(id)).get(version)
      if (!pair) throw new NotFound('waits for a colleague')
      return pair
    },
    async pairOf(id, version) {
      return (await versionsOf(id)).get(version)
    },
  }
}

/** A session that was begun before the mailbox got a new key opens nothing. */
function newestOf(own: MailboxKey, privateKey: Buffer): KeyPair {
  const pair = pairOfPrivate(privateKey)
  if (!pair.publicKey.equals(own.publicKey)) throw new NotFound('a session from before the newest key')
  return pair
}
