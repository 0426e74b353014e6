/** The organisation's settings: changed after a look at what it does, seen at once by every process, recorded, set back, and never lost when two change them. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { everybodyIn, mailsTo, writeTo } from '../support/letters.ts'
import { onAnother, startTwoProcesses, type TwoProcesses } from '../support/second-process.ts'
import type { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { plain, signedIn, Visitor, type Answer } from '../support/visitor.ts'

let both: TwoProcesses
let server: TestServer
let ada: Visitor
let dana: Visitor
let felix: Visitor
const HOME = '/admin/settings'

before(async () => {
  both = await startTwoProcesses()
  server = both.server
  const { cast } = server
  ;({ ada, dana, felix } = await everybodyIn(server, { dana: cast.dana, felix: cast.felix, ada: cast.ada }))
})
after(async () => {
  await both?.second.stop()
  await both?.server.stop()
})

/** The fields of a page of settings as they stand on it. */
async function fieldsOn(section: string, who = ada): Promise<Record<string, string>> {
  const { body } = await who.ask(`${HOME}/${section}`)
  return Object.fromEntries(
    [...body.matchAll(/<(?:input|textarea)[^>]* name="(\w+)" value="([^"]*)"/g)]
      .filter(([, name]) => name !== '_csrf')
      .map(([, name, value]) => [name!, plain(value!)]),
  )
}

const send = async (section: string, fields: Record<string, string>, more: Record<string, string> = {}) =>
  ada.submit(`${HOME}/${section}`, `${HOME}/${section}`, { ...(await fieldsOn(section)), ...fields, ...more })
const save = (section: string, fields: Record<string, string>) => send(section, fields, { confirmed: 'yes' })
const saved = (answer: Answer) => {
  assert.equal(answer.status, 303, plain(answer.body))
  return /saved=(\d+)/.exec(answer.location)?.[1]
}
const events = async (act: string) => {
  const { listAccessEvents } = await import('../../server/audit/access-event.store.ts')
  const { unsealField } = await import('../../server/vault/vault.ts')
  const rows = await listAccessEvents({ act, limit: 50 })
  return rows.map((row) => ({
    ...row,
    details: row.detailsSealed
      ? (JSON.parse(unsealField(`access-event/${row.id}`, row.detailsSealed)) as Record<string, string>)
      : {},
  }))
}

