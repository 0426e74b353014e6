/** In sealed mode only the person's own ways open what is from before; what stays closed says so, counts as nothing, and comes back. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { answerTo, idIn } from '../support/letters.ts'
import { makePng } from '../support/files.ts'
import { startTestServerSealed, type TestServer } from '../support/server.ts'
import { SoftwarePasskey, type RegistrationOptions } from '../support/software-passkey.ts'
import { letCodesCountAgain, plain, signedIn, Visitor } from '../support/visitor.ts'
import { actsAbout, signInByCode, testOldMail } from './old-mail.ts'
import { newCodes, newPatient, resetByApp, type Patient } from './way-back.ts'
import { writeTo } from '../enrolment/newcomer.ts'

let server: TestServer
let dana: Visitor
before(async () => {
  server = await startTestServerSealed()
  dana = await signedIn(server, server.cast.dana)
})
after(() => server.stop())

testOldMail('sealed', () => server)

const FROM_BEFORE = 'From before your new sign-in'
const EARLIER = '/account/recovery-codes/earlier'
const PAGE = '/account/recovery-codes'

/** A patient who has made a new sign-in by the code app, so that their earlier messages are closed. */
async function renewed(name: string): Promise<Patient> {
  const patient = await newPatient(server, dana, name)
  const person = await resetByApp(server, patient.person, `a new password of ${name}`)
  return { ...patient, person, visitor: await signedIn(server, person) }
}

test('the recovery key opens nothing, and the vault says so', async () => {
  const { recoveryMode } = await import('../../server/vault/vault.ts')
  const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(server.cast.maria.email))!
  assert.equal(await recoveryMode(), 'sealed')
  await assert.rejects(openMailboxByRecovery((await findMailboxOf({ accountId: account.id }))!), { status: 404 })
})

test('what is from before says so, is not recorded as opened and stays unread; new mail comes and goes at once', async () => {
  const patient = await renewed('closed')
  const { visitor, message } = patient
  const inbox = await visitor.ask('/messages')
  assert.equal(inbox.status, 200)
  assert.ok(inbox.body.includes(FROM_BEFORE))
  assert.doesNotMatch(inbox.body, /Canary/)
  const page = await visitor.ask(`/messages/${message}`)
  assert.equal(page.h1, FROM_BEFORE)
  assert.match(plain(page.body), /One of your recovery codes opens it again\. You can also ask the team/)
  assert.doesNotMatch(page.body, /Canary/)
  const opened = await server.sql(
    `SELECT 1 FROM access_events WHERE act = 'message.opened' AND subject_id = $1 AND actor_role = 'patient'`,
    [message],
  )
  assert.deepEqual(opened, [])
  const [recipient] = await server.sql<{ opened_at: Date | null }>(
    'SELECT opened_at FROM message_recipients WHERE message_id = $1',
    [message],
  )
  assert.equal(recipient!.opened_at, null)
  const [row] = await server.sql<{ unread_count: number }>(
    'SELECT unread_count FROM thread_mailboxes t JOIN message_recipients r ON r.mailbox_id = t.mailbox_id WHERE r.message_id = $1',
    [message],
  )
  assert.equal(row!.unread_count, 1)

  // The team answers in the old thread, and the patient too.
  const again = idIn(await answerTo(dana, message, { body: 'Once more, said anew' }))
  const thread = await visitor.ask(`/messages/${again}`)
  assert.match(thread.body, /Once more, said anew/)
  assert.doesNotMatch(thread.body, /Canary/)
  const reply = idIn(await answerTo(visitor, again, { body: 'Now I can read you' }))
  const seen = await dana.ask(`/messages/${reply}`)
  assert.match(seen.body, /Now I can read you/)
  assert.match(seen.body, /Canary of closed/)
  // A new thread from an old sender.
  const fresh = await writeTo(server, dana, patient.person.email, { subject: 'A new matter', body: 'Quite new' })
  assert.match((await visitor.ask(`/messages/${fresh.message}`)).body, /Quite new/)
  assert.match((await visitor.ask('/messages')).body, /A new matter/)
})

test('a recovery code opens the earlier messages for good, once, and it is recorded', async () => {
  const patient = await renewed('by-code')
  const { visitor, message, body } = patient
  const page = await visitor.ask(PAGE)
  assert.match(page.body, /Open earlier messages/)
  assert.match(plain(page.body), /Nobody at .* can open your earlier messages alone/)
  assert.equal((await visitor.submit(PAGE, EARLIER, { code: 'AAAAA-AAAAA-AAAAA-AAAAA' })).status, 422)
  const done = await visitor.submit(PAGE, EARLIER, { code: patient.codes[2]! })
  assert.equal(done.location, '/account/recovery-codes?opened')
  assert.ok((await visitor.ask(`/messages/${message}`)).body.includes(body))
  assert.doesNotMatch((await visitor.ask(PAGE)).body, /Recovery code from before/)
  assert.equal((await actsAbout(server, patient)).filter((act) => act === 'mailbox.earlier-opened').length, 1)
  // And at the next sign-in too.
  assert.ok((await (await signedIn(server, patient.person)).ask(`/messages/${message}`)).body.includes(body))
})

