/** Files that come in pieces, over the real pages: how far they are, what a lost line costs, whose they are, and what is left of those that never end. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { sweepUploads } from '../../server/attachments/sweep-uploads.job.ts'
import { newId } from '../../server/lib/ids.ts'
import { changeSessions } from '../sign-in/session-rows.ts'
import { everybodyIn, idIn, replyFields, writeTo } from '../support/letters.ts'
import { secondLook, startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import type { Visitor } from '../support/visitor.ts'
import { begin, begun, finish, ROOM, sendInPieces, senderOn, sendPiece, takeBack, type Sender } from './pieces.ts'

const MARK = 'plaintext-canary-of-pieces;'
let server: TestServer
let dana: Visitor
let maria: Visitor
let page: string
let message: string
let sender: Sender
let stranger: Sender

before(async () => {
  server = await startTestServer({ FILE_MEGABYTES: '20', UNSENT_MEGABYTES: '40' })
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  message = await writeTo(dana, { to: server.cast.maria.email })
  page = `/messages/${message}`
  sender = await senderOn(maria, page, server.baseUrl)
  stranger = await senderOn(dana, '/messages/new', server.baseUrl)
})
after(() => server.stop())

const text = (length: number) => Buffer.alloc(length, MARK)
const inDays = (days: number) => new Date(Date.now() + (24 * days + 1) * 60 * 60 * 1000)

function filesOnDisk(): string[] {
  if (!existsSync(join(server.dataDir, 'files'))) return []
  const entries = readdirSync(join(server.dataDir, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

async function offsetOf(id: string): Promise<number> {
  const answer = await maria.ask(`/uploads/${id}`)
  return (JSON.parse(answer.body) as { offset: number }).offset
}

const underWay = async () => (await server.sql('SELECT 1 FROM uploads')).length

async function replyWith(uploaded: string[]): Promise<string> {
  const fields = { ...(await replyFields(maria, message)), body: 'Here it is.', action: 'send', uploaded: uploaded[0]! }
  const sent = await maria.upload(page, `${page}/replies`, fields)
  assert.match(sent.location, /\/sent$/, sent.h1)
  return idIn(sent)
}

describe('An upload in pieces', () => {
  test('becomes a file of the reply, byte for byte, and nothing of its pieces is left', async () => {
    const bytes = text(3 * ROOM + 12345)
    const id = await sendInPieces(sender, 'long.txt', bytes)
    assert.equal((await finish(sender, id)).status, 200)
    const reply = await replyWith([id])
    const [row] = await server.sql<{ message_id: string }>('SELECT message_id FROM attachments WHERE id = $1', [id])
    assert.equal(row!.message_id, reply)
    const got = await dana.ask(`/attachments/${id}/download`)
    assert.ok(got.bytes.equals(bytes))
    assert.match(String(got.headers['content-disposition']), /long\.txt/)
    assert.equal(await underWay(), 0)
    assert.deepEqual(
      filesOnDisk().filter((path) => /\.\d+$|part/.test(path)),
      [],
    )
  })

  test('of one piece is a file too, and a picture has its small one', async () => {
    const { makePng } = await import('../support/files.ts')
    const id = await sendInPieces(sender, 'small.png', makePng())
    assert.equal((await finish(sender, id)).status, 200)
    await replyWith([id])
    assert.equal((await maria.ask(`/attachments/${id}/thumbnail`)).status, 200)
  })

  test('that ends where a segment ends, or a byte beside, comes back whole', async () => {
    for (const size of [1, ROOM - 1, ROOM, ROOM + 1, 2 * ROOM]) {
      const bytes = text(size)
      const id = await sendInPieces(sender, 'edge.txt', bytes, 2)
      assert.equal((await finish(sender, id)).status, 200, String(size))
      await replyWith([id])
      assert.ok((await maria.ask(`/attachments/${id}/download`)).bytes.equals(bytes), String(size))
    }
  })

  test('goes on where it was after a line was lost; what broke off leaves nothing', async () => {
    const bytes = text(2 * ROOM + 5)
    const id = await begun(sender, 'lost.txt', bytes.length)
    assert.equal((await sendPiece(sender, id, 0, bytes.subarray(0, ROOM))).status, 200)
    const before = filesOnDisk().length
    await breakOff(id, ROOM, 170_000)
    await until(() => filesOnDisk().length === before, 'the half is gone')
    assert.equal(await offsetOf(id), ROOM)
    const head = await maria.ask(`/uploads/${id}`, { method: 'HEAD' })
    assert.equal(head.headers['upload-offset'], String(ROOM))
    assert.equal((await sendPiece(sender, id, ROOM, bytes.subarray(ROOM, 2 * ROOM))).status, 200)
    // The answer was lost, so it is sent once more: the server says where it stands.
    const again = await sendPiece(sender, id, ROOM, bytes.subarray(ROOM, 2 * ROOM))
    assert.equal(again.status, 409)
    assert.equal((JSON.parse(again.body) as { offset: number }).offset, 2 * ROOM)
    assert.equal((await sendPiece(sender, id, 2 * ROOM, bytes.subarray(2 * ROOM))).status, 200)
    assert.equal((await finish(sender, id)).status, 200)
    // Its answer was lost too.
    assert.equal((await finish(sender, id)).status, 200)
    await replyWith([id])
    assert.ok((await maria.ask(`/attachments/${id}/download`)).bytes.equals(bytes))
  })

  test('of ten pieces that come for one place at once, one is counted', async () => {
    const bytes = text(2 * ROOM)
    const id = await begun(sender, 'race.txt', bytes.length)
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => sendPiece(sender, id, 0, bytes.subarray(0, ROOM))),
    )
    const counted = answers.filter((answer) => answer.status === 'fulfilled' && answer.value.status === 200)
    assert.equal(counted.length, 1)
    assert.equal(await offsetOf(id), ROOM)
    assert.equal((await sendPiece(sender, id, ROOM, bytes.subarray(ROOM))).status, 200)
    const finished = await Promise.all(Array.from({ length: 5 }, () => finish(sender, id)))
    assert.ok(finished.some(({ status }) => status === 200))
    for (const { status } of finished) assert.ok([200, 409, 422].includes(status), String(status))
    await replyWith([id])
    assert.ok((await maria.ask(`/attachments/${id}/download`)).bytes.equals(bytes))
  })

  test('a finish that was overtaken keeps nothing, and the file of the one that overtook it stays', async () => {
    const bytes = text(ROOM + 9)
    const id = await sendInPieces(sender, 'overtaken.txt', bytes)
    const files = await holdingBack('upload_pieces', async () => {
      const first = finish(sender, id)
      await until(async () => (await waitingFor('upload_pieces')) === 1, 'the first waits')
      // Its process was not heard of for longer than its turn.
      await server.sql(`UPDATE uploads SET finishing_until = now() - interval '1 second' WHERE id = $1`, [id])
      const second = finish(sender, id)
      await until(async () => (await waitingFor('upload_pieces')) === 2, 'the second waits')
      return [first, second]
    })
    const answers = await Promise.all(files)
    assert.deepEqual(
      answers.map(({ status }) => status),
      [409, 200],
    )
    assert.equal((await finish(sender, id)).status, 200)
    await replyWith([id])
    assert.ok((await maria.ask(`/attachments/${id}/download`)).bytes.equals(bytes))
  })

  test('becomes a file and ends as an upload in one step: when the one cannot be kept, neither is', async () => {
    const bytes = text(ROOM + 10)
    const id = await sendInPieces(sender, 'at-once.txt', bytes)
    await server.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$`)
    await server.sql('CREATE TRIGGER refuse BEFORE DELETE ON uploads FOR EACH ROW EXECUTE FUNCTION refuse()')
    assert.equal((await finish(sender, id)).status, 500)
    assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE id = $1', [id]), [])
    await server.sql('DROP TRIGGER refuse ON uploads')
    assert.equal((await finish(sender, id)).status, 200)
    await replyWith([id])
    assert.ok((await maria.ask(`/attachments/${id}/download`)).bytes.equals(bytes))
  })

  test('is refused when its bytes are not what its name says, and then nothing of it is left', async () => {
    const before = filesOnDisk().length
    const id = await sendInPieces(sender, 'program.pdf', Buffer.alloc(ROOM + 1, 'MZ'))
    const answer = await finish(sender, id)
    assert.equal(answer.status, 422)
    assert.match((JSON.parse(answer.body) as { problem: string }).problem, /does not fit/)
    assert.equal(filesOnDisk().length, before)
    assert.equal((await finish(sender, id)).status, 404)
  })

  test('is taken back at any time: row, pieces and file', async () => {
    const before = filesOnDisk().length
    const half = await begun(sender, 'half.txt', 3 * ROOM)
    await sendPiece(sender, half, 0, text(2 * ROOM))
    const whole = await sendInPieces(sender, 'whole.txt', text(10))
    await finish(sender, whole)
    for (const id of [half, whole]) {
      assert.equal((await takeBack(sender, id)).status, 204)
      assert.equal((await takeBack(sender, id)).status, 404)
    }
    assert.equal(filesOnDisk().length, before)
  })

  test('of somebody else is not there: 404 for every verb, and a line in the log', async () => {
    const id = await begun(sender, 'mine.txt', 2 * ROOM)
    const answers = [
      await dana.ask(`/uploads/${id}`),
      await sendPiece(stranger, id, 0, text(ROOM)),
      await finish(stranger, id),
      await takeBack(stranger, id),
    ]
    for (const { status } of answers) assert.equal(status, 404)
    const denied = await server.sql(
      `SELECT 1 FROM access_events WHERE outcome = 'denied' AND act = 'attachment.received' AND subject_id = $1`,
      [id],
    )
    assert.equal(denied.length, 4)
    // In a form it adds nothing.
    const whole = await sendInPieces(sender, 'whole.txt', text(10))
    await finish(sender, whole)
    const draft = { draft: newId(), to: '', body: 'x', action: 'save', uploaded: whole }
    const saved = await dana.upload('/messages/new', '/messages', draft)
    assert.equal(saved.status, 303)
    const [row] = await server.sql<{ draft_id: string | null }>('SELECT draft_id FROM attachments WHERE id = $1', [
      whole,
    ])
    assert.equal(row!.draft_id, null)
    await takeBack(sender, id)
    await takeBack(sender, whole)
  })

  test('without the token of the page nothing is begun, taken or removed', async () => {
    const id = await begun(sender, 'mine.txt', 2 * ROOM)
    const forged = { ...sender, token: 'made-up' }
    assert.equal((await begin(forged, 'x.txt', 5)).status, 403)
    assert.equal((await sendPiece(forged, id, 0, text(ROOM))).status, 403)
    assert.equal((await takeBack(forged, id)).status, 403)
    const elsewhere = { ...sender, origin: 'https://evil.example' }
    assert.equal((await sendPiece(elsewhere, id, 0, text(ROOM))).status, 403)
    assert.equal(await offsetOf(id), 0)
    await takeBack(sender, id)
  })

  test('has no clear byte on the disk and none of its name or size in the database', async () => {
    const id = await begun(sender, `${MARK}.txt`, 3 * ROOM + 77)
    await sendPiece(sender, id, 0, text(2 * ROOM))
    for (const path of filesOnDisk()) assert.ok(!readFileSync(path).includes('plaintext-canary'), path)
    const [row] = await server.sql<Record<string, unknown>>('SELECT * FROM uploads WHERE id = $1', [id])
    assert.ok(!JSON.stringify(row).includes('canary'))
    assert.ok(!Object.values(row!).some((value) => Number(value) === 3 * ROOM + 77))
    await takeBack(sender, id)
  })

  test('a piece keeps its session; asking how far it is does not, and the last end stays', async () => {
    const id = await begun(sender, 'busy.txt', 2 * ROOM)
    const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
    const account = (await findAccountByEmail(server.cast.maria.email))!
    const tenMinutesAgo = Date.now() - 10 * 60_000
    const mine = ({ sess }: { sess: Record<string, unknown> }) => sess['accountId'] === account.id
    await changeSessions(server, { seenAt: tenMinutesAgo }, mine)
    const seenAt = async () =>
      (
        await server.sql<{ at: string }>(`SELECT sess->>'seenAt' AS at FROM sessions WHERE sess->>'accountId' = $1`, [
          account.id,
        ])
      ).map(({ at }) => Number(at))
    await maria.ask(`/uploads/${id}`, { headers: { 'sec-fetch-mode': 'cors' } })
    assert.deepEqual(await seenAt(), [tenMinutesAgo])
    const answer = await sendPiece(sender, id, 0, text(ROOM))
    assert.ok((await seenAt())[0]! > tenMinutesAgo)
    const { left } = JSON.parse(answer.body) as { left: { idle: number; last: number } }
    assert.ok(left.idle > 10 * 60 && left.last < 12 * 60 * 60 + 1)
    await changeSessions(server, { startedAt: Date.now() - 13 * 60 * 60_000 }, mine)
    assert.equal((await sendPiece(sender, id, ROOM, text(ROOM))).status, 303)
    ;({ maria } = await everybodyIn(server, { maria: server.cast.maria }))
    sender = await senderOn(maria, page, server.baseUrl)
    // The upload goes on after the next sign-in.
    assert.equal((await sendPiece(sender, id, ROOM, text(ROOM))).status, 200)
    assert.equal((await finish(sender, id)).status, 200)
    await takeBack(sender, id)
  })

  test('that nothing comes for is swept after a day with all its pieces; one that goes on is not', async () => {
    const idle = await begun(sender, 'idle.txt', 3 * ROOM)
    await sendPiece(sender, idle, 0, text(2 * ROOM))
    const files = filesOnDisk().length
    await sweepUploads(new Date())
    assert.equal(filesOnDisk().length, files)
    await server.sql(`UPDATE uploads SET used_at = now() + interval '24 hours' WHERE id = $1`, [idle])
    await sweepUploads(inDays(1))
    assert.equal(await offsetOf(idle), 2 * ROOM)
    assert.ok(filesOnDisk().some((path) => path.includes(idle)))
    await sweepUploads(inDays(3))
    assert.equal(await underWay(), 0)
    assert.ok(!filesOnDisk().some((path) => path.includes(idle)))
  })
})

/** While `work` runs nobody reads the table. */
async function holdingBack<T>(table: string, work: () => Promise<T>): Promise<T> {
  const database = await secondLook(server.dataDir)
  const holder = new pg.Client({ connectionString: database.ownerUrl })
  await holder.connect()
  try {
    await holder.query('BEGIN')
    await holder.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
    return await work()
  } finally {
    await holder.query('COMMIT')
    await holder.end()
    await database.stop()
  }
}

