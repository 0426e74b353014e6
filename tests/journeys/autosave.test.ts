/** Drafts that save themselves, in a real browser: the line that says so, a line that is down, an ended session, files that wait for Save or Send. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow, stopClock } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { makePng } from '../support/files.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { until } from '../support/until.ts'
import { letCodesCountAgain } from '../support/visitor.ts'
import { changeSessions } from '../sign-in/session-rows.ts'

const photo = { name: 'my foot.png', mimeType: 'image/png', buffer: makePng() }

let server: TestServer
let browser: Browser
let thread: string

serverAndBrowser((both) => ({ server, browser } = both))

async function signIn(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.fill('[name=email]', person.email)
  await page.fill('[name=password]', person.password)
  await page.click('main button[type=submit]')
  await page.fill('[name=code]', codeOf(person))
  await page.click('main button[type=submit]')
}

/** Maria at her reply, with a clock that the test sets. */
async function replying() {
  const { page, complaints } = await openWindow(browser, server.baseUrl, { width: 390 })
  await page.clock.install()
  await page.goto('/sign-in')
  await signIn(page, server.cast.maria)
  await page.waitForURL('**/messages')
  thread ??= (await page.getAttribute('ul.post a', 'href'))!
  await page.goto(thread)
  await stopClock(page)
  return { page, complaints }
}

const saved = (page: Page) => page.locator('p.saved')
const says = async (page: Page, words: RegExp) => {
  await saved(page).filter({ hasText: words }).waitFor()
}
const saves = (page: Page) => {
  const bodies: string[] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/replies') && request.resourceType() === 'fetch') bodies.push(request.postData() ?? '')
  })
  return bodies
}

test('three seconds after the last key the reply is saved, the line says where, and the page that is opened again has it', async () => {
  const { page, complaints } = await replying()
  assert.equal(await saved(page).getAttribute('role'), 'status')
  assert.equal(await saved(page).innerText(), '')
  const sent = saves(page)
  await page.focus('#body')
  await page.keyboard.type('My foot')
  await page.clock.runFor(2900)
  assert.equal(sent.length, 0)
  await page.keyboard.type(' hurts.')
  await page.clock.runFor(2900)
  assert.equal(sent.length, 0, 'after the last key')
  await page.clock.runFor(200)
  await says(page, /^Draft saved \w+ \d+:\d\d [ap]m\. It stays in this conversation\.$/)
  assert.equal(sent.length, 1)
  await page.clock.runFor(60_000)
  assert.equal(sent.length, 1, 'nothing new, nothing saved')
  const other = await page.context().newPage()
  await other.goto(thread)
  assert.equal(await other.inputValue('#body'), 'My foot hurts.')
  await page.click('[data-delete]')
  await page.click('.button.danger')
  await page.waitForURL('**/messages/*')
  assert.equal(await page.inputValue('#body'), '')
  assert.deepEqual(complaints, [])
  await page.context().close()
})

test('a line that is down is told, tried again, and never two saves are under way; the later text wins', async () => {
  const { page } = await replying()
  const sent = saves(page)
  await page.route('**/replies', (route) => route.abort())
  await page.fill('#body', 'First')
  await page.clock.runFor(3100)
  await says(page, /^Not saved\. We will try again\.$/)
  await page.unroute('**/replies')
  let answer!: () => void
  let held = true
  await page.route('**/replies', async (route) => {
    if (held) await new Promise<void>((go) => (answer = go))
    await route.continue()
  })
  await page.clock.runFor(15_100)
  await until(() => sent.length >= 2, 'a second try')
  assert.equal(sent.length, 2)
  await page.fill('#body', 'First and second')
  await page.clock.runFor(6000)
  assert.equal(sent.length, 2, 'the first one is still under way')
  held = false
  answer()
  await says(page, /^Draft saved/)
  await page.clock.runFor(3100)
  await until(() => sent.length >= 3, 'a third save')
  assert.equal(sent.length, 3)
  assert.match(sent[2]!, /body=First\+and\+second/)
  const other = await page.context().newPage()
  await other.goto(thread)
  assert.equal(await other.inputValue('#body'), 'First and second')
  await page.context().close()
})

