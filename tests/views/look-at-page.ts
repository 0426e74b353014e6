/**
 * One look at a page that stands in the browser: on a desk and light, in between, on a small phone and dark. What is the same at every width and
 * in every colour (names, labels, headings, order) is asked of axe once; what depends on them (contrast, sizes, what scrolls) at both ends.
 */
import { createRequire } from 'node:module'
import type { CDPSession, Page } from 'playwright-core'
import { isFocusedOnSkipLink, isSkipLinkFirst, missingParts, smallLinks, takesFocus, withoutFocusRing } from '../journeys/what-shows.ts'
import { axeFindings, misfits, typeAndMotion, cutOff } from './in-the-page.ts'

// axe-core comes with its Playwright wrapper, whose own injecting takes longer than the rules.
export const AXE = createRequire(createRequire(import.meta.url).resolve('@axe-core/playwright')).resolve('axe-core/axe.min.js')

const ALL = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }
/** The rules whose answer may be another one in other colours or at another width. No style hides anything at one width only. */
const LOOKS = { type: 'rule', values: ['color-contrast', 'link-in-text-block', 'target-size', 'scrollable-region-focusable'] }

/** What WCAG 1.4.12 lets readers set. */
const SPACED_OUT =
  '* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }'

/** The page needs AXE as an init script, less motion, and to be 1280 pixels wide and light; so it is left, without what was spaced out. */
export async function problemsOf(page: Page): Promise<string[]> {
  const found: Record<string, string[]> = {}
  found['1280 px, light'] = [
    ...(await page.evaluate(missingParts)),
    ...(await page.evaluate(misfits)),
    ...(await page.evaluate(typeAndMotion)),
    ...(await page.evaluate(axeFindings, LOOKS)),
    ...(await focusProblems(page)),
  ]
  const readers = await settingsOf(page)
  await readers.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } })
  found['1280 px, type of twice the size'] = await page.evaluate(cutOff, '')
  await readers.send('Page.setFontSizes', { fontSizes: { standard: 16, fixed: 13 } })
  for (const width of [700, 390]) {
    await page.setViewportSize({ width, height: 900 })
    found[`${width} px`] = await page.evaluate(misfits)
  }
  await page.setViewportSize({ width: 320, height: 640 })
  await page.emulateMedia({ colorScheme: 'dark' })
  found['320 px, dark'] = [
    ...(await page.evaluate(misfits)),
    ...(await page.evaluate(smallLinks)),
    ...(await page.evaluate(axeFindings, ALL)),
  ]
  found['320 px, text spaced out'] = await page.evaluate(cutOff, SPACED_OUT)
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
  return Object.entries(found).flatMap(([how, problems]) => problems.map((problem) => `${how}: ${problem}`))
}

const settings = new WeakMap<Page, Promise<CDPSession>>()

/** Where a reader sets the size of type. Kept: to close one takes the page's played passkey away. */
function settingsOf(page: Page): Promise<CDPSession> {
  const kept = settings.get(page) ?? page.context().newCDPSession(page)
  settings.set(page, kept)
  return kept
}

async function focusProblems(page: Page): Promise<string[]> {
  const first = await page.evaluate(takesFocus)
  await page.keyboard.press('Tab')
  const skips = first ? await page.evaluate(isSkipLinkFirst) : await page.evaluate(isFocusedOnSkipLink)
  return [...(skips ? [] : ['the first Tab does not go to the skip link']), ...(await page.evaluate(withoutFocusRing))]
}
