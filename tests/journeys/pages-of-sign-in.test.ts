/** Every page of signing in, of one's own account and of help with a sign-in, light and dark, from a small phone to a desk. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { AXE } from '../views/look-at-page.ts'
import { walkWaysIn } from './every-way-in.ts'
import { makeLook, SHOWN } from './look-around.ts'
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

test('every page of signing in and of the account is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async (t) => {
  const { look, names, reached } = await makeLook(t)
  await walkWaysIn(server, makeWalker(server, browser, look, { initScript: AXE }))
  assert.ok(names.size >= 65, `${names.size} pages`)
  assert.deepEqual(
    SHOWN.waysIn.filter((path) => !reached.has(path)),
    [],
  )
})
