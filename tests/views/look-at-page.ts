/**
 * One look at a page that stands in the browser: on a desk and light, in between, on a small phone and dark. What is the same at every width and
 * in every colour (names, labels, headings, order) is asked of axe once; what depends on them (contrast, sizes, what scrolls) at both ends.
 */
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { isFocusedOnSkipLink, isSkipLinkFirst, missingParts, smallLinks, takesFocus, withoutFocusRing } from '../journeys/what-shows.ts'
import { axeFindings, misfits, typeAndMotion } from './in-the-page.ts'

// axe-core comes with its Playwright wrapper, whose own injecting takes longer than the rules.
export const AXE = createRequire(createRequire(import.meta.url).resolve('@axe-core/playwright')).resolve('axe-core/axe.min.js')

const ALL = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }
/** The rules whose answer may be another one in other colours or at another width. No style hides anything at one width only. */
const LOOKS = { type: 'rule', values: ['color-contrast', 'link-in-text-block', 'target-size', 'scrollable-region-focusable'] }

/** The page needs AXE as an init script, less motion, and to be 1280 pixels wide and light; so it is left. */
export async function problemsOf(page: Page): Promise<string[]> {
  const onDesk = [
    ...(await page.evaluate(missingParts)),
    ...(await page.evaluate(misfits)),
    ...(await page.evaluate(typeAndMotion)),
    ...(await page.evaluate(axeFindings, LOOKS)),
    ...(await focusProblems(page)),
  ]
  await page.setViewportSize({ width: 700, height: 900 })
  const between = await page.evaluate(misfits)
  await page.setViewportSize({ width: 320, height: 640 })
  await page.emulateMedia({ colorScheme: 'dark' })
  const onPhone = [
    ...(await page.evaluate(misfits)),
    ...(await page.evaluate(smallLinks)),
    ...(await page.evaluate(axeFindings, ALL)),
  ]
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
  return [
    ...onDesk.map((problem) => `1280 px, light: ${problem}`),
    ...between.map((problem) => `700 px: ${problem}`),
    ...onPhone.map((problem) => `320 px, dark: ${problem}`),
  ]
}

async function focusProblems(page: Page): Promise<string[]> {
  const first = await page.evaluate(takesFocus)
  await page.keyboard.press('Tab')
  const skips = first ? await page.evaluate(isSkipLinkFirst) : await page.evaluate(isFocusedOnSkipLink)
  return [...(skips ? [] : ['the first Tab does not go to the skip link']), ...(await page.evaluate(withoutFocusRing))]
}
