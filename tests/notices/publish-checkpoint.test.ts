/** Checkpoints leave the machine: to a folder each time there is something new, by mail once a day. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { listCapturedMails } from '../../server/mail/captured-mail.store.ts'
import { publishCheckpoint } from '../../server/notices/publish-checkpoint.job.ts'
import { readNote } from '../../server/vault/log-key.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../alarms/webhook-receiver.ts'
import { growBy, openLogAlone, type LogAlone } from '../audit/log-alone.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR
const folder = mkdtempSync(join(tmpdir(), 'letterlock-checkpoints-'))
let log: LogAlone
let hook: WebhookReceiver
let now = Date.now()

before(async () => {
  hook = await startWebhookReceiver()
  log = await openLogAlone({
    CHECKPOINT_FOLDER: folder,
    PRIVACY_EMAIL: 'privacy@riverside.example',
    WATCH_WEBHOOK_URL: hook.url,
    WATCH_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
    WATCH_WEBHOOK_PRIVATE: 'yes',
  })
})
after(async () => {
  await log.stop()
  await hook.stop()
  rmSync(folder, { recursive: true, force: true })
})

const publish = () => publishCheckpoint(new Date(now))
const filesThere = () =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.checkpoint'))
const mails = async () => (await listCapturedMails()).filter(({ to }) => to === 'privacy@riverside.example')

test('to the folder: the newest checkpoint, once, with the key beside it', async () => {
  await growBy(1)
  await publish()
  await publish()
  const [name, ...others] = filesThere()
  assert.deepEqual(others, [])
  assert.match(name!, /^\d{4}-\d{2}\/1-\d{12}\.checkpoint$/)
  const key = readFileSync(join(folder, 'access-log.vkey'), 'utf8').trim()
  const [, size] = readNote(readFileSync(join(folder, name!), 'utf8'), key)!.split('\n')
  assert.equal(Number(size), Number(/-(\d+)\./.exec(name!)![1]))
  await growBy(1)
  await publish()
  assert.equal(filesThere().length, 2)
})

test('by mail: to the privacy address, once a day, with a note that checks', async () => {
  assert.equal((await mails()).length, 1)
  now += 23 * HOUR
  await growBy(1)
  await publish()
  assert.equal((await mails()).length, 1)
  now += HOUR
  await publish()
  const sent = await mails()
  assert.equal(sent.length, 2)
  const { text } = sent[0]!
  const [note] = /^localhost:\d+\/access-log\/1\n[^]*?\n\n\u2014 [^\n]+\n/m.exec(text)!
  const [key] = /^localhost:\d+\/access-log\+\S+$/m.exec(text)!
  assert.ok(readNote(note, key))
  const recorded = await log.sql(`SELECT outcome FROM access_events WHERE act = 'log.checkpoint-sent'`)
  assert.deepEqual(recorded, [{ outcome: 'done' }, { outcome: 'done' }])
})

test('a folder that is gone keeps no mail from going, and the next time makes up for it', async () => {
  rmSync(folder, { recursive: true })
  now += DAY
  await growBy(1)
  await assert.rejects(publish(), { code: 'ENOENT' })
  assert.equal((await mails()).length, 3)
  assert.ok(!existsSync(folder), 'a folder that is not there may be a mount that is missing')
  mkdirSync(folder)
  await publish()
  assert.equal(filesThere().length, 1)
})

test('to the webhook: each new one once, signed and with the key; one that was not taken is made up for', async () => {
  const said = () =>
    hook.received.map(({ body }) => JSON.parse(body) as { type: string; data: { checkpoint: string; key: string } })
  const before = said().length
  assert.ok(before > 0)
  for (const { type, data } of said()) {
    assert.equal(type, 'log.checkpoint')
    assert.ok(readNote(data.checkpoint, data.key))
  }
  await publish()
  assert.equal(said().length, before, 'nothing new, nothing posted')
  now += HOUR
  await growBy(1)
  hook.answers.push(500)
  await assert.rejects(publish(), /webhook not taken: 500/)
  assert.ok(filesThere().length > 1, 'the folder has it all the same')
  await publish()
  const [refused, taken] = hook.received.slice(before)
  assert.equal(refused!.headers['webhook-id'], taken!.headers['webhook-id'])
  assert.equal(hook.received.length, before + 2)
})
