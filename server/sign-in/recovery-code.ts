/**
 * Recovery codes: ten, of 100 random bits each, printable, each good once. A code is found by its HMAC and opens the mailbox by a key from
 * HKDF; what is stored tells neither. Letters that look alike (I, L, O, U) are left out, as in Crockford's base 32.
 */
import { randomBytes } from 'node:crypto'
import { openerRow, sealOpener } from '../accounts/mailbox-key.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { findOpener, insertOpeners, removeOpeners } from '../accounts/opener.store.ts'
import type { Transaction } from '../database/connection.ts'
import { unsealEnvelope } from '../vault/floe.ts'
import { deriveKey } from '../vault/derive.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { lookupDigest, pepper } from '../vault/vault.ts'

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const LENGTH = 20

/** Makes ten new codes in place of all earlier ones. @returns them as shown: four groups of five */
export async function makeRecoveryCodes(
  mailbox: MailboxKey & KeyPair,
  now: Date,
  transaction: Transaction,
): Promise<string[]> {
  await removeOpeners({ mailboxId: mailbox.id, kind: 'recovery-code' }, transaction)
  const codes = Array.from({ length: 10 }, () => Array.from(randomBytes(LENGTH), (byte) => LETTERS[byte & 31]).join(''))
  await insertOpeners(
    codes.map((code) => ({
      ...openerRow(
        mailbox,
        'recovery-code',
        sealOpener(mailbox, 'recovery-code', keyOf(code, mailbox.id), mailbox.privateKey),
        now,
      ),
      codeDigest: digestOf(code, mailbox.id),
    })),
    transaction,
  )
  return codes.map((code) => code.match(/.{5}/g)!.join('-'))
}

/** Uses up a code of this mailbox. Of many requests with one code, one gets the key pair. @returns undefined when it is not good */
export async function spendRecoveryCode(
  mailbox: MailboxKey,
  typed: string,
  transaction: Transaction,
): Promise<KeyPair | undefined> {
  const code = typed.toUpperCase().replace(/[ -]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')
  if (!/^[0-9A-HJKMNP-TV-Z]{20}$/.test(code)) return undefined
  const opener = await findOpener(
    { mailboxId: mailbox.id, kind: 'recovery-code', codeDigest: digestOf(code, mailbox.id) },
    transaction,
  )
  if (!opener || (await removeOpeners({ id: opener.id }, transaction)) !== 1) return undefined
  const binding = `mailbox/${mailbox.id}/${opener.mailboxVersion}/recovery-code`
  return { publicKey: mailbox.publicKey, privateKey: unsealEnvelope(keyOf(code, mailbox.id), binding, opener.envelope) }
}

function digestOf(code: string, mailboxId: string) {
  return lookupDigest('recovery-code', `${mailboxId}/${code}`)
}

function keyOf(code: string, mailboxId: string) {
  return deriveKey(Buffer.from(code), `recovery-code/${mailboxId}`, 32, pepper())
}
