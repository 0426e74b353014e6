/** Writing a new message, sending it once, and what the notices say of it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { newId } from '../../server/lib/ids.ts'
import { makePdf, makePng } from '../support/files.ts'
import { answerTo, everybodyIn, idIn, mailsTo, outbox, textFile, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type TestFile, type Visitor } from '../support/visitor.ts'
import { jobsDone } from '../own-account/account-mails.ts'

let server: TestServer
let dana: Visitor
let sam: Visitor
let maria: Visitor
// The name that stands in every notice, as nasty as a name can be.
const ORGANISATION = 'Clinic\r\nBcc: victim@mail.example\r\n\r\nbody =?utf-8?Q?=0D=0AX-Odd:_1?='

before(async () => {
  server = await startTestServer({ ORGANISATION_NAME: ORGANISATION })
  const { cast } = server
  ;({ dana, sam, maria } = await everybodyIn(server, { dana: cast.dana, sam: cast.sam, maria: cast.maria }))
})
after(() => server.stop())

const good = { draft: '', to: 'first.time@mail.example', subject: 'A subject', body: 'A text', action: 'check' }
const compose = (fields: Record<string, string> = {}, files: TestFile[] = [], who = dana) =>
  who.upload('/messages/new', '/messages', { ...good, ...fields }, files)
const errorLinks = (body: string) =>
  [.../<section class="summary"[\s\S]*?<\/section>/.exec(body)![0].matchAll(/href="(#[^"]+)"/g)].map(
    (match) => match[1],
  )
const field = (body: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(body)?.[1]
const draftIn = (location: string) => /([0-9a-f-]{36})/.exec(location)![1]!
const send = (draft: string, who = dana) => who.submit('/help', `/drafts/${draft}/send`, {})
const messagesOf = (draft: string) =>
  server.sql<{ id: string }>('SELECT id FROM messages WHERE submission = $1', [draft])

describe('A new message', () => {
  test('with wrong fields is 422, says so at each, and keeps what was typed', async () => {
    const empty = await compose({ to: '', subject: '', body: '' })
    assert.equal(empty.status, 422)
    assert.deepEqual(errorLinks(empty.body), ['#to', '#subject', '#body'])
    for (const to of [
      'nobody',
      'two@mail.example, three@mail.example',
      'a@b',
      'x@mail.example\r\nBcc: y@mail.example',
      '"q"@mail.example',
    ]) {
      const answer = await compose({ to, subject: 'Kept subject', body: 'Kept text' })
      assert.equal(answer.status, 422, to)
      assert.deepEqual(errorLinks(answer.body), ['#to'])
      assert.equal(field(answer.body, 'subject'), 'Kept subject')
      assert.match(answer.body, />\nKept text<\/textarea>/)
    }
    const long = await compose({ subject: 'ü'.repeat(201), body: 'x'.repeat(20_001) })
    assert.deepEqual(errorLinks(long.body), ['#subject', '#body'])
    assert.equal(field(long.body, 'subject'), 'ü'.repeat(201))
    assert.equal((await compose({ subject: 'ü'.repeat(200), body: 'x'.repeat(20_000) })).status, 303)
  })

  test('to a colleague is 422; in capitals it still is a colleague', async () => {
    for (const to of [server.cast.sam.email, server.cast.ada.email.toUpperCase(), ` ${server.cast.felix.email} `]) {
      const answer = await compose({ to })
      assert.equal(answer.status, 422)
      assert.match(plain(answer.body), /This address belongs to a colleague/)
    }
  })

  test('with wrong files is 422, keeps the good ones and the text, and goes on from there', async () => {
    const files = [
      { name: 'good.pdf', type: 'application/pdf', bytes: makePdf() },
      textFile('bad.html', '<!doctype html><p>no'),
      textFile('nothing.txt', ''),
    ]
    const answer = await compose({}, files)
    assert.equal(answer.status, 422)
    assert.deepEqual(errorLinks(answer.body), ['#files'])
    const draft = field(answer.body, 'draft')!
    assert.match(plain(answer.body), /Files that you added good\.pdf/)
    const again = await compose({ draft })
    assert.equal(again.location, `/drafts/${draft}/check`)
    assert.match(plain((await dana.ask(again.location)).body), /good\.pdf/)
  })

  test('shows the address once more, and says whether it is known', async () => {
    const unknown = await dana.ask((await compose()).location)
    assert.match(plain(unknown.body), /first\.time@mail\.example New here/)
    const known = await dana.ask((await compose({ to: server.cast.maria.email })).location)
    assert.match(plain(known.body), /Maria Gomez Has a sign-in here already/)
  })

  test('whose draft became wrong is not sent by its address', async () => {
    const saved = await compose({ to: '', action: 'save' })
    const draft = draftIn(saved.location)
    assert.equal((await dana.ask(`/drafts/${draft}/check`)).location, `/messages/new?draft=${draft}`)
    assert.equal((await send(draft)).location, `/messages/new?draft=${draft}`)
    assert.deepEqual(await messagesOf(draft), [])
    for (const odd of [newId(), 'x', '..']) assert.equal((await send(odd)).status, 404)
  })
})

describe('The same new message', () => {
  test('sent twice is one message, and the second is led to the first', async () => {
    const draft = draftIn((await compose({ to: 'twice@mail.example' })).location)
    const first = await send(draft)
    const second = await send(draft)
    assert.equal(idIn(second), idIn(first))
    assert.equal((await messagesOf(draft)).length, 1)
  })

  test('sent 20 times in parallel is one message, one invitation and one notice', async () => {
    const files = [{ name: 'photo.png', type: 'image/png', bytes: makePng() }]
    const draft = draftIn((await compose({ to: 'twenty@mail.example' }, files)).location)
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(draft)))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [303])
    assert.equal(new Set(answers.map(idIn)).size, 1)
    assert.equal((await messagesOf(draft)).length, 1)
    await mailsTo(server, 'twenty@mail.example')
    await jobsDone(server)
    assert.equal((await outbox(server)).filter(({ to }) => to === 'twenty@mail.example').length, 1)
    assert.deepEqual(await server.sql('SELECT 1 FROM drafts WHERE id = $1', [draft]), [])
  })

  test('changed after it was sent (back, edit, send) is another message and not silently the first', async () => {
    const draft = draftIn((await compose({ to: 'back@mail.example', body: 'First text' })).location)
    const first = idIn(await send(draft))
    const changed = await compose({ draft, to: 'back@mail.example', body: 'Changed text' })
    const second = idIn(await send(draftIn(changed.location)))
    assert.notEqual(second, first)
    assert.match((await dana.ask(`/messages/${second}`)).body, /Changed text/)
    assert.match((await dana.ask(`/messages/${first}`)).body, /First text/)
  })

  test('by two people to one address that nobody knew is two messages to one account', async () => {
    const to = 'both.at.once@mail.example'
    for (let round = 0; round < 3; round++) {
      const drafts = await Promise.all(
        [dana, sam].map(
          async (who) => [who, draftIn((await compose({ to: `${round}.${to}` }, [], who)).location)] as const,
        ),
      )
      const answers = await Promise.all(drafts.map(([who, draft]) => send(draft, who)))
      assert.deepEqual(
        answers.map(({ status }) => status),
        [303, 303],
      )
      assert.equal(new Set(answers.map(idIn)).size, 2)
    }
  })
})

describe('Notices', () => {
  test('114. Name, subject, organisation with CRLF, bare CR, `\\r` escape, encoded-word -> one header, one recipient', async () => {
    for (const subject of ['One\r\nBcc: victim@mail.example', 'One\nTwo', 'One\rTwo', 'One\u0000Two'])
      assert.equal((await compose({ subject })).status, 422)
    const subject = 'One\\r\\nBcc: victim@mail.example =?utf-8?Q?=0D=0ABcc:_victim@mail.example?='
    const to = 'header@mail.example'
    await writeTo(dana, { to, subject })
    const [mail] = await mailsTo(server, to)
    assert.equal(mail!.to, to)
    assert.doesNotMatch(mail!.subject, /[\r\n]/)
    assert.equal(mail!.headers['to'], to)
    for (const name of ['bcc', 'cc', 'x-odd']) assert.equal(mail!.headers[name], undefined, name)
    assert.ok(
      !Object.values(mail!.headers).some(
        (value) => /One\\r|victim@mail\.example\?=$/.test(value) && !/Clinic/.test(value),
      ),
    )
    assert.deepEqual(
      (await outbox(server)).filter((each) => each.to.includes('victim')),
      [],
    )
  })

  test('115. Notification holds subject, sender, filename, name, PHI canary -> never', async () => {
    const canary = 'phi-canary-4711'
    const to = 'canary@mail.example'
    const files = [textFile(`${canary}.txt`, canary)]
    const id = await writeTo(dana, { to, subject: `${canary} subject`, body: canary, files })
    const toMaria = await writeTo(dana, { to: server.cast.maria.email, subject: canary, body: canary, files })
    await answerTo(maria, toMaria, { body: canary }, [textFile(`${canary}.csv`, 'a,b')])
    await mailsTo(server, to)
    await mailsTo(server, server.cast.dana.email)
    const everything = JSON.stringify(await outbox(server))
    assert.doesNotMatch(everything, /phi-canary/)
    assert.doesNotMatch(everything, /Dana|Ortiz|Maria G|Gomez|Diabetes/)
    assert.ok(!everything.includes(id) && !everything.includes(toMaria))
  })

  test('of a reply go to each member of the team, each one mail, with one link that stores nothing', async () => {
    const before = await outbox(server)
    const id = await writeTo(sam, { to: server.cast.maria.email })
    idIn(await answerTo(maria, id, { body: 'Thank you.' }))
    const count = (mails: typeof before, email: string) => mails.filter(({ to }) => to === email).length
    for (const { email } of [server.cast.dana, server.cast.sam]) {
      const mails = await mailsTo(server, email, count(before, email) + 1)
      assert.equal(mails.length, count(before, email) + 1)
      assert.match(mails[0]!.subject, /^\[Demo\] /)
      assert.equal(mails[0]!.text.match(/https?:\/\//g)!.length, 1)
    }
    for (const { email } of [server.cast.ada, server.cast.felix])
      assert.equal(count(await outbox(server), email), count(before, email))
  })
})
