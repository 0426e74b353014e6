/** Files that are looked at for malware, through the real pages and the real queue. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import type { TestServer } from '../support/server.ts'
import { startTestServer } from '../support/server.ts'
import { EICAR, noClamd, standIn, startClamd, type Clamd } from '../support/clamd.ts'
import { makePdf, makePng } from '../support/files.ts'
import { answerTo, everybodyIn, idIn, mailsTo, textFile, writeTo } from '../support/letters.ts'
import { plain, type Visitor } from '../support/visitor.ts'
import { until } from '../support/until.ts'

interface Row {
  id: string
  state: string
  key: Buffer | null
  message: string | null
}

let server: TestServer
let clamd: Clamd | undefined
let scanner: { port: number; stop(): Promise<void> }
let mode: 'clean' | 'malware' | 'dead' = 'clean'
let scanning: Promise<void> = Promise.resolve()
let dana: Visitor
let maria: Visitor
let message: string

before(async () => {
  // A relay: the test says when the scanner answers, and with a real one at hand it is the one that judges.
  if (!noClamd) clamd = await startClamd()
  scanner = await standIn((connection) => void scanning.then(() => relay(connection)))
  server = await startTestServer({ CLAMD_SOCKET: `127.0.0.1:${scanner.port}` })
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  message = await writeTo(dana, { to: server.cast.maria.email })
})
function relay(connection: Socket) {
  if (mode === 'dead') return connection.destroy()
  if (clamd) {
    const real = connect(clamd.socket)
    real.on('error', () => connection.destroy())
    return connection.pipe(real).pipe(connection)
  }
  let last = Buffer.alloc(0)
  return connection.on('data', (piece: Buffer) => {
    last = Buffer.concat([last, piece]).subarray(-4)
    if (last.equals(Buffer.alloc(4))) connection.end(mode === 'clean' ? 'stream: OK\0' : 'stream: Eicar FOUND\0')
  })
}

/** Until the function that it gives back is called, the scanner listens and says nothing. */
function scannerWaits(): () => void {
  let goOn = () => {}
  scanning = new Promise((done) => (goOn = done))
  return goOn
}

after(async () => {
  await scanner?.stop()
  await server?.stop()
  await clamd?.stop()
})

async function rowOf(messageId: string): Promise<Row> {
  const rows = await server.sql<Row>(
    'SELECT id, check_state AS state, check_key_sealed AS key, message_id AS message FROM attachments WHERE message_id = $1',
    [messageId],
  )
  return rows[0]!
}

const becomes = (messageId: string, state: string) =>
  until(async () => {
    const row = await rowOf(messageId)
    return row.state === state && row
  }, `a file that is ${state}`)

async function events(id: string): Promise<string[]> {
  const rows = await server.sql<{ what: string }>(
    `SELECT act || ' ' || outcome AS what FROM access_events WHERE subject_id = $1 ORDER BY at, id`,
    [id],
  )
  return rows.map(({ what }) => what)
}

