/** In sealed mode somebody who takes part in a conversation lets a new sign-in read it again; it never happens by itself. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makePng } from '../support/files.ts'
import { answerTo, everybodyIn, idIn, mailsTo } from '../support/letters.ts'
import { startTestServerSealed, type TestServer } from '../support/server.ts'
import { plain, signedIn, type Visitor } from '../support/visitor.ts'
import { until } from '../support/until.ts'
import { writeTo } from '../enrolment/newcomer.ts'
import { newPatient, nothingUnderWay, resetByApp, type Patient } from '../sign-in/way-back.ts'

let server: TestServer
let dana: Visitor
let sam: Visitor
before(async () => {
  server = await startTestServerSealed()
  ;({ dana, sam } = await everybodyIn(server, { dana: server.cast.dana, sam: server.cast.sam }))
})
after(() => server.stop())

const NOTICE = 'made a new sign-in and cannot read the earlier messages here'

async function mailboxOf(email: string): Promise<string> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  return (await findMailboxOf({ accountId: (await findAccountByEmail(email))!.id }))!.id
}

/** A patient with an opened message that has a file, and one that is not opened, who then made a new sign-in. */
async function signedInAnew(name: string): Promise<Patient & { page: string; second: string }> {
  const patient = await newPatient(server, dana, name)
  assert.ok((await patient.visitor.ask(`/messages/${patient.message}`)).body.includes(patient.body))
  const files = [{ name: 'foot.png', type: 'image/png', bytes: makePng() }]
  const second = idIn(await answerTo(dana, patient.message, { body: `Second of ${name}` }, files))
  const person = await resetByApp(server, patient.person, `a new password of ${name}`)
  const visitor = await signedIn(server, person)
  const page = `/messages/${patient.message}/share-again/${await mailboxOf(person.email)}`
  return { ...patient, person, visitor, page, second }
}

const share = (mate: Visitor, page: string, fields: Record<string, string> = {}) =>
  mate.submit(page, page, { sure: 'yes', version: '2', ...fields })

async function reads(visitor: Visitor, message: string, words: string): Promise<boolean> {
  return (await visitor.ask(`/messages/${message}`)).body.includes(words)
}

test('a mate of the thread is told, sees who signed in anew and how, and lets them read again; files and the list too', async () => {
  const patient = await signedInAnew('read-again')
  const { visitor, message, body, page, second } = patient
  assert.equal(await reads(visitor, message, body), false)
  const thread = await dana.ask(`/messages/${message}`)
  assert.ok(thread.body.includes(NOTICE))
  // Seeing the notice and the page changes nothing.
  const asked = await dana.ask(page)
  assert.equal(asked.status, 200)
  assert.match(
    plain(asked.body),
    /read-again@mail\.example.*By themselves: with the link in a mail to their address.*2 messages in this conversation/,
  )
  assert.equal(await reads(visitor, message, body), false)
  assert.equal((await dana.submit(page, page, { version: '2' })).status, 422)
  assert.equal(await reads(visitor, message, body), false)

  const done = await share(dana, page)
  assert.equal(done.status, 303)
  assert.ok((await dana.ask(done.location)).body.includes('can read the earlier messages here again'))
  const shown = await visitor.ask(`/messages/${message}`)
  assert.ok(shown.body.includes(body) && shown.body.includes('Second of read-again'))
  const file = /\/attachments\/[0-9a-f-]{36}/.exec(shown.body)![0]
  assert.equal((await visitor.ask(`${file}/download`)).status, 200)
  assert.ok((await visitor.ask('/messages')).body.includes('Canary subject of read-again'))
  assert.ok(!(await dana.ask(`/messages/${message}`)).body.includes(NOTICE))
  // Once more, now that the quicker wraps are there, and at the next sign-in.
  assert.equal(await reads(await signedIn(server, patient.person), message, body), true)
  const answered = idIn(await answerTo(visitor, second, { body: 'Thank you, I can read it' }))
  assert.equal(await reads(dana, answered, 'Thank you, I can read it'), true)
})

test('it is in the log with every message, and the person is told by mail', async () => {
  const { page, person, message, second } = await signedInAnew('told')
  await share(dana, page)
  const rows = await server.sql<{ subject_kind: string; subject_id: string }>(
    `SELECT subject_kind, subject_id FROM access_events WHERE act = 'thread.shared-again' AND request_id =
       (SELECT request_id FROM access_events WHERE act = 'thread.shared-again' AND subject_id = $1)`,
    [message],
  )
  assert.deepEqual(rows.map((row) => row.subject_kind).sort(), ['account', 'message', 'message'])
  assert.ok(rows.some((row) => row.subject_id === second))
  const mail = await until(
    async () =>
      (await mailsTo(server, person.email)).find(({ text }) => text.includes('read its earlier messages again')),
    'the notice',
  )
  assert.match(mail.text, /If you did not make a new sign-in/)
})

