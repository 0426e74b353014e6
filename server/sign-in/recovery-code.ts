/**
 * Recovery codes: ten, of 100 random bits each, printable, each good once. A code is found by its HMAC and opens the mailbox by a key from
 * HKDF; what is stored tells neither.
 */
import { openerRow, sealOpener } from '../accounts/mailbox-key.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { findOpener, insertOpeners, listOpeners, removeOpeners, supersedeCodes } from '../accounts/opener.store.ts'
import type { Transaction } from '../database/connection.ts'
import { makeSpokenCode, readSpokenCode } from '../lib/spoken-code.ts'
import { unsealEnvelope } from '../vault/floe.ts'
import { deriveKey } from '../vault/derive.ts'
import { pairOfPrivate, type KeyPair } from '../vault/hpke.ts'
import { lookupDigest, pepper } from '../vault/vault.ts'

const LENGTH = 20

/** Makes ten new codes in place of all earlier ones, which sign nobody in any more. @returns them as shown: four groups of five */
export async function makeRecoveryCodes(
  mailbox: MailboxKey & KeyPair,
  now: Date,
  transaction: Transaction,
): Promise<string[]> {
  await supersedeCodes(mailbox, transaction)
  await removeOpeners({ mailboxId: mailbox.id, kind: 'recovery-code' }, transaction)
  const codes = Array.from({ length: 10 }, () => makeSpokenCode(LENGTH))
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

/** How many codes are left to sign in with, and whether they open what is sealed today. */
export async function countRecoveryCodes(
  mailbox: MailboxKey,
  transaction?: Transaction,
): Promise<{ left: number; newest: boolean }> {
  const codes = await listOpeners({ mailboxId: mailbox.id, kind: 'recovery-code' }, transaction)
  return { left: codes.length, newest: codes.every(({ mailboxVersion }) => mailboxVersion === mailbox.version) }
}

/** What a code opens: a version of the mailbox's key, the newest unless that was renewed since the code was made. */
export type OpenedByCode = KeyPair & { version: number }

/** Whether a code is good, without using it up. */
export async function isRecoveryCode(mailbox: MailboxKey, typed: string): Promise<boolean> {
  return (await findCode(mailbox, 'recovery-code', typed)) !== undefined
}

/** Uses up a code of this mailbox. Of many requests with one code, one gets the key pair. @returns undefined when it is not good */
export function spendRecoveryCode(
  mailbox: MailboxKey,
  typed: string,
  transaction: Transaction,
): Promise<OpenedByCode | undefined> {
  return spendCode(mailbox, 'recovery-code', typed, transaction)
}

/** Likewise a code from before the newest version, also one whose set was replaced since. A code of today is left alone. */
export async function spendEarlierCode(
  mailbox: MailboxKey,
  typed: string,
  transaction: Transaction,
): Promise<OpenedByCode | undefined> {
  const found = await findCode(mailbox, 'recovery-code', typed, transaction)
  if (!found) return spendCode(mailbox, 'earlier-code', typed, transaction)
  return found.opener.mailboxVersion < mailbox.version
    ? spendCode(mailbox, 'recovery-code', typed, transaction)
    : undefined
}

type CodeKind = 'recovery-code' | 'earlier-code'

async function spendCode(mailbox: MailboxKey, kind: CodeKind, typed: string, transaction: Transaction) {
  const found = await findCode(mailbox, kind, typed, transaction)
  if (!found || (await removeOpeners({ id: found.opener.id }, transaction)) !== 1) return undefined
  const { code, opener } = found
  const version = opener.mailboxVersion
  const binding = `mailbox/${mailbox.id}/${version}/recovery-code`
  return { version, ...pairOfPrivate(unsealEnvelope(keyOf(code, mailbox.id), binding, opener.envelope)) }
}

async function findCode(mailbox: MailboxKey, kind: CodeKind, typed: string, transaction?: Transaction) {
  const code = readSpokenCode(typed, LENGTH)
  const digest = code && digestOf(code, mailbox.id)
  const opener = digest && (await findOpener({ mailboxId: mailbox.id, kind, codeDigest: digest }, transaction))
  return opener ? { code, opener } : undefined
}

function digestOf(code: string, mailboxId: string) {
  return lookupDigest('recovery-code', `${mailboxId}/${code}`)
}

function keyOf(code: string, mailboxId: string) {
  return deriveKey(Buffer.from(code), `recovery-code/${mailboxId}`, 32, pepper())
}
