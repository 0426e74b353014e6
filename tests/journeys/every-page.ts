/**
 * A walk through every page of the running product, in every state that a person can meet, each reached as a person reaches it: by links, forms
 * and mails. `look` is called at each one. What a page needs (an invitation, a thread with files, a message taken back) is made on the way.
 */
import type { Browser, Page, Response } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { makePdf, makePhonePhoto, makePng } from '../support/files.ts'
import type { TestServer } from '../support/server.ts'
import { letCodesCountAgain, Visitor } from '../support/visitor.ts'
import { changeSessions } from '../sign-in/session-rows.ts'

export interface Seen {
  /** The page and its state. */
  name: string
  page: Page
  response: Response
  status: number
  h1: string
  /** What the browser complained of on the way here. */
  complaints: string[]
}

/** A subject, a file name, a body and so on that nobody designs for. */
export const HARD = {
  subject: `Results ${'of a very long examination with a name that does not end '.repeat(3)}`.slice(0, 199).trim(),
  unbroken: 'Pneumonoultramicroscopicsilicovolcanoconiosis'.repeat(4),
  fileName: `scan-${'left-foot-from-below-'.repeat(9)}.png`,
  zalgo: 'Z̸̢̛̻͚̣̘̪̮̜̼̩͇̳̠̬͍̈́̀̈́̂̈́̏͒̊͐a̶̡̨̛̰̱̖̺̳̘̮͑̓̎̋̅̚l̷̢̛̻̘̺̥̈́̓̍̕͝g̵̡̪̘̱̖͛̀̐o̸̡̳̝͔̔͊͂̕ ',
  arabic: 'السيدة العزيزة، نتيجة التحليل جيدة. الرجاء تناول الدواء 5 mg مرتين في اليوم.',
}

const SUBMIT = 'main form button[type=submit]'

interface Window {
  page: Page
  complaints: string[]
}

interface Mail {
  to: string
  text: string
}

