/** A program for `smtp.test.ts`: sends one mail in production and prints how that ended. Certificates can only be trusted from a process's start. */
import { MailNotTaken, closeMail, sendMail } from '../../server/mail/send-mail.ts'

const [to = '', link = ''] = process.argv.slice(2)
const organisation = { name: 'Riverside Clinic', phone: '555-0100', hours: 'Monday to Friday' }

try {
  await sendMail({ to, template: 'notice', view: { organisation, link, reminder: false, subject: '', first: '' } })
  process.stdout.write('taken')
} catch (error) {
  if (!(error instanceof MailNotTaken)) throw error
  process.stdout.write(`${error.code} ${error.lasting ? 'for good' : 'for now'} ${error.message}`)
}
closeMail()
