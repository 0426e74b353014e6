/** What a patient may bring along: a slow line, a keyboard instead of a mouse, scripts that never come, a shared computer, a printer. */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { makePdf, makePng } from '../support/files.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { mailsTo } from '../support/letters.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'
import { drop } from './every-page.ts'

const KB = 1024
const CHROME = ['.masthead nav', '.help-line ul', '.reply', '[data-print]', '.back']
const TEXT = 'The fictitious result is in the file'
const photo = { name: 'my foot.png', mimeType: 'image/png', buffer: makePng() }

let server: TestServer
let browser: Browser
let thread: string

serverAndBrowser(async (both) => {
  ;({ server, browser } = both)
  const file = { name: 'result.pdf', type: 'application/pdf', bytes: makePdf() }
  const message = { to: server.cast.maria.email, subject: 'Your result', body: TEXT }
  thread = `/messages/${await drop(await signedIn(server, server.cast.dana), message, [file])}`
})

test('31. Patient first load, from the link to the message: 30 KB gz without images, CSS 12 KB, JS 10 KB; CSS and JS travel compressed', async () => {
  const email = 'light.luggage@mail.example'
  await drop(await signedIn(server, server.cast.dana), { to: email, subject: 'Your result', body: TEXT })
  const { page } = await openWindow(browser, server.baseUrl, { width: 390 })
  const weights = new Map<string, { kind: string; gz: number; raw: number; encoding: string }>()
  const weighed: Promise<void>[] = []
  page.on('response', (response) => {
    const kind = response.request().resourceType()
    if (!['document', 'stylesheet', 'script'].includes(kind) || response.status() >= 300) return
    const encoding = response.headers()['content-encoding'] ?? ''
    weighed.push(
      response
        .body()
        .then(
          (body) => void weights.set(response.url(), { kind, gz: gzipSync(body).length, raw: body.length, encoding }),
        ),
    )
  })
  await enrol(page, await linkIn(email))
  assert.match(await page.innerText('article.letter'), new RegExp(TEXT))
  await page.waitForLoadState('networkidle')
  await Promise.all(weighed)
  const all = [...weights.values()]
  const sum = (kind?: string) =>
    all.filter((each) => !kind || each.kind === kind).reduce((total, { gz }) => total + gz, 0)
  assert.ok(
    all.filter(({ kind }) => kind === 'document').length >= 5,
    'landing, password, code app, recovery codes, message',
  )
  assert.ok(sum('stylesheet') > 0 && sum('stylesheet') <= 12 * KB, `CSS ${sum('stylesheet')}`)
  assert.ok(sum('script') > 0 && sum('script') <= 10 * KB, `JS ${sum('script')}`)
  assert.ok(sum() <= 30 * KB, `all ${sum()}`)
  assert.deepEqual(
    all.filter(
      ({ kind, raw, encoding }) => kind !== 'document' && raw > KB && encoding !== 'gzip' && encoding !== 'br',
    ),
    [],
  )
  await page.context().close()
})

test('74. Keyboard-only: from the sign-in to the reply with a file, without touching the mouse', async () => {
  await letCodesCountAgain(server)
  const { page, complaints } = await openWindow(browser, server.baseUrl)
  // Listened for from the start: the browser lets go of a chooser that opens before the listener has reached it.
  const chosen = page.waitForEvent('filechooser', { timeout: 60_000 })
  await page.goto(`${thread}`)
  await tabTo(page, '[name=email]')
  await page.keyboard.type(server.cast.maria.email)
  await tabTo(page, '[name=password]')
  await page.keyboard.type(server.cast.maria.password)
  await Promise.all([page.waitForURL('**/sign-in/code'), page.keyboard.press('Enter')])
  await tabTo(page, '[name=code]')
  await page.keyboard.type(codeOf(server.cast.maria))
  await Promise.all([page.waitForURL(`**${thread}`), page.keyboard.press('Enter')])
  await tabTo(page, '[name=body]')
  await page.keyboard.type('Sent with the keyboard.')
  await tabTo(page, '#files')
  await page.keyboard.press('Space')
  await (await chosen).setFiles(photo)
  await tabTo(page, 'button[value=send]')
  await Promise.all([page.waitForURL('**/sent'), page.keyboard.press('Enter')])
  assert.equal(await page.textContent('h1'), 'We sent your reply')
  await page.goto(thread)
  const last = await page.locator('article.letter').last().innerText()
  assert.match(last, /Sent with the keyboard\./)
  assert.match(last, /my foot\.png/)
  assert.deepEqual(complaints, [])
  await page.context().close()
})

