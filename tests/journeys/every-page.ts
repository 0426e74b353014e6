/**
 * Every page of writing, reading, the teams and the administration, in the states that a person can meet, each reached as a person reaches it: by
 * links, forms and mails. What a page needs (an invitation, a thread with files, a message taken back) is made on the way.
 */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, type Person } from '../support/cast.ts'
import { makePdf, makePhonePhoto, makePng } from '../support/files.ts'
import type { TestServer } from '../support/server.ts'
import { letCodesCountAgain, Visitor } from '../support/visitor.ts'
import { changeSessions } from '../sign-in/session-rows.ts'
import { SUBMIT, type Walker, type Window } from './walker.ts'

/** A subject, a file name, a body and so on that nobody designs for. */
export const HARD = {
  subject: `Results ${'of a very long examination with a name that does not end '.repeat(3)}`.slice(0, 199).trim(),
  unbroken: 'Pneumonoultramicroscopicsilicovolcanoconiosis'.repeat(4),
  fileName: `scan-${'left-foot-from-below-'.repeat(9)}.png`,
  zalgo: 'Z̸̢̛̻͚̣̘̪̮̜̼̩͇̳̠̬͍̈́̀̈́̂̈́̏͒̊͐a̶̡̨̛̰̱̖̺̳̘̮͑̓̎̋̅̚l̷̢̛̻̘̺̥̈́̓̍̕͝g̵̡̪̘̱̖͛̀̐o̸̡̳̝͔̔͊͂̕ ',
  arabic: 'السيدة العزيزة، نتيجة التحليل جيدة. الرجاء تناول الدواء 5 mg مرتين في اليوم.',
}

interface Mail {
  to: string
  text: string
}

