/**
 * npm run pictures: walks through the running try-out as its README tells it, and writes docs/pictures. Start with a fresh try-out (`npm start`
 * in another window), so that the lists show its first messages and nobody has used the code of this moment.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { config } from '../server/config.ts'
import { projectRoot } from '../server/lib/root.ts'
import { openWindow, startBrowser } from '../tests/support/browser.ts'
import { castIn, codeOf, type Person } from '../tests/support/cast.ts'
import { makePdf } from '../tests/support/files.ts'

const SUBMIT = 'main button[type=submit]'
const SUBJECT = 'Your sugar diary'
const NEWCOMER = 'nora.reed@mail.example'
const FOLDER = join(projectRoot, 'docs/pictures')

const { baseUrl, dataDir } = config()
const cast = castIn(dataDir)
mkdirSync(FOLDER, { recursive: true })
const browser = await startBrowser()
try {
  await tell()
} finally {
  await browser.close()
}

async function tell() {
  const dana = await window(1280)
  await signIn(dana, cast.dana)
  await write(dana)
  const nora = await window(390)
  await readAndReply(nora)
  await dana.goto('/messages')
  await keep(dana, 'team-inbox', 560)
  await dana.click(`a:has-text("${NEWCOMER}")`)
  await dana.waitForLoadState('networkidle')
  await keep(dana, 'conversation', 860)
  const felix = await window(1280)
  await signIn(felix, cast.felix)
  await felix.goto('/admin/access-events')
  await keep(felix, 'access-log', 860)
}

async function write(dana: Page) {
  await dana.click('a.button[href="/messages/new"]')
  await dana.fill('[name=to]', NEWCOMER)
  await dana.fill('[name=subject]', SUBJECT)
  const lines = [
    'Dear Nora,',
    'your last values look good. The report is here, and the diary of last week.',
    'How do you feel in the mornings?',
  ]
  await dana.fill('[name=body]', lines.join('\n\n'))
  await dana.setInputFiles('[name=files]', [
    { name: 'report.pdf', mimeType: 'application/pdf', buffer: makePdf('A fictitious report') },
    { name: 'diary.png', mimeType: 'image/png', buffer: await drawDiary() },
  ])
  await dana.click('button[value=check]')
  await keep(dana, 'check', 840)
  await dana.click('form[action$="/send"] button')
}

async function readAndReply(nora: Page) {
  await nora.goto(await linkIn(NEWCOMER))
  await keep(nora, 'landing', 1040)
  await nora.click(SUBMIT)
  await nora.fill('[name=password]', 'three random words 7')
  await nora.click(SUBMIT)
  await nora.fill('[name=code]', codeOf({ totpSecret: (await nora.innerText('#key')).replace(/\s/g, '') }))
  await keep(nora, 'code-app', 1040)
  await nora.click(SUBMIT)
  await nora.check('[name=saved]')
  await nora.click(SUBMIT)
  await nora.waitForLoadState('networkidle')
  await keep(nora, 'message', 1040)
  await Promise.all([nora.waitForEvent('download'), nora.click('.file-list a[href$="/download"]')])
  await nora.fill('[name=body]', 'Thank you. I feel well, only a little tired.')
  await nora.click('button[value=send]')
  await nora.waitForSelector('.done')
}

async function window(width: number): Promise<Page> {
  const { page } = await openWindow(browser, baseUrl, { width })
  return page
}

async function signIn(page: Page, person: Person) {
  await page.goto('/sign-in')
  await page.fill('[name=email]', person.email)
  await page.fill('[name=password]', person.password)
  await page.click(SUBMIT)
  await page.fill('[name=code]', codeOf(person))
  await page.click(SUBMIT)
  await page.waitForSelector('.masthead nav')
}

async function linkIn(address: string): Promise<string> {
  for (let tries = 0; tries < 50; tries++) {
    const mails = (await (await fetch(`${baseUrl}/demo/outbox.json`)).json()) as { to: string; text: string }[]
    const link = /https?:\/\/\S+\/m\/\S+/.exec(mails.find(({ to }) => to === address)?.text ?? '')?.[0]
    if (link) return link
    await new Promise((done) => setTimeout(done, 200))
  }
  throw new Error(`No notice to ${address} in ${baseUrl}/demo/outbox`)
}

/** The upper part of the page, in 64 colours. */
async function keep(page: Page, name: string, height: number) {
  await page.setViewportSize({ width: page.viewportSize()!.width, height })
  await page.evaluate('scrollTo(0, 0)')
  const file = join(FOLDER, `${name}.png`)
  const { size } = await sharp(await page.screenshot())
    .png({ palette: true, colours: 64, compressionLevel: 9 })
    .toFile(file)
  process.stdout.write(`docs/pictures/${name}.png, ${Math.round(size / 1000)} KB\n`)
}

/** An invented week of values, as a small picture. */
function drawDiary(): Promise<Buffer> {
  const values = [7.2, 6.8, 6.9, 6.1, 6.4, 5.8, 5.6]
  const points = values.map((value, day) => `${40 + day * 60},${300 - value * 34}`)
  const dots = points.map(
    (point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="7" fill="#0b5563"/>`,
  )
  const lines = [80, 150, 220].map((y) => `<path d="M20 ${y}H420" stroke="#d5dbe3"/>`)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="440" height="300"><rect width="440" height="300" fill="#fff"/>${lines.join('')}<polyline points="${points.join(' ')}" fill="none" stroke="#0b5563" stroke-width="3"/>${dots.join('')}</svg>`
  return sharp(Buffer.from(svg)).png().toBuffer()
}
