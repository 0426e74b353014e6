/**
 * The canary sweep: words that only we know are written into everything that is private, and then looked for in every file that the product
 * left anywhere, while it runs, after it stopped and after it was killed. They must be nowhere.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { askAs, startChildServer, type ChildServer } from './faults/child-server.ts'
import { filesIn, findIn, sweepFor } from './support/sweep.ts'
import { until } from './support/until.ts'
import { makePhonePhoto } from './support/files.ts'
import { answerTo, enrol, linkIn, mailsTo, outbox, textFile, writeTo } from './support/letters.ts'
import { Visitor, signedIn } from './support/visitor.ts'
import { beginScript, type Said } from './upkeep/operate.ts'

let server: ChildServer
let temporary: string
const canaries: Record<string, string> = {}

/** A new word for a place; in lower case, so that it stays as it is also in an address. */
function canary(place: string): string {
  return (canaries[place] = `canary${randomBytes(9).toString('hex')}`)
}

const sweep = (folders: string[]) => sweepFor(canaries, folders)
const foundIn = (bytes: Buffer) => findIn(bytes, canaries)

before(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'letterlock-canary-'))
  server = await startChildServer({ TMPDIR: temporary, LOG_LEVEL: 'debug' })
  await journey()
})

after(async () => {
  await server.stop()
  rmSync(temporary, { recursive: true, force: true })
})

/** Everything that is private, once: a message with files, a sign-in, a reply, drafts, a colleague, refusals. */
async function journey() {
  const email = `${canary('address of a patient')}@mail.example`
  const photo = { name: `${canary('name of a photo')}.jpg`, type: 'image/jpeg', bytes: makePhonePhoto() }
  const dana = await signedIn(server, server.cast.dana)
  await writeTo(dana, {
    to: email,
    subject: canary('subject'),
    body: `Dear ${canary('body')},`,
    files: [textFile(`${canary('file name')}.txt`, `${canary('file')}\n`.repeat(50_000)), photo],
  })
  const { visitor: patient, person } = await enrol(server, linkIn((await mailsTo(server, email))[0]!))
  canaries['password'] = person.password.split(' ')[1]!
  canaries['secret of a code app'] = person.totpSecret
  const message = /\/messages\/([\w-]{36})/.exec((await patient.open('/messages')).body)![1]!
  const reply = { body: canary('reply') }
  await answerTo(patient, message, reply, [
    textFile(`${canary('file name in a reply')}.txt`, canary('file in a reply')),
  ])
  await answerTo(patient, message, { body: canary('draft of a reply'), action: 'save' }, [
    textFile(`${canary('file name in a draft')}.txt`, canary('file in a draft')),
  ])
  const draft = {
    draft: '',
    to: `${canary('address in a draft')}@mail.example`,
    subject: canary('subject of a draft'),
    body: canary('draft'),
    action: 'save',
  }
  await dana.upload('/messages/new', '/messages', draft)
  for (const path of [`/messages/${message}`, '/messages']) assert.equal((await dana.open(path)).status, 200)
  await dana.ask(
    `/attachments/${/\/attachments\/([\w-]{36})/.exec((await dana.ask(`/messages/${message}`)).body)![1]}/download`,
  )
  const ada = await signedIn(server, server.cast.ada)
  const colleague = {
    role: 'provider',
    name: canary('name of a colleague'),
    email: `${canary('address of a colleague')}@riverside.example`,
    team: '',
    newTeam: canary('name of a team'),
  }
  assert.equal((await ada.submit('/admin/people/invite', '/admin/people/invite', colleague)).status, 303)
  // What goes wrong must not quote what it was about either.
  const stranger = new Visitor(server)
  await stranger.submit('/sign-in', '/sign-in', {
    email: `${canary('address never seen')}@mail.example`,
    password: canary('wrong password'),
  })
  const odd = [
    `/m/${canary('token')}`,
    `/messages/${canary('path')}`,
    `/sign-in?next=/${canary('query')}`,
    `/${canary('page')}?a[b]=1`,
  ]
  for (const path of odd)
    await stranger.ask(path, {
      headers: { 'user-agent': canary('user agent'), referer: `http://localhost/${canary('referer')}` },
    })
  await server.sql(`UPDATE messages SET body_sealed = body_sealed || '\\x00' WHERE id = $1`, [message])
  assert.equal((await patient.ask(`/messages/${message}`)).status, 500)
  await server.sql(
    'UPDATE messages SET body_sealed = substring(body_sealed FOR octet_length(body_sealed) - 1) WHERE id = $1',
    [message],
  )
  assert.equal((await patient.ask(`/messages/${message}`)).status, 200)
  await mailsTo(server, server.cast.sam.email)
  for (const { name, value } of [...patient.cookies].map(([name, value]) => ({ name, value })))
    canaries[`cookie ${name}`] = decodeURIComponent(value).replace(/^s:/, '').split('.')[0]!
}

