/** A member of the team lets somebody who signed in anew read again, by keyboard alone, with scripts and without, on a screen and on a phone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { enter, enterOn, tabTo, typeInto } from '../support/keyboard.ts'
import { startTestServerSealed, type TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'
import { newPatient, resetByApp } from '../sign-in/way-back.ts'

let server: TestServer
let browser: Browser
serverAndBrowser((both) => ({ server, browser } = both), startTestServerSealed)

const BUTTON = 'main form[action*="/share-again/"] button'

for (const scripts of [true, false])
  test(`a conversation is let read again by keyboard alone, ${scripts ? 'on a screen, with scripts' : 'on a phone, without scripts'}`, async () => {
    const dana = await signedIn(server, server.cast.dana)
    const patient = await newPatient(server, dana, scripts ? 'anew-with' : 'anew-without')
    const person = await resetByApp(server, patient.person, 'entirely new words here')
    const device = { scripts, width: scripts ? 1280 : 390 }
    const [mate, theirs] = [
      await openWindow(browser, server.baseUrl, device),
      await openWindow(browser, server.baseUrl, device),
    ]
    await signIn(theirs.page, person)
    await theirs.page.goto(`/messages/${patient.message}`)
    assert.match((await theirs.page.textContent('main'))!, /You can also ask the team to let you read it again/)

    const { page } = mate
    await signIn(page, server.cast.dana)
    await page.goto(`/messages/${patient.message}`)
    await enterOn(page, '.notice a[href*="/share-again/"]')
    assert.equal(await page.textContent('h1'), 'Let them read earlier messages again?')
    await enterOn(page, BUTTON)
    assert.match((await page.textContent('.summary'))!, /Tick the box when you are sure/)
    await theirs.page.reload()
    assert.doesNotMatch((await theirs.page.textContent('main'))!, new RegExp(patient.body))
    await tabTo(page, '[name=sure]')
    await page.keyboard.press('Space')
    await enterOn(page, BUTTON)
    assert.match((await page.textContent('.notice.ok'))!, /can read the earlier messages here again/)

    await theirs.page.reload()
    assert.match((await theirs.page.textContent('main'))!, new RegExp(patient.body))
    assert.deepEqual(
      [...mate.complaints, ...theirs.complaints].filter((each) => !each.includes('422')),
      [],
    )
    await Promise.all([mate.context.close(), theirs.context.close()])
  })

async function signIn(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', person.email)
  await typeInto(page, '[name=password]', person.password)
  await enter(page)
  await typeInto(page, '[name=code]', codeOf(person))
  await enter(page)
}
