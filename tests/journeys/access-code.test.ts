/** A message that asks for an access code, from the tick to the text: with the keyboard alone, and in browsers without scripts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { linkIn, mailsTo } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain } from '../support/visitor.ts'

const SUBJECT = 'Your fictitious result'
const TEXT = 'It is as it should be.'

let server: TestServer
let browser: Browser

serverAndBrowser((both) => ({ server, browser } = both))

test('with the keyboard alone: a nurse asks for a code, reads it from the page, and the patient types it and reads', async () => {
  const email = 'kim.keyboard@mail.example'
  const nurse = await openWindow(browser, server.baseUrl)
  const patient = await openWindow(browser, server.baseUrl, { width: 390 })
  await signInByKeys(nurse.page, server.cast.dana)
  await nurse.page.goto('/messages/new')
  await typeInto(nurse.page, '[name=to]', email)
  await typeInto(nurse.page, '[name=subject]', SUBJECT)
  await typeInto(nurse.page, '[name=body]', TEXT)
  await tabTo(nurse.page, '[name=access-code]')
  await nurse.page.keyboard.press('Space')
  await press(nurse.page, 'button[value=check]', '**/check')
  assert.match(await nurse.page.innerText('main'), /Nobody can do so without the code/)
  await press(nurse.page, 'form[action$="/send"] button', '**/sent')
  const code = await nurse.page.innerText('.spoken')
  assert.match(code, /^\w{4}-\w{4}$/)
  assert.match(await nurse.page.innerText('.access-code'), /by phone, or hand it over on paper\. Never send it by mail/)
  assert.ok(await nurse.page.isVisible('.access-code [data-print]'))

  const { page } = patient
  await page.goto(linkIn((await mailsTo(server, email))[0]!))
  await press(page, 'main form button[type=submit]')
  await page.locator('#code-error').waitFor()
  assert.match(await page.innerText('#code-error'), /Enter the access code/)
  assert.equal(await page.evaluate('document.activeElement.className'), 'summary', 'the reader begins at what is wrong')
  await typeInto(page, '[name=code]', 'AAAA AAAA')
  await page.keyboard.press('Enter')
  await page.getByText('That code is not right').first().waitFor()
  await typeInto(page, '[name=code]', ` ${code.toLowerCase().replace('-', ' ')}`)
  await Promise.all([page.waitForURL('**/password'), page.keyboard.press('Enter')])
  await typeInto(page, '[name=password]', 'three random words 7')
  await page.getByText('Strong: this would be very hard to guess.').waitFor()
  await Promise.all([page.waitForURL('**/second-factor'), page.keyboard.press('Enter')])
  await typeInto(page, '[name=code]', codeOf({ totpSecret: (await page.innerText('#key')).replace(/\s/g, '') }))
  await Promise.all([page.waitForURL('**/recovery-codes'), page.keyboard.press('Enter')])
  await tabTo(page, '[name=saved]')
  await page.keyboard.press('Space')
  await press(page, 'main form button[type=submit]', /\/messages\/[0-9a-f-]{36}$/)
  assert.equal(await page.textContent('h1'), SUBJECT)
  assert.match(await page.innerText('article.letter'), new RegExp(TEXT))
  const answers = (text: string) => !/status of 422/.test(text)
  assert.deepEqual([...nurse.complaints, ...patient.complaints].filter(answers), [])
  await Promise.all([nurse, patient].map(({ context }) => context.close()))
})