test('a recovery code from before that is used at sign-in opens the earlier messages', async () => {
  const patient = await renewed('at-sign-in')
  const visitor = await signInByCode(server, patient, patient.person.password, patient.codes[0]!)
  assert.ok((await visitor.ask(`/messages/${patient.message}`)).body.includes(patient.body))
})

test('the old password opens them too, and signs nobody in', async () => {
  const patient = await newPatient(server, dana, 'by-old-password')
  const old = patient.person.password
  const person = await resetByApp(server, patient.person, 'the newest of all passwords')
  const refused = await new Visitor(server).submit('/sign-in', '/sign-in', { email: person.email, password: old })
  assert.equal(refused.status, 422)
  const visitor = await signedIn(server, person)
  const action = `${PAGE}/earlier-password`
  assert.equal((await visitor.submit(PAGE, action, { password: 'never was one' })).status, 422)
  assert.equal((await visitor.submit(PAGE, action, { password: old })).location, '/account/recovery-codes?opened')
  assert.ok((await visitor.ask(`/messages/${patient.message}`)).body.includes(patient.body))
  assert.deepEqual(
    await server.sql(
      'SELECT 1 FROM earlier_passwords p JOIN openers o ON o.id = p.opener_id JOIN mailboxes m ON m.id = o.mailbox_id JOIN message_recipients r ON r.mailbox_id = m.id WHERE r.message_id = $1',
      [patient.message],
    ),
    [],
  )
})

test('tries at earlier messages are counted: five an hour', async () => {
  const { visitor } = await renewed('five-tries')
  for (let tries = 0; tries < 5; tries++)
    assert.equal((await visitor.submit(PAGE, EARLIER, { code: 'AAAAA-AAAAA-AAAAA-AAAAB' })).status, 422)
  const sixth = await visitor.submit(PAGE, EARLIER, { code: 'AAAAA-AAAAA-AAAAA-AAAAB' })
  assert.equal(sixth.status, 429)
  assert.ok(Number(sixth.headers['retry-after']) > 60)
})

test('two new sign-ins in a row: each earlier key comes back by its own code, and one opens the next', async () => {
  const patient = await renewed('twice')
  const middle = await newCodes(patient.visitor)
  const second = await writeTo(server, dana, patient.person.email, {
    subject: 'Canary two',
    body: 'Canary of the middle',
  })
  const person = await resetByApp(server, patient.person, 'the third password here')
  const visitor = await signedIn(server, person)
  for (const id of [patient.message, second.message])
    assert.doesNotMatch((await visitor.ask(`/messages/${id}`)).body, /Canary/)
  // The codes of the first set no longer sign in, and still open what is from their time.
  await letCodesCountAgain(server)
  const asking = new Visitor(server)
  await asking.submit('/sign-in', '/sign-in', { email: person.email, password: person.password })
  const first = { code: patient.codes[0]! }
  assert.equal((await asking.submit('/sign-in/recovery-code', '/sign-in/recovery-code', first)).status, 422)
  assert.equal((await visitor.submit(PAGE, EARLIER, first)).status, 303)
  assert.ok((await visitor.ask(`/messages/${patient.message}`)).body.includes(patient.body))
  assert.doesNotMatch((await visitor.ask(`/messages/${second.message}`)).body, /Canary/)
  assert.equal((await visitor.submit(PAGE, EARLIER, { code: middle[0]! })).status, 303)
  assert.match((await visitor.ask(`/messages/${second.message}`)).body, /Canary of the middle/)
})

test('files and small pictures of closed messages lead to what opens them, and nothing is noted', async () => {
  const email = 'with-a-picture@mail.example'
  const patient = await newPatient(server, dana, 'with-a-picture')
  const files = [{ name: 'foot.png', type: 'image/png', bytes: makePng() }]
  const message = idIn(await answerTo(dana, patient.message, { body: 'With a picture' }, files))
  const page = await patient.visitor.ask(`/messages/${message}`)
  const file = /\/attachments\/[0-9a-f-]{36}/.exec(page.body)![0]
  assert.equal((await patient.visitor.ask(`${file}/thumbnail`)).status, 200)
  const person = await resetByApp(server, { ...patient.person, email }, 'a new one after the picture')
  const visitor = await signedIn(server, person)
  for (const path of [file, `${file}/download`])
    assert.deepEqual(await visitor.ask(path).then(({ status, location }) => [status, location]), [
      303,
      `/messages/${message}`,
    ])
  assert.equal((await visitor.ask(`${file}/thumbnail`)).status, 404)
  assert.deepEqual(await server.sql('SELECT 1 FROM attachment_receipts WHERE attachment_id = $1', [file.slice(13)]), [])
  assert.equal((await visitor.submit(PAGE, EARLIER, { code: patient.codes[1]! })).status, 303)
  assert.equal((await visitor.ask(`${file}/thumbnail`)).status, 200)
  assert.equal((await visitor.ask(`${file}/download`)).status, 200)
})

