/** What only a browser can tell: what it keeps after signing out, and what the content security policy stops. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow, startProfile } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain } from '../support/visitor.ts'

let server: TestServer
let browser: Browser

serverAndBrowser((both) => ({ server, browser } = both))

/** Something of Maria's messages. */
const PRIVATE = /blood test|sugar|Your next visit|Dana Ortiz|Maria Gomez/i

async function signIn(page: Page) {
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await page.fill('[name=email]', server.cast.maria.email)
  await page.fill('[name=password]', server.cast.maria.password)
  await page.click('main button[type=submit]')
  await page.fill('[name=code]', codeOf(server.cast.maria))
  await page.click('main button[type=submit]')
  await page.waitForURL('**/messages')
}

test('53. Back button after logout, bfcache, "duplicate tab", view-source, Save page -> no PHI', async () => {
  const { context, page } = await openWindow(browser, server.baseUrl)
  await signIn(page)
  await page.click('ul.post a')
  assert.match(await page.innerText('main'), PRIVATE)
  const letter = page.url()
  const tab = await context.newPage()
  await tab.goto(letter)
  assert.match(await tab.innerText('main'), PRIVATE)
  await page.click('form[action="/sign-out"] button')
  await page.waitForURL('**/sign-in?signed-out')
  assert.doesNotMatch(await page.content(), PRIVATE)
  for (let steps = 0; steps < 3; steps++) {
    await page.goBack()
    assert.doesNotMatch(await page.content(), PRIVATE, `${steps + 1} back: ${page.url()}`)
    assert.equal(new URL(page.url()).pathname, '/sign-in')
  }
  await tab.reload()
  assert.doesNotMatch(await tab.content(), PRIVATE)
  const duplicate = await context.newPage()
  await duplicate.goto(letter)
  assert.doesNotMatch(await duplicate.content(), PRIVATE)
  const source = await context.newPage()
  await source.goto(`view-source:${letter}`).catch(() => undefined)
  assert.doesNotMatch(await source.content(), PRIVATE)
  const saved = await context.request.get(letter)
  assert.doesNotMatch(await saved.text(), PRIVATE)
  // Nor is anything left in what a site may keep in a browser.
  assert.deepEqual(await page.evaluate(() => ({ ...localStorage, ...sessionStorage })), {})
  assert.deepEqual(
    await page.evaluate(async () => [
      ...(await caches.keys()),
      ...(await indexedDB.databases()),
      ...(await navigator.serviceWorker.getRegistrations()),
    ]),
    [],
  )
  await context.close()
})