test('"this was not me" in that mail closes them again, and the recovery codes still open them', async () => {
  const patient = await signedInAnew('not-me')
  await share(dana, patient.page)
  const { person, message, body } = patient
  assert.equal(await reads(await signedIn(server, person), message, body), true)
  const mail = await until(
    async () =>
      (await mailsTo(server, person.email)).find(({ text }) => text.includes('read its earlier messages again')),
    'the notice',
  )
  const link = /https?:\/\/[^/\s]+(\/not-me\/[\w-]+)/.exec(mail.text)![1]!
  assert.match((await dana.ask(link)).body, /closed again/)
  assert.equal((await dana.submit(link, link, {})).status, 303)
  assert.match((await dana.ask(link)).body, /are closed again/)
  await nothingUnderWay(server)
  const visitor = await signedIn(server, person)
  assert.equal(await reads(visitor, message, body), false)
  assert.ok((await dana.ask(`/messages/${message}`)).body.includes(NOTICE), 'the mate can decide anew')
  const codes = '/account/recovery-codes'
  assert.equal((await visitor.submit(codes, `${codes}/earlier`, { code: patient.codes[1]! })).status, 303)
  assert.equal(await reads(visitor, message, body), true)
  assert.ok(!(await dana.ask(`/messages/${message}`)).body.includes(NOTICE))
})

test('another new sign-in between the page and its button is another question', async () => {
  const patient = await signedInAnew('twice-anew')
  const token = await dana.tokenOn(patient.page)
  const again = await resetByApp(server, patient.person, 'yet another password here')
  const late = await dana.ask(patient.page, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
    body: new URLSearchParams({ _csrf: token, sure: 'yes', version: '2' }).toString(),
  })
  assert.equal(late.status, 409)
  assert.match(late.body, /another new sign-in since you opened this page/)
  const visitor = await signedIn(server, again)
  assert.equal(await reads(visitor, patient.message, patient.body), false)
  assert.equal((await share(dana, patient.page, { version: '3' })).status, 303)
  assert.equal(await reads(visitor, patient.message, patient.body), true)
})

test('a second mate finds nothing left to do, and two at once share once', async () => {
  const { page, visitor, message, body } = await signedInAnew('two-mates')
  const answers = await Promise.all([share(dana, page), share(sam, page)])
  for (const answer of answers) assert.ok([303, 409].includes(answer.status), `${answer.status}`)
  assert.equal(await reads(visitor, message, body), true)
  const wraps = await server.sql(
    `SELECT 1 FROM thread_key_wraps WHERE shared_at IS NOT NULL AND thread_key_id = (SELECT thread_key_id FROM messages WHERE id = $1)`,
    [message],
  )
  assert.equal(wraps.length, 1)
  assert.equal((await sam.ask(page)).location, `/messages/${message}`)
})

test('nobody shares with themselves, with a stranger, or what they cannot read; each try is in the log', async () => {
  const patient = await signedInAnew('stranger')
  const other = await newPatient(server, dana, 'other-patient')
  const refused = async (visitor: Visitor, path: string) => {
    assert.equal((await visitor.ask(path)).status, 404)
    assert.equal(
      (await visitor.submit('/account/openings', path, { sure: 'yes', version: '2' }).catch(() => ({ status: 404 })))
        .status,
      404,
    )
  }
  await refused(other.visitor, patient.page)
  await refused(patient.visitor, patient.page)
  await refused(dana, `/messages/${patient.message}/share-again/${await mailboxOf(other.person.email)}`)
  const denied = await server.sql(
    `SELECT 1 FROM access_events WHERE outcome = 'denied' AND act IN ('message.opened', 'thread.shared-again') AND subject_id = $1`,
    [patient.message],
  )
  assert.ok(denied.length >= 3, `${denied.length}`)
  assert.equal(await reads(patient.visitor, patient.message, patient.body), false)
})

test('only the thread that was shared opens; another one of the same people stays closed', async () => {
  const patient = await newPatient(server, dana, 'one-thread')
  const other = await writeTo(server, dana, patient.person.email, {
    subject: 'Another',
    body: 'Canary of another thread',
  })
  const person = await resetByApp(server, patient.person, 'a new password of one-thread')
  const visitor = await signedIn(server, person)
  const page = `/messages/${patient.message}/share-again/${await mailboxOf(person.email)}`
  assert.equal((await share(dana, page)).status, 303)
  assert.equal(await reads(visitor, patient.message, patient.body), true)
  assert.equal(await reads(visitor, other.message, 'Canary of another thread'), false)
})