async function waitingFor(table: string): Promise<number> {
  return (await server.sql('SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [table])).length
}

describe('93. Upload 10 GiB+1, quota, 10,000 parts, slow 1 B/s, abort at 100 offsets -> refused/cleaned; no plaintext on disk', () => {
  test('10 GiB + 1, and a byte more than the organisation allows', async () => {
    for (const size of [10 * 1024 ** 3 + 1, 20 * 1024 ** 2 + 1]) {
      const answer = await begin(sender, 'huge.txt', size)
      assert.equal(answer.status, 422)
      assert.match((JSON.parse(answer.body) as { problem: string }).problem, /too large/)
    }
    for (const size of ['-1', '1e9', 'NaN', ''])
      assert.equal((await begin(sender, 'x.txt', size as unknown as number)).status, 400, size)
    // A piece that is longer than what was announced.
    const id = await begun(sender, 'x.txt', 10)
    assert.equal((await sendPiece(sender, id, 0, text(11))).status, 413)
    await takeBack(sender, id)
  })

  test('quota: what is not sent counts, also what is on its way, and begun at once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => begin(sender, 'large.txt', 12 * 1024 ** 2)))
    const refused = answers.filter(({ status }) => status === 422)
    assert.equal(answers.length - refused.length, 3)
    for (const { body } of refused) assert.match((JSON.parse(body) as { problem: string }).problem, /no room/)
    const form = await maria.upload(
      page,
      `${page}/replies`,
      { ...(await replyFields(maria, message)), body: 'x', action: 'send' },
      [{ name: 'form.txt', type: 'text/plain', bytes: text(5 * 1024 ** 2) }],
    )
    assert.equal(form.status, 422)
    assert.match(form.body, /no room/)
    for (const answer of answers)
      if (answer.status === 201) await takeBack(sender, (JSON.parse(answer.body) as { id: string }).id)
    const many = []
    for (let count = 0; count < 51; count++) many.push(await begin(sender, 'x.txt', 1))
    assert.equal(many.filter(({ status }) => status === 201).length, 50)
    await server.sql('DELETE FROM uploads')
  })

  test('10,000 parts: a piece is a whole number of segments, so that a file has no more pieces than segments', async () => {
    const id = await begun(sender, 'parts.txt', 3 * ROOM)
    for (const length of [1, 100, ROOM - 1, ROOM + 1])
      assert.equal((await sendPiece(sender, id, 0, text(length))).status, 400)
    assert.equal((await sendPiece(sender, id, 0, Buffer.alloc(0))).status, 400)
    await server.sql('UPDATE uploads SET attempts = 100000 WHERE id = $1', [id])
    assert.equal((await sendPiece(sender, id, 0, text(ROOM))).status, 413)
    await server.sql('UPDATE uploads SET attempts = 1 WHERE id = $1', [id])
    await takeBack(sender, id)
  })

  test('abort at 100 offsets leaves nothing and costs no more than the piece', async () => {
    const id = await begun(sender, 'abort.txt', 2 * ROOM)
    const before = filesOnDisk().length
    for (let at = 0; at < 100; at++) {
      await breakOff(id, 0, Math.floor((at * ROOM) / 100))
      for (const path of filesOnDisk()) assert.ok(!readWhatIsThere(path).includes('plaintext-canary'))
    }
    await until(() => filesOnDisk().length === before, 'the halves are gone')
    assert.equal(await offsetOf(id), 0)
    assert.equal((await sendPiece(sender, id, 0, text(ROOM))).status, 200)
    await takeBack(sender, id)
  })
})

/** A half may go between the look at its folder and the look at it. */
function readWhatIsThere(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT')
    return Buffer.alloc(0)
  }
}

/** Sends the beginning of a piece and cuts the line. */
async function breakOff(id: string, offset: number, sent: number): Promise<void> {
  const cookie = [...maria.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  const head = [
    `PATCH /uploads/${id} HTTP/1.1`,
    `Host: localhost:${server.port}`,
    `Cookie: ${cookie}`,
    `Origin: ${server.baseUrl}`,
    `X-Form-Token: ${sender.token}`,
    `Upload-Offset: ${offset}`,
    'Content-Type: application/octet-stream',
    `Content-Length: ${ROOM}`,
  ]
  await new Promise<void>((done) => socket.write(`${head.join('\r\n')}\r\n\r\n`, () => done()))
  await new Promise<void>((done) => socket.write(text(sent), () => done()))
  socket.destroy()
}