test('54. Chromium disk cache, history titles, autofill, service worker -> no PHI, no worker', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-profile-'))
  try {
    const context = await startProfile(folder, server.baseUrl)
    const page = context.pages()[0] ?? (await context.newPage())
    await signIn(page)
    await page.click('ul.post a')
    assert.match(await page.innerText('main'), PRIVATE)
    assert.doesNotMatch(await page.title(), PRIVATE)
    await page.fill('[name=body]', 'A canary-7f3e in the reply')
    assert.deepEqual(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0)
    await context.close()
    const files = (readdirSync(folder, { recursive: true }) as string[])
      .map((file) => join(folder, file))
      .filter((file) => statSync(file).isFile())
    assert.ok(files.length > 10, `${files.length} files of the profile`)
    const { maria } = server.cast
    for (const file of files) {
      const content = readFileSync(file)
      for (const text of ['Your blood test', 'Your next visit', 'Maria Gomez', 'canary-7f3e', maria.password])
        for (const encoding of ['latin1', 'utf16le'] as const)
          assert.ok(!content.includes(Buffer.from(text, encoding)), `${text} in ${file}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

/** The policy's directives that stop something in the test below. */
const DIRECTIVES = [
  'script-src-elem',
  'script-src-attr',
  'style-src-elem',
  'style-src-attr',
  'base-uri',
  'object-src',
  'frame-src',
  'img-src',
  'media-src',
  'connect-src',
  'form-action',
]

test('60. CSP: inline script, inline style, base, object, form-action to evil -> blocked', async () => {
  const { context, page } = await openWindow(browser, server.baseUrl)
  const elsewhere: string[] = []
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(server.baseUrl)) elsewhere.push(request.url())
  })
  // What the policy stops is told as a request too, one that failed for this reason and never left.
  const stoppedByPolicy: string[] = []
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText === 'csp') stoppedByPolicy.push(request.url())
  })
  await page.goto('/sign-in')
  const stopped = await page.evaluate(async (expected) => {
    const violations: string[] = []
    document.addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective))
    const add = (name: string, attributes: Record<string, string>, text = '') => {
      const element = document.createElement(name)
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
      element.textContent = text
      document.body.append(element)
      return element
    }
    add('script', {}, 'document.title = "run"')
    add('script', { src: 'https://evil.example/x.js' })
    add('script', { src: 'data:text/javascript,document.title="run"' })
    add('div', { onclick: 'document.title = "run"' }).click()
    add('style', {}, 'body { display: none }')
    const painted = add('p', { style: 'color: rgb(1, 2, 3)' }, 'x')
    add('link', { rel: 'stylesheet', href: 'https://evil.example/x.css' })
    add('base', { href: 'https://evil.example/' })
    add('object', { data: 'https://evil.example/x' })
    add('embed', { src: '/static/icon.svg' })
    add('iframe', { src: '/help' })
    add('img', { src: 'https://evil.example/x.png' })
    add('img', { src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' })
    add('video', { src: 'https://evil.example/x.mp4' })
    await fetch('https://evil.example/').catch(() => undefined)
    try {
      new Worker('/static/js/send-once.js')
    } catch {
      // Some browsers throw.
    }
    const form = add('form', { action: 'https://evil.example/take', method: 'post' }) as HTMLFormElement
    form.submit()
    // Each is told when the browser comes to it.
    const end = Date.now() + 10_000
    while (!expected.every((each) => violations.includes(each)) && Date.now() < end)
      await new Promise((done) => setTimeout(done, 50))
    return {
      violations: [...new Set(violations)].sort(),
      title: document.title,
      base: document.baseURI,
      colour: getComputedStyle(painted).color,
      shown: getComputedStyle(document.body).display,
    }
  }, DIRECTIVES)
  for (const directive of DIRECTIVES)
    assert.ok(stopped.violations.includes(directive), `${directive} in ${stopped.violations.join()}`)
  assert.doesNotMatch(stopped.title, /run/)
  assert.equal(stopped.base, page.url())
  assert.notEqual(stopped.colour, 'rgb(1, 2, 3)')
  assert.notEqual(stopped.shown, 'none')
  assert.equal(new URL(page.url()).pathname, '/sign-in')
  assert.deepEqual(
    elsewhere,
    stoppedByPolicy.filter((url) => elsewhere.includes(url)),
  )
  await context.close()
})

test('42. A page of another site cannot sign its visitor in, and cannot frame us', async () => {
  const { context, page } = await openWindow(browser, server.baseUrl)
  // Another port is another origin of the same site, to which cookies go along: the hardest case.
  const { createServer } = await import('node:http')
  const { maria } = server.cast
  const evil = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(
      `<iframe src="${server.baseUrl}/sign-in"></iframe><form method="post" action="${server.baseUrl}/sign-in"><input name="email" value="${maria.email}"><input name="password" value="${maria.password}"><button>go</button></form>`,
    )
  })
  await new Promise<void>((done) => evil.listen(0, '127.0.0.1', done))
  try {
    const { port } = evil.address() as { port: number }
    await page.goto(`http://localhost:${port}/`)
    await page.waitForTimeout(200)
    assert.ok(
      page
        .frames()
        .slice(1)
        .every((frame) => !frame.url().startsWith(server.baseUrl)),
      'not framed',
    )
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().endsWith('/sign-in') && response.request().method() === 'POST'),
      page.click('button'),
    ])
    assert.equal(answer.status(), 403)
    assert.deepEqual(
      (await context.cookies(server.baseUrl)).filter(({ name }) => name === '__Host-session'),
      [],
    )
  } finally {
    await new Promise((done) => evil.close(done))
  }
  await context.close()
})
