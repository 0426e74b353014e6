/** Notices as jobs: harmless when they come twice, skipped when nobody waits for them any more. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../support/until.ts'
import { mailsTo, outbox, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { signedIn, type Visitor } from '../support/visitor.ts'
import { changeRows } from '../support/bound-rows.ts'

let server: TestServer
let dana: Visitor
let send: (payload: Payload) => Promise<void>

interface Payload {
  messageId: string
  mailboxId: string
  accountId: string
}

before(async () => {
  server = await startTestServer()
  const { sendNotice } = await import('../../server/notices/send-notice.job.ts')
  send = (payload) => sendNotice(payload)
  dana = await signedIn(server, server.cast.dana)
})
after(() => server.stop())

/** A new message whose notice has gone out, and its job. */
async function noticed(to: string): Promise<Payload> {
  const messageId = await writeTo(dana, { to, subject: 'Noticed', body: 'Noticed' })
  const [row] = await until(async () => {
    const rows = await server.sql<{ mailboxId: string; accountId: string }>(
      `SELECT r.mailbox_id AS "mailboxId", m.account_id AS "accountId" FROM message_recipients r JOIN mailboxes m ON m.id = r.mailbox_id
       WHERE r.message_id = $1 AND r.noticed_at IS NOT NULL`,
      [messageId],
    )
    return rows.length > 0 && rows
  }, 'a notice')
  return { messageId, ...row! }
}

const countTo = async (address: string) => (await outbox(server)).filter(({ to }) => to === address).length

async function eventsOf(messageId: string, act: string): Promise<number> {
  const rows = await server.sql('SELECT 1 FROM access_events WHERE subject_id = $1 AND act = $2', [messageId, act])
  return rows.length
}

test('a job that comes twice sends a second mail, and does no other harm', async () => {
  const { email } = server.cast.maria
  const job = await noticed(email)
  const before = await countTo(email)
  await send(job)
  const mails = await mailsTo(server, email, before + 1)
  assert.equal(mails.length, before + 1)
  assert.equal(mails[0]!.text, mails[1]!.text, 'the same link')
  const rows = await server.sql('SELECT 1 FROM message_recipients WHERE message_id = $1', [job.messageId])
  assert.equal(rows.length, 1)
  const links = await server.sql('SELECT 1 FROM links WHERE message_id = $1', [job.messageId])
  assert.equal(links.length, 1)
})

test('once the message was opened no notice goes out', async () => {
  const { email } = server.cast.maria
  const job = await noticed(email)
  const maria = await signedIn(server, server.cast.maria)
  assert.equal((await maria.ask(`/messages/${job.messageId}`)).status, 200)
  const before = await countTo(email)
  await send(job)
  assert.equal(await countTo(email), before)
  assert.equal(await eventsOf(job.messageId, 'notice.sent'), 1)
})

test('once the message was taken back no notice goes out', async () => {
  const email = 'taken.back@mail.example'
  const job = await noticed(email)
  const page = `/messages/${job.messageId}/recall`
  await dana.submit(page, page, {})
  const [row] = await server.sql<{ at: Date | null }>('SELECT recalled_at AS at FROM messages WHERE id = $1', [
    job.messageId,
  ])
  assert.ok(row!.at)
  await send(job)
  assert.equal(await countTo(email), 1)
})

test('a job whose message, mailbox or account is not there, or whose account is closed, does nothing', async () => {
  const email = 'closed.since@mail.example'
  const job = await noticed(email)
  const nobody = '00000000-0000-7000-8000-000000000000'
  const before = (await outbox(server)).length
  for (const key of ['messageId', 'mailboxId', 'accountId'] as const) await send({ ...job, [key]: nobody })
  await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE id = $1`, [job.accountId])
  await send(job)
  assert.equal((await outbox(server)).length, before)
})

test('115. Notification holds subject, sender, filename, name, PHI canary -> never', async () => {
  const email = 'quiet.notice@mail.example'
  await writeTo(dana, { to: email, subject: 'Zebrasubject', body: 'Zebrabody' })
  const [mail] = await mailsTo(server, email)
  const { to: _, ...rest } = mail!
  const said = JSON.stringify({ ...rest, headers: { ...rest.headers, to: '' } })
  assert.doesNotMatch(said, /Zebra|Dana|Ortiz|Diabetes|quiet\.notice/i)
})