test('the sweep finds what is there: in each way of writing, at each of the three places of base64, in the middle of a file', () => {
  const folder = mkdtempSync(join(temporary, 'planted-'))
  const word = canary('planted')
  try {
    const ways = [
      Buffer.from(`x${word}`),
      Buffer.from(word, 'utf16le'),
      Buffer.from(Buffer.from(word).toString('hex')),
      Buffer.from(Buffer.from(word).toString('hex').toUpperCase()),
      ...['', 'a', 'ab'].map((before) => Buffer.from(Buffer.from(`${before}${word}zz`).toString('base64'))),
      Buffer.from(Buffer.from(`ab${word}z`).toString('base64url')),
    ]
    for (const [index, bytes] of ways.entries()) {
      mkdirSync(join(folder, 'deep'), { recursive: true })
      writeFileSync(
        join(folder, 'deep', `${index}`),
        Buffer.concat([randomBytes(100_000), bytes, randomBytes(100_000)]),
      )
    }
    assert.deepEqual(sweep([folder]).length, ways.length)
  } finally {
    rmSync(folder, { recursive: true })
    delete canaries['planted']
  }
})

test('157. PHI/secret canary in pino logs, PG log_statement, slow log -> none', async () => {
  assert.match(server.said(), /"route":"\/messages\/:message"/, 'the log is on')
  assert.match(server.said(), /A request failed/)
  assert.deepEqual(foundIn(Buffer.from(server.said())), [])
  assert.deepEqual(foundIn(readFileSync(join(server.dataDir, 'postgres.log'))), [])
})

test('no mail holds any of them, but the one that it is addressed to', async () => {
  for (const mail of await outbox(server)) {
    const { to, ...rest } = mail
    const elsewhere = { ...rest, headers: { ...rest.headers, to: '' } }
    // An invitation greets the colleague by the name that the administrator typed, to nobody but them.
    const own = to.startsWith(canaries['address of a colleague']!) ? ['name of a colleague'] : []
    assert.deepEqual(
      foundIn(Buffer.from(JSON.stringify(elsewhere))).filter((place) => !own.includes(place)),
      [],
      mail.subject,
    )
  }
})

test('145. a dump of every table over SQL, in text and in binary -> no canary', async () => {
  const tables = await askAs<{ name: string }>(
    server.dataDir,
    'superuser',
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  )
  assert.ok(tables.length > 40, `${tables.length} tables`)
  for (const { name } of tables) {
    const rows = await askAs<object>(server.dataDir, 'superuser', `SELECT t.*, t::text AS as_text FROM ${name} t`)
    for (const row of rows)
      for (const value of Object.values(row)) {
        const bytes = Buffer.isBuffer(value)
          ? value
          : Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
        assert.deepEqual(foundIn(bytes), [], name)
      }
  }
})

