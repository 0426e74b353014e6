/** An auditor who has two minutes: who opened this patient's messages, by whom was it, and is the log what was signed; by keyboard, with scripts and without. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import { enter, enterOn, typeInto } from '../support/keyboard.ts'
import { everybodyIn, writeTo } from '../support/letters.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import type { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { letCodesCountAgain } from '../support/visitor.ts'
import { AXE, problemsOf } from '../views/look-at-page.ts'

let server: TestServer
let browser: Browser

serverAndBrowser(async (both) => {
  ;({ server, browser } = both)
  const { cast } = server
  const { dana, maria } = await everybodyIn(server, { dana: cast.dana, maria: cast.maria })
  const id = await writeTo(dana, { to: cast.maria.email })
  await maria.ask(`/messages/${id}`)
  await until(async () => (await server.sql('SELECT 1 FROM waiting_events')).length === 0, 'every event has its place')
})

async function signIn(page: Page) {
  await letCodesCountAgain(server)
  const { felix } = server.cast
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', felix.email)
  await typeInto(page, '[name=password]', felix.password)
  await enter(page)
  await typeInto(page, '[name=code]', codeOf(felix))
  await enter(page)
}

const path = (page: Page) => new URL(page.url()).pathname + new URL(page.url()).search
const ID = '[0-9a-f-]{36}'

for (const scripts of [true, false])
  test(`Who opened this patient's messages in the last 30 days: three clicks from the first page, ${scripts ? 'with' : 'without'} scripts, by keyboard alone`, async () => {
    const { page, complaints } = await openWindow(browser, server.baseUrl, { scripts })
    await signIn(page)
    assert.equal(path(page), '/admin', 'the overview comes first')
    let clicks = 0
    await typeInto(page, '[name=email]', server.cast.maria.email)
    await enter(page)
    clicks++
    assert.match(path(page), new RegExp(`^/admin/patients/${ID}$`), 'the address names nobody')
    assert.match(await page.innerText('.openers'), /Maria Gomez \(the patient\) \d+ times?, the last time on/)
    assert.equal(await page.innerText('nav [aria-current=true]'), '30 days')
    await enterOn(page, '.openers a')
    clicks++
    assert.match(path(page), new RegExp(`^/admin/access-events\\?who=${ID}&what=openings&patient=${ID}&period=30$`))
    await page.reload()
    assert.match(await page.innerText('h2.matches'), /^\d+ events? in the last 30 days/)
    await enterOn(page, 'table.events td.when a')
    clicks++
    assert.match(path(page), new RegExp(`^/admin/access-events/${ID}$`))
    assert.match(await page.innerText('main'), /Maria Gomez: Opened a message/)
    assert.equal(clicks, 3)
    assert.deepEqual(complaints, [])
    await page.context().close()
  })

test('A log that somebody changed: the badge on every page of the console is red, names the event and says what to do', async () => {
  const { page, context } = await openWindow(browser, server.baseUrl)
  await context.addInitScript({ path: AXE })
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await signIn(page)
  const { signCheckpoint } = await import('../../server/audit/sign-checkpoint.ts')
  const { checkLog } = await import('../../server/audit/check-log.ts')
  await signCheckpoint()
  await checkLog(true)
  await page.goto('/admin')
  assert.match(await page.innerText('.integrity.ok'), /^Checked to event \d+ on /)
  await server.sql(`BEGIN; ALTER TABLE access_events DISABLE TRIGGER never_changed;
    UPDATE access_events SET actor_id = NULL WHERE id = (SELECT event_id FROM log_leaves WHERE act = 'message.opened' ORDER BY leaf DESC LIMIT 1);
    ALTER TABLE access_events ENABLE TRIGGER never_changed; COMMIT`)
  await checkLog(true)
  for (const address of ['/admin', '/admin/access-events?what=openings']) {
    await page.goto(address)
    assert.match(await page.innerText('.integrity.bad'), /^Broken at event \d+: it was changed/)
    assert.match(await page.innerText('.integrity.bad'), /npm run verify-log/)
  }
  assert.deepEqual(await problemsOf(page), [])
  await page.click('.integrity a')
  await page.waitForLoadState()
  assert.match(await page.innerText('main'), /Not what was recorded: it was changed/)
  await context.close()
})

test('The charts of the overview and of a timeline unfold into the numbers that they show, and the page stays whole from 320 to 1280 pixels, light and dark', async () => {
  const { page, context } = await openWindow(browser, server.baseUrl)
  await context.addInitScript({ path: AXE })
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await signIn(page)
  const unfold = async () => {
    for (const summary of await page.locator('.chart summary').all()) await summary.click()
    for (const figure of await page.locator('.chart:has(svg[role=img])').all()) {
      assert.ok((await figure.locator('figcaption').innerText()).length > 20)
      assert.ok((await figure.locator('table.numbers tbody tr').count()) > 0)
    }
  }
  await page.goto('/admin')
  await unfold()
  assert.deepEqual(await problemsOf(page), [])
  await page.fill('[name=email]', server.cast.maria.email)
  await page.press('[name=email]', 'Enter')
  await page.waitForURL('**/admin/patients/*')
  await unfold()
  await context.close()
})