describe('The settings', () => {
  test('say first what a change would do, with counts, and change nothing by that', async () => {
    const check = await send('limits', { idleMinutes: '5' })
    assert.equal(check.status, 200)
    assert.equal(check.h1, 'What this does')
    // Dana, Felix and Ada.
    assert.match(plain(check.body), /3 people who are signed in would be signed out sooner/)
    assert.match(plain(check.body), /15 minutes.*5 minutes/)
    assert.equal((await fieldsOn('limits'))['idleMinutes'], '15')
    const tooOld = await send('keeping', { keepMostDays: '2192', keepLeastDays: '1' })
    assert.match(plain(tooOld.body), /0 messages are older/)
    await server.sql(
      `UPDATE messages SET sent_at = now() - interval '9 years' WHERE id IN (SELECT id FROM messages ORDER BY id LIMIT 1)`,
    )
    assert.match(
      plain((await send('keeping', { keepMostDays: '2192', keepLeastDays: '1' })).body),
      /1 message is older/,
    )
    assert.equal((await server.sql('SELECT FROM settings_versions')).length, 0)
  })

  test('count at once in the process that saved them, and within two seconds in another', async () => {
    const name = 'Riverside & Sons “Clinic”'
    const elsewhere = onAnother(both.second, ada)
    assert.doesNotMatch(plain((await elsewhere.ask('/help')).body), /Sons/)
    const from = Date.now()
    assert.equal(saved(await save('organisation', { name, phone: '555-0199' })), '1')
    assert.match(plain((await new Visitor(server).ask('/help')).body), /Riverside & Sons “Clinic”.*555-0199/)
    await until(async () => plain((await elsewhere.ask('/help')).body).includes(name), 'the other process')
    assert.ok(Date.now() - from < 10_000, `${Date.now() - from} ms`)
    // In mails too, whichever process sends them.
    await writeTo(dana, { to: 'somebody.new@mail.example', subject: 'Canary', body: 'Canary' })
    const [mail] = await mailsTo(server, 'somebody.new@mail.example')
    assert.match(mail!.text, /Riverside & Sons “Clinic”/)
    assert.match(mail!.text, /555-0199/)
    assert.equal(saved(await save('organisation', { name: 'Riverside Clinic', phone: '555-0100' })), '2')
  })

  test('of limits are those that are kept: a file that is too large now is refused', async () => {
    saved(await save('limits', { filesPerMessage: '1', idleMinutes: '60' }))
    const two = ['a', 'b'].map((name) => ({
      name: `${name}.txt`,
      type: 'text/plain',
      bytes: Buffer.from('fictitious'),
    }))
    const answer = await dana.upload(
      '/messages/new',
      '/messages',
      { to: server.cast.maria.email, subject: 'Two', body: 'Files', do: 'check' },
      two,
    )
    assert.notEqual(answer.status, 303)
    assert.match((await dana.ask('/messages')).body, /data-idle="3[56]\d\d"/)
    saved(await save('limits', { filesPerMessage: '10', idleMinutes: '15' }))
  })

  test('are recorded with before and after, who and when, and each look at them too', async () => {
    const rows = await events('settings.changed')
    const phone = rows.filter(({ details }) => details['after'] === 'phone: 555-0199')
    assert.equal(phone.length, 1)
    assert.equal(phone[0]!.details['before'], 'phone: 555-0100')
    assert.equal(phone[0]!.actorRole, 'admin')
    const reads = (await events('settings.read')).length
    await ada.ask(HOME)
    assert.equal((await events('settings.read')).length, reads + 1)
  })

  test('are listed with who and when, before and after, and one can be set back', async () => {
    const { body } = await ada.ask(`${HOME}/history`)
    assert.match(plain(body), /Ada Moss, administrator/)
    assert.match(plain(body), /Phone for help: 555-0100 → 555-0199/)
    const version = saved(await save('limits', { sessionHours: '8' }))!
    const undo = `${HOME}/history/${version}/undo`
    assert.match(plain((await ada.ask(undo)).body), /8 hours.*12 hours/)
    const { body: check } = await ada.ask(undo)
    const seen = /name="seen" value="(\d+)"/.exec(check)![1]!
    const back = saved(await ada.submit(undo, undo, { seen, confirmed: 'yes' }))!
    assert.equal((await fieldsOn('limits'))['sessionHours'], '12')
    assert.match(plain((await ada.ask(`${HOME}/history`)).body), new RegExp(`sets back change ${version}`))
    // As if nobody had ever set it: the environment counts again.
    const { findSettings } = await import('../../server/settings/settings.store.ts')
    assert.equal('sessionHours' in (await findSettings(Number(back)))!.values, false)
  })

  test('that two administrators change at once: the second is told, and loses nothing', async () => {
    const first = await fieldsOn('organisation')
    const second = { ...first, hours: 'Weekdays, 9 to 12' }
    saved(await save('organisation', { hours: 'Always' }))
    const page = `${HOME}/organisation`
    const told = await ada.submit(page, page, { ...second, confirmed: 'yes' })
    assert.equal(told.status, 409)
    assert.match(plain(told.body), /Ada Moss, administrator changed these settings while you did/)
    assert.match(plain(told.body), /Monday to Friday, 8 am to 5 pm → Always/)
    assert.match(told.body, /value="Weekdays, 9 to 12"/)
    // Seen and sent again, it counts.
    const seen = /name="seen" value="(\d+)"/.exec(told.body)![1]!
    saved(await ada.submit(page, page, { ...second, seen, confirmed: 'yes' }))
    assert.equal((await fieldsOn('organisation'))['hours'], 'Weekdays, 9 to 12')
    // What was changed on another page meanwhile is nobody's conflict.
    const limits = await fieldsOn('limits')
    saved(await save('organisation', { hours: 'Monday to Friday, 8 am to 5 pm' }))
    saved(await ada.submit(`${HOME}/limits`, `${HOME}/limits`, { ...limits, helpWaitingHours: '48', confirmed: 'yes' }))
  })

  test('that are sent twice at the same moment become one version each, and one of them is told', async () => {
    const fields = await fieldsOn('limits')
    const token = await ada.tokenOn(`${HOME}/limits`)
    const post = (hours: string) =>
      ada.ask(`${HOME}/limits`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
        body: new URLSearchParams({ ...fields, _csrf: token, helpWaitingHours: hours, confirmed: 'yes' }).toString(),
      })
    const answers = await Promise.all([post('24'), post('36')])
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 409])
  })

  test('that do not fit are refused with what would', async () => {
    const wrong: [string, Record<string, string>, RegExp][] = [
      ['limits', { idleMinutes: '4' }, /a whole number from 5 to 60/],
      ['limits', { idleMinutes: '61' }, /a whole number from 5 to 60/],
      ['limits', { idleMinutes: '1e1' }, /a whole number from 5 to 60/],
      ['limits', { fileMegabytes: '' }, /a whole number from 1 to 5120/],
      ['keeping', { keepLeastDays: '4000', keepMostDays: '10' }, /as much as the least/],
      ['organisation', { name: '' }, /Type something here/],
      ['organisation', { name: 'x'.repeat(61) }, /at most 60 characters/],
      ['organisation', { phone: 'call us' }, /A phone number has digits/],
      ['organisation', { name: 'Two\u0000lines' }, /no ordinary text/],
    ]
    for (const [section, fields, told] of wrong) {
      const answer = await save(section, fields)
      assert.equal(answer.status, 422, JSON.stringify(fields))
      assert.match(plain(answer.body), told)
    }
    assert.equal((await ada.ask(`${HOME}/nothing`)).status, 404)
    assert.equal((await ada.ask(`${HOME}/history/9999/undo`)).status, 404)
  })

  test('are not shown to an auditor, a provider or a patient', async () => {
    for (const who of [felix, dana]) {
      assert.equal((await who.ask(HOME)).status, 404)
      assert.equal((await who.ask(`${HOME}/limits`)).status, 404)
    }
  })

  test('rest sealed: neither phone nor words stand in the database', async () => {
    saved(await save('organisation', { phone: '555-0142' }))
    const rows = await server.sql<{ text: string }>('SELECT settings_versions::text AS text FROM settings_versions')
    assert.ok(rows.length > 3 && rows.every(({ text }) => !text.includes(Buffer.from('555-0142').toString('hex'))))
    saved(await save('organisation', { phone: '555-0100' }))
    // The application's own role changes none.
    const { ask } = await import('../../server/database/connection.ts')
    for (const statement of ['UPDATE settings_versions SET version = 99', 'DELETE FROM settings_versions'])
      await assert.rejects(ask(statement), /permission denied/)
  })
})

