/** One's own account in a browser, with scripts, without, and by keyboard alone: name, password, code app, address, and "this was not me". */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain } from '../support/visitor.ts'
import { mailAbout, pathIn } from '../own-account/account-mails.ts'

const SAVE = 'main form button[type=submit]'
let server: TestServer
let browser: Browser

serverAndBrowser((both) => ({ server, browser } = both))

async function signIn(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await page.fill('[name=email]', person.email)
  await page.fill('[name=password]', person.password)
  await page.click(SAVE)
  await page.fill('[name=code]', codeOf(person))
  await page.click(SAVE)
  await page.waitForSelector('.masthead nav')
}

const heading = (page: Page) => page.innerText('h1')
const notice = (page: Page) => page.innerText('.notice.ok')

/** Everything that a person changes about themselves, and then somebody says that it was not them. */
async function walk(person: Person, scripts: boolean, newEmail: string) {
  const { page, complaints } = await openWindow(browser, server.baseUrl, { scripts, width: 390 })
  await signIn(page, person)
  await page.click('nav a[href="/account"]')
  assert.equal(await heading(page), 'Account')
  await page.click('a[href="/account/name"]')
  await page.fill('[name=name]', '')
  await page.click(SAVE)
  assert.match(await page.innerText('.summary'), /Enter your name\./)
  await page.fill('[name=name]', 'Renée Čapek')
  await page.click(SAVE)
  assert.equal(await notice(page), 'Your name was changed.')
  assert.match(await page.innerText('dl.settings'), /Renée Čapek/)

  await page.click('a[href="/account/password"]')
  await page.fill('[name=current]', person.password)
  const password = 'lanterns over quiet water'
  if (scripts) {
    await page.click('button[data-reveals=password]')
    assert.equal(await page.getAttribute('#password', 'type'), 'text')
  }
  await page.fill('[name=password]', password)
  await page.click(SAVE)
  assert.match(await notice(page), /Your password was changed\./)

  await page.click('a[href="/account/code-app"]')
  const totpSecret = (await page.innerText('#key')).replace(/\s/g, '')
  assert.equal(await page.getAttribute('a[href^="otpauth:"]', 'href').then((href) => href!.includes(totpSecret)), true)
  await page.fill('[name=code]', codeOf({ totpSecret }))
  await page.click(SAVE)
  assert.match(await notice(page), /Your code app is set up\./)

  await page.click('a[href="/account/address"]')
  await page.fill('[name=email]', newEmail)
  await page.click(SAVE)
  assert.match(await page.innerText('main'), /A change is under way/)
  await page.goto(pathIn(await mailAbout(server, newEmail, 'Confirm your new address')))
  assert.equal(await heading(page), 'Confirm your new address')
  await page.click(SAVE)
  assert.match(await notice(page), /This address is confirmed\./)
  await page.goto(pathIn(await mailAbout(server, person.email, 'A change of your address')))
  await page.click('button:has-text("Yes, change my address")')
  assert.equal(await notice(page), 'Your e-mail address was changed.')
  assert.match(await page.innerText('dl.settings'), new RegExp(newEmail))
  await page.click('a[href="/account/openings"]')
  assert.equal(
    await heading(page),
    person.role === 'patient' ? 'Who opened your messages' : 'Who opened what you wrote',
  )

  // The notice of the new password went to the old address, where somebody else than the thief reads it.
  const other = await openWindow(browser, server.baseUrl, { scripts, width: 390 })
  await other.page.goto(pathIn(await mailAbout(server, person.email, 'About your sign-in')))
  assert.equal(await heading(other.page), 'Was this not you?')
  await other.page.click(SAVE)
  assert.equal(await heading(other.page), 'We locked others out')
  assert.match(await other.page.innerText('main'), /Your earlier e-mail address is back\./)
  await page.goto('/account')
  assert.equal(await heading(page), 'Sign in')
  await signIn(other.page, { ...person, password, totpSecret })
  assert.deepEqual(
    [...complaints, ...other.complaints].filter((text) => !text.startsWith('Failed to load resource')),
    [],
  )
  await other.page.context().close()
  await page.context().close()
}

test('the account with scripts', () => walk({ ...server.cast.maria, role: 'patient' }, true, 'renee@new.example'))

test('the account without scripts', () => walk({ ...server.cast.sam, role: 'provider' }, false, 'sam@new.example'))

test('the account by keyboard alone: from the list of messages to another name and another password', async () => {
  const { dana } = server.cast
  const { page } = await openWindow(browser, server.baseUrl)
  await signIn(page, dana)
  await tabTo(page, 'nav a[href="/account"]')
  await Promise.all([page.waitForURL('**/account'), page.keyboard.press('Enter')])
  await tabTo(page, 'a[href="/account/name"]')
  await Promise.all([page.waitForURL('**/account/name'), page.keyboard.press('Enter')])
  await tabTo(page, '[name=name]')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('Dana Keys')
  await Promise.all([page.waitForURL('**/account?done=name'), page.keyboard.press('Enter')])
  await tabTo(page, 'a[href="/account/password"]')
  await Promise.all([page.waitForURL('**/account/password'), page.keyboard.press('Enter')])
  await tabTo(page, '[name=current]')
  await page.keyboard.type(dana.password)
  await tabTo(page, '[name=password]')
  await page.keyboard.type('lanterns over quiet water')
  await Promise.all([page.waitForURL('**/account?done=password'), page.keyboard.press('Enter')])
  await tabTo(page, 'a[href="/account/address"]')
  await Promise.all([page.waitForURL('**/account/address'), page.keyboard.press('Enter')])
  await tabTo(page, '[name=email]')
  await page.keyboard.type('dana@')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.summary')
  assert.equal(await page.evaluate('document.activeElement.className'), 'summary')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'email', 'the summary leads to the field')
  await page.context().close()
})

async function tabTo(page: Page, selector: string) {
  for (let presses = 0; presses < 60; presses++) {
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`no way to ${selector} by keyboard`)
}
