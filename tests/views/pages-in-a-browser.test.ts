/** What the scripts of pages do, in a real browser under the policy that the product sends, and what stays without them. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { samples } from '../support/page-samples.ts'
import { chosenFiles, focused, keepFormsHere, passwordState, pressTwiceAndComeBack } from './in-the-page.ts'
import { serveSamples } from './serve-samples.ts'

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

describe('pages in a browser', { concurrency: 2 }, () => {
  test('the first Tab goes to "Skip to main content", and the summary of errors has the focus', async () => {
    const { page, close } = await look({ width: 390 })
    await page.goto(served.addressOf(numberOf('messages/inbox')))
    await page.keyboard.press('Tab')
    assert.equal((await page.evaluate(focused)).text, 'Skip to main content')
    await page.keyboard.press('Enter')
    assert.equal((await page.evaluate(focused)).id, 'main')
    await page.goto(served.addressOf(numberOf('messages/thread, with errors')))
    assert.equal((await page.evaluate(focused)).className, 'summary')
    await page.locator('.summary a').first().click()
    assert.equal((await page.evaluate(focused)).id, 'files')
    await close()
  })

  test('a password can be shown and hidden, which is told, and is sent as a password', async () => {
    const { page, close } = await look({ width: 390 })
    await page.goto(served.addressOf(numberOf('enrolment/make-password')))
    await page.fill('#password', 'three random words')
    await page.click('[data-reveals]')
    assert.deepEqual(await page.evaluate(passwordState), ['text', 'Hide', 'Your password is shown.'])
    await page.click('[data-reveals]')
    assert.deepEqual(await page.evaluate(passwordState), ['password', 'Show', 'Your password is hidden.'])
    await page.click('[data-reveals]')
    await page.evaluate(keepFormsHere)
    await page.click('button.button[type=submit]')
    assert.equal((await page.evaluate(passwordState))[0], 'password')
    await close()
  })

  test('chosen files are listed, add up, can be taken out again, and say what is wrong with them', async () => {
    const { page, close } = await look({ width: 390 })
    await page.goto(served.addressOf(numberOf('messages/thread, for a patient')))
    const file = (name: string, size: number) => ({ name, mimeType: 'image/png', buffer: Buffer.alloc(size, 1) })
    await page.setInputFiles('#files', [file('foot left.png', 2100)])
    assert.equal(await page.textContent('.drop [role=status]'), 'Added: foot left.png, 2 KB')
    await page.setInputFiles('#files', [file('foot right.png', 999), file('nothing.png', 0)])
    assert.deepEqual(await page.evaluate(chosenFiles), ['foot left.png', 'foot right.png', 'nothing.png'])
    assert.equal(await page.textContent('.picked .error'), 'This file is empty.')
    await page.click('.picked li:nth-child(3) button')
    assert.deepEqual(await page.evaluate(chosenFiles), ['foot left.png', 'foot right.png'])
    assert.equal((await page.evaluate(focused)).text, 'Remove foot right.png')
    await close()
  })

  test('a text that grows long says how much room is left', async () => {
    const { page, close } = await look({ width: 390 })
    await page.goto(served.addressOf(numberOf('messages/thread, for a patient')))
    await page.fill('#body', 'a'.repeat(14_000))
    await page.waitForTimeout(800)
    assert.equal(await page.textContent('#body-count'), '')
    await page.fill('#body', 'a'.repeat(18_000))
    await page.getByText('You have 2,000 characters left.').waitFor()
    await page.fill('#body', 'a'.repeat(20_001))
    await page.getByText('That is 1 characters too many.').waitFor()
    await close()
  })

  test('a second press sends nothing, and coming back frees the form', async () => {
    const { page, close } = await look({ width: 390 })
    await page.goto(served.addressOf(numberOf('sign-in/landing')))
    assert.deepEqual(await page.evaluate(pressTwiceAndComeBack), [1, 2])
    await close()
  })

  test('without scripts nothing is offered that would not work', async () => {
    const { page, close } = await look({ width: 390, scripts: false })
    for (const name of ['enrolment/make-password', 'enrolment/second-factor', 'enrolment/recovery-codes', 'messages/thread, for a patient']) {
      await page.goto(served.addressOf(numberOf(name)))
      for (const dead of ['[data-reveals]', '[data-copies]', '[data-print]', '.or-drop', '.picked'])
        for (const element of await page.locator(dead).all()) assert.equal(await element.isVisible(), false, `${name}: ${dead}`)
      assert.equal(await page.locator('main .button:visible').first().isVisible(), true, name)
    }
    await close()
  })
})

async function look({ width, scripts = true }: { width: number; scripts?: boolean }) {
  const viewport = { width, height: 800 }
  const context = await browser.newContext({ viewport, reducedMotion: 'reduce', javaScriptEnabled: scripts })
  const page = await context.newPage()
  return { page, close: () => context.close() }
}

function numberOf(name: string): number {
  const at = samples.findIndex((sample) => sample.name === name)
  assert.ok(at >= 0, name)
  return at
}
