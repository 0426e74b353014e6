/**
 * Every page in a browser, light and dark, from a small phone to a desk: those of the running product as the right person meets them, and every
 * sample, for the states that take long to reach, under the policy that the product sends.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { openWindow, startBrowser } from '../support/browser.ts'
import { samples } from '../support/page-samples.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { AXE, problemsOf } from '../views/look-at-page.ts'
import { serveSamples } from '../views/serve-samples.ts'
import { walkEveryPage, type Seen } from './every-page.ts'

let server: TestServer
let browser: Browser
let served: Awaited<ReturnType<typeof serveSamples>>

before(async () => {
  server = await startTestServer()
  served = await serveSamples()
  browser = await startBrowser()
})

after(async () => {
  await browser?.close()
  await served?.stop()
  await server?.stop()
})

describe('every page', { concurrency: 2 }, () => {
  test('every page answers as it should, and is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async (t) => {
    const names = new Set<string>()
    await walkEveryPage(
      server,
      browser,
      async (seen) => {
        assert.ok(!names.has(seen.name), `${seen.name} was looked at twice`)
        names.add(seen.name)
        await t.test(seen.name, async () =>
          assert.deepEqual([...(await answered(seen)), ...(await problemsOf(seen.page))], []),
        )
      },
      { initScript: AXE },
    )
    assert.ok(names.size >= 75, `${names.size} pages`)
  })

  test('every sample is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async () => {
    const found: string[] = []
    const { context, page, complaints } = await openWindow(browser, served.origin)
    await context.addInitScript({ path: AXE })
    await page.emulateMedia({ reducedMotion: 'reduce' })
    for (const [at, { name }] of samples.entries()) {
      await page.goto(served.addressOf(at))
      const problems = [...(await problemsOf(page)), ...complaints.splice(0)]
      found.push(...problems.map((problem) => `${name}: ${problem}`))
    }
    await context.close()
    assert.deepEqual(found, [])
  })
})

async function answered({ page, response, status, h1, complaints }: Seen): Promise<string[]> {
  assert.equal(response.status(), status)
  assert.equal((await page.locator('h1').allInnerTexts()).map((text) => text.trim()).join(' | '), h1)
  return [...complaints, ...headerProblems(response.headers()), ...(await errorPageProblems(page, status))]
}

function headerProblems(headers: Record<string, string>): string[] {
  const problems = []
  if (headers['cache-control'] !== 'no-store') problems.push(`kept by the browser: ${headers['cache-control']}`)
  if (/unsafe|data:/.test(headers['content-security-policy'] ?? 'unsafe')) problems.push('a weak policy')
  return problems
}

/** An error page says whom to call and which request it was. A form that is shown again is no error page. */
async function errorPageProblems(page: Seen['page'], status: number): Promise<string[]> {
  if ([200, 422, 429, 410].includes(status)) return []
  const main = await page.innerText('main')
  return [
    ...(/555-0100/.test(main) ? [] : ['no phone on an error page']),
    ...(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}/.test(main) ? [] : ['no reference on an error page']),
  ]
}
