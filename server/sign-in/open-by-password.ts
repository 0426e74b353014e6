import { openMailboxWithSecret } from '../accounts/mailbox-key.ts'
import { findMailboxOf, type MailboxKey } from '../accounts/mailbox.store.ts'
import { NotFound } from '../errors.ts'
import { EnvelopeRefused } from '../vault/floe.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { findCredential } from './credential.store.ts'
import { checkPassword, type StoredPassword } from './password.ts'

/** Whose password is checked when there is nobody: it takes as long. */
export const NOBODY = '00000000-0000-7000-8000-000000000000'

/**
 * Checks somebody's password and opens their mailbox by it. When it does not open because the password was changed between the look at it and
 * this, it is looked at once more.
 * @param accountId undefined for nobody, which takes as long
 * @returns undefined when it is not theirs (any more) @throws EnvelopeRefused when the opener was changed, and not the password
 */
export async function openByPassword(
  accountId: string | undefined,
  password: string,
  stored: StoredPassword | undefined,
  queue: 'known-device' | 'unknown-device',
): Promise<{ mailbox: MailboxKey & KeyPair; stored: StoredPassword } | undefined> {
  const opener = await checkPassword(password, accountId ?? NOBODY, stored, queue)
  if (!opener || !stored || !accountId) return undefined
  try {
    return { mailbox: await open(accountId, opener), stored }
  } catch (error) {
    if (!(error instanceof EnvelopeRefused || error instanceof NotFound)) throw error
    const now = (await findCredential(accountId))?.password
    if (now?.passwordVerifier.equals(stored.passwordVerifier)) throw error
    const again = await checkPassword(password, accountId, now, queue)
    return again && now ? { mailbox: await open(accountId, again), stored: now } : undefined
  }
}

async function open(accountId: string, opener: Buffer): Promise<MailboxKey & KeyPair> {
  const mailbox = await findMailboxOf({ accountId })
  if (!mailbox) throw new NotFound('no mailbox')
  return { ...mailbox, ...(await openMailboxWithSecret(mailbox, 'password', opener)) }
}
