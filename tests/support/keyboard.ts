/** Somebody without a mouse: Tab, Space, Enter and typing, and always to see where one is. */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'

/** Presses Tab until the focus is there, and sees that it shows. */
export async function tabTo(page: Page, selector: string) {
  const wanted = page.locator(selector).first()
  for (let presses = 0; presses < 60; presses++) {
    if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement))
      return ringAt(page, selector)
    await page.keyboard.press('Tab')
  }
  assert.fail(`Tab does not reach ${selector} on ${page.url()}`)
}

export async function typeInto(page: Page, selector: string, text: string) {
  await tabTo(page, selector)
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

/** Goes there, presses Enter, and waits for the page that comes. */
export async function enterOn(page: Page, selector: string) {
  await tabTo(page, selector)
  await enter(page)
}

/** Enter, and the page that comes, up to its end. */
export async function enter(page: Page) {
  await Promise.all([page.waitForEvent('framenavigated'), page.keyboard.press('Enter')])
  await page.waitForLoadState()
}

async function ringAt(page: Page, selector: string) {
  const ring = await page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const { outlineStyle, outlineWidth } = element.ownerDocument.defaultView!.getComputedStyle(element)
      const { top, bottom } = element.getBoundingClientRect()
      return { style: outlineStyle, width: parseFloat(outlineWidth), seen: bottom > 0 && top < innerHeight }
    })
  assert.notEqual(ring.style, 'none', `a ring around ${selector}`)
  assert.ok(ring.width >= 2 && ring.seen, `one sees the ring around ${selector}`)
}
