/** Every page of exports and reports as the right person meets it, light and dark, from a small phone to a desk; and by keyboard without scripts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import { enter, enterOn, tabTo, typeInto } from '../support/keyboard.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { letCodesCountAgain } from '../support/visitor.ts'
import { AXE } from '../views/look-at-page.ts'
import { makeLook, SHOWN } from './look-around.ts'
import { walkReports } from './walk-reports.ts'
import { makeWalker } from './walker.ts'

let server: TestServer
let browser: Browser
serverAndBrowser((both) => ({ server, browser } = both), startTestServer)

test('every page of exports and reports is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async (t) => {
  const { look, names, reached } = await makeLook(t)
  await walkReports(server, makeWalker(server, browser, look, { initScript: AXE }))
  assert.ok(names.size >= 25, `${names.size} pages`)
  assert.deepEqual(
    SHOWN.reports.filter((path) => !reached.has(path)),
    [],
  )
})

test('an export is asked for, waited for and taken away by keyboard alone, on a phone and without scripts', async () => {
  const { page, context, complaints } = await openWindow(browser, server.baseUrl, { scripts: false, width: 390 })
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', server.cast.felix.email)
  await typeInto(page, '[name=password]', server.cast.felix.password)
  await enter(page)
  await typeInto(page, '[name=code]', codeOf(server.cast.felix))
  await enter(page)
  await page.goto('/admin/exports')
  await enterOn(page, 'a[href="/admin/exports/new"]')
  await tabTo(page, '#format-csv')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await enterOn(page, 'main form button[type=submit]')
  assert.equal(await page.textContent('h1'), 'Export')
  // "Look again" is a link where there are no scripts.
  await until(async () => {
    if ((await page.locator('a.button[download]').count()) > 0) return true
    await enterOn(page, '.notice a')
    return false
  }, 'the export')
  await tabTo(page, 'a.button[download]')
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')])
  assert.match(download.suggestedFilename(), /^events-.*\.pdf$/)
  assert.deepEqual(complaints, [])
  await context.close()
})
