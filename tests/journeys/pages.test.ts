/** Every page of the running product, as the right person sees it in a browser: light and dark, on a small phone and on a desk. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { axeFindings, misfits } from '../views/in-the-page.ts'
import { walkEveryPage, type Seen } from './every-page.ts'
import {
  isFocusedOnSkipLink,
  isSkipLinkFirst,
  missingParts,
  smallLinks,
  takesFocus,
  withoutFocusRing,
} from './what-shows.ts'

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
// axe-core comes with its Playwright wrapper, whose own injecting takes longer than the rules.
const AXE = createRequire(createRequire(import.meta.url).resolve('@axe-core/playwright')).resolve('axe-core/axe.min.js')

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

test('every page answers as it should, and is whole, readable and reachable by keyboard, light and dark, at 320 and 1280 pixels', async (t) => {
  const names = new Set<string>()
  await walkEveryPage(
    server,
    browser,
    async (seen) => {
      assert.ok(!names.has(seen.name), `${seen.name} was looked at twice`)
      names.add(seen.name)
      await t.test(seen.name, async () => assert.deepEqual(await problemsOf(seen), []))
    },
    { initScript: AXE },
  )
  assert.ok(names.size >= 75, `${names.size} pages`)
})

async function problemsOf({ page, response, status, h1, complaints }: Seen): Promise<string[]> {
  assert.equal(response.status(), status)
  assert.equal((await page.locator('h1').allInnerTexts()).map((text) => text.trim()).join(' | '), h1)
  const problems = [...complaints, ...headerProblems(response.headers()), ...(await errorPageProblems(page, status))]
  await page.setViewportSize({ width: 320, height: 640 })
  await page.emulateMedia({ colorScheme: 'dark' })
  problems.push(...(await page.evaluate(misfits)), ...(await page.evaluate(smallLinks)), ...(await axe('dark')))
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
  problems.push(...(await page.evaluate(misfits)), ...(await page.evaluate(missingParts)), ...(await axe('light')))
  problems.push(...(await focusProblems()))
  return problems

  async function axe(scheme: string) {
    const found = await page.evaluate(axeFindings, { type: 'tag', values: TAGS })
    return found.map((finding) => `axe, ${scheme}: ${finding}`)
  }

  async function focusProblems() {
    const first = await page.evaluate(takesFocus)
    await page.keyboard.press('Tab')
    const skips = first ? await page.evaluate(isSkipLinkFirst) : await page.evaluate(isFocusedOnSkipLink)
    return [
      ...(skips ? [] : ['the first Tab does not go to the skip link']),
      ...(await page.evaluate(withoutFocusRing)),
    ]
  }
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
