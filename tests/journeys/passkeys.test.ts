/** Passkeys in a real browser, with devices that Chromium plays: with the extension `prf` and without it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { enter, enterOn, tabTo, typeInto } from '../support/keyboard.ts'
import { giveAuthenticator } from '../support/authenticator.ts'
import { openWindow } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'
import { writeTo } from '../enrolment/newcomer.ts'
import { changeSessions } from '../sign-in/session-rows.ts'

const SUBMIT = 'main form:not(.passkey) button[type=submit]'
const LOCK = '#passkey'
const PASSWORD = 'three random words 7'

let server: TestServer
let browser: Browser

serverAndBrowser((both) => ({ server, browser } = both))

async function invited(email: string): Promise<string> {
  const text = { subject: 'Your result', body: `Dear reader, this is for ${email} only.` }
  return (await writeTo(server, await signedIn(server, server.cast.dana), email, text)).link
}

/** How many pages somebody saw, and how many fields they filled. */
function countScreens(page: Page) {
  const screens: string[] = []
  page.on('response', (response) => {
    if (response.request().resourceType() === 'document' && response.status() === 200)
      screens.push(new URL(response.url()).pathname)
  })
  return screens
}

test('46. Passkey path ≤ 3 screens, ≤ 2 inputs (virtual authenticator with PRF; without PRF a password is asked too)', async () => {
  const email = 'by.device@mail.example'
  const link = await invited(email)
  const { page, complaints } = await openWindow(browser, server.baseUrl, { width: 390 })
  await giveAuthenticator(page)
  const screens = countScreens(page)
  await page.goto(link)
  await page.click(SUBMIT)
  assert.equal(await page.textContent('h1'), 'Make your sign-in')
  await page.click(LOCK)
  await page.waitForURL('**/enrol/recovery-codes')
  await page.check('[name=saved]')
  await page.click(SUBMIT)
  assert.match(await page.innerText('article.letter'), /by\.device@mail\.example only/)
  assert.deepEqual(
    screens.slice(0, -1).map((path) => path.replace(link, '')),
    ['', '/password', '/enrol/recovery-codes'],
  )
  assert.deepEqual(complaints, [])

  // And again, from the notice: the browser offers the passkey in the page's fields, and nothing is typed or pressed.
  await page.click('.masthead form button')
  await page.goto(link)
  await page.waitForURL('**/messages/*')
  assert.match(await page.innerText('article.letter'), /by\.device@mail\.example only/)
  assert.deepEqual(complaints, [])
  await page.context().close()
})

test('47. Returning: passkey ≤ 1 screen, 0 inputs, by the button, with the keyboard alone', async () => {
  const link = await invited('button@mail.example')
  const { page, complaints } = await openWindow(browser, server.baseUrl, { width: 390 })
  await withoutOffer(page)
  await giveAuthenticator(page)
  await enrol(page, link)
  await page.click('.masthead form button')
  const screens = countScreens(page)
  await page.goto('/sign-in')
  await page.locator(LOCK).waitFor()
  await tabTo(page, LOCK)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/messages')
  assert.deepEqual(screens, ['/sign-in', '/messages'])
  await page.click('main a:has-text("Your result")')
  assert.match(await page.innerText('article.letter'), /button@mail\.example only/)
  assert.deepEqual(complaints, [])
  await page.context().close()
})

test('46. Without PRF a password is asked too, at enrolment and at each sign-in; a wrong one is told, and the code app is not needed, with the keyboard alone', async () => {
  const link = await invited('no.prf@mail.example')
  const { page } = await openWindow(browser, server.baseUrl, { width: 390 })
  await withoutOffer(page)
  await giveAuthenticator(page, { prf: false })
  await page.goto(link)
  await enterOn(page, SUBMIT)
  await page.locator(LOCK).waitFor()
  await enterOn(page, LOCK)
  await page.waitForURL('**/enrol/password')
  assert.match(await page.innerText('main'), /cannot unlock your messages by itself/)
  await typeInto(page, '[name=password]', PASSWORD)
  await enter(page)
  await page.waitForURL('**/enrol/recovery-codes')
  await tabTo(page, '[name=saved]')
  await page.keyboard.press('Space')
  await enterOn(page, SUBMIT)
  await page.waitForURL('**/messages/*')
  await page.click('.masthead form button')

  // The passkey first, then the password.
  await page.goto('/sign-in')
  await page.locator(LOCK).waitFor()
  await enterOn(page, LOCK)
  await page.waitForURL('**/sign-in/password')
  await typeInto(page, '[name=password]', 'a wrong password 1')
  await enter(page)
  assert.match(await page.innerText('.summary'), /The password is not right/)
  await typeInto(page, '[name=password]', PASSWORD)
  await enter(page)
  await page.waitForURL('**/messages')
  await page.click('.masthead form button')

  // The password first, then the passkey: there is no field for a code.
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', 'no.prf@mail.example')
  await typeInto(page, '[name=password]', PASSWORD)
  await enter(page)
  await page.waitForURL('**/sign-in/code')
  assert.equal(await page.locator('[name=code]').count(), 0)
  await page.locator(LOCK).waitFor()
  await enterOn(page, LOCK)
  await page.waitForURL('**/messages')
  await page.click('main a:has-text("Your result")')
  assert.match(await page.innerText('article.letter'), /no\.prf@mail\.example only/)
  await page.context().close()
})

