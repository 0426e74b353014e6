/** A real Chromium, out of an npm package, so that the journeys need nothing else on a bare Linux machine. */
import chromium from '@sparticuz/chromium'
import { chromium as playwright, type Browser, type BrowserContext, type Page } from 'playwright-core'

// Not the package's own arguments: they end the browser with its first page, and switch web security off.
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

export async function startBrowser(): Promise<Browser> {
  return playwright.launch({ executablePath: await chromium.executablePath(), args: ARGUMENTS, headless: true })
}

/** A browser that keeps what browsers keep (cache, history, forms) in a folder. */
export async function startProfile(folder: string, baseURL: string): Promise<BrowserContext> {
  const executablePath = await chromium.executablePath()
  const context = await playwright.launchPersistentContext(folder, {
    executablePath,
    args: ARGUMENTS,
    headless: true,
    baseURL,
  })
  context.setDefaultTimeout(60_000)
  return context
}

export interface Device {
  scripts?: boolean
  width?: number
  dark?: boolean
}

/** A browser of its own for one person. Anything that a page complains of (a refused script, a missing file) is kept in `complaints`. */
export async function openWindow(
  browser: Browser,
  baseUrl: string,
  { scripts = true, width = 1280, dark = false }: Device = {},
): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> {
  const context = await browser.newContext({
    baseURL: baseUrl,
    javaScriptEnabled: scripts,
    viewport: { width, height: width < 500 ? 720 : 900 },
    colorScheme: dark ? 'dark' : 'light',
    acceptDownloads: true,
  })
  // A busy machine is slow, and slow is not wrong.
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(baseUrl) && !request.url().startsWith('blob:'))
      complaints.push(`asked elsewhere: ${request.url()}`)
  })
  return { context, page, complaints }
}

/** From now on time passes on this page only when the test says so: the clock must have been installed before the page was opened. */
export async function stopClock(page: Page): Promise<void> {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1000)
}