/** @param look called with each page while it is open; it may change the window's width and colours */
export async function walkEveryPage(
  server: TestServer,
  browser: Browser,
  look: (seen: Seen) => Promise<void>,
  { initScript }: { initScript?: string } = {},
): Promise<void> {
  const { dana, sam, maria, ada, felix } = server.cast
  const nobody = await window()
  const photo = { name: 'left foot.jpg', mimeType: 'image/jpeg', buffer: makePhonePhoto() }
  const pdf = { name: 'lab report.pdf', mimeType: 'application/pdf', buffer: makePdf('Fictitious') }

  await beforeSignIn()
  const nora = await enrolment()
  const provider = await signIn(dana, true)
  const patient = await signIn(maria)
  await writing()
  await conversations()
  await hardContent()
  const admin = await signIn(ada)
  await administration()
  await ends()

  async function beforeSignIn() {
    await open(nobody, '/', 'sign-in', 200, 'Sign in')
    await open(nobody, '/sign-in?signed-out', 'sign-in, signed out', 200, 'Sign in')
    await press(nobody, SUBMIT, 'sign-in, nothing typed', 422, 'Sign in')
    await nobody.page.fill('[name=email]', maria.email)
    await nobody.page.fill('[name=password]', 'not my password')
    await press(nobody, SUBMIT, 'sign-in, wrong', 422, 'Sign in')
    // As if many tries had been made: each takes a while.
    await server.sql('UPDATE rate_limits SET points = 7')
    await nobody.page.fill('[name=password]', 'not my password')
    await press(nobody, SUBMIT, 'sign-in, a few tries left', 422, 'Sign in')
    await server.sql('UPDATE rate_limits SET points = 100')
    await nobody.page.fill('[name=password]', 'not my password')
    await press(nobody, SUBMIT, 'sign-in, too many tries', 429, 'Sign in')
    await letCodesCountAgain(server)
    await open(nobody, '/help', 'help', 200, 'Help')
    await open(nobody, '/privacy', 'privacy', 200, 'Privacy')
    await open(nobody, '/check-notice', 'check a notice', 200, 'Is this notice real?')
    await open(nobody, '/nothing-here', 'error, not found', 404, 'We cannot find that page')
    await open(
      nobody,
      '/m/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      'landing, unknown link',
      404,
      'We cannot find that page',
    )
    await open(nobody, '/demo', 'try-out, welcome', 200, 'Try Letterlock')
    await open(nobody, '/demo/outbox', 'try-out, outbox', 200, 'Mail that would have gone out')
    await press(nobody, '.mails a', 'try-out, mail', 200, '[Demo] You have a secure message from Riverside Clinic')
  }

  async function enrolment(): Promise<Person> {
    const person = await newcomer()
    const link = await linkIn(person.email)
    const { page } = person.window
    await open(person.window, link, 'landing', 200, 'You have a secure message')
    await press(person.window, SUBMIT, 'make a password', 200, 'Make your sign-in')
    await page.fill('[name=password]', 'short')
    await press(person.window, SUBMIT, 'make a password, too short', 422, 'Make your sign-in')
    await page.fill('[name=password]', person.password)
    await press(person.window, SUBMIT, 'second factor', 200, 'Add a code app')
    await press(person.window, SUBMIT, 'second factor, nothing typed', 422, 'Add a code app')
    person.totpSecret = (await page.innerText('#key')).replace(/\s/g, '')
    await page.fill('[name=code]', codeOf(person))
    await press(person.window, SUBMIT, 'recovery codes', 200, 'Keep these codes safe')
    await press(person.window, SUBMIT, 'recovery codes, not ticked', 422, 'Keep these codes safe')
    await page.check('[name=saved]')
    await press(person.window, SUBMIT, 'message, the first', 200, 'How we can help')
    await page.context().clearCookies()
    await open(person.window, link, 'sign-in by a link', 200, 'Sign in to read your message')
    await open(person.window, link.replace(/\/m\/.*/, '/sign-in'), 'sign-in, plain', 200, 'Sign in')
    await page.context().close()
    return person
  }

  /** Somebody without an account, and without a name: Dana writes to them. */
  async function newcomer(): Promise<Person & { window: Window }> {
    await letCodesCountAgain(server)
    const writer = new Visitor(server)
    await writer.signIn(dana)
    const email = 'a.newcomer.with.a.rather.long.address@a-provider-of-mail.example'
    await drop(writer, { to: email, subject: 'How we can help', body: 'Dear reader,\n\nwelcome.' })
    const opened = await window()
    return { role: 'patient', name: '', email, password: 'three random words 7', totpSecret: '', window: opened }
  }

  async function writing() {
    await open(provider, '/messages/new', 'compose', 200, 'New message')
    await provider.page.fill('[name=to]', dana.email)
    await provider.page.setInputFiles('[name=files]', [
      photo,
      { name: 'run me.exe', mimeType: 'application/x-msdownload', buffer: Buffer.from('MZ nothing') },
      { name: 'nothing.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(0) },
    ])
    await press(provider, 'button[value=check]', 'compose, everything wrong', 422, 'New message')
    await provider.page.fill('[name=to]', maria.email)
    await provider.page.fill('[name=subject]', 'Photos of your foot')
    await provider.page.fill('[name=body]', 'Dear Maria,\n\nhere is what to look for. Please send a photo.')
    await provider.page.setInputFiles('[name=files]', [pdf])
    await press(provider, 'button[value=save]', 'compose, a draft', 200, 'New message')
    await press(provider, 'button[value=check]', 'check, somebody known', 200, 'Check before you send')
    await press(provider, 'form[action$="/send"] button', 'sent, a message', 200, 'Your message is on its way')
    const again = new Visitor(server)
    await letCodesCountAgain(server)
    await again.signIn(dana)
    await drop(again, { to: 'somebody.else@mail.example', subject: 'Not for you', body: 'A slip.' })
    await provider.page.goto('/messages/new')
    await provider.page.fill('[name=to]', 'first.time@mail.example')
    await provider.page.fill('[name=subject]', 'A first message')
    await provider.page.fill('[name=body]', 'Welcome.')
    await press(provider, 'button[value=check]', 'check, somebody new', 200, 'Check before you send')
  }

  async function conversations() {
    await open(patient, '/messages', 'inbox', 200, 'Messages')
    await press(patient, 'ul.post a:has-text("Photos of your foot")', 'message, with files', 200, 'Photos of your foot')
    await press(patient, 'button[value=send]', 'message, an empty reply', 422, 'Photos of your foot')
    await patient.page.fill('[name=body]', 'I will send it.')
    await patient.page.setInputFiles('[name=files]', [photo])
    await press(patient, 'button[value=save]', 'message, with a draft', 200, 'Photos of your foot')
    const thread = new URL(patient.page.url()).pathname
    await press(patient, '.file-list a:has-text("Open")', 'attachment, a picture', 200, 'left foot.jpg')
    await patient.page.goBack()
    await press(
      patient,
      '.file-list li:nth-child(2) a:has-text("Open")',
      'attachment, without a preview',
      200,
      'lab report.pdf',
    )
    await open(patient, '/messages', 'inbox, with a draft', 200, 'Messages')
    // Sam writes while Maria has the page open.
    await patient.page.goto(thread)
    const colleague = new Visitor(server)
    await letCodesCountAgain(server)
    await colleague.signIn(sam)
    await answer(colleague, thread, 'And please measure your sugar tonight.')
    await press(patient, 'button[value=send]', 'message, overtaken by a newer one', 422, 'Photos of your foot')
    await press(patient, 'button[value=send]', 'sent, a reply', 200, 'We sent your reply')
    await press(patient, 'a[href$="/recall"]', 'take back, a reply', 200, 'Take this message back?')
    await press(patient, SUBMIT, 'message, a reply taken back', 200, 'Photos of your foot')
    await patient.page.goto(thread)
    await patient.page.fill('[name=body]', 'Here it is.')
    await pressQuietly(patient, 'button[value=send]')

    await open(provider, '/messages', 'team inbox, needs reply', 200, 'Diabetes team')
    for (const list of ['waiting', 'not-opened', 'all'])
      await open(provider, `/messages?show=${list}`, `team inbox, ${list}`, 200, 'Diabetes team')
    await open(provider, '/messages?show=nothing', 'error, a bad request', 400, 'That did not fit the page')
    await open(provider, thread, 'conversation', 200, 'Photos of your foot')
    await press(provider, 'button[value=send]', 'conversation, an empty reply', 422, 'Photos of your foot')
    await open(provider, `${thread}/recall`, 'take back, too late', 200, 'Take this message back?')
    await provider.page.goto('/messages?show=not-opened')
    await provider.page.click('a:has-text("somebody.else")')
    const slip = new URL(provider.page.url()).pathname
    const slipLink = await linkIn('somebody.else@mail.example')
    await press(provider, 'a[href$="/recall"]', 'take back', 200, 'Take this message back?')
    await press(provider, SUBMIT, 'conversation, taken back', 200, 'Taken back')
    await open(nobody, slipLink, 'landing, taken back', 410, 'This message was taken back')
    await open(patient, slip, "message, somebody else's", 404, 'We cannot find that page')
    await open(patient, '/admin/people', 'error, another area', 404, 'We cannot find that page')
    await patient.page.goto(thread)
    await patient.page.evaluate(`for (const field of document.querySelectorAll('[name=_csrf]')) field.value = 'old'`)
    await patient.page.fill('[name=body]', 'Hello')
    await press(patient, 'button[value=save]', 'error, a form that is too old', 403, 'This form was open for too long')
    await readEverything()
  }

  async function readEverything() {
    await patient.page.goto('/messages')
    const links = await patient.page.evaluate<string[]>(
      `Array.from(document.querySelectorAll('ul.post a'), ({ href }) => href)`,
    )
    for (const link of links) await patient.page.goto(link)
    await open(patient, '/messages?show=unread', 'inbox, nothing unread', 200, 'Messages')
  }

  /** What nobody designs for: everything too long, ten files, other scripts. */
  async function hardContent() {
    const writer = new Visitor(server)
    await letCodesCountAgain(server)
    await writer.signIn(dana)
    const files = Array.from({ length: 9 }, (_, at) => ({
      name: `${at} ${HARD.fileName}`,
      type: 'image/png',
      bytes: makePng(40 + at, 30),
    }))
    const body = [HARD.arabic, HARD.unbroken, HARD.zalgo.repeat(5), 'A long letter goes on and on. '.repeat(600)]
      .join('\n\n')
      .slice(0, 19_999)
    const to = nora.email
    const id = await drop(writer, { to, subject: HARD.subject, body }, [
      ...files,
      { name: 'تقرير المختبر.pdf', type: 'application/pdf', bytes: makePdf() },
    ])
    await drop(writer, { to, subject: HARD.unbroken.slice(0, 200), body: HARD.arabic })
    await open(provider, `/messages/${id}`, 'conversation, hard content', 200, HARD.subject)
    await open(provider, '/messages?show=all', 'team inbox, hard content', 200, 'Diabetes team')
    const reader = await signIn(nora)
    await open(reader, '/messages', 'inbox, hard content', 200, 'Messages')
    await open(reader, `/messages/${id}`, 'message, hard content', 200, HARD.subject)
    await press(reader, '.file-list a:has-text("Open")', 'attachment, a long name', 200, `0 ${HARD.fileName}`)
    await reader.page.context().close()
  }

  async function administration() {
    await open(admin, '/admin/people', 'people', 200, 'People')
    await press(admin, 'a[href$="/invite"]', 'invite', 200, 'Invite a colleague')
    await press(admin, SUBMIT, 'invite, nothing typed', 422, 'Invite a colleague')
    await admin.page.fill('[name=name]', 'Kim Novak, foot nurse')
    await admin.page.fill('[name=email]', 'kim.novak@riverside.example')
    await admin.page.check('[value=provider]')
    await admin.page.fill('[name=newTeam]', 'Foot clinic')
    await press(admin, SUBMIT, 'people, somebody was invited', 200, 'People')
    await keepOneEventOfEachKind()
    await open(admin, '/admin/access-events', 'access log, for an administrator', 200, 'Access log')
    const auditor = await signIn(felix)
    await open(auditor, '/admin/access-events', 'access log', 200, 'Access log')
    await open(
      auditor,
      '/admin/access-events?outcome=denied&what=message.opened',
      'access log, filtered',
      200,
      'Access log',
    )
    await open(
      auditor,
      '/admin/access-events?who=nobody-at-all',
      'access log, nobody of that address',
      422,
      'Access log',
    )
    await open(auditor, '/admin/access-events?to=2020-01-01', 'access log, nothing found', 200, 'Access log')
    await open(auditor, '/messages', 'inbox, empty', 200, 'Messages')
    const kim = await colleague()
    await open(kim, '/messages', 'team inbox, empty', 200, 'Foot clinic')
  }

  /** A log of a hundred lines takes the browser's checks seconds and shows nothing new. Only the owner of the tables can shorten it, past its triggers. */
  async function keepOneEventOfEachKind() {
    await server.sql(`
      BEGIN;
      ALTER TABLE access_events DISABLE TRIGGER never_changed;
      DELETE FROM access_events WHERE id NOT IN (SELECT DISTINCT ON (act, outcome) id FROM access_events ORDER BY act, outcome, at DESC);
      ALTER TABLE access_events ENABLE TRIGGER never_changed;
      COMMIT`)
  }

  /** The colleague who was just invited makes a sign-in. */
  async function colleague(): Promise<Window> {
    const joined = await window()
    const { page } = joined
    await page.goto(await linkIn('kim.novak@riverside.example'))
    await page.click(SUBMIT)
    await page.fill('[name=password]', 'three random words 8')
    await page.click(SUBMIT)
    const totpSecret = (await page.innerText('#key')).replace(/\s/g, '')
    await page.fill('[name=code]', codeOf({ totpSecret }))
    await page.click(SUBMIT)
    await page.check('[name=saved]')
    await page.click(SUBMIT)
    return joined
  }

  /** Sessions that end, a server in trouble. */
  async function ends() {
    await patient.page.goto('/messages')
    await patient.page.click('ul.post a')
    await patient.page.fill('[name=body]', 'Written too late')
    await changeSessions(server, { seenAt: 1 })
    await press(patient, 'button[value=send]', 'sign-in, what was written is kept', 200, 'Sign in')
    await open(admin, '/admin/people', 'sign-in, after an idle time', 200, 'Sign in')
    await withBrokenMail('XX000', () =>
      open(nobody, '/demo/outbox', 'error, broken', 500, 'Something went wrong on our side'),
    )
    await withBrokenMail('57P03', () =>
      open(nobody, '/demo/outbox', 'error, unavailable', 503, 'We have to pause for a moment'),
    )
  }

  /** The outbox's table fails with this code of PostgreSQL's. */
  async function withBrokenMail(code: string, act: () => Promise<void>) {
    await server.sql(
      `CREATE FUNCTION fail() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${code}'; END $$`,
    )
    await server.sql('ALTER TABLE captured_mails RENAME TO captured_mails_away')
    await server.sql('CREATE VIEW captured_mails AS SELECT * FROM captured_mails_away WHERE fail()')
    await server.sql('GRANT SELECT ON captured_mails TO PUBLIC')
    await act()
    await server.sql('DROP VIEW captured_mails')
    await server.sql('ALTER TABLE captured_mails_away RENAME TO captured_mails')
    await server.sql('DROP FUNCTION fail()')
  }

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

  async function signIn(person: Person, looking = false): Promise<Window> {
    await letCodesCountAgain(server)
    const signing = await window()
    const { page } = signing
    await page.goto('/sign-in')
    await page.fill('[name=email]', person.email)
    await page.fill('[name=password]', person.password)
    if (looking) {
      await press(signing, SUBMIT, 'code', 200, 'Enter your code')
      await press(signing, SUBMIT, 'code, nothing typed', 422, 'Enter your code')
      await open(signing, '/sign-in/recovery-code', 'recovery code', 200, 'Use a recovery code')
      await press(signing, SUBMIT, 'recovery code, nothing typed', 422, 'Use a recovery code')
      await page.goto('/sign-in/code')
    } else await page.click(SUBMIT)
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

  async function linkIn(address: string): Promise<string> {
    for (let tries = 0; tries < 100; tries++) {
      const mails = (await (await fetch(`${server.baseUrl}/demo/outbox.json`)).json()) as Mail[]
      const mail = mails.find(({ to }) => to === address)
      if (mail) return /https?:\/\/\S+/.exec(mail.text)![0]
      await new Promise((done) => setTimeout(done, 100))
    }
    throw new Error(`no mail to ${address}`)
  }
}

/** Sends a new message. @returns its id */
export async function drop(
  writer: Visitor,
  text: { to: string; subject: string; body: string },
  files: { name: string; type: string; bytes: Buffer }[] = [],
) {
  const kept = await writer.upload('/messages/new', '/messages', { ...text, draft: '', action: 'check' }, files)
  const sent = await writer.submit(kept.location, kept.location.replace('/check', '/send'), {})
  return /\/messages\/([^/]+)\/sent/.exec(sent.location)![1]!
}

/** Answers in a thread. */
export async function answer(writer: Visitor, thread: string, body: string) {
  const page = await writer.open(thread)
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.body)![1]!
  await writer.upload(thread, `${thread}/replies`, {
    submission: field('submission'),
    seen: field('seen'),
    body,
    action: 'send',
  })
}