export async function walkLetters(server: TestServer, walker: Walker): Promise<void> {
  const { window, signIn, open, press, pressQuietly } = walker
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
    await open(nobody, '/', 'sign-in/sign-in', 200, 'Sign in')
    await open(nobody, '/sign-in?signed-out', 'sign-in/sign-in, signed out', 200, 'Sign in')
    await press(nobody, SUBMIT, 'sign-in/sign-in, nothing typed', 422, 'Sign in')
    await nobody.page.fill('[name=email]', maria.email)
    await nobody.page.fill('[name=password]', 'not my password')
    await press(nobody, SUBMIT, 'sign-in/sign-in, wrong details', 422, 'Sign in')
    // As if many tries had been made: each takes a while.
    await server.sql('UPDATE rate_limits SET points = 7')
    await nobody.page.fill('[name=password]', 'not my password')
    await press(nobody, SUBMIT, 'sign-in/sign-in, a few tries left', 422, 'Sign in')
    await server.sql('UPDATE rate_limits SET points = 100')
    await nobody.page.fill('[name=password]', 'not my password')
    await press(nobody, SUBMIT, 'sign-in/sign-in, slow down', 429, 'Sign in')
    await letCodesCountAgain(server)
    await open(nobody, '/help', 'help/help', 200, 'Help')
    await open(nobody, '/privacy', 'help/privacy', 200, 'Privacy')
    await open(nobody, '/check-notice', 'help/check-notice', 200, 'Is this notice real?')
    await open(nobody, '/nothing-here', 'errors/error, not-found', 404, 'We cannot find that page')
    await open(
      nobody,
      '/m/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      'errors/error, not-found, an unknown link',
      404,
      'We cannot find that page',
    )
    await open(nobody, '/demo', 'try-out/welcome', 200, 'Try Letterlock')
    await open(nobody, '/demo/outbox', 'try-out/outbox', 200, 'Mail that would have gone out')
    await press(
      nobody,
      '.mails a:has-text("secure message")',
      'try-out/mail',
      200,
      '[Demo] You have a secure message from Riverside Clinic',
    )
  }

  async function enrolment(): Promise<Person> {
    const person = await newcomer()
    const link = await linkIn(person.email)
    const { page } = person.window
    await open(person.window, link, 'sign-in/landing', 200, 'You have a secure message')
    await press(person.window, SUBMIT, 'enrolment/make-password', 200, 'Make your sign-in')
    await page.fill('[name=password]', 'short')
    await press(person.window, SUBMIT, 'enrolment/make-password, too short', 422, 'Make your sign-in')
    await page.fill('[name=password]', person.password)
    await press(person.window, SUBMIT, 'enrolment/second-factor', 200, 'Add a code app')
    await press(person.window, SUBMIT, 'enrolment/second-factor, wrong code', 422, 'Add a code app')
    person.totpSecret = (await page.innerText('#key')).replace(/\s/g, '')
    await page.fill('[name=code]', codeOf(person))
    await press(person.window, SUBMIT, 'enrolment/recovery-codes', 200, 'Keep these codes safe')
    await press(person.window, SUBMIT, 'enrolment/recovery-codes, box not ticked', 422, 'Keep these codes safe')
    await page.check('[name=saved]')
    await press(person.window, SUBMIT, 'messages/thread, for a patient', 200, 'How we can help')
    await page.context().clearCookies()
    await open(person.window, link, 'sign-in/sign-in, from a link', 200, 'Sign in to read your message')
    await open(
      person.window,
      link.replace(/\/m\/.*/, '/sign-in'),
      'sign-in/sign-in, in a browser that is known',
      200,
      'Sign in',
    )
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
    await open(provider, '/messages/new', 'intake/compose', 200, 'New message')
    await provider.page.fill('[name=to]', dana.email)
    await provider.page.setInputFiles('[name=files]', [
      photo,
      { name: 'run me.exe', mimeType: 'application/x-msdownload', buffer: Buffer.from('MZ nothing') },
      { name: 'nothing.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(0) },
    ])
    await press(provider, 'button[value=check]', 'intake/compose, with errors', 422, 'New message')
    await provider.page.fill('[name=to]', maria.email)
    await provider.page.fill('[name=subject]', 'Photos of your foot')
    await provider.page.fill('[name=body]', 'Dear Maria,\n\nhere is what to look for. Please send a photo.')
    await provider.page.setInputFiles('[name=files]', [pdf])
    await press(provider, 'button[value=save]', 'intake/compose, a draft', 200, 'New message')
    await press(provider, 'button[value=check]', 'intake/check, a known patient', 200, 'Check before you send')
    await press(
      provider,
      'form[action$="/send"] button',
      'messages/sent, a message to somebody known',
      200,
      'Your message is on its way',
    )
    const again = new Visitor(server)
    await letCodesCountAgain(server)
    await again.signIn(dana)
    await drop(again, { to: 'somebody.else@mail.example', subject: 'Not for you', body: 'A slip.' })
    await provider.page.goto('/messages/new')
    await provider.page.fill('[name=to]', 'first.time@mail.example')
    await provider.page.fill('[name=subject]', 'A first message')
    await provider.page.fill('[name=body]', 'Welcome.')
    await press(provider, 'button[value=check]', 'intake/check, somebody new', 200, 'Check before you send')
  }

  async function conversations() {
    await open(patient, '/messages', 'messages/inbox', 200, 'Messages')
    await press(
      patient,
      'ul.post a:has-text("Photos of your foot")',
      'messages/thread, with files',
      200,
      'Photos of your foot',
    )
    await press(patient, 'button[value=send]', 'messages/thread, empty reply', 422, 'Photos of your foot')
    await patient.page.fill('[name=body]', 'I will send it.')
    await patient.page.setInputFiles('[name=files]', [photo])
    await press(patient, 'button[value=save]', 'messages/thread, with a draft', 200, 'Photos of your foot')
    const thread = new URL(patient.page.url()).pathname
    await press(patient, '.file-list a:has-text("Open")', 'attachments/attachment, a picture', 200, 'left foot.jpg')
    await patient.page.goBack()
    await press(
      patient,
      '.file-list li:nth-child(2) a:has-text("Open")',
      'attachments/attachment, a PDF',
      200,
      'lab report.pdf',
    )
    const shown = new URL(patient.page.url()).pathname
    const rests = join(server.dataDir, 'files', shown.slice(-2), shown.slice(-36))
    renameSync(rests, `${rests}.elsewhere`)
    await open(patient, shown, 'attachments/unopened, file-lost', 500, 'This file cannot be opened')
    renameSync(`${rests}.elsewhere`, rests)
    await open(patient, '/messages', 'messages/inbox, in the try-out', 200, 'Messages')
    // Sam writes while Maria has the page open.
    await patient.page.goto(thread)
    const colleague = new Visitor(server)
    await letCodesCountAgain(server)
    await colleague.signIn(sam)
    await answer(colleague, thread, 'And please measure your sugar tonight.')
    await press(patient, 'button[value=send]', 'messages/thread, a newer message came', 422, 'Photos of your foot')
    await press(patient, 'button[value=send]', 'messages/sent, a reply', 200, 'We sent your reply')
    await press(patient, 'a[href$="/recall"]', 'messages/recall, not opened', 200, 'Take this message back?')
    await press(patient, SUBMIT, 'messages/thread, a reply taken back', 200, 'Photos of your foot')
    await patient.page.goto(thread)
    await patient.page.fill('[name=body]', 'Here it is.')
    await pressQuietly(patient, 'button[value=send]')

    await open(provider, '/messages', 'messages/team-inbox', 200, 'Diabetes team')
    for (const list of ['waiting', 'not-opened', 'all'])
      await open(provider, `/messages?show=${list}`, `messages/team-inbox, ${list}`, 200, 'Diabetes team')
    await open(provider, '/messages?show=nothing', 'errors/error, bad-request', 400, 'That did not fit the page')
    await open(provider, thread, 'messages/thread, for a provider', 200, 'Photos of your foot')
    await press(
      provider,
      'button[value=send]',
      'messages/thread, for a provider, an empty reply',
      422,
      'Photos of your foot',
    )
    await open(provider, `${thread}/receipt`, 'messages/receipt, opened', 200, 'Receipt')
    await open(provider, `${thread}/recall`, 'messages/recall, too late', 200, 'Take this message back?')
    await provider.page.goto('/messages?show=not-opened')
    await provider.page.click('a:has-text("somebody.else")')
    const slip = new URL(provider.page.url()).pathname
    const slipLink = await linkIn('somebody.else@mail.example')
    await press(provider, 'a[href$="/recall"]', 'messages/recall, a message', 200, 'Take this message back?')
    await press(provider, SUBMIT, 'messages/thread, for a provider, taken back', 200, 'Taken back')
    await open(nobody, slipLink, 'messages/withdrawn, taken back', 410, 'This message was taken back')
    await open(patient, slip, "errors/error, not-found, somebody else's message", 404, 'We cannot find that page')
    await open(patient, '/admin/people', 'errors/error, not-found, another area', 404, 'We cannot find that page')
    await patient.page.goto(thread)
    await patient.page.evaluate(`for (const field of document.querySelectorAll('[name=_csrf]')) field.value = 'old'`)
    await patient.page.fill('[name=body]', 'Hello')
    await press(
      patient,
      'button[value=save]',
      'messages/given-back, a form that is too old',
      403,
      'Your text was not saved',
    )
    await readEverything()
  }

  async function readEverything() {
    await patient.page.goto('/messages')
    const links = await patient.page.evaluate<string[]>(
      `Array.from(document.querySelectorAll('ul.post a'), ({ href }) => href)`,
    )
    for (const link of links) await patient.page.goto(link)
    await open(patient, '/messages?show=unread', 'messages/inbox, nothing unread', 200, 'Messages')
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
    await open(provider, `/messages/${id}`, 'messages/thread, for a provider, hard content', 200, HARD.subject)
    await open(provider, '/messages?show=all', 'messages/team-inbox, hard content', 200, 'Diabetes team')
    const reader = await signIn(nora)
    await open(reader, '/messages', 'messages/inbox, hard content', 200, 'Messages')
    await open(reader, `/messages/${id}`, 'messages/thread, hard content', 200, HARD.subject)
    await press(
      reader,
      '.file-list a:has-text("Open")',
      'attachments/attachment, a long name',
      200,
      `0 ${HARD.fileName}`,
    )
    await reader.page.context().close()
  }

  async function administration() {
    await open(admin, '/admin/people', 'people/people', 200, 'People')
    await press(admin, 'a[href$="/invite"]', 'people/invite', 200, 'Invite a colleague')
    await press(admin, SUBMIT, 'people/invite, nothing typed', 422, 'Invite a colleague')
    await admin.page.fill('[name=name]', 'Kim Novak, foot nurse')
    await admin.page.fill('[name=email]', 'kim.novak@riverside.example')
    await admin.page.check('[value=provider]')
    await admin.page.fill('[name=newTeam]', 'Foot clinic')
    await press(admin, SUBMIT, 'people/people, somebody was invited', 200, 'People')
    await erasing()
    await keepOneEventOfEachKind()
    await open(admin, '/admin/access-events', 'reports/access-events, for an administrator', 200, 'Access log')
    const auditor = await signIn(felix)
    await open(auditor, '/admin/access-events', 'reports/access-events', 200, 'Access log')
    await open(
      auditor,
      '/admin/access-events?outcome=denied&what=message.opened',
      'reports/access-events, filtered, for an auditor',
      200,
      'Access log',
    )
    await auditor.page.fill('[name=who]', 'nobody-at-all')
    await press(auditor, SUBMIT, 'reports/access-events, nobody of that address', 422, 'Access log')
    await auditor.page.fill('[name=who]', maria.email)
    await press(auditor, SUBMIT, 'reports/access-events, by one person', 200, 'Access log')
    const [{ id: event }] = (await server.sql(
      `SELECT event_id AS id FROM log_leaves WHERE act = 'message.opened' LIMIT 1`,
    )) as [{ id: string }]
    const number = await numberOf(event)
    await open(auditor, `/admin/access-events/${event}`, 'reports/event', 200, `Event ${number}`)
    await open(auditor, '/admin', 'reports/overview', 200, 'Overview')
    await press(auditor, SUBMIT, 'reports/find-patient, nothing typed', 422, 'Find a patient')
    await auditor.page.fill('[name=email]', maria.email)
    await press(auditor, SUBMIT, 'reports/timeline', 200, 'What happened to the messages of Maria Gomez')
    await open(auditor, '/admin/access-events?to=2020-01-01', 'reports/access-events, nothing fits', 200, 'Access log')
    await open(auditor, '/messages', 'messages/inbox, empty', 200, 'Messages')
    const kim = await colleague()
    await open(kim, '/messages', 'messages/team-inbox, empty: needs-reply', 200, 'Foot clinic')
  }

  async function numberOf(event: string): Promise<string> {
    const [row] = await server.sql<{ leaf: string }>('SELECT leaf FROM log_leaves WHERE event_id = $1', [event])
    return (Number(row!.leaf) + 1).toLocaleString('en-US')
  }

  /** Of a message whose number stands in the access log. */
  async function erasing() {
    const writer = new Visitor(server)
    await letCodesCountAgain(server)
    await writer.signIn(dana)
    const id = await drop(writer, { to: maria.email, subject: 'To be erased', body: 'To be erased.' })
    await open(admin, '/admin/holds', 'reports/holds, none', 200, 'Legal holds')
    await press(admin, 'a[href="/admin/holds/new"]', 'reports/hold-new', 200, 'Place a legal hold')
    await press(admin, SUBMIT, 'reports/hold-new, nothing typed', 422, 'Place a legal hold')
    await admin.page.check('[value=conversation]')
    await admin.page.fill('[name=message]', id)
    await admin.page.fill('[name=reason]', 'Claim 2026/114')
    await press(admin, SUBMIT, 'reports/holds, one was placed', 200, 'Legal holds')
    await open(admin, '/admin/erasures/new', 'reports/erase-which', 200, 'Erase a message')
    await press(admin, SUBMIT, 'reports/erase-which, nothing typed', 422, 'Erase a message')
    await admin.page.fill('[name=message]', id)
    await press(admin, SUBMIT, 'reports/erase, held', 200, 'Erase this message for good?')
    await admin.page.goto('/admin/holds')
    await press(admin, 'a[href$="/lift"]', 'reports/hold-lift', 200, 'Lift this legal hold?')
    await press(admin, SUBMIT, 'reports/hold-lift, nothing typed', 422, 'Lift this legal hold?')
    await admin.page.fill('[name=reason]', 'It was withdrawn')
    await press(admin, SUBMIT, 'reports/holds, one was lifted', 200, 'Legal holds')
    await open(admin, `/admin/erasures/${id}/erase`, 'reports/erase', 200, 'Erase this message for good?')
    await press(admin, SUBMIT, 'reports/erase, nothing typed', 422, 'Erase this message for good?')
    await admin.page.fill('[name=reason]', 'Sent to the wrong ward')
    await admin.page.fill('[name=word]', 'erase')
    await press(admin, SUBMIT, 'reports/erasures, one was erased', 200, 'Erased messages')
    await open(admin, `/admin/erasures/${id}/erase`, 'reports/erase, gone', 200, 'Erase this message for good?')
    await open(provider, `/messages/${id}`, 'messages/thread, for a provider, erased', 200, 'Erased')
    await open(patient, `/messages/${id}`, 'messages/thread, erased', 200, 'Erased')
  }

  /** A log of a hundred lines takes the browser's checks seconds and shows nothing new. Only the owner of the tables can shorten it, past its triggers. */
  async function keepOneEventOfEachKind() {
    await server.sql(`
      BEGIN;
      ALTER TABLE access_events DISABLE TRIGGER never_changed;
      DELETE FROM access_events WHERE id NOT IN (SELECT DISTINCT ON (act, outcome) id FROM access_events ORDER BY act, outcome, at DESC);
      DELETE FROM log_leaves l WHERE NOT EXISTS (SELECT FROM access_events e WHERE e.id = l.event_id);
      DELETE FROM waiting_events w WHERE NOT EXISTS (SELECT FROM access_events e WHERE e.id = w.event_id);
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
    await press(patient, 'button[value=send]', 'sign-in/sign-in, signed out, text saved', 200, 'Sign in')
    await open(admin, '/admin/people', 'sign-in/sign-in, signed out for idleness', 200, 'Sign in')
    await withBrokenMail('XX000', () =>
      open(nobody, '/demo/outbox', 'errors/error, broken', 500, 'Something went wrong on our side'),
    )
    await withBrokenMail('57P03', () =>
      open(nobody, '/demo/outbox', 'errors/error, unavailable', 503, 'We have to pause for a moment'),
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