test('a file is clean: until then nobody gets it, afterwards its pages are there and no key of its check is left', async () => {
  mode = 'clean'
  const goOn = scannerWaits()
  const sent = await writeTo(dana, {
    to: server.cast.maria.email,
    files: [{ name: 'report.pdf', type: 'application/pdf', bytes: makePdf() }],
  })
  const row = await rowOf(sent)
  assert.ok(row.state === 'checking' && row.key)
  for (const who of [maria, dana]) {
    const shown = await who.ask(`/attachments/${row.id}`)
    assert.equal(shown.status, 200)
    assert.match(plain(shown.body), /This file is still being checked/)
    assert.doesNotMatch(shown.body, /\/download"|\/pages\//)
    const refused = await who.ask(`/attachments/${row.id}/download`)
    assert.equal(refused.status, 403)
    assert.match(plain(refused.body), /This file is still being checked/)
    assert.equal((await who.ask(`/attachments/${row.id}/pages/1`)).status, 404)
    assert.equal((await who.ask(`/attachments/${row.id}/thumbnail`)).status, 404)
    assert.deepEqual(JSON.parse((await who.ask(`/attachments/${row.id}/check`)).body), { state: 'checking' })
  }
  assert.match(plain((await maria.ask(`/messages/${sent}`)).body), /report\.pdf PDF, [^.]* Still being checked/)
  assert.ok((await events(row.id)).includes('attachment.downloaded denied'))
  assert.deepEqual(await server.sql('SELECT 1 FROM attachment_receipts WHERE attachment_id = $1', [row.id]), [])

  goOn()
  await becomes(sent, 'clean')
  assert.equal((await rowOf(sent)).key, null)
  const shown = await maria.ask(`/attachments/${row.id}`)
  assert.match(plain(shown.body), /Page 1 of 1.*Fictitious test result/)
  assert.match(plain(shown.body), /We looked and found none/)
  assert.equal((await maria.ask(`/attachments/${row.id}/pages/1`)).headers['content-type'], 'image/webp')
  assert.equal((await maria.ask(`/attachments/${row.id}/download`)).status, 200)
})

test('90. EICAR and 50 ClamAV files -> quarantined, sender told, recipient not offered', async () => {
  mode = 'malware'
  const goOn = scannerWaits()
  const sent = idIn(await answerTo(maria, message, { body: 'With a text' }, [textFile('notes.txt', EICAR.toString())]))
  goOn()
  const row = await becomes(sent, 'blocked')
  assert.equal(row.key, null)
  for (const who of [maria, dana]) {
    assert.match(
      plain((await who.ask(`/attachments/${row.id}`)).body),
      /This file was blocked because it holds malware/,
    )
    const refused = await who.ask(`/attachments/${row.id}/download`)
    assert.equal(refused.status, 403)
    assert.ok(!refused.bytes.includes('EICAR'))
  }
  assert.match(plain((await dana.ask(`/messages/${sent}`)).body), /notes\.txt .*Blocked: it holds malware/)
  const told = await until(async () => {
    const mails = await mailsTo(server, server.cast.maria.email)
    return mails.find(({ subject }) => /About a file/.test(subject))
  }, 'a mail to the sender')
  assert.match(told.text, /holds malware/)
  assert.doesNotMatch(told.text + told.html + told.subject, /notes|With a text/)
  assert.ok(
    existsSync(`${server.dataDir}/files/${row.id.slice(-2)}/${row.id}`),
    'it rests sealed, for whoever looks into it',
  )
  assert.ok((await events(row.id)).includes('attachment.blocked done'))
})

test('a blocked file in a draft cannot be sent until it is taken out', async () => {
  mode = 'malware'
  const saved = await answerTo(maria, message, { body: 'x', action: 'save' }, [textFile('bad.txt', EICAR.toString())])
  assert.equal(saved.status, 303)
  await until(
    async () =>
      (await server.sql(`SELECT 1 FROM attachments WHERE draft_id IS NOT NULL AND check_state = 'blocked'`)).length,
    'a blocked file in a draft',
  )
  const refused = await answerTo(maria, message, { body: 'x' })
  assert.equal(refused.status, 422)
  assert.match(plain(refused.body), /“bad\.txt” holds malware and cannot be sent/)
  const [, id] = /name="remove" value="([^"]+)"/.exec(refused.body)!
  idIn(await answerTo(maria, message, { body: 'x', remove: id! }))
})

test('91. Scanner dead -> held as configured, never silently passed, and asked again; nothing is told of a scanner that comes back', async () => {
  mode = 'dead'
  const sent = await writeTo(dana, {
    to: server.cast.maria.email,
    files: [{ name: 'foot.png', type: 'image/png', bytes: makePng() }],
  })
  const row = await becomes(sent, 'held')
  assert.ok(row.key)
  assert.match(plain((await maria.ask(`/attachments/${row.id}`)).body), /This file could not be checked yet/)
  assert.equal((await maria.ask(`/attachments/${row.id}/download`)).status, 403)
  const { checkHeldFiles } = await import('../../server/attachments/check-held-files.job.ts')
  const { sendFileNotice } = await import('../../server/notices/send-file-notice.job.ts')
  mode = 'clean'
  // Not before its time.
  await checkHeldFiles()
  assert.equal((await rowOf(sent)).state, 'held')
  await checkHeldFiles(new Date(Date.now() + 6 * 60_000))
  assert.equal((await becomes(sent, 'clean')).key, null)
  await sendFileNotice({ attachmentId: row.id, about: 'held' })
  assert.deepEqual(
    (await mailsTo(server, server.cast.dana.email, 0)).filter(({ subject }) => /About a file/.test(subject)),
    [],
  )
  assert.equal((await maria.ask(`/attachments/${row.id}/thumbnail`)).status, 200)
})
