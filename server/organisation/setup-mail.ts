/** The test mail of the set-up: a code goes out, and whoever types it has shown that mail arrives. */
import { randomInt } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { MailNotTaken, sendMail } from '../mail/send-mail.ts'
import { noticeView } from '../notices/notice.view.ts'
import { lookupDigest } from '../vault/vault.ts'
import { forgetMailCode, keepMailCode, noteStep, tryMailCode } from './setup.store.ts'

const AN_HOUR = 60 * 60 * 1000
const MOST_TRIES = 5

type Admin = Actor & { id: string }

/** @returns what the mail server said of it */
export async function sendSetupMail(
  admin: Admin,
  address: string,
  now = new Date(),
): Promise<'sent' | 'refused' | 'away'> {
  const code = String(randomInt(1_000_000)).padStart(6, '0')
  const view = { ...noticeView('/admin/setup/mail'), code }
  try {
    await inTransaction(async (transaction) => {
      await keepMailCode(admin.id, digestOf(admin.id, code), now, transaction)
      await record(admin, { act: 'setup.mail-sent' }, transaction, now)
      await sendMail({ to: address, template: 'setup-mail', view }, now, transaction)
    })
    return 'sent'
  } catch (error) {
    if (!(error instanceof MailNotTaken)) throw error
    await record(admin, { act: 'setup.mail-sent', outcome: 'failed', reason: 'refused' }, undefined, now)
    return error.lasting ? 'refused' : 'away'
  }
}

/** @returns whether it was the code of the newest mail */
export function confirmSetupMail(admin: Admin, typed: string, now = new Date()): Promise<boolean> {
  return inTransaction(async (transaction) => {
    const row = await tryMailCode(admin.id, transaction)
    const fits =
      row !== undefined &&
      row.tries <= MOST_TRIES &&
      now.getTime() - row.sentAt.getTime() <= AN_HOUR &&
      row.codeDigest.equals(digestOf(admin.id, typed.replace(/\s/g, '')))
    if (!fits) {
      await record(admin, { act: 'setup.mail-refused', outcome: 'denied' }, transaction, now)
      return false
    }
    await forgetMailCode(admin.id, transaction)
    await noteStep('mail', admin.id, now, transaction)
    await record(admin, { act: 'setup.mail-confirmed' }, transaction, now)
    return true
  })
}

function digestOf(accountId: string, code: string): Buffer {
  return lookupDigest('setup-mail', `${accountId} ${code}`)
}
