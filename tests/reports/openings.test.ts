/** Who opened my messages: in plain words, for the person themselves, and for nobody else. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { answerTo, enrol, everybodyIn, linkIn, mailsTo, textFile, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type Visitor } from '../support/visitor.ts'
import { idOf } from '../own-account/account-mails.ts'

const PAGE = '/account/openings'
let server: TestServer
let dana: Visitor
let sam: Visitor
let maria: Visitor
let ada: Visitor
let message: string

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, sam, maria, ada } = await everybodyIn(server, {
    dana: cast.dana,
    sam: cast.sam,
    maria: cast.maria,
    ada: cast.ada,
  }))
  message = await writeTo(dana, {
    to: cast.maria.email,
    subject: 'Openings canary',
    files: [textFile('canary.txt', 'x')],
  })
  await maria.ask(`/messages/${message}`)
  const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message])
  await maria.ask(`/attachments/${file!.id}`)
  await maria.ask(`/attachments/${file!.id}/download`)
  await answerTo(maria, message, { body: 'An answer.' })
  await sam.ask(`/messages/${message}`)
})
after(() => server.stop())

const linesIn = (body: string) => [...body.matchAll(/<li><time[\s\S]*?<\/li>/g)].map(([line]) => plain(line))

test('shows each opening of a patient’s messages and files, newest first, by name and team', async () => {
  const { status, body } = await maria.ask(PAGE)
  assert.equal(status, 200)
  const lines = linesIn(body)
  const team = plain(body).includes('Diabetes team')
  assert.ok(team)
  assert.match(lines[0]!, /^\d+:\d\d [ap]m .* opened a message of \w+ \d+ \w+$/)
  assert.ok(lines.some((line) => line.includes(`${server.cast.sam.name} , `) || line.includes(server.cast.sam.name)))
  for (const did of ['You opened a message of', 'You looked at a file of', 'You saved a file of'])
    assert.ok(
      lines.some((line) => line.includes(did)),
      did,
    )
  const times = [...body.matchAll(/<li><time datetime="([^"]+)"/g)].map(([, iso]) => iso!)
  assert.deepEqual(times, [...times].sort().reverse())
})

test('shows no subject, no address and no device', async () => {
  const { body } = await maria.ask(PAGE)
  const main = /<main[\s\S]*<\/main>/.exec(body)![0]
  assert.doesNotMatch(main, /canary|@|127\.0\.0\.1|Mozilla/)
})

test('shows staff what they wrote themselves, and nothing of other teams or of what was refused', async () => {
  await ada.ask(`/messages/${message}`)
  const lines = linesIn((await dana.ask(PAGE)).body)
  assert.ok(lines.some((line) => line.includes(`${server.cast.maria.name} opened`)))
  assert.ok(!linesIn((await maria.ask(PAGE)).body).some((line) => line.includes(server.cast.ada.name)))
  assert.deepEqual(linesIn((await ada.ask(PAGE)).body), [])
  assert.match((await ada.ask(PAGE)).body, /Nobody has opened a message yet/)
})

test('70. shows nobody the openings of another’s messages', async () => {
  await writeTo(dana, { to: 'other.reader@mail.example' })
  const { visitor } = await enrol(server, linkIn((await mailsTo(server, 'other.reader@mail.example'))[0]!))
  assert.ok(linesIn((await maria.ask(PAGE)).body).length > 3)
  for (const line of linesIn((await visitor.ask(PAGE)).body))
    assert.doesNotMatch(line, new RegExp(server.cast.maria.name))
  const byAnother = `${PAGE}?account=${await idOf(server.cast.maria.email)}&mailbox=1`
  assert.equal(linesIn((await visitor.ask(byAnother)).body).length, linesIn((await visitor.ask(PAGE)).body).length)
})

test('is itself recorded, each time', async () => {
  const marias = await idOf(server.cast.maria.email)
  const count = async () =>
    (
      await server.sql(
        `SELECT 1 FROM access_events WHERE act = 'openings.read' AND actor_id = $1 AND subject_id = $1`,
        [marias],
      )
    ).length
  const before = await count()
  await maria.ask(PAGE)
  assert.equal(await count(), before + 1)
})

test('goes on from page to page, each opening once; 78. another place -> 400', async () => {
  for (let times = 0; times < 60; times++) await maria.ask(`/messages/${message}`)
  const ids: string[] = []
  let path = PAGE
  for (let pages = 0; path && pages < 10; pages++) {
    const { body } = await maria.ask(path)
    ids.push(...[...body.matchAll(/<li><time datetime="([^"]+)"/g)].map(([, iso]) => iso!))
    path = /rel="next" href="([^"]+)"/.exec(body)?.[1]?.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&') ?? ''
  }
  const [row] = await server.sql<{ many: number }>(
    `SELECT count(*)::int AS many FROM access_events WHERE outcome = 'done' AND act IN ('message.opened', 'attachment.previewed', 'attachment.downloaded')
     AND subject_id IN (SELECT m.id FROM messages m JOIN thread_mailboxes t ON t.thread_id = m.thread_id JOIN mailboxes b ON b.id = t.mailbox_id WHERE b.account_id = $1
       UNION SELECT a.id FROM attachments a JOIN messages m ON m.id = a.message_id JOIN thread_mailboxes t ON t.thread_id = m.thread_id JOIN mailboxes b ON b.id = t.mailbox_id WHERE b.account_id = $1)`,
    [await idOf(server.cast.maria.email)],
  )
  assert.equal(ids.length, row!.many)
  assert.ok(row!.many > 100)
  for (const before of ['1', 'x.y', '1e9.0', `${Date.now()}.1`, '-1.0199a0b2-0000-7000-8000-000000000000'])
    assert.equal((await maria.ask(`${PAGE}?before=${before}`)).status, 400, before)
  assert.equal((await maria.ask(`${PAGE}?before=1&before=2`)).status, 400)
})
