/** The story that the product exists for, in a real browser, with scripts and again without. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openWindow, startBrowser } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { makePdf, makePhonePhoto } from '../support/files.ts'
import { mailsTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain } from '../support/visitor.ts'

interface UploadedFile {
  name: string
  mimeType: string
  buffer: Buffer
}

/** @param scripts whether the browsers run scripts */
export function aMessageTravels(scripts: boolean) {
  describe(`A message travels, ${scripts ? 'with scripts' : 'without scripts'}`, () => {
    let server: TestServer
    let browser: Browser
    const windows: { complaints: string[] }[] = []
    const pdf = { name: 'lab report.pdf', mimeType: 'application/pdf', buffer: makePdf('Blood sugar 5.4') }
    const photo: UploadedFile = {
      name: 'how to measure.jpg',
      mimeType: 'image/jpeg',
      buffer: Buffer.alloc(0) as Buffer,
    }
    const foot: UploadedFile = { name: 'my foot.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(0) as Buffer }
    const newcomer = 'nora.newcomer@mail.example'
    let nora: Person
    let thread = ''
    let provider: Page
    let patient: Page

    before(async () => {
      server = await startTestServer()
      browser = await startBrowser()
      photo.buffer = makePhonePhoto()
      foot.buffer = makePhonePhoto()
    })
    after(async () => {
      await browser.close()
      await server.stop()
    })

    async function window(width = 1280) {
      const opened = await openWindow(browser, server.baseUrl, { scripts, width })
      windows.push(opened)
      return opened.page
    }

    async function signIn(page: Page, person: Person) {
      await letCodesCountAgain(server)
      await page.goto('/sign-in')
      await page.fill('[name=email]', person.email)
      await page.fill('[name=password]', person.password)
      await page.click('main button[type=submit]')
      await page.fill('[name=code]', codeOf(person))
      await page.click('main button[type=submit]')
    }

    const mailTo = async (address: string) => (await mailsTo(server, address))[0]!

    test('1. A provider signs in and writes to an address never seen before, with a PDF and a photo', async () => {
      provider = await window()
      await signIn(provider, server.cast.dana)
      assert.equal(await provider.textContent('h1'), 'Diabetes team')
      await provider.click('a.button[href="/messages/new"]')
      await provider.fill('[name=to]', newcomer)
      await provider.fill('[name=subject]', 'Your lab report')
      await provider.fill('[name=body]', 'Dear Nora,\n\nyour report is here. Please send us a photo of your foot.')
      await provider.setInputFiles('[name=files]', [pdf, photo])
      await provider.click('button[value=check]')
      assert.match(await provider.innerText('.summary'), /says where it was taken/)
      await provider.click('button[value=check]')
      assert.equal(await provider.textContent('h1'), 'Check before you send')
      assert.equal((await provider.textContent('.address'))?.trim(), newcomer)
      assert.match(await provider.innerText('main'), /New here/i)
      assert.match(await provider.innerText('main'), /lab report\.pdf/)
      await provider.click('form[action$="/send"] button[type=submit]')
      assert.equal(await provider.textContent('h1'), 'Your message is on its way')
      assert.match(await provider.innerText('main'), /take it back/i)
    })

    test('2. The notice holds the name of the organisation and a link, and nothing of the message', async () => {
      const mail = await mailTo(newcomer)
      assert.equal(mail.subject, '[Demo] You have a secure message from Riverside Clinic')
      assert.doesNotMatch(mail.text + mail.html + mail.subject, /lab|report|Nora|foot|Dana|Diabetes|nora\.newcomer/i)
      assert.equal(mail.text.match(/https?:\/\//g)?.length, 1)
    })

    test('3. The link leads to a password, a code app, recovery codes and then the message itself', async () => {
      const link = /https?:\/\/\S+/.exec((await mailTo(newcomer)).text)![0]
      patient = await window(390)
      let screens = 0
      let fields = 0
      const count = async () => {
        screens++
        fields += await patient.locator('main input:not([type=hidden]):visible').count()
      }
      await patient.goto(link)
      assert.equal(await patient.textContent('h1'), 'You have a secure message')
      await patient.click('main button[type=submit]')
      await count()
      nora = { role: 'patient', name: 'Nora', email: newcomer, password: 'three random words 7', totpSecret: '' }
      await patient.fill('[name=password]', nora.password)
      await patient.click('main button[type=submit]')
      await count()
      assert.equal(await patient.textContent('h1'), 'Add a code app')
      nora.totpSecret = (await patient.innerText('#key')).replace(/\s/g, '')
      const html = await patient.content()
      assert.ok(
        html.indexOf('href="otpauth:') < html.indexOf('id="key"') &&
          html.indexOf('id="key"') < html.indexOf('class="qr"'),
        'tap link, key, QR',
      )
      await patient.fill('[name=code]', codeOf(nora).replace(/^(...)/, '$1 '))
      await patient.click('main button[type=submit]')
      await count()
      assert.equal(await patient.textContent('h1'), 'Keep these codes safe')
      assert.equal(await patient.locator('.recovery-codes li').count(), 10)
      await patient.check('[name=saved]')
      await patient.click('main button[type=submit]')
      screens++
      assert.equal(await patient.textContent('h1'), 'Your lab report')
      assert.ok(screens <= 4, `${screens} screens after the landing`)
      assert.ok(fields <= 6, `${fields} fields`)
    })

    test('4. The patient reads, sees the photo upright, downloads both files byte for byte, and answers with a photo', async () => {
      assert.match(await patient.innerText('article.letter'), /your report is here/)
      const small = patient.locator('article.letter img.look')
      assert.equal(await small.count(), 2)
      const source = await small.last().getAttribute('src')
      const thumbnail = await patient.context().request.get(server.baseUrl + source!)
      assert.equal(thumbnail.status(), 200)
      assert.doesNotMatch((await thumbnail.body()).toString('latin1'), /Exif|GPS/)
      for (const file of [pdf, photo]) {
        const [saved] = await Promise.all([
          patient.waitForEvent('download'),
          patient.locator('.file-list li', { hasText: file.name }).locator('a[href$="/download"]').click(),
        ])
        assert.deepEqual(readFileSync(await saved.path()), file.buffer)
        assert.equal(saved.suggestedFilename(), file.name)
      }
      await patient.fill('[name=body]', 'Thank you. Here is my foot.')
      await patient.setInputFiles('[name=files]', [foot])
      await patient.click('button[value=send]')
      assert.match(await patient.innerText('.summary'), /says where it was taken/)
      await patient.click('button[value=send]')
      assert.equal(await patient.textContent('h1'), 'We sent your reply')
    })

    test('4b. Returning takes two screens', async () => {
      const link = /https?:\/\/\S+/.exec((await mailTo(newcomer)).text)![0]
      const again = await window(390)
      await letCodesCountAgain(server)
      await again.goto(link)
      assert.match(await again.innerText('main'), /n…\u2060@mail\.example/)
      await again.fill('[name=password]', nora.password)
      await again.click('main button[type=submit]')
      await again.fill('[name=code]', codeOf(nora))
      await again.click('main button[type=submit]')
      assert.equal(await again.textContent('h1'), 'Your lab report')
    })

    test('5. The team is told without content; the provider sees what was opened, and answers in the same thread', async () => {
      const mail = await mailTo(server.cast.sam.email)
      assert.doesNotMatch(mail.text + mail.html + mail.subject, /foot|Nora|newcomer|lab report|Thank/i)
      await provider.goto('/messages')
      await provider.click(`a:has-text("${newcomer}")`)
      assert.equal(await provider.textContent('h1'), 'Your lab report')
      const timeline = await provider.locator('article.letter').first().locator('.timeline').innerText()
      assert.match(timeline, /Opened by patient\s+\w{3} \d\d:\d\d/)
      assert.match(timeline, /2 files opened/)
      assert.match(timeline, /Replied/)
      assert.match(await provider.locator('article.letter').nth(1).innerText(), /Here is my foot/)
      await provider.fill('[name=body]', 'It heals well.')
      await provider.click('button[value=send]')
      assert.equal(await provider.textContent('h1'), 'We sent your reply')
      await patient.goto('/messages')
      await patient.click('ul.post a')
      thread = new URL(patient.url()).pathname
      assert.equal(await patient.locator('article.letter').count(), 3)
      assert.match(await patient.locator('article.letter').nth(2).innerText(), /It heals well/)
    })

    test('6. The auditor sees one line for each thing that happened and no content; nobody else can read', async () => {
      for (const [name, person] of Object.entries({
        admin: server.cast.ada,
        auditor: server.cast.felix,
        'another patient': server.cast.maria,
      })) {
        const page = await window()
        await signIn(page, person)
        const answer = await page.goto(thread)
        assert.equal(answer?.status(), 404, name)
        assert.doesNotMatch(await page.innerText('body'), /heals|foot|lab report/i)
      }
      const auditor = await window()
      await signIn(auditor, server.cast.felix)
      await auditor.goto('/admin/access-events')
      const log = await auditor.innerText('table.events')
      for (const code of [
        'message.dropped',
        'notice.sent',
        'account.invited',
        'account.enrolled',
        'message.opened',
        'attachment.downloaded',
        'account.signed-in',
      ])
        assert.match(log, new RegExp(code.replace('.', '\\.')), code)
      assert.match(log, /message\.opened[\s\S]{0,80}Denied[\s\S]{0,10}It is not theirs/)
      assert.doesNotMatch(log, /heals|foot\b|lab report|Thank you/i)
    })

    test('no page asked for anything elsewhere, and no browser complained of a page', () => {
      const complaints = windows
        .flatMap(({ complaints }) => complaints)
        .filter((text) => !/status of (404|422)/.test(text))
      assert.deepEqual(complaints, [])
    })
  })
}
