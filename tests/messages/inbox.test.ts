/** The lists: what stands in them, in which order, how many, and page by page. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { newId } from '../../server/lib/ids.ts'
import { saveDraft, writerOf } from '../../server/messages/draft.ts'
import { dropMessage, replyToThread } from '../../server/messages/drop-message.ts'
import { openThread } from '../../server/messages/open-thread.ts'
import type { Reader } from '../../server/sign-in/reader.ts'
import { everybodyIn, readerOf } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let ada: Visitor
let danaReads: Reader
let mariaReads: Reader
const MINUTE = 60_000

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, ada } = await everybodyIn(server, { dana: cast.dana, maria: cast.maria, ada: cast.ada }))
  ;[danaReads, mariaReads] = await Promise.all([readerOf(cast.dana.email), readerOf(cast.maria.email)])
  // Sixty threads of the team with Maria, a minute apart. She opens the first twenty, and answers the first ten.
  const begin = Date.now() - 90 * MINUTE
  const numbers = Array.from({ length: 60 }, (_, index) => index + 1)
  while (numbers.length > 0) await Promise.all(numbers.splice(0, 6).map((number) => makeThread(number, begin)))
})
after(() => server.stop())

async function makeThread(number: number, begin: number) {
  const id = await drop(`Thread number ${number}`, new Date(begin + number * MINUTE))
  if (number > 20) return
  const thread = await openThread(mariaReads, id)
  if (number > 10) return
  const draftId = newId()
  const text = { to: '', subject: '', body: `Answer ${number}`, teamId: '' }
  const when = new Date(begin + (60 + number) * MINUTE)
  await saveDraft(writerOf(mariaReads), { draftId, threadId: thread.id }, text, [])
  await replyToThread(mariaReads, thread.id, thread.mailboxId, { body: text.body, draftId, submission: draftId }, when)
}

async function drop(subject: string, when: Date): Promise<string> {
  const team = danaReads.mailboxes.find(({ teamId }) => teamId)!
  const draftId = newId()
  const content = { subject, body: 'A fictitious text.', draftId, submission: draftId }
  await saveDraft(writerOf(danaReads), { draftId }, { to: '', subject, body: '', teamId: '' }, [])
  return (await dropMessage(danaReads, team.id, server.cast.maria.email, content, when))!.id
}

const numbersIn = (body: string) => [...body.matchAll(/Thread number (\d+)/g)].map((match) => Number(match[1]))
const olderIn = (body: string) =>
  /href="([^"]*before[^"]*)"/.exec(body)?.[1]?.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')
const range = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => from - index)

/** The numbers that stand beside the names of the lists. */
function countsIn(body: string): Record<string, number> {
  const rows = [
    ...body.matchAll(
      /href="\/messages(?:\?show&#x3D;([\w-]+))?"[^>]*>(?:<span>)?[^<]*(?:<\/span>)? ?<span class="number">(\d+)</g,
    ),
  ]
  return Object.fromEntries(rows.map(([, name = 'all', count]) => [name, Number(count)]))
}

describe("A patient's list", () => {
  test('shows newest activity first, fifty on a page, and the rest behind "older", nothing twice and nothing left out', async () => {
    const first = await maria.ask('/messages')
    const answered = range(10, 1)
    // Two of the try-out's own messages are newer or older than these; only the numbered ones are looked at.
    const shown = numbersIn(first.body)
    const older = olderIn(first.body)
    assert.ok(older)
    const second = await maria.ask(older)
    const all = [...shown, ...numbersIn(second.body)]
    assert.deepEqual(all, [...answered, ...range(60, 11)])
    assert.equal((first.body.match(/<time datetime/g) ?? []).length, 50)
    assert.equal(olderIn(second.body), undefined)
  })

  test('of what is unread holds that alone, and its count is the truth', async () => {
    const { body } = await maria.ask('/messages?show=unread')
    assert.equal(countsIn(body)['unread'], 41) // forty of these and one of the try-out's own
    assert.deepEqual(numbersIn(body), range(60, 21))
    await maria.ask(/href="(\/messages\/[0-9a-f-]{36})"/.exec(body)![1]!)
    assert.equal(countsIn((await maria.ask('/messages')).body)['unread'], 40)
  })
})

