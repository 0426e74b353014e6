/** Everything was lost: the story of a patient and of two of the care team, in a real browser, with scripts and without. The patient has a keyboard only. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { letTheWaitPass, newPatient } from '../help-sign-in/helping.ts'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { mailsTo } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'

const SUBMIT = 'main form button[type=submit]'
let server: TestServer
let browser: Browser

serverAndBrowser((both) => ({ server, browser } = both))

for (const scripts of [true, false])
  describe(`Help with a sign-in, ${scripts ? 'with scripts' : 'without scripts'}`, () => {
    const email = `lost.everything.${scripts}@mail.example`
    const complaints: string[][] = []
    let dana: Page
    let sam: Page
    let patient: Page
    let code = ''

    before(async () => {
      await letCodesCountAgain(server)
      await newPatient(server, await signedIn(server, server.cast.dana), email)
      ;[dana, sam, patient] = [await window(1280), await window(1280), await window(390)]
    })
    after(() => Promise.all([dana, sam, patient].map((page) => page?.context().close())))

    async function window(width: number): Promise<Page> {
      const opened = await openWindow(browser, server.baseUrl, { scripts, width })
      complaints.push(opened.complaints)
      return opened.page
    }

    async function signIn(page: Page, person: Person) {
      await letCodesCountAgain(server)
      await page.goto('/sign-in')
      await page.fill('[name=email]', person.email)
      await page.fill('[name=password]', person.password)
      await page.click(SUBMIT)
      await page.fill('[name=code]', codeOf(person))
      await page.click(SUBMIT)
      await page.click('nav a[href="/help-sign-in"]')
      assert.equal(await page.textContent('h1'), 'Help with sign-in')
    }

    test('1. One of the team finds the person, goes through the check, and asks', async () => {
      await signIn(dana, server.cast.dana)
      await dana.fill('[name=email]', email)
      await dana.click(SUBMIT)
      assert.equal(await dana.textContent('h1'), 'Is this the person who called?')
      assert.match(await dana.innerText('main'), /A birth date or an address alone is not enough/)
      await dana.click('a.button')
      for (const name of ['reached', 'knows', 'told']) await dana.check(`[name=${name}]`)
      await dana.click(SUBMIT)
      assert.match(await dana.innerText('.summary'), /Write what happened/)
      assert.ok(await dana.isChecked('[name=told]'), 'what was ticked stays ticked')
      await dana.fill('[name=reason]', 'The phone and the paper are gone. I know the voice.')
      await dana.click(SUBMIT)
      assert.match(await dana.innerText('main'), /Waits for a second person/)
      assert.equal(await dana.locator('form[action$="/approve"]').count(), 0)
    })

    test('2. Another one looks at it and agrees, and the person is told', async () => {
      await signIn(sam, server.cast.sam)
      assert.match(await sam.innerText('main'), /1 request waits for a second person/)
      await sam.click(`a:has-text("${email}")`)
      assert.match(await sam.innerText('main'), /I know the voice/)
      await sam.click('form[action$="/approve"] button')
      assert.match(await sam.innerText('main'), /A code can be made from|on its way/)
      const mail = (await mailsTo(server, email, 2)).find(({ text }) => /stop-help/.test(text))!
      const link = /https?:\/\/\S+\/stop-help\/\S+/.exec(mail.text)![0]
      await patient.goto(link)
      assert.equal(await patient.textContent('h1'), 'Stop help with your sign-in')
    })

    test('3. The wait is over: the code is made while the person is on the phone', async () => {
      await letTheWaitPass(server, new URL(sam.url()).pathname)
      await dana.click('nav a[href="/help-sign-in"]')
      await dana.click(`a:has-text("${email}")`)
      await dana.click('form[action$="/code"] button')
      assert.equal(await dana.textContent('h1'), 'Read this code to the person')
      code = await dana.innerText('.told-code')
    })

    test('4. With the keyboard alone: the code, a password, a code app, ten codes, and the messages are there', async () => {
      await patient.goto('/sign-in')
      await enterOn(patient, 'a[href="/sign-in/help"]')
      await enterOn(patient, 'a[href="/sign-in/staff-code"]')
      await typeInto(patient, '[name=email]', email)
      await typeInto(patient, '[name=code]', '0000-0000')
      await send(patient)
      assert.match(await patient.innerText('.summary'), /do not fit together/)
      await typeInto(patient, '[name=code]', code.toLowerCase().replace('-', ' '))
      await send(patient)
      assert.equal(await patient.textContent('h1'), 'Make your sign-in')
      await typeInto(patient, '[name=password]', `fictitious ${randomUUID()}`)
      await send(patient)
      assert.equal(await patient.textContent('h1'), 'Add a code app')
      const totpSecret = (await patient.innerText('#key')).replace(/\s/g, '')
      await typeInto(patient, '[name=code]', codeOf({ totpSecret }))
      await send(patient)
      assert.equal(await patient.textContent('h1'), 'Keep these codes safe')
      assert.equal(await patient.locator('.recovery-codes li').count(), 10)
      await tabTo(patient, '[name=saved]')
      await patient.keyboard.press('Space')
      await enterOn(patient, SUBMIT)
      assert.equal(new URL(patient.url()).pathname, '/messages')
      await patient.click('main a:has-text("From before")')
      assert.match(await patient.innerText('main'), /Written before everything was lost/)
    })

    test('5. Whoever asked sees how it ended', async () => {
      await dana.click('main a.button')
      assert.match(await dana.innerText('main'), /Has a new sign-in/)
      // A form that is shown again has the status of an error; browsers say so in their console.
      const serious = complaints.flat().filter((text) => !/status of 422/.test(text))
      assert.deepEqual(serious, [])
    })
  })

/** Tab by Tab, as somebody without a mouse gets there. */
async function tabTo(page: Page, selector: string) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    if (await page.locator(`${selector}:focus`).count()) return
  }
  throw new Error(`the keyboard does not reach ${selector}`)
}

async function typeInto(page: Page, selector: string, text: string) {
  await tabTo(page, selector)
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

async function enterOn(page: Page, selector: string) {
  await tabTo(page, selector)
  await send(page)
}

/** Enter, and the page that comes. */
async function send(page: Page) {
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
}
