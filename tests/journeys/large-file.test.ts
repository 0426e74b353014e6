/** A large file in a real browser: progress that is heard, a dropped connection, Send pressed too early, Pause, Remove, and the same by keyboard. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { AxeBuilder } from '@axe-core/playwright'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { until } from '../support/until.ts'
import { letCodesCountAgain } from '../support/visitor.ts'
import { changeSessions } from '../sign-in/session-rows.ts'

const SIZE = 20 * 1024 * 1024
let server: TestServer
let browser: Browser
let folder: string
let large: string
let thread: string

serverAndBrowser((both) => ({ server, browser } = both))
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-large-'))
  large = join(folder, 'scan of my foot.txt')
  writeFileSync(large, Buffer.alloc(SIZE, 'A fictitious line.\n'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

async function signIn(page: Page, person: Person) {
  await letCodesCountAgain(server)
  await page.fill('[name=email]', person.email)
  await page.fill('[name=password]', person.password)
  await page.click('main button[type=submit]')
  await page.fill('[name=code]', codeOf(person))
  await page.click('main button[type=submit]')
}

async function replying(width = 390) {
  const { page, complaints } = await openWindow(browser, server.baseUrl, { width })
  await page.goto('/sign-in')
  await signIn(page, server.cast.maria)
  await page.waitForURL('**/messages')
  thread ??= (await page.getAttribute('ul.post a', 'href'))!
  await page.goto(thread)
  return { page, complaints }
}

/** Everything that the field's status said. */
async function heard(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const said: string[] = []
    Object.assign(globalThis, { said })
    const status = document.querySelector('[data-files] [role=status]')!
    new MutationObserver(() => said.push(status.textContent!)).observe(status, { childList: true })
  })
  return () => page.evaluate(() => (globalThis as unknown as { said: string[] }).said)
}

const bar = (page: Page) => page.locator('.picked progress')
const line = (page: Page) => page.locator('.picked .actions .quiet')
const pieces = '**/uploads/*'

/** Lets pieces through only while `open` says so. @returns how many were let through */
async function gate(page: Page, mayPass: () => boolean) {
  let passed = 0
  await page.route(pieces, async (route) => {
    if (route.request().method() !== 'PATCH') return route.continue()
    if (!mayPass()) return route.abort('connectionreset')
    passed++
    await route.continue()
  })
  return () => passed
}

test('75. 20 MB upload shows `<progress>` with value, survives one dropped connection, reply text kept on failure.', async () => {
  const { page } = await replying()
  let lineIsUp = true
  let dropped = 0
  const passed = await gate(page, () => {
    // One piece is lost on the way, and then the line is there again.
    if (dropped === 0 && passed?.() === 2) {
      lineIsUp = false
      dropped++
      setTimeout(() => (lineIsUp = true), 100)
      return false
    }
    return lineIsUp
  })
  const said = await heard(page)
  await page.fill('#body', 'My foot, from all sides.')
  await page.setInputFiles('#files', large)
  await bar(page).waitFor()
  assert.equal(await bar(page).getAttribute('aria-label'), 'scan of my foot.txt')
  const values = new Set<number>()
  await until(async () => {
    values.add(Number(await bar(page).evaluate((each) => (each as HTMLProgressElement).value)))
    return /Ready to send/.test(await line(page).innerText())
  }, 'the file is there')
  assert.equal(dropped, 1)
  assert.ok(values.has(100))
  const words = (await said()).join(' | ')
  assert.match(words, /\d+ % of scan of my foot\.txt is here/)
  assert.match(words, /is here\. It goes when you press Send/)
  assert.equal(await page.inputValue('#body'), 'My foot, from all sides.')
  await page.click('[name=action][value=send]')
  await page.waitForURL('**/sent')
  const [row] = await server.sql<{ count: number }>(
    'SELECT count(*)::integer AS count FROM attachments WHERE message_id IS NOT NULL',
  )
  assert.ok(row!.count >= 1)
})

test('the line does not come back: the text is kept, Send sends nothing without the file, and Resume goes on where it was', async () => {
  const { page } = await replying()
  let up = false
  await gate(page, () => up)
  await page.fill('#body', 'Kept in any case.')
  await page.setInputFiles('#files', large)
  await line(page).filter({ hasText: 'connection is lost' }).waitFor()
  const results = await new AxeBuilder({ page }).include('.field.files').analyze()
  assert.deepEqual(results.violations, [])
  // Sent while it is under way: the form waits.
  await page.click('[name=action][value=send]')
  await page.locator('[data-sending]', { hasText: 'on their way' }).waitFor()
  await page.locator('.picked .actions button').click()
  await line(page).filter({ hasText: 'Paused at' }).waitFor()
  await page.click('[name=action][value=send]')
  await page.locator('[data-sending]', { hasText: 'Nothing was sent yet' }).waitFor()
  assert.match(await page.evaluate(() => document.activeElement!.textContent!), /^Resume/)
  assert.equal(await page.inputValue('#body'), 'Kept in any case.')
  up = true
  await page.keyboard.press('Enter')
  // What was pressed before is done by itself once the file is there.
  await page.waitForURL('**/sent')
})