test('Send waits for a save that is under way, and one message with its file is there', async () => {
  const { page } = await replying()
  await page.fill('#body', 'Half of')
  await page.setInputFiles('#files', [photo])
  let answer!: () => void
  await page.route('**/replies', async (route) => {
    if (route.request().resourceType() === 'fetch') await new Promise<void>((go) => (answer = go))
    await route.continue()
  })
  await page.clock.runFor(3100)
  await page.fill('#body', 'Half of it, and the rest.')
  await page.click('button[value=send]')
  await page.waitForTimeout(100)
  assert.equal(new URL(page.url()).pathname, thread)
  answer()
  await page.waitForURL('**/sent')
  await page.goto(thread)
  const last = await page.locator('article.letter').last().innerText()
  assert.match(last, /Half of it, and the rest\.[\s\S]*my foot\.png/)
  assert.equal(await page.inputValue('#body'), '')
  await page.context().close()
})

test('an ended session is said with what to do, and the text stays; after sign-in it is there', async () => {
  const { page } = await replying()
  await changeSessions(server, { seenAt: 1 })
  await page.fill('#body', 'Written in the night.')
  await page.clock.runFor(3100)
  await says(page, /You were signed out .* We saved what you wrote\. Sign in to go on with it\./)
  assert.equal(await page.inputValue('#body'), 'Written in the night.')
  await saved(page).locator('a').click()
  await signIn(page, server.cast.maria)
  await page.waitForURL('**/messages/0*')
  assert.equal(await page.inputValue('#body'), 'Written in the night.')
  await page.context().close()
})

test('signed out from elsewhere: the page says what is kept until when, copies the rest, and leads back; Send gives the text back', async () => {
  const { page, complaints } = await replying()
  await page.fill('#body', 'My foot')
  await page.clock.runFor(3100)
  await says(page, /^Draft saved/)
  await server.sql('DELETE FROM sessions')
  // A connection that the server was just closing is no answer; then the page tries again by itself.
  for (let tries = 0; tries < 5 && !/signed out/.test(await saved(page).innerText()); tries++) {
    await page.fill('#body', `My foot is better${'.'.repeat(tries)}`)
    await page.fill('#body', 'My foot is better.')
    await page.clock.runFor(15_100)
    await saved(page)
      .filter({ hasText: /signed out/ })
      .waitFor({ timeout: 5000 })
      .catch(() => {})
  }
  await says(
    page,
    /^You were signed out\. What you wrote until \w+ \d+:\d\d [ap]m is kept; the rest is only on this page\. Copy it before you sign in\./,
  )
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.click('.reply [data-copies]')
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'My foot is better.')
  const link = (await saved(page).locator('a').getAttribute('href'))!
  assert.equal(link, `/sign-in?next=${encodeURIComponent(thread)}`)
  await page.click('button[value=send]')
  await page.getByRole('heading', { level: 1, name: 'Your message was not sent' }).waitFor()
  assert.equal(await page.innerText('#written'), 'My foot is better.')
  assert.equal(await page.getAttribute('main a.button', 'target'), '_blank')
  await page.goto(link)
  await signIn(page, server.cast.maria)
  await page.waitForURL('**/messages/0*')
  assert.equal(await page.inputValue('#body'), 'My foot')
  // A refused form is a line in the browser's console.
  assert.deepEqual(
    complaints.filter((text) => !/403/.test(text)),
    [],
  )
  await page.fill('#body', '')
  await page.clock.runFor(3100)
  await page.context().close()
})

test('62. Type text, let session die: at the end the page sends what is unsaved, and after sign-in the same page has the same text and the same files', async () => {
  const { page } = await replying()
  await page.fill('#body', 'With a picture that waits.')
  await page.setInputFiles('#files', [photo])
  await page.clock.runFor(3100)
  await says(page, /^Draft saved/)
  await changeSessions(server, { seenAt: 1 })
  await page.clock.fastForward('15:05')
  await page.waitForURL('**/sign-in')
  assert.match(await page.innerText('main'), /We saved what you wrote/)
  await signIn(page, server.cast.maria)
  await page.waitForURL('**/messages/0*')
  assert.equal(await page.inputValue('#body'), 'With a picture that waits.')
  assert.match(await page.innerText('.added'), /my foot\.png/)
  await page.context().close()
})

test('a new message gets its address with the first save, so that a reload goes on with it', async () => {
  const { page } = await openWindow(browser, server.baseUrl)
  await page.clock.install()
  await page.goto('/sign-in?next=%2Fmessages%2Fnew')
  await signIn(page, server.cast.dana)
  await page.waitForURL('**/messages/new')
  await page.fill('[name=subject]', 'Begun')
  await page.clock.runFor(3100)
  await says(page, /^Draft saved \w+ \d\d:\d\d\. You find it in your inbox\.$/)
  await page.reload()
  assert.equal(await page.inputValue('[name=subject]'), 'Begun')
  assert.match(page.url(), /\/messages\/new\?draft=/)
  await page.context().close()
})