test('without scripts: the code gets lost, the nurse makes a new one in the conversation, and the patient reads by that one', async () => {
  const email = 'nell.noscript@mail.example'
  const nurse = await openWindow(browser, server.baseUrl, { scripts: false })
  const patient = await openWindow(browser, server.baseUrl, { scripts: false, width: 390 })
  const dana = nurse.page
  await letCodesCountAgain(server)
  await dana.goto('/sign-in')
  await dana.fill('[name=email]', server.cast.dana.email)
  await dana.fill('[name=password]', server.cast.dana.password)
  await dana.click('main button[type=submit]')
  await dana.fill('[name=code]', codeOf(server.cast.dana))
  await dana.click('main button[type=submit]')
  await dana.goto('/messages/new')
  await dana.fill('[name=to]', email)
  await dana.fill('[name=subject]', SUBJECT)
  await dana.fill('[name=body]', TEXT)
  await dana.check('[name=access-code]')
  await dana.click('button[value=save]')
  assert.ok(await dana.isChecked('[name=access-code]'), 'kept in the draft')
  await dana.click('button[value=check]')
  await dana.click('form[action$="/send"] button')
  const lost = await dana.innerText('.spoken')
  await dana.reload()
  assert.equal(await dana.locator('.spoken').count(), 0)
  await dana.click('main a[href$="/access-code"]')
  assert.match(await dana.innerText('main'), /It was not used yet/)
  await dana.goto('/messages?show=all')
  await dana.click(`a:has-text("${email}")`)
  await dana.click('.with a[href$="/access-code"]')
  await dana.click('main form button')
  const fresh = await dana.innerText('.spoken')
  assert.notEqual(fresh, lost)
  assert.equal(await dana.isVisible('[data-print]'), false, 'no button that does nothing')

  const { page } = patient
  await page.goto(linkIn((await mailsTo(server, email))[0]!))
  await page.fill('[name=code]', lost)
  await page.click('main form button')
  assert.match(await page.innerText('#code-error'), /no longer works/)
  await page.fill('[name=code]', fresh)
  await page.click('main form button')
  await page.waitForURL('**/password')
  // Somebody comes to the door: the tab is closed, and the link is opened again in the same browser.
  await page.goto(linkIn((await mailsTo(server, email))[0]!))
  assert.equal(await page.locator('[name=code]').count(), 0)
  await page.click('main form button')
  await page.fill('[name=password]', 'three random words 7')
  await page.press('[name=password]', 'Enter')
  await page.fill('[name=code]', codeOf({ totpSecret: (await page.innerText('#key')).replace(/\s/g, '') }))
  await page.click('main button[type=submit]')
  await page.check('[name=saved]')
  await page.click('main button[type=submit]')
  assert.equal(await page.textContent('h1'), SUBJECT)
  await dana.goto('/messages?show=all')
  await dana.click(`a:has-text("${email}")`)
  assert.equal(await dana.locator('a[href$="/access-code"]').count(), 0, 'nothing to ask for any more')
  await Promise.all([nurse, patient].map(({ context }) => context.close()))
})

test('on paper there is the code, what it is for and whom to call, and nothing of the message', async () => {
  const { page, context } = await openWindow(browser, server.baseUrl)
  await signInByKeys(page, server.cast.dana)
  await page.goto('/messages/new')
  await page.fill('[name=to]', 'paul.paper@mail.example')
  await page.fill('[name=subject]', SUBJECT)
  await page.fill('[name=body]', TEXT)
  await page.check('[name=access-code]')
  await page.click('button[value=check]')
  await page.click('form[action$="/send"] button')
  await page.locator('.spoken').waitFor()
  await page.emulateMedia({ media: 'print' })
  const paper = await page.innerText('body')
  assert.match(
    paper,
    /Riverside Clinic[\s\S]*Your access code[\s\S]*\w{4}-\w{4}[\s\S]*Open its link and type this code/,
  )
  assert.match(paper, /555-0100/)
  assert.doesNotMatch(paper, /on its way|take it back|signed in as|fictitious|Tell it to them|inbox/i)
  await context.close()
})

async function signInByKeys(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', person.email)
  await typeInto(page, '[name=password]', person.password)
  await Promise.all([page.waitForURL('**/sign-in/code'), page.keyboard.press('Enter')])
  await typeInto(page, '[name=code]', codeOf(person))
  await Promise.all([page.waitForURL('**/messages'), page.keyboard.press('Enter')])
}

async function typeInto(page: Page, selector: string, text: string) {
  await tabTo(page, selector)
  await page.keyboard.type(text)
}

/** Goes to a button and presses it. */
async function press(page: Page, selector: string, leadsTo?: string | RegExp) {
  await tabTo(page, selector)
  await Promise.all([leadsTo ? page.waitForURL(leadsTo) : undefined, page.keyboard.press('Enter')])
}

/** Walks on with the Tab key until it is there. */
async function tabTo(page: Page, selector: string) {
  for (let steps = 0; steps < 60; steps++) {
    if (
      await page
        .locator(selector)
        .first()
        .evaluate((element) => element === document.activeElement)
    )
      return
    await page.keyboard.press('Tab')
  }
  assert.fail(`the keyboard does not reach ${selector}`)
}
