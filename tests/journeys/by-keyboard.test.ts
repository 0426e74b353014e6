/** Ways back in and changes of one's account with the keyboard alone, and a late reply with a file, in real browsers, with scripts and without. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { mailAbout, pathIn } from '../own-account/account-mails.ts'
import { changeSessions } from '../sign-in/session-rows.ts'
import { newPatient, type Patient } from '../sign-in/way-back.ts'
import { openWindow, startBrowser } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { makePng } from '../support/files.ts'
import { enter, enterOn, tabTo, typeInto } from '../support/keyboard.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'

const SUBMIT = 'main form button[type=submit]'
const photo = { name: 'my foot.png', mimeType: 'image/png', buffer: makePng() }

let server: TestServer
let browser: Browser

before(async () => {
  server = await startTestServer()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

async function somebody(name: string): Promise<Patient> {
  return newPatient(server, await signedIn(server, server.cast.dana), name)
}

const path = (page: Page) => new URL(page.url()).pathname

for (const scripts of [true, false])
  test(`57. Lost-app path reaches a working sign-in ≤ 3 screens with a recovery code, and a new code app at once, by keyboard alone, ${scripts ? 'with' : 'without'} scripts`, async () => {
    const { person, codes } = await somebody(`lost-app-${scripts}`)
    const { page } = await openWindow(browser, server.baseUrl, { scripts, width: 390 })
    await letCodesCountAgain(server)
    await page.goto('/sign-in')
    await typeInto(page, '[name=email]', person.email)
    await typeInto(page, '[name=password]', person.password)
    await enter(page)
    assert.equal(path(page), '/sign-in/code')
    await tabTo(page, 'summary')
    await page.keyboard.press('Enter')
    await enterOn(page, 'a[href^="/sign-in/recovery-code"]')
    await typeInto(page, '[name=code]', codes[0]!.toLowerCase())
    await enter(page)
    assert.equal(path(page), '/account/recovery-code-used', 'signed in after the password, the code and this')
    assert.match(await page.innerText('main'), /9 codes left/)
    await enterOn(page, 'main a.button')
    assert.equal(path(page), '/account/code-app')
    const totpSecret = (await page.innerText('#key')).replace(/\s/g, '')
    await typeInto(page, '[name=code]', codeOf({ totpSecret }))
    await enter(page)
    assert.match(await page.innerText('.notice.ok'), /Your code app is set up/)
    await page.context().close()
  })

test('an address is changed by keyboard alone: asked for, confirmed by both mailboxes, and taken back from the old one within 72 hours', async () => {
  const { person } = await somebody('moving')
  const { page } = await openWindow(browser, server.baseUrl, { width: 390 })
  await signInByKeys(page, person)
  const next = 'moved@new.example'
  await enterOn(page, 'nav a[href="/account"]')
  await enterOn(page, 'a[href="/account/address"]')
  await typeInto(page, '[name=email]', next)
  await enter(page)
  await page.goto(pathIn(await mailAbout(server, next, 'Confirm your new address')))
  await enterOn(page, SUBMIT)
  assert.match(await page.innerText('.notice.ok'), /This address is confirmed/)
  const old = pathIn(await mailAbout(server, person.email, 'A change of your address'))
  await page.goto(old)
  await enterOn(page, 'button:has-text("Yes, change my address")')
  assert.match(await page.innerText('.notice.ok'), /Your e-mail address was changed/)
  const other = await openWindow(browser, server.baseUrl, { scripts: false, width: 390 })
  await other.page.goto(old)
  await enterOn(other.page, SUBMIT)
  assert.equal(await other.page.textContent('h1'), 'Your address is back')
  await page.goto('/account')
  assert.equal(await page.textContent('h1'), 'Sign in', 'whoever changed it is out')
  await other.page.context().close()
  await page.context().close()
})

for (const scripts of [true, false])
  test(`one proves who one is, ends one device and then all, makes new recovery codes, and says that this was not oneself, by keyboard alone, ${scripts ? 'with' : 'without'} scripts`, async () => {
    const { person, visitor } = await somebody(`two-devices-${scripts}`)
    const { page } = await openWindow(browser, server.baseUrl, { scripts })
    await signInByKeys(page, person)
    await changeSessions(server, { provedAt: 1 })
    await enterOn(page, 'nav a[href="/account"]')
    await enterOn(page, 'a[href="/account/devices"]')
    assert.equal(await page.textContent('h1'), 'Show that it is you')
    await letCodesCountAgain(server)
    await typeInto(page, '[name=password]', person.password)
    await typeInto(page, '[name=code]', codeOf(person))
    await enter(page)
    assert.equal(path(page), '/account/devices')
    const theirs = 'li:not(:has(.chip)) form[action="/account/devices/end"] button'
    assert.equal(await page.locator(theirs).count(), 1)
    await enterOn(page, theirs)
    assert.equal(await page.locator('.notice.ok').count(), 1)
    assert.equal(await page.locator(theirs).count(), 0)
    assert.equal((await visitor.ask('/messages')).location.split('?')[0], '/sign-in', 'the other device is out')

    await page.goto('/account/recovery-codes')
    await enterOn(page, 'form[action="/account/recovery-codes"] button')
    assert.equal(await page.locator('.recovery-codes li').count(), 10)
    await tabTo(page, '[name=saved]')
    await page.keyboard.press('Space')
    await enterOn(page, SUBMIT)
    assert.match(await page.innerText('main'), /You have 10 codes left/)

    await signedIn(server, person)
    await page.goto('/account/devices')
    await enterOn(page, 'form[action$="/end-all"] button')
    assert.equal(path(page), '/sign-in')
    await page.goto(pathIn(await mailAbout(server, person.email, 'About your sign-in')))
    assert.equal(await page.textContent('h1'), 'Was this not you?')
    await enterOn(page, SUBMIT)
    assert.equal(await page.textContent('h1'), 'We locked others out')
    await page.context().close()
  })

for (const scripts of [true, false])
  for (const [how, values] of [
    ['that ended', { seenAt: 1 }],
    ['that was carried to another network and another browser', { network: 'elsewhere', browser: 'another' }],
  ] as const)
    test(`${scripts ? '62' : '63'}. A reply with a file that comes from a session ${how} is there after sign-in, with its file, and goes, ${scripts ? 'with' : 'without'} scripts`, async () => {
      const { person, message } = await somebody(`late-${how.length}-${scripts}`)
      const { page } = await openWindow(browser, server.baseUrl, { scripts, width: 390 })
      await signInByKeys(page, person)
      await page.goto(`/messages/${message}`)
      await page.fill('[name=body]', 'Written before the end.')
      await page.setInputFiles('[name=files]', [photo])
      await changeSessions(server, values)
      await page.click('button[value=send]')
      assert.equal(await page.textContent('h1'), 'Sign in')
      assert.match(await page.innerText('main'), /saved what you wrote|kept/i)
      await letCodesCountAgain(server)
      await page.fill('[name=email]', person.email)
      await page.fill('[name=password]', person.password)
      await page.click(SUBMIT)
      await page.fill('[name=code]', codeOf(person))
      await page.click(SUBMIT)
      await page.waitForURL(`**/messages/${message}**`)
      assert.equal(await page.inputValue('[name=body]'), 'Written before the end.')
      assert.match(await page.innerText('.added'), /my foot\.png/)
      await page.click('button[value=send]')
      assert.equal(await page.textContent('h1'), 'We sent your reply')
      await page.context().close()
    })

async function signInByKeys(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', person.email)
  await typeInto(page, '[name=password]', person.password)
  await enter(page)
  await typeInto(page, '[name=code]', codeOf(person))
  await enter(page)
}
