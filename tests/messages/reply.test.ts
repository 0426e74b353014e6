/** Answering in a thread, and the drafts that keep what was written. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { newId } from '../../server/lib/ids.ts'
import { makePdf, makePng } from '../support/files.ts'
import { answerTo, everybodyIn, idIn, replyFields, textFile, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type TestFile, type Visitor } from '../support/visitor.ts'

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

const png = (name: string): TestFile => ({ name, type: 'image/png', bytes: makePng() })
const newThread = (subject = 'A thread') => writeTo(dana, { to: server.cast.maria.email, subject })
const typedText = (body: string) => /<textarea[^>]*name="body"[^>]*>\n([\s\S]*?)<\/textarea>/.exec(body)![1]
const addedFiles = (body: string) => [...body.matchAll(/name="remove" value="([^"]+)"/g)].map((match) => match[1]!)
const errorLinks = (body: string) =>
  [.../<section class="summary"[\s\S]*?<\/section>/.exec(body)![0].matchAll(/href="(#[^"]+)"/g)].map(
    (match) => match[1],
  )

async function messagesWith(message: string) {
  return server.sql<{ id: string; fileCount: number }>(
    `SELECT id, file_count AS "fileCount" FROM messages WHERE thread_id = (SELECT thread_id FROM messages WHERE id = $1) ORDER BY id`,
    [message],
  )
}

async function draftsOf(message: string) {
  return server.sql('SELECT id FROM drafts WHERE thread_id = (SELECT thread_id FROM messages WHERE id = $1)', [message])
}

describe('A reply', () => {
  test('reaches the other side with its files, byte for byte, and leaves no draft', async () => {
    const message = await newThread()
    const pdf = { name: 'result.pdf', type: 'application/pdf', bytes: makePdf('reply') }
    const reply = idIn(await answerTo(maria, message, { body: 'Thank you.\n\nSee the file.' }, [pdf]))
    const page = await dana.ask(`/messages/${reply}`)
    assert.match(plain(page.body), /Thank you\. See the file\./)
    const download = /href="(\/attachments\/[^"]+\/download)"/.exec(page.body)![1]!
    assert.deepEqual((await dana.ask(download)).bytes, pdf.bytes)
    assert.deepEqual(await draftsOf(message), [])
    assert.equal((await maria.ask(`/messages/${reply}/sent`)).h1, 'We sent your reply')
  })

  test('with nothing in it is 422 and says so at the field', async () => {
    const message = await newThread()
    for (const body of ['', '   \r\n\t ']) {
      const answer = await answerTo(maria, message, { body })
      assert.equal(answer.status, 422)
      assert.deepEqual(errorLinks(answer.body), ['#body'])
      assert.match(plain(answer.body), /Write something or add a file before you send\./)
    }
    assert.equal((await messagesWith(message)).length, 1)
  })

  test('of one file without a text is sent', async () => {
    const message = await newThread()
    idIn(await answerTo(maria, message, {}, [png('only this.png')]))
    assert.deepEqual(
      (await messagesWith(message)).map(({ fileCount }) => fileCount),
      [0, 1],
    )
  })

  test('that is too long is 422, and all of the text is still there; one of exactly the longest goes', async () => {
    const message = await newThread()
    const long = 'ä'.repeat(20_001)
    const answer = await answerTo(maria, message, { body: long })
    assert.equal(answer.status, 422)
    assert.equal(typedText(answer.body), long)
    assert.deepEqual(errorLinks(answer.body), ['#body'])
    assert.equal(typedText((await maria.ask(`/messages/${message}`)).body), long)
    idIn(await answerTo(maria, message, { body: 'ä'.repeat(20_000) }))
  })

  test('with wrong files is 422 and names them; the text and the good files are kept and go with the next try', async () => {
    const message = await newThread()
    const files = [
      png('good.png'),
      textFile('empty.txt', ''),
      { name: 'program.exe', type: 'image/png', bytes: Buffer.from('MZ\x90\0\x03\0\0\0') },
      { name: 'not a picture.png', type: 'image/png', bytes: makePdf() },
    ]
    const answer = await answerTo(maria, message, { body: 'The text of the form' }, files)
    assert.equal(answer.status, 422)
    assert.deepEqual(errorLinks(answer.body), ['#files'])
    const text = plain(answer.body)
    assert.match(text, /“empty\.txt” is empty/)
    assert.match(text, /We cannot take “program\.exe”/)
    assert.match(text, /The name of “not a picture\.png” does not fit/)
    assert.doesNotMatch(text, /“good\.png”/)
    assert.equal(typedText(answer.body), 'The text of the form')
    assert.equal(addedFiles(answer.body).length, 1)
    const sent = idIn(await answerTo(maria, message, { body: 'The text of the form' }))
    const page = plain((await dana.ask(`/messages/${sent}`)).body)
    assert.match(page, /good\.png/)
    assert.doesNotMatch(page, /empty\.txt|program\.exe|not a picture/)
  })

  test('with a file that is too big is 422, names the limit, and keeps the others and the text', async () => {
    const message = await newThread()
    const big = { name: 'big.txt', type: 'text/plain', bytes: Buffer.alloc(25 * 1024 * 1024 + 1, 'a') }
    const answer = await answerTo(maria, message, { body: 'Kept' }, [big, png('small.png')])
    assert.equal(answer.status, 422)
    assert.match(plain(answer.body), /“big\.txt” is larger than 25 MB/)
    assert.equal(typedText(answer.body), 'Kept')
    assert.equal(addedFiles(answer.body).length, 1)
  })

  test('with eleven files is 422 and keeps ten', async () => {
    const message = await newThread()
    const files = Array.from({ length: 11 }, (_, index) => textFile(`${index}.txt`, `file ${index}`))
    const answer = await answerTo(maria, message, { body: 'Eleven' }, files)
    assert.equal(answer.status, 422)
    assert.match(plain(answer.body), /You can send 10 files at most/)
    assert.equal(addedFiles(answer.body).length, 10)
    // One more in a second form is too many as well: it is not kept, and nothing is sent.
    const again = await answerTo(maria, message, { body: 'Eleven' }, [textFile('more.txt', 'more')])
    assert.equal(again.status, 422)
    assert.equal((await messagesWith(message)).length, 1)
    assert.equal(addedFiles(again.body).length, 10)
    idIn(await answerTo(maria, message, { body: 'Eleven' }))
    assert.deepEqual(
      (await messagesWith(message)).map(({ fileCount }) => fileCount),
      [0, 10],
    )
  })

  test('from a page that was gone back to, with other words, is another message and not reported as the first', async () => {
    const message = await newThread()
    const fields = await replyFields(maria, message)
    const first = idIn(await answerTo(maria, message, { ...fields, body: 'The first words' }))
    const second = idIn(await answerTo(maria, message, { ...fields, body: 'Quite other words' }))
    assert.notEqual(second, first)
    assert.equal((await messagesWith(message)).length, 3)
    assert.equal(idIn(await answerTo(maria, message, { ...fields, body: 'The first words' })), first)
  })

  test('saved for the first time from two windows at once loses no words to an error', async () => {
    const message = await newThread()
    const forms = await Promise.all([1, 2, 3].map(() => replyFields(maria, message)))
    const answers = await Promise.all(
      forms.map((fields, index) => answerTo(maria, message, { ...fields, body: `Window ${index}`, action: 'save' })),
    )
    assert.deepEqual(
      answers.map(({ status }) => status),
      [303, 303, 303],
    )
  })

  test('is stopped by a message that came meanwhile, and what was written is kept', async () => {
    const message = await newThread()
    const before = await replyFields(maria, message)
    idIn(await answerTo(dana, message, { body: 'One more thing.' }))
    const answer = await answerTo(maria, message, { ...before, body: 'Crossed' })
    assert.equal(answer.status, 422)
    assert.match(plain(answer.body), /A newer message has come/)
    assert.match(plain(answer.body), /One more thing\./)
    assert.equal(typedText(answer.body), 'Crossed')
    assert.equal((await messagesWith(message)).length, 2)
    // The page that was just shown says what its reader has seen now.
    const seen = /name="seen" value="([^"]+)"/.exec(answer.body)![1]!
    idIn(await answerTo(maria, message, { ...before, seen, body: 'Crossed' }))
    assert.equal((await messagesWith(message)).length, 3)
  })

  test('is not stopped by a message of its own side', async () => {
    const message = await newThread()
    const before = await replyFields(dana, message)
    idIn(await answerTo(sam, message, { body: 'From a colleague.' }))
    idIn(await answerTo(dana, message, { ...before, body: 'From me.' }))
  })
})

describe('The same reply', () => {
  test('sent twice is one message, and the second is led to the first', async () => {
    const message = await newThread()
    const form = await replyFields(maria, message)
    const first = await answerTo(maria, message, { ...form, body: 'Once' }, [png('photo.png')])
    const second = await answerTo(maria, message, { ...form, body: 'Once' }, [png('photo.png')])
    assert.equal(second.status, 303)
    assert.equal(idIn(second), idIn(first))
    assert.deepEqual(
      (await messagesWith(message)).map(({ fileCount }) => fileCount),
      [0, 1],
    )
    assert.deepEqual(await draftsOf(message), [])
  })

  test('sent 20 times in parallel is one message with its file once, one notice for each member, and no draft', async () => {
    const message = await newThread()
    const form = await replyFields(maria, message)
    const fields = { ...form, _csrf: await maria.tokenOn(`/messages/${message}`), body: 'At once', action: 'send' }
    const whole = new FormData()
    for (const [name, value] of Object.entries(fields)) whole.append(name, value)
    // A text is kept sooner than a picture, so that they meet.
    whole.append('files', new Blob(['text'], { type: 'text/plain' }), 'once.txt')
    const encoded = new Response(whole)
    const headers = { 'content-type': encoded.headers.get('content-type')!, origin: server.baseUrl }
    const body = Buffer.from(await encoded.arrayBuffer())
    const press = () => maria.ask(`/messages/${message}/replies`, { method: 'POST', headers, body })
    const answers = await Promise.all(Array.from({ length: 20 }, press))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [303])
    assert.equal(new Set(answers.map(idIn)).size, 1)
    assert.deepEqual(
      (await messagesWith(message)).map(({ fileCount }) => fileCount),
      [0, 1],
    )
    assert.deepEqual(await draftsOf(message), [])
    const page = await maria.ask(`/messages/${message}`)
    assert.equal(typedText(page.body), '')
    assert.deepEqual(addedFiles(page.body), [])
    const links = await server.sql('SELECT 1 FROM links WHERE message_id = $1', [idIn(answers[0]!)])
    assert.equal(links.length, 1)
  })

  test("64. POST with caller-supplied id overwriting another row -> ignored: somebody else's form number, draft or message", async () => {
    const message = await newThread()
    const form = await replyFields(dana, message)
    const mine = idIn(await answerTo(dana, message, { ...form, body: 'Mine' }))
    // The number of a form that another person has sent finds nothing of theirs, and writes over nothing.
    const answer = await answerTo(sam, message, { ...form, body: 'Over it' })
    assert.equal(answer.status, 404)
    assert.match(plain((await dana.ask(`/messages/${mine}`)).body), /Mine/)
    // A number that is a message's or a draft's id is only a number.
    const draft = await dana.upload('/messages/new', '/messages', { draft: '', body: 'My own draft', action: 'save' })
    const draftId = draft.location.split('=')[1]!
    const borrowed = await answerTo(sam, await newThread(), {
      submission: draftId,
      body: 'Written with a borrowed number',
      action: 'save',
    })
    assert.equal(borrowed.status, 404)
    const numbered = await answerTo(sam, message, {
      submission: message,
      body: 'Written with a number',
      action: 'save',
    })
    assert.equal(numbered.status, 303)
    assert.match((await dana.ask(`/messages/new?draft=${draftId}`)).body, /My own draft/)
    assert.equal((await sam.ask(`/messages/new?draft=${draftId}`)).status, 404)
  })
})

describe('A reply that no page of ours sends', () => {
  test('68. and 69. names of others, roles, times and senders in the body are ignored', async () => {
    const message = await newThread()
    const extra = {
      to: 'somebody.else@mail.example',
      from: server.cast.dana.email,
      author: server.cast.dana.email,
      author_account_id: newId(),
      role: 'admin',
      verified: 'true',
      totp_enabled: 'false',
      sentAt: '2001-01-01T00:00:00Z',
      threadId: newId(),
    }
    const sent = idIn(await answerTo(maria, message, { body: 'Only this', ...extra }))
    const [row] = await server.sql<{ author: string; role: string; now: boolean }>(
      `SELECT a.role, m.author_account_id AS author, m.sent_at > now() - interval '5 minutes' AS now
       FROM messages m JOIN accounts a ON a.id = m.author_account_id WHERE m.id = $1`,
      [sent],
    )
    assert.equal(row!.role, 'patient')
    assert.equal(row!.now, true)
    assert.equal((await maria.ask('/admin/people')).status, 404)
    assert.deepEqual(await server.sql('SELECT 1 FROM accounts WHERE id = $1', [extra.author_account_id]), [])
  })

  test('is 400: without its number, with a garbled one, with a field twice, with an odd name', async () => {
    const message = await newThread()
    const page = `/messages/${message}`
    const { submission, seen } = await replyFields(maria, message)
    const odd: Record<string, string>[] = [
      { seen, body: 'x' },
      { submission: 'garbled', seen, body: 'x' },
      { submission, 'body[a]': 'x' },
    ]
    for (const fields of odd) assert.equal((await maria.upload(page, `${page}/replies`, fields)).status, 400)
    const twice = await maria.ask(`${page}/replies`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: server.baseUrl },
      body: `_csrf=${await maria.tokenOn(page)}&submission=${submission}&body=one&body=two`,
    })
    assert.equal(twice.status, 400)
    assert.equal((await messagesWith(message)).length, 1)
  })
})

describe('A draft', () => {
  test('of a reply is saved with its files, shown on the list and in the thread, gone on with, and sent', async () => {
    const message = await newThread('With a draft')
    const saved = await answerTo(maria, message, { body: 'Half a sentence', action: 'save' }, [
      png('one.png'),
      png('two.png'),
    ])
    assert.equal(saved.location, `/messages/${message}#reply`)
    const page = await maria.ask(`/messages/${message}`)
    assert.equal(typedText(page.body), 'Half a sentence')
    assert.match(plain(page.body), /Draft saved/)
    const files = addedFiles(page.body)
    assert.equal(files.length, 2)
    assert.match((await maria.ask('/messages')).body, /With a draft[\s\S]{0,400}Draft/)
    const again = await answerTo(maria, message, { body: 'A whole sentence', action: 'save', remove: files[0]! }, [])
    assert.equal(again.status, 303)
    const gone = await server.sql('SELECT id FROM attachments WHERE id = $1', [files[0]])
    assert.deepEqual(gone, [])
    const sent = idIn(await answerTo(maria, message, { body: 'A whole sentence' }))
    const shown = plain((await dana.ask(`/messages/${sent}`)).body)
    assert.match(shown, /A whole sentence/)
    assert.match(shown, /two\.png/)
    assert.doesNotMatch(shown, /one\.png|Half a sentence/)
    assert.deepEqual(await draftsOf(message), [])
  })

  test("of another person is 404 to read, to check, to send and to save over; a colleague's stays theirs in the same thread", async () => {
    const kept = await dana.upload('/messages/new', '/messages', {
      draft: '',
      to: 'x.y@mail.example',
      subject: 'Secret plan',
      body: 'Of Dana alone',
      action: 'save',
    })
    const id = kept.location.split('=')[1]!
    assert.match((await dana.ask('/messages')).body, /Secret plan/)
    assert.doesNotMatch((await sam.ask('/messages?show=all')).body, /Secret plan/)
    assert.equal((await sam.ask(`/messages/new?draft=${id}`)).status, 404)
    assert.equal((await sam.ask(`/drafts/${id}/check`)).status, 404)
    assert.equal((await sam.submit('/messages/new', `/drafts/${id}/send`, {})).status, 404)
    const over = await sam.upload('/messages/new', '/messages', { draft: id, body: 'Over it', action: 'save' })
    assert.match(over.location, /^\/messages\/new\?draft=/)
    assert.notEqual(over.location, `/messages/new?draft=${id}`)
    const page = await dana.ask(`/messages/new?draft=${id}`)
    assert.match(page.body, /Of Dana alone/)
    assert.doesNotMatch(page.body, /Over it/)

    const message = await newThread()
    await answerTo(dana, message, { body: 'Only Dana sees this', action: 'save' })
    assert.doesNotMatch((await sam.ask(`/messages/${message}`)).body, /Only Dana sees this/)
    assert.match((await dana.ask(`/messages/${message}`)).body, /Only Dana sees this/)
  })

  test("does not give its files to somebody who names them in their own form's remove", async () => {
    const message = await newThread()
    await answerTo(dana, message, { body: 'With a file', action: 'save' }, [png('mine.png')])
    const [file] = addedFiles((await dana.ask(`/messages/${message}`)).body)
    await answerTo(maria, message, { body: 'x', action: 'save', remove: file! })
    assert.deepEqual(addedFiles((await dana.ask(`/messages/${message}`)).body), [file])
    assert.equal((await maria.ask(`/attachments/${file}`)).status, 404)
  })
})