test('Somebody with a password adds a passkey, names it, signs in with it, reads old mail, and removes it again, with the keyboard alone', async () => {
  const { maria } = server.cast
  await letCodesCountAgain(server)
  const { page, complaints } = await openWindow(browser, server.baseUrl)
  await withoutOffer(page)
  await giveAuthenticator(page)
  await page.goto('/sign-in')
  await page.fill('[name=email]', maria.email)
  await page.fill('[name=password]', maria.password)
  await page.click(SUBMIT)
  await page.fill('[name=code]', codeOf(maria))
  await page.click(SUBMIT)
  await page.waitForURL('**/messages')
  await page.goto('/account/passkeys')
  await page.locator(LOCK).waitFor()
  await enterOn(page, LOCK)
  await page.waitForURL('**/account/passkeys?done=added')
  assert.match(await page.innerText('.passkeys li'), /Linux computer[\s\S]*Opens your messages/)
  await enterOn(page, '.passkeys a:has-text("Rename")')
  await typeInto(page, '[name=name]', 'The kitchen')
  await enter(page)
  assert.match(await page.innerText('.passkeys li'), /The kitchen/)

  // The same device is not added twice.
  await page.click(LOCK)
  await page.locator('.said:has-text("already")').waitFor()

  await page.click('.masthead form button')
  await page.goto('/sign-in')
  await page.click(LOCK)
  await page.waitForURL('**/messages')
  await page.locator('main ul.post a').first().click()
  await page.locator('article.letter').first().waitFor()

  // Showing that it is oneself, by the passkey.
  await changeSessions(server, { provedAt: 1 })
  await page.goto('/account/passkeys')
  assert.match(page.url(), /\/prove\?next=/)
  await page.locator(LOCK).waitFor()
  await enterOn(page, LOCK)
  await page.waitForURL('**/account/passkeys')
  await enterOn(page, '.passkeys a:has-text("Remove")')
  await enterOn(page, 'main button.danger')
  await page.waitForURL('**/account/passkeys?done=removed')
  assert.equal(await page.locator('.passkeys li').count(), 0)
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { id } = (await findAccountByEmail(maria.email))!
  const openers = await server.sql(
    `SELECT 1 FROM openers JOIN mailboxes ON mailboxes.id = mailbox_id WHERE mailboxes.account_id = $1 AND kind = 'passkey'`,
    [id],
  )
  assert.deepEqual(openers, [])
  const told = await server.sql<{ act: string }>(
    `SELECT act FROM access_events WHERE actor_id = $1 AND act LIKE 'passkey.%' AND outcome = 'done' ORDER BY at, id`,
    [id],
  )
  assert.deepEqual(
    told.map(({ act }) => act),
    ['passkey.added', 'passkey.renamed', 'passkey.removed'],
  )
  assert.deepEqual(complaints, [])
  await page.context().close()
})

test('The last way in cannot be removed', async () => {
  const link = await invited('only.one@mail.example')
  const { page } = await openWindow(browser, server.baseUrl)
  await withoutOffer(page)
  await giveAuthenticator(page)
  await enrol(page, link)
  await page.goto('/account/passkeys')
  await page.click('.passkeys a:has-text("Remove")')
  assert.match(await page.innerText('main'), /It is your only way to sign in/)
  assert.equal(await page.locator('main button.danger').count(), 0)
  await page.context().close()
})

/** Nothing is offered in the fields: a device that answers at once would sign in before anybody presses anything. */
async function withoutOffer(page: Page) {
  await page.addInitScript(`PublicKeyCredential.isConditionalMediationAvailable = async () => false`)
}

/** By the device's lock and the keyboard alone, up to the message. */
async function enrol(page: Page, link: string) {
  await page.goto(link)
  await enterOn(page, SUBMIT)
  await page.locator(LOCK).waitFor()
  await enterOn(page, LOCK)
  await page.waitForURL('**/enrol/recovery-codes')
  await tabTo(page, '[name=saved]')
  await page.keyboard.press('Space')
  await enterOn(page, SUBMIT)
  await page.waitForURL('**/messages/*')
}
