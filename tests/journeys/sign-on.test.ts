/** Staff sign on by a real provider in a real browser: with scripts, without, and by keyboard; with our second factor and with the provider's. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow, startBrowser } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { enter, enterOn, typeInto } from '../support/keyboard.ts'
import { PROVIDER_NAME, startProvider, type TestProvider } from '../support/provider.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain } from '../support/visitor.ts'

const SUBMIT = 'main form:not(.passkey) button[type=submit]'
const BY_PROVIDER = `a:has-text("Sign in with ${PROVIDER_NAME}")`

let provider: TestProvider
let server: TestServer
let browser: Browser

before(async () => {
  provider = await startProvider()
  server = await startTestServer({ ...provider.settings, OIDC_SECOND_FACTOR_AMR: 'hwk' })
  provider.serve(server.baseUrl)
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await server?.stop()
  await provider?.stop()
})

/** A browser of its own. The provider's own page is the one place elsewhere that it may come to. */
async function open(scripts: boolean) {
  const { page, complaints } = await openWindow(browser, server.baseUrl, { scripts })
  const elsewhere = `asked elsewhere: ${provider.settings['OIDC_ISSUER']}/`
  return { page, complaints: () => complaints.filter((text) => !text.startsWith(elsewhere)) }
}

async function atProvider(page: Page, who: string, by = '') {
  await page.waitForURL(`${provider.settings['OIDC_ISSUER']}/**`)
  await page.fill('[name=who]', who)
  await page.fill('[name=by]', by)
  await page.click('button')
}

async function passwordAndCode(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.fill('[name=email]', person.email)
  await page.fill('[name=password]', person.password)
  await page.click(SUBMIT)
  await page.fill('[name=code]', codeOf(person))
  await page.click(SUBMIT)
}

/** The first time: by the provider it does not work yet, so by password and code, and then the link is made on the account page. */
async function link(page: Page, person: Person, who: string) {
  await page.goto('/sign-in')
  await page.click(BY_PROVIDER)
  await atProvider(page, who)
  await page.waitForURL('**/sign-in?sign-on=unknown')
  assert.match(
    await page.innerText('.notice'),
    /Riverside account told us who you are, but there is no link to a sign-in here\./,
  )
  await passwordAndCode(page, person)
  await page.click('nav a[href="/account"]')
  await page.click('a[href="/account/sign-on"]')
  await page.click('a.button:has-text("Go to Riverside account")')
  // Whoever was there before is asked anew.
  await atProvider(page, who)
  await page.waitForURL('**/account/sign-on')
  assert.match(
    await page.innerText('main'),
    new RegExp(`Is this you\\?[\\s\\S]*At Riverside account you are: ${who}@riverside\\.example`),
  )
  await page.click('main button:has-text("Yes, link it")')
  await page.waitForURL('**/account/sign-on?done=linked')
  assert.match(await page.innerText('.notice.ok'), /The link is made\. We sent you a mail about it\./)
  await page.click('.masthead form button')
}

async function opensMail(page: Page) {
  await page.waitForURL('**/messages')
  await page.locator('main a[href^="/messages/0"]').first().click()
  await page.locator('article.letter').first().waitFor()
}

async function strengthOf(page: Page) {
  await page.goto('/account/devices')
  return page.innerText('main')
}

for (const scripts of [true, false])
  test(`Sign-on, ${scripts ? 'with' : 'without'} scripts: linked once with password and code; then the provider, the password and the code open the mail`, async () => {
    const person = scripts ? server.cast.dana : server.cast.sam
    const who = scripts ? 'd.ortiz' : 's.reid'
    const { page, complaints } = await open(scripts)
    await link(page, person, who)

    await page.click(BY_PROVIDER)
    // The provider knows them still and asks nothing.
    await page.waitForURL('**/sign-in/password')
    assert.match(await page.innerText('main'), /Riverside account told us who you are\./)
    await page.fill('[name=password]', 'not the password 1')
    await page.click(SUBMIT)
    assert.match(await page.innerText('.summary'), /The password is not right/)
    await page.fill('[name=password]', person.password)
    await page.click(SUBMIT)
    await page.waitForURL('**/sign-in/code')
    await letCodesCountAgain(server)
    await page.fill('[name=code]', codeOf(person))
    await page.click(SUBMIT)
    await opensMail(page)
    assert.match(await strengthOf(page), /Sign-on, password and code/)
    await page.click('.masthead form button')
    await page.waitForURL('**/sign-in?signed-out=here')
    assert.match(await page.innerText('.notice'), /At Riverside account you may still be signed in\./)
    // A wrong password is told with 422, which browsers name a resource that failed.
    assert.deepEqual(
      complaints().filter((text) => !text.startsWith('Failed to load resource')),
      [],
    )
    await page.context().close()
  })

test('Sign-on by keyboard alone: linked once; then the provider proves a second factor, and only the password is asked', async () => {
  const person = server.cast.felix
  const { page, complaints } = await open(true)
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', person.email)
  await typeInto(page, '[name=password]', person.password)
  await enter(page)
  await typeInto(page, '[name=code]', codeOf(person))
  await enter(page)
  await enterOn(page, 'nav a[href="/account"]')
  await enterOn(page, 'a[href="/account/sign-on"]')
  await enterOn(page, 'a.button:has-text("Go to Riverside account")')
  await atProviderByKeys(page, 'f.moreau', 'hwk')
  await page.waitForURL('**/account/sign-on')
  await enterOn(page, 'main button:has-text("Yes, link it")')
  assert.match(await page.innerText('.notice.ok'), /The link is made/)
  await enterOn(page, '.masthead form button')

  await enterOn(page, BY_PROVIDER)
  await page.waitForURL('**/sign-in/password')
  await typeInto(page, '[name=password]', person.password)
  await enter(page)
  assert.equal(new URL(page.url()).pathname, '/admin', 'no code is asked')
  const [event] = await server.sql<{ strength: string }>(
    `SELECT strength FROM access_events WHERE act = 'account.signed-in' ORDER BY at DESC, id DESC LIMIT 1`,
  )
  assert.equal(event!.strength, 'sign-on+password')
  await enterOn(page, 'nav a[href="/account"]')
  await enterOn(page, 'a[href="/account/devices"]')
  assert.match(await page.innerText('main'), /Sign-on and password/)
  assert.deepEqual(complaints(), [])
  await page.context().close()
})

/** The provider's page begins in its first field. */
async function atProviderByKeys(page: Page, who: string, by: string) {
  await page.waitForURL(`${provider.settings['OIDC_ISSUER']}/**`)
  await page.waitForFunction('document.activeElement.name === "who"')
  await page.keyboard.type(who)
  await page.keyboard.press('Tab')
  await page.keyboard.type(by)
  await enter(page)
}
