/** Exports and reports as an auditor and an administrator come to them, by links and forms. */
import { writeTo } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { signedIn } from '../support/visitor.ts'
import { SUBMIT, type Walker } from './walker.ts'

export async function walkReports(server: TestServer, { signIn, open, press }: Walker): Promise<void> {
  const { dana, maria, sam, felix, ada } = server.cast
  const writer = await signedIn(server, dana)
  const message = await writeTo(writer, { to: maria.email, subject: 'Walked through', body: 'Walked through.' })
  const reader = await signedIn(server, maria)
  await reader.ask(`/messages/${message}`)

  const auditor = await signIn(felix)
  const { page } = auditor
  await open(auditor, '/admin/exports', 'reports/exports, empty', 200, 'Exports')
  await press(auditor, 'a[href="/admin/exports/new"]', 'reports/export-new', 200, 'New export')
  await page.fill('[name=patient]', 'nobody@mail.example')
  await page.fill('[name=address]', 'the clinic')
  await press(auditor, SUBMIT, 'reports/export-new, with errors', 422, 'New export')
  await page.fill('[name=patient]', maria.email)
  await page.fill('[name=address]', '')
  await page.click('main form:not(.passkey) button[type=submit]')
  await page.waitForURL(/\/admin\/exports\/[0-9a-f-]{36}$/)
  // The page's script shows it anew when it is ready.
  await page.waitForSelector('a.button[download]')
  await open(auditor, page.url(), 'reports/export, ready', 200, 'Export')
  await open(auditor, `${page.url()}?link=old`, 'reports/export, a link was too old', 200, 'Export')
  await open(auditor, '/admin/exports', 'reports/exports', 200, 'Exports')

  await open(auditor, '/admin/reports', 'reports/reports', 200, 'Reports')
  await press(auditor, 'a[href="/admin/reports/patient"]', 'reports/report-ask', 200, 'About a patient')
  await press(auditor, SUBMIT, 'reports/report-ask, nothing typed', 422, 'About a patient')
  await page.fill('[name=email]', maria.email)
  await press(auditor, SUBMIT, 'reports/report, of disclosures, none', 200, 'Accounting of disclosures')
  await press(auditor, 'a[href$="/openings"]', 'reports/report, of openings', 200, 'Who opened a patient’s messages')
  await press(auditor, 'a[href*="format=pdf"]', 'reports/export-new, of a report', 200, 'New export')
  await open(auditor, '/admin/reports/activity', 'reports/report-ask, of a colleague', 200, 'Activity of a colleague')
  await page.fill('[name=email]', sam.email)
  await press(auditor, SUBMIT, 'reports/report, of a colleague', 200, 'What a colleague did')
  await open(auditor, '/admin/reports/coverage', 'reports/report, of sign-ins', 200, 'How people sign in')
  await press(auditor, 'a[href$="named=yes"]', 'reports/report, of sign-ins, with names', 200, 'How people sign in')
  await open(auditor, '/admin/reports/touched', 'reports/report-ask, after a breach', 200, 'After a breach')
  await press(auditor, SUBMIT, 'reports/report-ask, after a breach, nothing typed', 422, 'After a breach')
  await page.fill('[name=address]', '127.0.0.1')
  await page.fill('[name=from]', `${new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)}T00:00`)
  await page.fill('[name=to]', `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T00:00`)
  await press(auditor, SUBMIT, 'reports/report, after a breach', 200, 'Whose mail was touched')
  await open(
    auditor,
    '/admin/reports/protection',
    'reports/report-ask, of a message',
    200,
    'How a message was protected',
  )
  await page.fill('[name=message]', message)
  await press(auditor, SUBMIT, 'messages/protection, for an auditor', 200, 'How this message is protected')

  const admin = await signIn(ada)
  await open(admin, '/admin/reports/patient', 'reports/report-ask, for an administrator', 200, 'About a patient')
  await admin.page.fill('[name=email]', maria.email)
  await press(admin, SUBMIT, 'reports/report, for an administrator', 200, 'Accounting of disclosures')
  await press(admin, 'a[href$="/disclosures/new"]', 'reports/disclosure-new', 200, 'Write down a disclosure')
  await press(admin, SUBMIT, 'reports/disclosure-new, nothing typed', 422, 'Write down a disclosure')
  await admin.page.fill('[name=day]', '2026-11-02')
  await admin.page.fill('[name=recipient]', 'County health office, 1 Main Street (fictitious)')
  await admin.page.fill('[name=what]', 'A laboratory result')
  await admin.page.selectOption('[name=purpose]', 'public-health')
  await admin.page.fill('[name=why]', 'A disease that must be reported')
  await press(admin, SUBMIT, 'reports/report, one was written down', 200, 'Accounting of disclosures')
  await press(
    admin,
    'form[action$="/withdraw"] button',
    'reports/report, one was marked',
    200,
    'Accounting of disclosures',
  )

  const patient = await signIn(maria)
  await patient.page.goto(`/messages/${message}`)
  await press(patient, 'a[href$="/protection"]', 'messages/protection', 200, 'How this message is protected')
}
