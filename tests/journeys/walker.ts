/** Walking through the running product as a person does, by links, forms and mails, and showing each page that is reached to whoever looks. */
import type { Browser, Page, Response } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import type { TestServer } from '../support/server.ts'
import { letCodesCountAgain } from '../support/visitor.ts'

export interface Seen {
  /** The page and its state: a sample's name, where a sample shows the same. */
  name: string
  page: Page
  response: Response
  status: number
  h1: string
  /** What the browser complained of on the way here. */
  complaints: string[]
}

export interface Window {
  page: Page
  complaints: string[]
}

export type Walker = ReturnType<typeof makeWalker>

export const SUBMIT = 'main form:not(.passkey) button[type=submit]'

/** @param look called with each page while it is open; it may change the window's width and colours */
export function makeWalker(
  server: TestServer,
  browser: Browser,
  look: (seen: Seen) => Promise<void>,
  { initScript }: { initScript?: string } = {},
) {
  async function window(): Promise<Window> {
    const { context, page, complaints } = await openWindow(browser, server.baseUrl)
    if (initScript) await context.addInitScript({ path: initScript })
    // A page may answer 422 and the browser says so; whatever else did not come is a complaint.
    page.on('response', (response) => {
      if (response.status() >= 400 && !response.request().isNavigationRequest())
        complaints.push(`${response.status()} ${response.url()}`)
    })
    await page.emulateMedia({ reducedMotion: 'reduce' })
    return { page, complaints }
  }

  /** @param looking whether the pages on the way are shown */
  async function signIn(person: Person, looking = false): Promise<Window> {
    await letCodesCountAgain(server)
    const signing = await window()
    const { page } = signing
    await page.goto('/sign-in')
    await page.fill('[name=email]', person.email)
    await page.fill('[name=password]', person.password)
    if (looking) {
      await press(signing, SUBMIT, 'sign-in/code', 200, 'Enter your code')
      await press(signing, SUBMIT, 'sign-in/code, wrong', 422, 'Enter your code')
      await open(signing, '/sign-in/recovery-code', 'sign-in/recovery-code', 200, 'Use a recovery code')
      await press(signing, SUBMIT, 'sign-in/recovery-code, wrong', 422, 'Use a recovery code')
      await page.goto('/sign-in/code')
    } else await pressQuietly(signing, SUBMIT)
    await page.fill('[name=code]', codeOf(person))
    await pressQuietly(signing, SUBMIT)
    return signing
  }

  async function open(who: Window, path: string, name: string, status: number, h1: string) {
    await show(who, name, (await who.page.goto(path))!, status, h1)
  }

  async function press(who: Window, selector: string, name: string, status: number, h1: string) {
    await show(who, name, await pressQuietly(who, selector), status, h1)
  }

  async function pressQuietly({ page }: Window, selector: string): Promise<Response> {
    const [response] = await Promise.all([
      page.waitForResponse((each) => each.request().isNavigationRequest() && ![302, 303].includes(each.status())),
      // The answer comes before the page does.
      page.waitForEvent('framenavigated'),
      page.locator(selector).first().click(),
    ])
    await page.waitForLoadState()
    return response
  }

  async function show({ page, complaints }: Window, name: string, response: Response, status: number, h1: string) {
    await look({
      name,
      page,
      response,
      status,
      h1,
      complaints: complaints.splice(0).filter((text) => !text.startsWith('Failed to load resource')),
    })
  }

  return { window, signIn, open, press, pressQuietly }
}