test('35. JS blocked midway (script 404): the same reply with a file goes, and the file can be opened', async () => {
  const { page } = await openWindow(browser, server.baseUrl, { width: 390 })
  await page.route('**/static/js/**', (route) => route.fulfill({ status: 404, body: 'gone' }))
  await signIn(page, server.cast.maria)
  await page.goto(thread)
  await page.fill('[name=body]', 'Sent without scripts.')
  await page.setInputFiles('[name=files]', [photo])
  await page.click('button[value=save]')
  assert.match(await page.innerText('.added'), /my foot\.png/)
  await page.click('button[value=send]')
  assert.equal(await page.textContent('h1'), 'We sent your reply')
  await page.goto(thread)
  assert.match(await page.locator('article.letter').last().innerText(), /Sent without scripts\.[\s\S]*my foot\.png/)
  await page.locator('article.letter').last().locator('a:has-text("Open")').click()
  assert.equal(await page.textContent('h1'), 'my foot.png')
  await page.context().close()
})

test('53. Back button after logout, and a second tab, show no message text', async () => {
  const { page, context } = await openWindow(browser, server.baseUrl)
  await signIn(page, server.cast.maria)
  await page.goto(thread)
  assert.match(await page.innerText('main'), new RegExp(TEXT))
  await page.click('.masthead form button')
  assert.match(await page.innerText('main'), /You have signed out/)
  await page.goBack()
  assert.equal(await page.textContent('h1'), 'Sign in')
  assert.doesNotMatch(await page.content(), new RegExp(`${TEXT}|Your result|Maria`))
  await page.goForward()
  const second = await context.newPage()
  await second.goto(thread)
  assert.equal(await second.textContent('h1'), 'Sign in')
  assert.doesNotMatch(await second.content(), new RegExp(`${TEXT}|Your result|Maria`))
  await context.close()
})

test('28. Print media of message: navigation, help and the reply are hidden, the organisation and every message are there', async () => {
  const { page } = await openWindow(browser, server.baseUrl)
  await signIn(page, server.cast.maria)
  await page.goto(thread)
  const shown = async (selector: string) => page.locator(selector).first().isVisible()
  for (const selector of CHROME) assert.equal(await shown(selector), true, `${selector} on the screen`)
  await page.emulateMedia({ media: 'print' })
  for (const selector of CHROME) assert.equal(await shown(selector), false, `${selector} on paper`)
  assert.equal((await page.innerText('.masthead')).trim(), 'Riverside Clinic')
  assert.equal(await shown('article.letter'), true)
  assert.equal(await shown('h1'), true)
  await page.context().close()
})

async function signIn(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await page.fill('[name=email]', person.email)
  await page.fill('[name=password]', person.password)
  await page.click('main button[type=submit]')
  await page.fill('[name=code]', codeOf(person))
  await page.click('main button[type=submit]')
  await page.waitForURL('**/messages')
}

async function enrol(page: Page, link: string) {
  await page.goto(link)
  await page.click('main button[type=submit]')
  await page.fill('[name=password]', 'three random words 9')
  await page.click('main button[type=submit]')
  await page.fill('[name=code]', codeOf({ totpSecret: (await page.innerText('#key')).replace(/\s/g, '') }))
  await page.click('main button[type=submit]')
  await page.check('[name=saved]')
  await page.click('main button[type=submit]')
}

/** Presses Tab until the focus is there. */
async function tabTo(page: Page, selector: string) {
  for (let presses = 0; presses < 60; presses++) {
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
    await page.keyboard.press('Tab')
  }
  assert.fail(`Tab does not reach ${selector}`)
}

async function linkIn(address: string): Promise<string> {
  return /https?:\/\/\S+/.exec((await mailsTo(server, address))[0]!.text)![0]
}