test('a draft from before is neither shown nor written over, and comes back with its files', async () => {
  const patient = await newPatient(server, dana, 'with-a-draft')
  const files = [{ name: 'foot.png', type: 'image/png', bytes: makePng() }]
  await answerTo(patient.visitor, patient.message, { body: 'Begun before', action: 'save' }, files)
  const person = await resetByApp(server, patient.person, 'a new one after the draft')
  const visitor = await signedIn(server, person)
  assert.equal((await visitor.ask('/messages')).status, 200)
  const page = await visitor.ask(`/messages/${patient.message}`)
  assert.equal(page.status, 200)
  assert.doesNotMatch(page.body, /Begun before|foot\.png/)
  const sent = idIn(await answerTo(visitor, patient.message, { body: 'Written anew' }))
  assert.match((await dana.ask(`/messages/${sent}`)).body, /Written anew/)
  assert.equal((await visitor.submit(PAGE, EARLIER, { code: patient.codes[1]! })).status, 303)
  const back = await visitor.ask(`/messages/${patient.message}`)
  assert.match(back.body, /Begun before/)
  assert.match(back.body, /foot\.png/)
  const id = idIn(await answerTo(visitor, patient.message, { body: 'Begun before, ended after' }))
  const received = await dana.ask(`/messages/${id}`)
  assert.match(received.body, /Begun before, ended after/)
  assert.match(received.body, /foot\.png/)
})

test('a team member with a new sign-in waits for a colleague, whose next page lets them in', async () => {
  const { sam } = server.cast
  const patient = await newPatient(server, dana, 'of-the-team')
  const renewedSam = await resetByApp(server, sam, 'a new password of doctor sam')
  const visitor = await signedIn(server, renewedSam)
  const path = `/messages/${patient.message}`
  const inbox = await visitor.ask('/messages?show=all')
  assert.equal(inbox.status, 200)
  assert.match(inbox.body, /Waiting for a colleague/)
  const waiting = await visitor.ask(path)
  assert.equal(waiting.h1, 'Waiting for a colleague')
  assert.doesNotMatch(waiting.body, /Canary/)
  const reply = idIn(await answerTo(visitor, patient.message, { body: 'Written while waiting' }))
  assert.match((await patient.visitor.ask(`/messages/${reply}`)).body, /Written while waiting/)
  const joined = () => server.sql(`SELECT 1 FROM access_events WHERE act = 'team.joined'`)
  const before = (await joined()).length
  assert.equal((await dana.ask('/messages')).status, 200)
  assert.equal((await joined()).length, before + 1)
  assert.ok((await visitor.ask(path)).body.includes(patient.body))
  assert.equal((await dana.ask('/messages')).status, 200)
  assert.equal((await joined()).length, before + 1, 'once')
})

for (const first of ['the passkey', 'the password'] as const)
  test(`a passkey that opened the earlier messages opens them again when it next appears, and then the newest too: ${first} first`, async () => {
    const name = `passkey-of-before-${first === 'the passkey' ? 'one' : 'two'}`
    const patient = await newPatient(server, dana, name)
    const device = new SoftwarePasskey(server.port)
    const prf = randomBytes(32).toString('base64url')
    const asked = async <Options>(visitor: Visitor, path: string) =>
      JSON.parse((await visitor.ask(path, { headers: { accept: 'application/json' } })).body) as Options
    const options = await asked<RegistrationOptions>(patient.visitor, '/account/passkeys/new')
    const added = { answer: device.create(options), prf }
    assert.equal((await patient.visitor.submit('/account/passkeys', '/account/passkeys', added)).status, 303)
    const { email, password } = await resetByApp(server, patient.person, `a new password of ${name}`)
    const { listPasskeys } = await import('../../server/sign-in/passkey.store.ts')
    const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
    const { id } = (await findAccountByEmail(email))!
    const opens = async () => (await listPasskeys(id)).map((each) => each.prf)
    assert.deepEqual(await opens(), [false], 'it opens nothing of today')

    const use = async (visitor: Visitor, page: string) => {
      await visitor.ask(page)
      const challenge = await asked<{ challenge: string }>(visitor, `${page}/passkey`)
      return visitor.submit(page, `${page}/passkey`, { answer: device.use(challenge), prf })
    }
    const visitor = new Visitor(server)
    if (first === 'the passkey') {
      assert.equal((await use(visitor, '/sign-in')).location, '/sign-in/password')
      const step = '/sign-in/password'
      assert.equal((await visitor.submit(step, step, { password })).location, '/messages')
    } else {
      await visitor.submit('/sign-in', '/sign-in', { email, password })
      assert.equal((await use(visitor, '/sign-in/code')).location, '/messages')
    }
    assert.ok((await visitor.ask(`/messages/${patient.message}`)).body.includes(patient.body))
    assert.deepEqual(await opens(), [true])
    assert.equal((await use(new Visitor(server), '/sign-in')).location, '/messages', 'alone')
    assert.ok((await actsAbout(server, patient)).includes('mailbox.earlier-opened'))
  })
