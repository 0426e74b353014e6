/** Every page of the letters and of their administration as the right person meets it, light and dark, from a small phone to a desk. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { AXE } from '../views/look-at-page.ts'
import { walkLetters } from './every-page.ts'
import { makeLook, pagesThatExist, SHOWN } from './look-around.ts'
import { makeWalker } from './walker.ts'

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

test('every page answers as it should, and is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async (t) => {
  const { look, names, reached } = await makeLook(t)
  await walkLetters(server, makeWalker(server, browser, look, { initScript: AXE }))
  assert.ok(names.size >= 75, `${names.size} pages`)
  assert.deepEqual(
    SHOWN.letters.filter((path) => !reached.has(path)),
    [],
  )
})

test('every page that there is stands in a walk', async () => {
  const { letters, waysIn, people, reports, nobody, settings, sealed } = SHOWN
  assert.deepEqual(
    (await pagesThatExist()).toSorted(),
    [...letters, ...waysIn, ...people, ...reports, ...nobody, ...settings, ...sealed].toSorted(),
  )
})
