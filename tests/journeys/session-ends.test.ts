/** The end of a session as somebody with a browser meets it: the question two minutes before, by keyboard alone, and what the page does at the end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow, stopClock } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain } from '../support/visitor.ts'
import { changeSessions } from '../sign-in/session-rows.ts'

let server: TestServer
let browser: Browser
let thread: string

serverAndBrowser((both) => ({ server, browser } = both))

/** Maria on the page of a message, with a clock that the test sets. */
async function reading(): Promise<{ page: Page; complaints: string[] }> {
  await letCodesCountAgain(server)
  const { page, complaints } = await openWindow(browser, server.baseUrl, { width: 390 })
  await page.clock.install()
  await page.goto('/sign-in')
  await page.fill('[name=email]', server.cast.maria.email)
  await page.fill('[name=password]', server.cast.maria.password)
  await page.click('main button[type=submit]')
  await page.fill('[name=code]', codeOf(server.cast.maria))
  await page.click('main button[type=submit]')
  await page.waitForURL('**/messages')
  thread ??= (await page.getAttribute('ul.post a', 'href'))!
  await page.goto(thread)
  await stopClock(page)
  return { page, complaints }
}

const dialog = (page: Page) => page.locator('#time-left')
const clockOf = (page: Page) => dialog(page).locator('.clock').innerText()
const focusedText = (page: Page) => page.evaluate(() => (document.activeElement as HTMLElement).innerText.trim())
const seenAt = async () =>
  Number((await server.sql<{ at: string }>(`SELECT max((sess->>'seenAt')::bigint) AS at FROM sessions`))[0]!.at)

/** Behind the product's back, as if nobody had been there for so long. */
const leaveAlone = (milliseconds: number) =>
  changeSessions(server, ({ seenAt }) => ({ seenAt: Number(seenAt) - milliseconds }))

test('60. Warning dialog appears 120 s before idle end, is focused, labelled, Esc = stay; extend works ≥ 10 times, by keyboard only', async () => {
  const { page, complaints } = await reading()
  await page.focus('#body')
  await page.clock.fastForward('12:50')
  assert.equal(await dialog(page).isVisible(), false)
  await page.clock.fastForward('00:15')
  await dialog(page).waitFor()
  assert.match(await clockOf(page), /^You will be signed out in 1 minute \d\d seconds\.$/)
  assert.equal(await focusedText(page), 'Stay signed in')
  assert.equal(
    await page.getByRole('dialog', { name: 'Do you need more time?' }).count(),
    1,
    'it is told by its name and its text',
  )
  for (let times = 1; times <= 11; times++) {
    await leaveAlone(10 * 60_000)
    const before = await seenAt()
    const answered = page.waitForResponse('**/session/extend')
    await page.keyboard.press(times % 2 === 0 ? 'Escape' : 'Enter')
    assert.equal((await answered).status(), 200)
    assert.equal(await dialog(page).isVisible(), false)
    assert.ok((await seenAt()) > before + 9 * 60_000, `extended for the ${times}. time`)
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'body', 'back where the person was')
    await page.clock.fastForward('13:05')
    await dialog(page).waitFor()
  }
  assert.deepEqual(complaints, [])
  await page.context().close()
})

test('the time that is left is told to screen readers every half minute, and not more often', async () => {
  const { page } = await reading()
  await page.clock.fastForward('13:02')
  await dialog(page).waitFor()
  const said: string[] = []
  await page.exposeFunction('hear', (text: string) => said.push(text))
  await page.evaluate(() => {
    const status = document.querySelector('#time-left [role=status]')!
    new MutationObserver(() =>
      (globalThis as unknown as { hear(text: string): void }).hear(status.textContent),
    ).observe(status, { childList: true })
  })
  for (let seconds = 0; seconds < 70; seconds++) await page.clock.runFor(1000)
  assert.ok(said.length >= 2 && said.length <= 3, said.join())
  for (const text of said) assert.match(text, /^You will be signed out in (1 minute( \d+ seconds?)?|\d+ seconds?)\.$/)
  await page.context().close()
})

test('"Sign out" in the question signs out', async () => {
  const { page } = await reading()
  await page.clock.fastForward('13:05')
  await dialog(page).waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await focusedText(page), 'Sign out')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/sign-in?signed-out')
  await page.context().close()
})

test('53. After the end the page leads to the sign-in and back to the same place; Back shows nothing private', async () => {
  const { page } = await reading()
  assert.match(await page.innerText('main'), /Your next visit/)
  await leaveAlone(15 * 60_000 + 1000)
  await page.clock.fastForward('15:02')
  await page.waitForURL('**/sign-in?next=**')
  assert.equal(new URL(page.url()).searchParams.get('next'), thread)
  assert.match(await page.innerText('main'), /You were signed out to keep your messages safe\./)
  assert.doesNotMatch(await page.content(), /Your next visit|Maria Gomez/)
  await page.goBack()
  assert.doesNotMatch(await page.content(), /Your next visit|Maria Gomez/)
  await page.context().close()
})

test('a computer that slept is asked at waking, not later', async () => {
  const { page } = await reading()
  await leaveAlone(15 * 60_000 + 1000)
  await page.clock.setSystemTime(Date.now() + 9 * 60 * 60_000)
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await page.waitForURL('**/sign-in?next=**')
  await page.context().close()
})

test('what is done in one tab counts in the other: it is not asked, and nothing is asked of the server', async () => {
  const { page } = await reading()
  await page.clock.fastForward('12:00')
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  const other = await page.context().newPage()
  await other.goto(thread)
  await page.evaluate(
    (now) => new BroadcastChannel('session').postMessage({ idle: now + 900_000, last: now + 40_000_000 }),
    await page.evaluate(() => Date.now()),
  )
  await page.clock.fastForward('01:30')
  assert.equal(await dialog(page).isVisible(), false)
  assert.deepEqual(asked, [])
  await page.context().close()
})

test('52. The end that can not be put off is told, and nothing extends it', async () => {
  const { page } = await reading()
  await changeSessions(server, { startedAt: Date.now() - (12 * 60 - 10) * 60_000 })
  await page.reload()
  await page.clock.fastForward('08:30')
  await dialog(page).waitFor()
  assert.match(await dialog(page).innerText(), /You will be signed out soon[\s\S]*can not be extended/)
  assert.equal(await focusedText(page), 'I understand')
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.keyboard.press('Enter')
  await page.clock.fastForward('00:30')
  assert.equal(await dialog(page).isVisible(), false, 'once is enough')
  assert.deepEqual(asked, [])
  await page.context().close()
})

test('without scripts the reply page states the limit in words', async () => {
  await letCodesCountAgain(server)
  const { page } = await openWindow(browser, server.baseUrl, { scripts: false, width: 390 })
  await page.goto(`/sign-in?next=${encodeURIComponent(thread)}`)
  await page.fill('[name=email]', server.cast.maria.email)
  await page.fill('[name=password]', server.cast.maria.password)
  await page.click('main button[type=submit]')
  await page.fill('[name=code]', codeOf(server.cast.maria))
  await page.click('main button[type=submit]')
  assert.match(
    await page.innerText('.reply'),
    /You will be signed out after 15 minutes without a click\. What you wrote is saved\./,
  )
  assert.equal(await dialog(page).isVisible(), false)
  await page.context().close()
})
