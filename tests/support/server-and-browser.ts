/** What every journey begins with: a server of its own and one browser, in which each person gets a window. */
import { after, before } from 'node:test'
import type { Browser } from 'playwright-core'
import { startBrowser } from './browser.ts'
import { startTestServer, type TestServer } from './server.ts'

export interface ServerAndBrowser {
  server: TestServer
  browser: Browser
}

/** Starts both before the tests of a file, tells it, and ends both after them. */
export function serverAndBrowser(begun: (both: ServerAndBrowser) => unknown, start = startTestServer) {
  let both: Partial<ServerAndBrowser> = {}
  before(async () => {
    both = { server: await start() }
    both.browser = await startBrowser()
    await begun(both as ServerAndBrowser)
  })
  after(async () => {
    await both.browser?.close()
    await both.server?.stop()
  })
}
