/** A new sign-in with the help of staff where the recovery key is not on the server: nobody at the clinic can open earlier mail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { everybodyIn } from '../support/letters.ts'
import { startTestServerSealed, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, Visitor } from '../support/visitor.ts'
import { countEvents, makeCode, readyRequest, typeAppCode, untilTheApp } from './helping.ts'
import { enrol, writeTo } from '../enrolment/newcomer.ts'

let server: TestServer
let dana: Visitor
let sam: Visitor

before(async () => {
  server = await startTestServerSealed()
  ;({ dana, sam } = await everybodyIn(server, { dana: server.cast.dana, sam: server.cast.sam }))
})
after(() => server.stop())

test('sealed: the page says that earlier messages stay locked, they do, new ones open, and an old recovery code opens them all', async () => {
  const email = 'sealed.patient@mail.example'
  const text = { subject: 'From before', body: 'Written before everything was lost.' }
  const before = await writeTo(server, dana, email, text)
  const { recoveryCodes } = await enrol(server, before.link, email, 'three random words 7')
  assert.match(
    plain((await new Visitor(server).ask('/sign-in/staff-code')).body),
    /stay locked until you type one of your old recovery codes/,
  )

  await letCodesCountAgain(server)
  const path = await readyRequest(server, dana, sam, email)
  const { visitor, person } = await untilTheApp(server, email, await makeCode(dana, path))
  assert.equal((await typeAppCode(visitor, person)).location, '/enrol/recovery-codes')
  await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  assert.equal(await countEvents(server, 'mailbox.renewed', email), 1)
  assert.equal(await countEvents(server, 'mailbox.recovered', email), 0)

  const closed = await visitor.ask(`/messages/${before.message}`)
  assert.doesNotMatch(closed.body, /Written before everything was lost/)
  const later = await writeTo(server, dana, email, { subject: 'From after', body: 'Written afterwards.' })
  assert.match((await visitor.ask(`/messages/${later.message}`)).body, /Written afterwards/)

  const page = '/account/recovery-codes'
  const opened = await visitor.submit(page, `${page}/earlier`, { code: recoveryCodes[3]! })
  assert.ok([200, 303].includes(opened.status), plain(opened.body))
  assert.match((await visitor.ask(`/messages/${before.message}`)).body, /Written before everything was lost/)
  assert.equal(await countEvents(server, 'mailbox.earlier-opened', email), 1)
})

test('sealed: an old recovery code opens earlier messages and signs nobody in', async () => {
  const email = 'sealed.again@mail.example'
  const before = await writeTo(server, dana, email)
  const { recoveryCodes } = await enrol(server, before.link, email, 'three random words 7')
  await letCodesCountAgain(server)
  const path = await readyRequest(server, dana, sam, email)
  const { visitor, person } = await untilTheApp(server, email, await makeCode(sam, path))
  await typeAppCode(visitor, person)
  const thief = new Visitor(server)
  await thief.submit('/sign-in', '/sign-in', { email, password: person.password })
  const page = '/sign-in/recovery-code'
  assert.equal((await thief.submit(page, page, { code: recoveryCodes[0]! })).status, 422)
})
