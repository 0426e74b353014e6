/** Taking a message back, opening it, and what is left of either. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sweepUploads } from '../../server/attachments/sweep-uploads.job.ts'
import { findAccountByEmail } from '../../server/accounts/account.store.ts'
import { makePng } from '../support/files.ts'
import { answerTo, enrol, everybodyIn, idIn, linkIn, mailsTo, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { Visitor, plain } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let sam: Visitor
let maria: Visitor

before(async () => {
  server = await startTestServer()
  ;({ dana, sam, maria } = await everybodyIn(server, {
    dana: server.cast.dana,
    sam: server.cast.sam,
    maria: server.cast.maria,
  }))
})
after(() => server.stop())

const files = [{ name: 'photo.png', type: 'image/png', bytes: makePng() }]
const recall = (who: Visitor, id: string) => who.submit('/help', `/messages/${id}/recall`, {})

function sealedFiles(): string[] {
  const entries = readdirSync(join(server.dataDir, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

async function messageRow(id: string) {
  const [row] = await server.sql<Record<string, unknown>>('SELECT * FROM messages WHERE id = $1', [id])
  return row!
}

async function openingsOf(id: string) {
  return server.sql<{ openedAt: Date | null; openedBy: string | null }>(
    'SELECT opened_at AS "openedAt", opened_by AS "openedBy" FROM message_recipients WHERE message_id = $1',
    [id],
  )
}

const inADay = () => new Date(Date.now() + 25 * 60 * 60 * 1000)

describe('Recall', () => {
  test('works while nobody has opened it: content, keys and files are gone from the database and the disk', async () => {
    const id = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: 'Mistaken',
      body: 'To the wrong one',
      files,
    })
    const [file] = await server.sql<{ id: string; thumbnail: string }>(
      'SELECT id, thumbnail_id AS thumbnail FROM attachments WHERE message_id = $1',
      [id],
    )
    assert.ok(sealedFiles().includes(file!.id) && sealedFiles().includes(file!.thumbnail))
    const asked = await dana.ask(`/messages/${id}/recall`)
    assert.equal(asked.h1, 'Take this message back?')
    const answer = await recall(dana, id)
    assert.equal(answer.location, `/messages/${id}`)
    const row = await messageRow(id)
    for (const column of ['key_wrapped', 'subject_sealed', 'body_sealed']) assert.equal(row[column], null, column)
    assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE message_id = $1', [id]), [])
    await sweepUploads(inADay())
    assert.ok(!sealedFiles().includes(file!.id) && !sealedFiles().includes(file!.thumbnail))
    const own = plain((await dana.ask(`/messages/${id}`)).body)
    assert.match(own, /You took this message back/)
    assert.doesNotMatch(own, /To the wrong one|Mistaken/)
    const [event] = await server.sql(
      `SELECT outcome FROM access_events WHERE act = 'message.recalled' AND subject_id = $1`,
      [id],
    )
    assert.deepEqual(event, { outcome: 'done' })
  })

  test('leaves its sender a page that says so and offers nothing to answer', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, subject: 'A slip' })
    await recall(dana, id)
    const page = await dana.ask(`/messages/${id}`)
    assert.deepEqual([page.status, page.h1], [200, 'Taken back'])
    assert.doesNotMatch(page.body, /No subject|name="body"|\/replies"/)
  })

  test('answers 410 with the withdrawn page, by the message, its file and the link of its notice', async () => {
    const email = 'withdrawn@mail.example'
    const id = await writeTo(dana, { to: email, files })
    const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id])
    const link = linkIn((await mailsTo(server, email))[0]!)
    await recall(dana, id)
    const anyone = await new Visitor(server).ask(link)
    assert.equal(anyone.status, 410)
    assert.equal(anyone.h1, 'This message was taken back')
    assert.equal((await new Visitor(server).ask(`${link}/password`)).status, 410)

    const toMaria = await writeTo(dana, { to: server.cast.maria.email, files })
    await recall(dana, toMaria)
    const answer = await maria.ask(`/messages/${toMaria}`)
    assert.equal(answer.status, 410)
    assert.equal(answer.h1, 'This message was taken back')
    assert.match(plain(answer.body), /You need not do anything/)
    assert.equal((await maria.ask(`/attachments/${file!.id}`)).status, 404)
    assert.equal(
      (await maria.submit('/help', `/messages/${toMaria}/replies`, { submission: id, body: 'x' })).status,
      410,
    )
  })

  for (const [door, what] of [
    ['thumbnail', 'its small picture was seen'],
    ['download', 'its file was downloaded'],
  ])
    test(`is refused after ${what}: a file is a part of its message, and that was its opening`, async () => {
      const id = await writeTo(dana, { to: server.cast.maria.email, files })
      const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id])
      assert.equal((await maria.ask(`/attachments/${file!.id}/${door}`)).status, 200)
      const [opening] = await openingsOf(id)
      assert.notEqual(opening!.openedAt, null)
      const events = await server.sql(
        `SELECT 1 FROM access_events WHERE act = 'message.opened' AND subject_id = $1 AND actor_id = $2`,
        [id, opening!.openedBy],
      )
      assert.equal(events.length, 1)
      assert.equal((await recall(dana, id)).status, 409)
    })

  test('is asked for without opening anything of the conversation', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, subject: 'Asked' })
    const answer = idIn(await answerTo(maria, id, { body: 'An answer that Dana has not seen' }))
    const mine = await writeTo(dana, { to: server.cast.maria.email })
    assert.equal((await dana.ask(`/messages/${mine}/recall`)).status, 200)
    assert.equal((await dana.ask(`/messages/${id}/recall`)).status, 200)
    assert.deepEqual(await openingsOf(answer), [{ openedAt: null, openedBy: null }])
  })

  test('is refused after opening, with the honest page and an event', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, body: 'Stays' })
    assert.equal((await maria.ask(`/messages/${id}`)).status, 200)
    assert.match(
      plain((await dana.ask(`/messages/${id}/recall`)).body),
      /opened it on .* so it cannot be taken back any more/,
    )
    const answer = await recall(dana, id)
    assert.equal(answer.status, 409)
    assert.match(plain(answer.body), /opened it on .* so it cannot be taken back any more/)
    assert.notEqual((await messageRow(id))['key_wrapped'], null)
    const [event] = await server.sql(
      `SELECT outcome FROM access_events WHERE act = 'message.recalled' AND subject_id = $1`,
      [id],
    )
    assert.deepEqual(event, { outcome: 'failed' })
    assert.match(plain((await maria.ask(`/messages/${id}`)).body), /Stays/)
  })

  test('can be done by a colleague of the same team, twice without harm, and by nobody else', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    assert.equal((await recall(maria, id)).status, 404)
    const [denied] = await server.sql(
      `SELECT outcome FROM access_events WHERE act = 'message.recalled' AND subject_id = $1`,
      [id],
    )
    assert.deepEqual(denied, { outcome: 'denied' })
    assert.equal((await recall(sam, id)).status, 303)
    assert.equal((await recall(dana, id)).status, 303)
  })

  test('and opening at the same moment have one winner', async () => {
    const seen = { recalled: 0, opened: 0 }
    for (let round = 0; round < 12; round++) {
      const id = await writeTo(dana, { to: server.cast.maria.email, body: 'Of two, one' })
      const token = await dana.tokenOn('/help')
      const recalling = () =>
        dana.ask(`/messages/${id}/recall`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded', origin: server.baseUrl },
          body: new URLSearchParams({ _csrf: token }).toString(),
        })
      const opening = () => maria.ask(`/messages/${id}`)
      const [first, second] = round % 2 ? [recalling, opening] : [opening, recalling]
      const pair = await Promise.all([first(), second()])
      const [taken, opened] = round % 2 ? pair : pair.toReversed()
      const row = await messageRow(id)
      const [recipient] = await openingsOf(id)
      if (opened!.status === 200) {
        seen.opened++
        assert.match(opened!.body, /Of two, one/)
        assert.equal(taken!.status, 409)
        assert.equal(row['recalled_at'], null)
        assert.notEqual(recipient!.openedAt, null)
      } else {
        seen.recalled++
        assert.equal(opened!.status, 410)
        assert.equal(taken!.status, 303)
        assert.notEqual(row['recalled_at'], null)
        assert.equal(recipient!.openedAt, null)
      }
    }
    assert.equal(seen.opened + seen.recalled, 12)
  })

  test('that wins while the page is being opened shows the withdrawn page, not an error', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    const held = server.sql(
      `DO $$ BEGIN
         PERFORM FROM threads WHERE id = (SELECT thread_id FROM messages WHERE id = '${id}') FOR NO KEY UPDATE;
         UPDATE messages SET recalled_at = now(), key_wrapped = NULL, subject_sealed = NULL, body_sealed = NULL WHERE id = '${id}';
         PERFORM pg_sleep(0.7);
       END $$`,
    )
    while ((await server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length === 0);
    const [answer] = await Promise.all([maria.ask(`/messages/${id}`), held])
    assert.equal(answer.status, 410)
    assert.equal(answer.h1, 'This message was taken back')
  })

  test('of the newest message leaves the conversation as it was before: in its list, and open to its reader', async () => {
    const subject = 'A question that waits'
    const id = await writeTo(dana, { to: server.cast.maria.email, subject })
    const question = idIn(await answerTo(maria, id, { body: 'May I eat before the test?' }))
    assert.ok((await dana.ask('/messages?show=needs-reply')).body.includes(subject))
    const mistake = idIn(await answerTo(dana, id, { body: 'Meant for somebody else' }))
    assert.ok(!(await dana.ask('/messages?show=needs-reply')).body.includes(subject))
    assert.equal((await recall(dana, mistake)).status, 303)
    const list = (await dana.ask('/messages?show=needs-reply')).body
    assert.ok(list.includes(subject))
    // From her list Maria comes to the conversation, not to the note about what was never hers.
    const row = new RegExp(`href="(/messages/[^"]+)"(?:(?!href)[\\s\\S])*${subject}`).exec(
      (await maria.ask('/messages')).body,
    )!
    const opened = await maria.ask(row[1]!)
    assert.equal(opened.status, 200)
    assert.match(plain(opened.body), /May I eat before the test/)
    assert.doesNotMatch(plain(opened.body), /Meant for somebody else/)
    assert.ok([id, question].some((each) => row[1] === `/messages/${each}`))
  })
})

describe('Opening', () => {
  test('is in the log for every message that is shown, and the first opening is noted once', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    assert.deepEqual(await openingsOf(id), [{ openedAt: null, openedBy: null }])
    await maria.ask(`/messages/${id}`)
    const [first] = await openingsOf(id)
    assert.notEqual(first!.openedAt, null)
    assert.equal(first!.openedBy, (await findAccountByEmail(server.cast.maria.email))!.id)
    await maria.ask(`/messages/${id}`)
    assert.deepEqual(await openingsOf(id), [first])
    const events = await server.sql(
      `SELECT outcome FROM access_events WHERE act = 'message.opened' AND subject_id = $1 AND actor_role = 'patient'`,
      [id],
    )
    assert.deepEqual(events, [{ outcome: 'done' }, { outcome: 'done' }])
    assert.match(plain((await dana.ask(`/messages/${id}`)).body), /Opened by patient/)
  })

  test('is recorded before anything is revealed: without its event the answer is 503, and nothing is noted', async () => {
    const id = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: 'Canary subject',
      body: 'Canary body',
      files,
    })
    const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id])
    await server.sql(
      `ALTER TABLE access_events ADD CONSTRAINT closed CHECK (act NOT IN ('message.opened', 'inbox.listed', 'attachment.previewed', 'attachment.downloaded')) NOT VALID`,
    )
    try {
      for (const path of [
        `/messages/${id}`,
        '/messages',
        `/attachments/${file!.id}`,
        `/attachments/${file!.id}/download`,
      ]) {
        const answer = await maria.ask(path)
        assert.equal(answer.status, 503, path)
        assert.doesNotMatch(answer.body, /Canary|photo\.png/)
      }
      assert.deepEqual(await openingsOf(id), [{ openedAt: null, openedBy: null }])
    } finally {
      await server.sql('ALTER TABLE access_events DROP CONSTRAINT closed')
    }
    assert.equal((await maria.ask(`/messages/${id}`)).status, 200)
  })

  test('wraps the thread key anew at its first use, from the public half to a key of the private half', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, body: 'Wrapped anew' })
    const kinds = async () =>
      (
        await server.sql<{ kind: string; wrap: Buffer }>(
          `SELECT w.kind, w.wrap FROM thread_key_wraps w JOIN messages m ON m.thread_key_id = w.thread_key_id
           JOIN mailboxes b ON b.id = w.mailbox_id WHERE m.id = $1 AND b.account_id = $2`,
          [id, (await findAccountByEmail(server.cast.maria.email))!.id],
        )
      )[0]!
    const before = await kinds()
    assert.equal(before.kind, 'public')
    await maria.ask(`/messages/${id}`)
    const after = await kinds()
    assert.equal(after.kind, 'private')
    assert.notDeepEqual(after.wrap, before.wrap)
    assert.match((await maria.ask(`/messages/${id}`)).body, /Wrapped anew/)
    assert.deepEqual(await kinds(), after)
  })

  test("of somebody else's message is 404 like one that is not there, and in the log", async () => {
    const email = 'somebody.else@mail.example'
    const id = await writeTo(dana, { to: email, body: 'For one person' })
    const { visitor: other } = await enrol(server, linkIn((await mailsTo(server, email))[0]!))
    const toMaria = await writeTo(dana, { to: server.cast.maria.email, body: 'For Maria' })
    for (const [who, message] of [
      [other, toMaria],
      [maria, id],
    ] as const) {
      const answer = await who.ask(`/messages/${message}`)
      assert.equal(answer.status, 404)
      assert.equal(answer.h1, 'We cannot find that page')
    }
    const denied = await server.sql(
      `SELECT outcome FROM access_events WHERE outcome = 'denied' AND subject_id = ANY($1)`,
      [[id, toMaria]],
    )
    assert.equal(denied.length, 2)
    assert.match((await other.ask(`/messages/${id}`)).body, /For one person/)
  })
})

describe('A provider who leaves the team', () => {
  test('66. Revoked member -> refused everywhere: list, messages, files, replies, recall', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, subject: 'After leaving', files })
    const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id])
    assert.equal((await sam.ask(`/messages/${id}`)).status, 200)
    const account = (await findAccountByEmail(server.cast.sam.email))!.id
    await server.sql('DELETE FROM team_members WHERE account_id = $1', [account])
    await server.sql(`DELETE FROM openers WHERE kind = 'member' AND account_id = $1`, [account])
    assert.doesNotMatch((await sam.ask('/messages?show=all')).body, /After leaving/)
    for (const path of ['', '/sent', '/recall'])
      assert.equal((await sam.ask(`/messages/${id}${path}`)).status, 404, path)
    for (const path of ['', '/thumbnail', '/download'])
      assert.equal((await sam.ask(`/attachments/${file!.id}${path}`)).status, 404, path)
    assert.equal((await recall(sam, id)).status, 404)
    assert.equal((await sam.submit('/help', `/messages/${id}/replies`, { submission: id, body: 'x' })).status, 404)
    // No team's mailbox is left to write from: only their own.
    const own = await writeTo(sam, { to: server.cast.maria.email, body: 'From nobody’s team' })
    assert.equal((await dana.ask(`/messages/${own}`)).status, 404)
  })

  test('with the membership left but its opener gone reads nothing either', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, body: 'Canary of the opener' })
    const account = (await findAccountByEmail(server.cast.dana.email))!.id
    const [opener] = await server.sql<{ id: string }>(
      `SELECT * FROM openers WHERE kind = 'member' AND account_id = $1`,
      [account],
    )
    await server.sql('UPDATE openers SET account_id = NULL WHERE id = $1', [opener!.id])
    const answer = await dana.ask(`/messages/${id}`)
    assert.equal(answer.status, 200)
    assert.match(answer.body, /Waiting for a colleague/)
    assert.doesNotMatch(answer.body, /Canary/)
    const opened = `SELECT 1 FROM access_events WHERE act = 'message.opened' AND subject_id = $1`
    assert.deepEqual(await server.sql(opened, [id]), [], 'nothing that was not shown is recorded as opened')
    await server.sql('UPDATE openers SET account_id = $2 WHERE id = $1', [opener!.id, account])
    assert.equal((await dana.ask(`/messages/${id}`)).status, 200)
  })
})
