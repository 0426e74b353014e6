/** A forgotten password in a real browser, with scripts and without, by keyboard alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import { startTestServerSealed, type TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'
import { newPatient, resetMails, resetPathIn } from '../sign-in/way-back.ts'
import { until } from '../support/until.ts'

let server: TestServer
let browser: Browser
serverAndBrowser((both) => ({ server, browser } = both), startTestServerSealed)

for (const scripts of [true, false])
  test(`a forgotten password, then the earlier messages by a recovery code, by keyboard, ${scripts ? 'with' : 'without'} scripts`, async () => {
    const dana = await signedIn(server, server.cast.dana)
    const patient = await newPatient(server, dana, scripts ? 'keys-with' : 'keys-without')
    const { email } = patient.person
    const password = 'entirely new words here'
    const { page, complaints } = await openWindow(browser, server.baseUrl, { scripts, width: scripts ? 1280 : 390 })

    await page.goto('/sign-in')
    await tabTo(page, 'I cannot sign in')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/sign-in/help')
    await tabTo(page, 'Get a link for a new password')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/sign-in/forgot')
    await typeInto(page, 'email', email)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/sign-in/forgot/asked')
    assert.equal(await page.textContent('h1'), 'Look at your mail')

    await page.goto(await mailedPath(email))
    await letCodesCountAgain(server)
    await typeInto(page, 'password', password)
    await typeInto(page, 'code', codeOf(patient.person))
    await page.keyboard.press('Enter')
    await page.waitForURL('**/sign-in/password-set')
    assert.equal(await page.textContent('h1'), 'Your password is set')
    await tabTo(page, 'Sign in')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/sign-in')

    await letCodesCountAgain(server)
    await typeInto(page, 'email', email)
    await typeInto(page, 'password', password)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/sign-in/code')
    await typeInto(page, 'code', codeOf(patient.person))
    await page.keyboard.press('Enter')
    await page.waitForURL('**/messages')
    assert.match((await page.textContent('main'))!, /From before your new sign-in/)

    await page.goto(`/messages/${patient.message}`)
    await tabTo(page, 'Open earlier messages')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/account/recovery-codes**')
    await typeInto(page, 'code', patient.codes[0]!.toLowerCase())
    await page.keyboard.press('Enter')
    await page.waitForURL('**/account/recovery-codes?opened')
    await page.goto(`/messages/${patient.message}`)
    assert.match((await page.textContent('main'))!, new RegExp(patient.body))
    assert.deepEqual(complaints, [])
  })

async function mailedPath(email: string): Promise<string> {
  return until(async () => {
    const [mail] = await resetMails(server, email)
    return mail && resetPathIn(mail.text)
  }, 'a link is mailed')
}

/** Tab by tab, as somebody without a mouse, to what is called so. */
async function tabTo(page: Page, name: string) {
  await tabUntil(page, name, () => page.locator(':focus').evaluate((element) => element.textContent?.trim() ?? ''))
}

async function typeInto(page: Page, field: string, text: string) {
  await tabUntil(page, field, () => page.locator(':focus').evaluate((element) => element.getAttribute('name') ?? ''))
  await page.keyboard.type(text)
}

async function tabUntil(page: Page, wanted: string, focused: () => Promise<string>) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    if ((await page.locator(':focus').count()) > 0 && (await focused()) === wanted) return
  }
  throw new Error(`no ${wanted} by keyboard on ${page.url()}`)
}