describe("A team's list", () => {
  test('begins with what needs a reply, and each list holds what its name says', async () => {
    const { body } = await dana.ask('/messages')
    assert.equal(
      (await dana.ask('/messages?show=needs-reply')).body.includes('aria-current="page"><span>Needs reply'),
      true,
    )
    assert.deepEqual(numbersIn(body), range(10, 1))
    const counts = countsIn(body)
    // The try-out's own three threads: one was answered, two were not opened.
    assert.equal(counts['needs-reply'], 11)
    assert.equal(counts['waiting'], 52)
    assert.equal(counts['all'], 63)
    const waiting = await dana.ask('/messages?show=waiting')
    const numbers = [...numbersIn(waiting.body), ...numbersIn((await dana.ask(olderIn(waiting.body)!)).body)]
    assert.deepEqual(numbers, range(60, 11))
    const closed = await dana.ask('/messages?show=not-opened')
    assert.ok(numbersIn(closed.body).every((number) => number > 20))
    assert.equal(counts['not-opened'], 41) // one was opened by the test above
  })

  test('says of each thread what happened to its newest message', async () => {
    const first = await dana.ask('/messages?show=all')
    const body = first.body + (await dana.ask(olderIn(first.body)!)).body
    const status = (number: number) =>
      plain(new RegExp(`Thread number ${number}<[\\s\\S]*?class="status"[^>]*>([\\s\\S]*?)</td>`).exec(body)![1]!)
    assert.equal(status(10), 'Patient replied')
    assert.match(status(15), /^Opened \S/)
    assert.match(status(55), /^Not(ice sent, not opened|ice on its way)$/)
  })

  test('leaves a thread out of "needs reply" once the team has answered', async () => {
    const row = /href="(\/messages\/[^"]+)"(?:(?!href)[\s\S])*Thread number 10</.exec(
      (await dana.ask('/messages')).body,
    )!
    const page = await dana.ask(row[1]!)
    const value = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(page.body)![1]!
    const fields = { submission: value('submission'), seen: value('seen'), body: 'Answered', action: 'send' }
    assert.equal((await dana.upload(row[1]!, `${row[1]!}/replies`, fields)).status, 303)
    assert.deepEqual(numbersIn((await dana.ask('/messages')).body), range(9, 1))
  })
})

describe('Every list', () => {
  test('78. Listing page size 1e9, negative, NaN; filter by odd field; sort by password -> 400, or as if it were not there', async () => {
    const id = newId()
    for (const query of [
      'show=everything',
      'show=',
      'show=all&show=unread',
      'show=constructor',
      'before=',
      'before=NaN',
      'before=-1.x',
      `before=-5.${id}`,
      `before=1e9.${id}`,
      `before=99999999999999999999.${id}`,
      `before=1.${id}'--`,
      'before=1.1&before=2.2',
    ])
      assert.equal((await maria.ask(`/messages?${query}`)).status, 400, query)
    const usual = numbersIn((await maria.ask('/messages')).body)
    for (const query of [
      'limit=1000000000',
      'limit=-1',
      'sort=password',
      'order=password_verifier',
      'attributes=*',
      '$where=1',
      'show[$ne]=all',
    ])
      assert.deepEqual(numbersIn((await maria.ask(`/messages?${query}`)).body), usual, query)
  })

  test('of somebody without messages says so', async () => {
    assert.match(plain((await ada.ask('/messages')).body), /No messages yet/)
    assert.match(plain((await ada.ask('/messages?show=unread')).body), /You have read everything/)
  })

  test('is in the log each time it is read', async () => {
    const count = async () =>
      (await server.sql(`SELECT 1 FROM access_events WHERE act = 'inbox.listed' AND actor_role = 'admin'`)).length
    const before = await count()
    await ada.ask('/messages')
    assert.equal(await count(), before + 1)
  })
})