test('146. A backup, and the folders of a backup and of a drill while they go on -> no canary', async () => {
  const folder = mkdtempSync(join(temporary, 'backups-'))
  const settings = { DATA_DIR: server.dataDir, TMPDIR: temporary, LOG_LEVEL: 'debug' }
  const runs = [
    ['backup', join(folder, 'whole')],
    ['restore-drill', join(folder, 'whole'), '--in', folder],
  ] as const
  for (const [script, ...args] of runs) {
    const { ended } = beginScript(script, [...args], settings)
    let result: Said | undefined
    void ended.then((said) => (result = said))
    let looked = 0
    while (!result) {
      assert.deepEqual(sweep([folder, temporary]), [])
      looked += filesIn(folder).length
      await pause(100)
    }
    assert.equal(result.code, 0, result.said)
    assert.ok(looked > 0, `${script} was looked at while it went on`)
    assert.deepEqual(foundIn(Buffer.from(result.said)), [])
  }
  assert.deepEqual(sweep([folder, temporary]), [])
  assert.deepEqual(readdirSync(folder).length, 2, 'a backup and a report')
  rmSync(folder, { recursive: true })
})

test('142. Temp and data folders while uploads go on, and with SIGKILL of everything in their middle -> no plaintext', async () => {
  const dana = await signedIn(server, server.cast.dana)
  const uploads = [1, 2, 3].map((number) =>
    endlessUpload(dana, canary(`file cut ${number}`), canary(`name of a file cut ${number}`)),
  )
  const started = await Promise.all(uploads)
  await until(() => filesIn(server.dataDir).some((path) => path.endsWith('.part')), 'a half-written file')
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(sweep([server.dataDir, temporary]), [])
    await pause(100)
  }
  await server.killEverything()
  for (const { stop } of started) stop()
  assert.ok(
    filesIn(server.dataDir).some((path) => path.endsWith('.part')),
    'a half was left behind',
  )
  assert.deepEqual(sweep([server.dataDir, temporary]), [])
  assert.deepEqual(filesIn(temporary), [])
})

test('after the next start, which reads back what was being written, and after its end: nothing in any file', async () => {
  await server.startAgain()
  assert.equal((await new Visitor(server).ask('/health/ready')).status, 200)
  await askAs(server.dataDir, 'superuser', 'CHECKPOINT')
  assert.deepEqual(sweep([server.dataDir, temporary]), [])
  await server.end()
  assert.deepEqual(sweep([server.dataDir, temporary]), [])
  assert.deepEqual(foundIn(Buffer.from(server.said())), [])
  assert.deepEqual(filesIn(temporary), [])
  const looked = filesIn(server.dataDir)
  for (const part of ['/pg_wal/0', '/base/', '/files/', '/postgres.log'])
    assert.ok(
      looked.some((path) => path.includes(part)),
      part,
    )
})

/** Sends a form whose file never ends, slowly enough to be in the middle for as long as anybody looks. */
async function endlessUpload(visitor: Visitor, content: string, name: string): Promise<{ stop(): void }> {
  const token = await visitor.tokenOn('/messages/new')
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const head =
    `--x\r\nContent-Disposition: form-data; name="_csrf"\r\n\r\n${token}\r\n` +
    `--x\r\nContent-Disposition: form-data; name="files"; filename="${name}.txt"\r\nContent-Type: text/plain\r\n\r\n`
  const headers = {
    host: `localhost:${server.port}`,
    origin: `http://localhost:${server.port}`,
    cookie,
    'content-type': 'multipart/form-data; boundary=x',
  }
  const sending = request({ host: '127.0.0.1', port: server.port, path: '/messages', method: 'POST', headers })
  sending.on('error', () => {})
  sending.write(head)
  const piece = Buffer.from(`${content}\n`.repeat(10_000))
  const timer = setInterval(() => sending.write(piece), 50)
  return {
    stop() {
      clearInterval(timer)
      sending.destroy()
    },
  }
}