describe('The colour', () => {
  test('that is hard to read is refused, and the nearest one that is not is offered', async () => {
    for (const [name, colour, page] of [
      ['brandLight', '#5cc3d1', 'light'],
      ['brandDark', '#0b5563', 'dark'],
      ['brandLight', '#ffd700', 'light'],
    ] as const) {
      const answer = await save('colours', { [name]: colour })
      assert.equal(answer.status, 422)
      const offered = new RegExp(
        `hard to read on ${page} pages.*?The nearest one that is easy to read is (#[0-9a-f]{6})`,
      ).exec(plain(answer.body))![1]!
      assert.equal((await send('colours', { [name]: offered })).status, 200)
    }
    assert.equal((await save('colours', { brandLight: 'red;}' })).status, 422)
  })

  test('comes as a stylesheet of its own whose name holds its digest, the same from each process', async () => {
    saved(await save('colours', { brandLight: '#8a1538', brandDark: '#ff9fb2' }))
    const { body } = await ada.ask('/help')
    const href = /<link rel="stylesheet" href="(\/static\/brand\/[\w-]+\.css)">/.exec(body)![1]!
    assert.doesNotMatch(body, /<style| style=/)
    for (const process of [server, both.second]) {
      const css = await new Visitor(process).ask(href)
      assert.equal(css.status, 200)
      assert.match(css.headers['content-type']!, /^text\/css/)
      assert.match(css.headers['cache-control']!, /immutable/)
      assert.match(css.body, /--brand:#8a1538/)
      assert.match(css.body, /prefers-color-scheme:dark.*--brand:#ff9fb2/)
    }
    assert.equal((await ada.ask('/static/brand/nothing.css')).status, 404)
    saved(await save('colours', { brandLight: '', brandDark: '' }))
    assert.doesNotMatch((await ada.ask('/help')).body, /static\/brand/)
    assert.equal((await ada.ask(href)).status, 404)
  })

  test('is judged by the server before anything is saved', async () => {
    const looked = await send('colours', { brandLight: '#abc' }, { look: 'yes' })
    assert.equal(looked.status, 422)
    const good = await send('colours', { brandLight: '#7a1f2b' }, { look: 'yes' })
    assert.equal(good.status, 200)
    assert.match(plain(good.body), /Easy to read: contrast/)
    assert.match(good.body, /fill="#7a1f2b"/)
  })
})

describe('The words of the notices', () => {
  test('that tell what a message is about, hurry, or look like fraud are refused, and it is said why', async () => {
    const wrong: [string, RegExp][] = [
      ['Your test results are a message', /why somebody is in your care/],
      ['Urgent message from {organisation}', /hurries people/],
      ['Message: your password', /look like fraud/],
      ['Message at www.clinic.example', /Take out the address/],
      ['Message 42 waits', /Take out the digits/],
      ['A message waits!', /exclamation/],
      ['A message for {name}', /Only \{organisation\} is known/],
      ['A message <b>now</b>', /brackets/],
      ['Something waits for you', /Say that it is a message/],
      [`A message ${'waits '.repeat(12)}`, /more than 60 characters/],
      ['A message that you can read on our page whenever you like', /at most 9 words/],
    ]
    for (const [noticeSubject, told] of wrong) {
      const answer = await save('notices', { noticeSubject })
      assert.equal(answer.status, 422, noticeSubject)
      assert.match(plain(answer.body), told, noticeSubject)
    }
  })

  test('are shown as a phone, a desk and plain text show them, and go out like that', async () => {
    const fields = {
      noticeSubject: 'A message from {organisation} waits',
      noticeFirst: 'We have written you a message.',
    }
    const looked = await send('notices', fields, { look: 'yes' })
    assert.equal(looked.status, 200)
    assert.match(plain(looked.body), /On a phone Riverside Clinic A message from Riverside Clinic waits/)
    assert.match(plain(looked.body), /As plain text We have written you a message\. To read it/)
    saved(await save('notices', fields))
    await writeTo(dana, { to: 'another.one@mail.example', subject: 'Canary', body: 'Canary' })
    const [mail] = await mailsTo(server, 'another.one@mail.example')
    assert.equal(mail!.subject, '[Demo] A message from Riverside Clinic waits')
    assert.match(mail!.text, /^We have written you a message\.\n/)
    saved(await save('notices', { noticeSubject: '', noticeFirst: '' }))
  })
})

test('settings that were changed in the database are not taken up: what is in memory goes on, and the other process too', async () => {
  saved(await save('organisation', { hours: 'Mornings' }))
  await server.sql(
    `INSERT INTO settings_versions SELECT version + 1, section, changed_by, changed_at, undoes, values_sealed
     FROM settings_versions ORDER BY version DESC LIMIT 1`,
  )
  const { lookAtSettings } = await import('../../server/settings/follow-settings.ts')
  await assert.rejects(lookAtSettings())
  assert.match(plain((await new Visitor(server).ask('/help')).body), /Mornings/)
  await server.sql('DELETE FROM settings_versions WHERE version = (SELECT max(version) FROM settings_versions)')
  assert.ok(await signedIn(server, server.cast.ada))
})
