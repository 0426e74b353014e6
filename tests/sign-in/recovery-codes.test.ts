/** The page of one's recovery codes, and what happens when one was used. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mailsTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, signedIn, type Visitor } from '../support/visitor.ts'
import { signInByCode } from './old-mail.ts'
import { newPatient } from './way-back.ts'
import { changeSession } from './session-rows.ts'

let server: TestServer
let dana: Visitor
before(async () => {
  server = await startTestServer()
  dana = await signedIn(server, server.cast.dana)
})
after(() => server.stop())

const PAGE = '/account/recovery-codes'

test('it says how many are left, not which, and whether old messages could be opened by the organisation', async () => {
  const patient = await newPatient(server, dana, 'looks')
  const page = await patient.visitor.ask(PAGE)
  assert.match(plain(page.body), /You have 10 codes left/)
  assert.match(plain(page.body), /Riverside Clinic can open your earlier messages for you/)
  for (const code of patient.codes) assert.ok(!page.body.includes(code))
})

test('new codes are shown once, and are told and recorded; without a recent proof none are made', async () => {
  const patient = await newPatient(server, dana, 'makes-new')
  const { visitor, person } = patient
  const token = await visitor.tokenOn(PAGE)
  await changeSession(server, visitor, { provedAt: 1 })
  const form = {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ _csrf: token }).toString(),
  }
  assert.equal((await visitor.ask(PAGE, form)).status, 403)
  assert.equal((await visitor.ask(PAGE)).location, '/prove?next=%2Faccount%2Frecovery-codes')
  const again = await signedIn(server, person)
  assert.equal((await again.submit(PAGE, PAGE, {})).location, '/enrol/recovery-codes')
  const shown = await again.ask('/enrol/recovery-codes')
  assert.equal([...shown.body.matchAll(/<li><code/g)].length, 10)
  assert.doesNotMatch(shown.body, /Last step|Read my message/)
  assert.equal((await again.ask('/messages')).location, '/enrol/recovery-codes', 'a slip does not lose them')
  assert.equal((await again.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: '' })).status, 422)
  const kept = await again.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  assert.equal(kept.location, PAGE)
  assert.equal((await again.ask('/enrol/recovery-codes')).status, 303)
  const mails = await mailsTo(server, person.email, 2)
  assert.ok(mails.some(({ text }) => /New recovery codes were made/.test(text)))
  assert.equal((await server.sql(`SELECT 1 FROM access_events WHERE act = 'recovery-codes.made'`)).length, 1)
})

test('a code used at sign-in is told, and the next page offers a new code app; the last one leads to new codes', async () => {
  const patient = await newPatient(server, dana, 'uses-them')
  const { person, codes } = patient
  const visitor = await signInByCode(server, patient, person.password, codes[0]!)
  const next = await visitor.ask('/account/recovery-code-used?next=%2Fmessages')
  assert.match(plain(next.body), /You have 9 codes left/)
  assert.match(next.body, /<a class="button" href="\/account\/code-app">/)
  assert.match(next.body, /href="\/messages">Not now/)
  assert.doesNotMatch((await visitor.ask('/account/recovery-code-used?next=//evil.example')).body, /evil/)
  const mails = await mailsTo(server, person.email, 2)
  assert.ok(mails.some(({ text }) => /One of your recovery codes was used/.test(text)))
  await server.sql(
    `DELETE FROM openers WHERE kind = 'recovery-code' AND mailbox_id = (SELECT mailbox_id FROM message_recipients WHERE message_id = $1) AND code_digest <> $2`,
    [patient.message, await digestOf(patient.message, codes[9]!)],
  )
  const last = await signInByCode(server, patient, person.password, codes[9]!)
  const page = await last.ask('/account/recovery-code-used?next=%2Fmessages')
  assert.match(plain(page.body), /That was your last recovery code/)
  assert.match(page.body, /<a class="button" href="\/account\/recovery-codes">Make new codes/)
})

async function digestOf(message: string, code: string): Promise<Buffer> {
  const { lookupDigest } = await import('../../server/vault/vault.ts')
  const [row] = await server.sql<{ mailbox_id: string }>(
    'SELECT mailbox_id FROM message_recipients WHERE message_id = $1',
    [message],
  )
  return lookupDigest('recovery-code', `${row!.mailbox_id}/${code.replaceAll('-', '')}`)
}
