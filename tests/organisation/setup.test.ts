/** The first set-up in real use: administrators are led to it, it goes on where it was left, and no mail, no end. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { startMailServer, type MailServer } from '../mail/mail-server.ts'
import { castIn, type Cast } from '../support/cast.ts'
import { freePort } from '../support/free-port.ts'
import { rememberedStretchingFile } from '../support/remembered-stretching.ts'
import { secondLook } from '../support/server.ts'
import { SoftwarePasskey, type RegistrationOptions } from '../support/software-passkey.ts'
import { bareEnvironment, copyTemplate, mainFile } from '../support/template.ts'
import { plain, Visitor } from '../support/visitor.ts'

let mails: MailServer
let dataDir: string
let cast: Cast
let child: ChildProcess
let port: number
let database: Awaited<ReturnType<typeof secondLook>>
let owner: pg.Client
let ada: Visitor

const HOME = '/admin/setup'

before(async () => {
  mails = await startMailServer()
  dataDir = await copyTemplate()
  cast = castIn(dataDir)
  database = await secondLook(dataDir)
  owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  await owner.query(`UPDATE installation SET value = 'production' WHERE name = 'kind'`)
  await startServer()
  ada = await administrator()
})
after(async () => {
  await stopServer()
  await owner?.end()
  await database?.stop()
  await mails?.stop()
  rmSync(join(dataDir, '..'), { recursive: true, force: true })
})

/** Certificates can only be trusted from a process's start, so it is one of its own. */
async function startServer() {
  port = await freePort()
  const env = {
    ...bareEnvironment(),
    NODE_ENV: 'production',
    NODE_EXTRA_CA_CERTS: mails.certificateFile,
    DATA_DIR: dataDir,
    PORT: String(port),
    LOG_LEVEL: 'error',
    BASE_URL: `http://localhost:${port}`,
    SMTP_URL: `smtp://127.0.0.1:${mails.port}`,
    MASTER_KEY_FILE: join(dataDir, 'master.key'),
    ORGANISATION_NAME: 'Riverside Clinic',
    ORGANISATION_PHONE: '555-0100',
    ORGANISATION_HOURS: 'Monday to Friday, 8 am to 5 pm',
    EMERGENCY_PHONE: '911',
  }
  child = spawn(process.execPath, ['--import', rememberedStretchingFile, mainFile], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let told = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (told += chunk.toString()))
  await new Promise<void>((done, fail) => {
    child.stdout!.on('data', () => told.includes('Letterlock is running') && done())
    child.on('exit', () => fail(new Error(`it did not start: ${told}`)))
  })
}