test('74. Drop zone and file input give the same result; keyboard-only attach works: Remove takes a large file back and moves the focus', async () => {
  const { page } = await replying()
  await gate(page, () => false)
  await page.setInputFiles('#files', large)
  await page.locator('.picked li').waitFor()
  await until(async () => (await server.sql('SELECT 1 FROM uploads')).length === 1, 'it was begun')
  await page.locator('.picked li > button').focus()
  await page.keyboard.press('Enter')
  await until(async () => (await server.sql('SELECT 1 FROM uploads')).length === 0, 'it was taken back')
  assert.equal(await page.evaluate(() => document.activeElement!.id), 'files')
  assert.equal(await page.locator('.picked li').count(), 0)
  // Dropped, it goes the same way.
  await page.unroute(pieces)
  await page.evaluate((size) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File([new Uint8Array(size).fill(65)], 'dropped.txt', { type: 'text/plain' }))
    document
      .querySelector('[data-files]')!
      .dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }))
  }, 6_000_000)
  await line(page).filter({ hasText: 'Ready to send' }).waitFor()
  await page.locator('.picked li > button').click()
  await until(
    async () =>
      (await server.sql('SELECT 1 FROM attachments WHERE message_id IS NULL AND draft_id IS NULL')).length === 0,
    'it was taken back',
  )
})

test('a sign-in that ends meanwhile stops the file and loses nothing: after the next one, in another window, Resume goes on', async () => {
  const { page } = await replying()
  let up = true
  const passed = await gate(page, () => up && passed?.() !== 1)
  await page.fill('#body', 'Signed out in between.')
  await page.setInputFiles('#files', large)
  await until(() => passed() === 1, 'a piece is there')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { id } = (await findAccountByEmail(server.cast.maria.email))!
  await changeSessions(server, { startedAt: 1 }, ({ sess }) => sess['accountId'] === id)
  await line(page).filter({ hasText: 'You are signed out' }).waitFor()
  assert.equal(await page.inputValue('#body'), 'Signed out in between.')
  const [other] = await Promise.all([page.context().waitForEvent('page'), page.click('.picked .actions a')])
  await signIn(other, server.cast.maria)
  await other.waitForURL('**/messages')
  await page.unroute(pieces)
  up = false
  await page.locator('.picked .actions button').click()
  await line(page).filter({ hasText: 'Ready to send' }).waitFor()
  await page.click('[name=action][value=send]')
  await page.waitForURL('**/sent')
})

test('without scripts a large file goes with the form, and the page says that it takes a while', async () => {
  const { page } = await openWindow(browser, server.baseUrl, { scripts: false, width: 390 })
  await page.goto('/sign-in')
  await signIn(page, server.cast.maria)
  await page.goto(thread)
  assert.ok(await page.getByText('Large files can take some minutes. Keep this page open.').isVisible())
  await page.fill('#body', 'As one form.')
  await page.setInputFiles('#files', large)
  await page.click('[name=action][value=send]')
  await page.waitForURL('**/sent')
})

/** For looking at: `PICTURES=folder` keeps them. */
test('how it looks', { skip: !process.env['PICTURES'] }, async () => {
  const to = process.env['PICTURES']!
  mkdirSync(to, { recursive: true })
  for (const [width, dark] of [
    [320, false],
    [390, true],
    [1280, false],
  ] as const) {
    const { page } = await openWindow(browser, server.baseUrl, { width, dark })
    await page.goto('/sign-in')
    await signIn(page, server.cast.maria)
    await page.waitForURL('**/messages')
    await page.goto(thread)
    const passed = await gate(page, () => passed?.() < 4)
    await page.setInputFiles('#files', large)
    await line(page).filter({ hasText: 'connection is lost' }).waitFor()
    await page.locator('.field.files').screenshot({ path: join(to, `lost-${width}-${dark}.png`) })
    await page.locator('.picked .actions button').click()
    await page.click('[name=action][value=send]')
    await page.locator('.field.files').screenshot({ path: join(to, `paused-${width}-${dark}.png`) })
    await page.locator('.picked li > button').click()
  }
})
