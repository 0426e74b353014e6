/** States that take long to reach, by their samples, under the policy that the product sends. What the walks over the running product show is left to them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { projectRoot } from '../../server/lib/root.ts'
import { openWindow, startBrowser } from '../support/browser.ts'
import { samples } from '../support/page-samples.ts'
import { AXE, problemsOf } from './look-at-page.ts'
import { serveSamples } from './serve-samples.ts'

const WALKS = ['every-page.ts', 'every-way-in.ts', 'walker.ts']

let browser: Browser
let served: Awaited<ReturnType<typeof serveSamples>>

before(async () => {
  served = await serveSamples()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await served?.stop()
})

test('every sample of a state that no walk shows is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async () => {
  const walked = WALKS.map((file) => readFileSync(join(projectRoot, 'tests/journeys', file), 'utf8')).join()
  const found: string[] = []
  const { context, page, complaints } = await openWindow(browser, served.origin)
  await context.addInitScript({ path: AXE })
  await page.emulateMedia({ reducedMotion: 'reduce' })
  for (const [at, { name }] of samples.entries()) {
    if (walked.includes(`'${name}'`)) continue
    await page.goto(served.addressOf(at))
    const problems = [...(await problemsOf(page)), ...complaints.splice(0)]
    found.push(...problems.map((problem) => `${name}: ${problem}`))
  }
  await context.close()
  assert.deepEqual(found, [])
})