async function stopServer() {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** Signed in, with the passkey that an administrator needs in real use. */
async function administrator(): Promise<Visitor> {
  await owner.query('UPDATE credentials SET totp_last_step = 0')
  await owner.query('DELETE FROM rate_limits')
  const visitor = new Visitor({ port })
  assert.equal((await visitor.signIn(cast.ada)).status, 303)
  if ((await owner.query('SELECT FROM passkeys')).rowCount === 0) {
    const options = JSON.parse((await visitor.ask('/account/passkeys/new')).body) as RegistrationOptions
    const answer = new SoftwarePasskey(port).create(options)
    assert.match(
      (await visitor.submit('/account/passkeys', '/account/passkeys', { answer, prf: '' })).location,
      /added/,
    )
  }
  return visitor
}

test('an administrator is led to it from every page of the administration; others are not', async () => {
  for (const page of ['/admin/access-events', '/admin/settings', '/admin/alarms'])
    assert.equal((await ada.ask(page)).location, HOME)
  assert.equal((await ada.ask('/account')).status, 200)
  await owner.query('UPDATE credentials SET totp_last_step = 0')
  const felix = new Visitor({ port })
  await felix.signIn(cast.felix)
  assert.equal((await felix.ask('/admin/access-events')).status, 200)
  assert.equal((await felix.ask(HOME)).status, 404)
})

test('it cannot be finished before mail arrived, nor with a step left out', async () => {
  const early = await ada.submit(HOME, HOME, {})
  assert.equal(early.status, 422)
  assert.match(plain(early.body), /Mail is not confirmed yet/)
  const { body } = await ada.ask(HOME)
  assert.match(plain(body), /not encrypted.*Set BASE_URL|not encrypted/)
  assert.match(plain(body), /There is no copy of the master key/)
  assert.match(plain(body), /No checkpoint of the access log leaves this machine/)
})

test('each step is saved by itself, also over a restart of the server, and what is wrong is refused', async () => {
  const page = `${HOME}/organisation`
  const fields = { name: 'Lakeside Clinic', phone: '555-0177', hours: 'Always', emergencyPhone: '911' }
  assert.equal((await ada.submit(page, page, { ...fields, name: '' })).status, 422)
  assert.equal((await ada.submit(page, page, fields)).location, HOME)
  assert.match(plain((await ada.ask('/help')).body), /Lakeside Clinic/)
  await stopServer()
  await startServer()
  ada = await administrator()
  assert.match(plain((await ada.ask(HOME)).body), /Step 1: Your organisation Done .*Step 3: Mail To do/)
  assert.match((await ada.ask(page)).body, /value="Lakeside Clinic"/)
  const colours = `${HOME}/colours`
  assert.equal((await ada.submit(colours, colours, { brandLight: '#ffd700', brandDark: '' })).status, 422)
  assert.equal((await ada.submit(colours, colours, { brandLight: '', brandDark: '' })).location, HOME)
})

test('mail: a refusal and a server that is away are told; the code that arrived is asked for, and no other counts', async () => {
  const page = `${HOME}/mail`
  mails.mood.to = 550
  const refused = await ada.submit(page, page, {})
  assert.equal(refused.status, 422)
  assert.match(plain(refused.body), /refused the mail/)
  mails.mood.to = 450
  assert.match(plain((await ada.submit(page, page, {})).body), /could not be reached/)
  delete mails.mood.to
  assert.equal((await ada.submit(page, page, {})).status, 303)
  const mail = mails.taken.at(-1)!
  assert.deepEqual([mail.to, mail.secure], [[cast.ada.email], true])
  const code = /^(\d{6})\r?$/m.exec(mail.raw)![1]!
  // Neither the code nor the address stands in the database.
  const rows = await owner.query('SELECT setup_mails::text AS text FROM setup_mails')
  assert.doesNotMatch(JSON.stringify(rows.rows), new RegExp(`${code}|${cast.ada.email}`))
  const wrong = await ada.submit(page, `${page}/code`, { code: code === '000000' ? '000001' : '000000' })
  assert.equal(wrong.status, 422)
  assert.match(plain(wrong.body), /not the code of the newest test mail/)
  assert.equal(
    (await ada.submit(page, `${page}/code`, { code: `${code.slice(0, 3)} ${code.slice(3)}` })).location,
    HOME,
  )
  // It counted once.
  assert.equal((await ada.submit(page, `${page}/code`, { code })).status, 422)
})

test('a code that is tried too often or is old counts no more', async () => {
  const page = `${HOME}/mail`
  await ada.submit(page, page, {})
  const code = /^(\d{6})\r?$/m.exec(mails.taken.at(-1)!.raw)![1]!
  await owner.query('UPDATE setup_mails SET tries = 5')
  assert.equal((await ada.submit(page, `${page}/code`, { code })).status, 422)
  await owner.query(`UPDATE setup_mails SET tries = 0, sent_at = now() - interval '61 minutes'`)
  assert.equal((await ada.submit(page, `${page}/code`, { code })).status, 422)
})

test('when all is done it is finished, once and for good; every step is in the access log', async () => {
  assert.match(plain((await ada.submit(HOME, HOME, {})).body), /not done yet: Limits/)
  const page = `${HOME}/limits`
  const { body } = await ada.ask(page)
  const fields = Object.fromEntries(
    [...body.matchAll(/ name="(\w+)" value="(\d+)"/g)].map(([, name, value]) => [name!, value!]),
  )
  assert.equal((await ada.submit(page, page, fields)).location, HOME)
  assert.equal((await ada.submit(HOME, HOME, {})).location, '/admin/settings?set-up')
  assert.equal((await ada.ask('/admin/access-events')).status, 200)
  assert.equal((await ada.ask(HOME)).location, '/admin/settings')
  const acts = await owner.query<{ act: string }>(
    `SELECT DISTINCT act FROM access_events WHERE act LIKE 'setup.%' ORDER BY 1`,
  )
  assert.deepEqual(
    acts.rows.map(({ act }) => act),
    [
      'setup.finished',
      'setup.mail-confirmed',
      'setup.mail-refused',
      'setup.mail-sent',
      'setup.read',
      'setup.step-done',
    ],
  )
})
