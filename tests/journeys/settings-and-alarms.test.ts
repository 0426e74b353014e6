/** The pages of the settings and the alarms as administrators and auditors meet them, light and dark, from a small phone to a desk, and by keyboard. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { newId } from '../../server/lib/ids.ts'
import { startBrowser } from '../support/browser.ts'
import { enter, typeInto } from '../support/keyboard.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { AXE } from '../views/look-at-page.ts'
import { makeLook, SHOWN } from './look-around.ts'
import { makeWalker, SUBMIT } from './walker.ts'

let server: TestServer
let browser: Browser

before(async () => {
  server = await startTestServer()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function raise(rule: 'mass-opening' | 'log-unverifiable', email?: string) {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { whomOfAccount, whomOfText } = await import('../../server/alarms/alarm.store.ts')
  const { raiseAlarm } = await import('../../server/alarms/raise-alarm.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const account = email ? await findAccountByEmail(email) : undefined
  const whom = account ? whomOfAccount(account.id) : whomOfText(newId())
  await inTransaction((transaction) => raiseAlarm({ rule, whom, count: 250, threshold: 200 }, new Date(), transaction))
}

test('every page of the settings and the alarms is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async (t) => {
  const { look, names, reached } = await makeLook(t)
  const walker = makeWalker(server, browser, look, { initScript: AXE })
  const { open, press, pressQuietly, signIn } = walker
  const admin = await signIn(server.cast.ada)
  const { page } = admin
  const next = 'main form button:not([name])'

  await open(admin, '/admin/settings/history', 'organisation/history, nothing yet', 200, 'What was changed')
  await open(admin, '/admin/alarms', 'alarms/alarms, none', 200, 'Alarms')
  await open(admin, '/admin/settings', 'organisation/settings', 200, 'Settings')
  await press(admin, 'main a[href$="/limits"]', 'organisation/section, limits', 200, 'Limits')
  await page.fill('[name=idleMinutes]', '4')
  await press(admin, next, 'organisation/section, limits, wrong', 422, 'Limits')
  // By keyboard alone.
  await typeInto(page, '[name=idleMinutes]', '10')
  await enter(page)
  assert.match(await page.innerText('main'), /1 person who is signed in would be signed out sooner/)
  await page.goto('/admin/settings/limits')
  await page.fill('[name=idleMinutes]', '10')
  await press(admin, next, 'organisation/check', 200, 'What this does')
  await press(admin, next, 'organisation/settings, saved', 200, 'Settings')
  await open(admin, '/admin/settings/organisation', 'organisation/section, name and phone', 200, 'Name and phone')
  await open(admin, '/admin/settings/keeping', 'organisation/section, keeping', 200, 'How long things are kept')
  await open(admin, '/admin/settings/alarms', 'organisation/section, alarms', 200, 'When to raise an alarm')
  await open(admin, '/admin/settings/colours', 'organisation/section, colours', 200, 'Colour')
  await page.fill('[name=brandLight]', '#ffd700')
  await press(admin, next, 'organisation/section, a pale colour', 422, 'Colour')
  await page.fill('[name=brandLight]', '#8a1538')
  await page.fill('[name=brandDark]', '#ff9fb2')
  await press(admin, 'button[name=look]', 'organisation/section, another colour', 200, 'Colour')
  await pressQuietly(admin, next)
  await press(admin, next, 'organisation/settings, in another colour', 200, 'Settings')
  const brand = () =>
    page.evaluate<string>(`getComputedStyle(document.documentElement).getPropertyValue('--brand').trim()`)
  assert.equal(await brand(), '#8a1538')
  await page.emulateMedia({ colorScheme: 'dark' })
  assert.equal(await brand(), '#ff9fb2')
  await page.emulateMedia({ colorScheme: 'light' })
  await open(admin, '/admin/settings/notices', 'organisation/section, notices', 200, 'Words of the notices')
  await page.fill('[name=noticeSubject]', 'Your urgent test results')
  await press(admin, next, 'organisation/section, notices, refused', 422, 'Words of the notices')
  await open(admin, '/admin/settings/history', 'organisation/history', 200, 'What was changed')
  await press(admin, 'main a[href$="/1/undo"]', 'organisation/check, setting back', 200, 'What this does')
  await press(admin, next, 'organisation/settings, set back', 200, 'Settings')

  await raise('mass-opening', server.cast.dana.email)
  await raise('log-unverifiable')
  const auditor = await signIn(server.cast.felix)
  await open(auditor, '/admin/alarms', 'alarms/alarms, two open', 200, 'Alarms')
  await press(auditor, 'main td a:has-text("Many openings")', 'alarms/alarm', 200, 'Many openings')
  await press(auditor, SUBMIT, 'alarms/alarm, taken on', 200, 'Many openings')
  await press(auditor, 'button[value=close]', 'alarms/alarm, nothing written', 422, 'Many openings')
  await auditor.page.fill('[name=note]', 'She prepared an audit, as her head confirmed.')
  await press(auditor, 'button[value=close]', 'alarms/alarms, one closed', 200, 'Alarms')
  await press(auditor, 'main li a', 'alarms/alarm, closed', 200, 'Many openings')
  assert.ok(names.size >= 20, `${names.size} pages`)
  assert.deepEqual(
    SHOWN.settings.filter((path) => !reached.has(path)),
    [],
  )
})
