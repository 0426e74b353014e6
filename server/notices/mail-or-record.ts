/** The one way of every mail: what it means is written, then it goes, in one transaction; a mail server's lasting refusal is written in its place. */
import { inTransaction, type Transaction } from '../database/connection.ts'
import { MailNotTaken, sendMail, type Mail } from '../mail/send-mail.ts'

/**
 * @param write records that the mail goes, with what follows from it, and returns the mail, or nothing when none is to go. The mail is sent
 *   last, so that a log that cannot be written sends no mail again and again.
 * @param writeRefusal is given the class of a refusal that no later try will change. Any other failure is thrown, and the queue tries again.
 */
export async function mailOrRecord(
  write: (transaction: Transaction) => Promise<Mail | undefined>,
  writeRefusal: (code: 'refused', transaction: Transaction) => Promise<unknown>,
  now: Date,
): Promise<void> {
  try {
    await inTransaction(async (transaction) => {
      const mail = await write(transaction)
      if (mail) await sendMail(mail, now, transaction)
    })
  } catch (error) {
    if (!(error instanceof MailNotTaken && error.lasting)) throw error
    await inTransaction((transaction) => writeRefusal('refused', transaction))
  }
}
