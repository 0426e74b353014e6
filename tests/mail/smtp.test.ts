/** Mail in production, against a real SMTP server: TLS or nothing, and what its refusals become. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bareEnvironment } from '../support/template.ts'
import { startMailServer, type MailServer } from './mail-server.ts'

const PROGRAM = fileURLToPath(new URL('./send-one-mail.js', import.meta.url))
const LINK = 'https://messages.clinic.test/m/TOKEN'

describe('A mail server with STARTTLS', () => {
  let mails: MailServer
  before(async () => {
    mails = await startMailServer()
  })
  after(() => mails.stop())
  afterEach(() => {
    mails.taken.length = 0
    for (const each of ['to', 'content', 'login'] as const) delete mails.mood[each]
  })

  test('takes the mail over TLS, for exactly the one address', async () => {
    assert.equal(await sendOne(mails), 'taken')
    const [mail] = mails.taken
    assert.equal(mails.taken.length, 1)
    assert.deepEqual([mail!.secure, mail!.from, mail!.to], [true, 'messages@clinic.test', ['nora@mail.example']])
  })

  test('118. List-Unsubscribe/tracking pixel/link rewriting -> none; message is transactional', async () => {
    await sendOne(mails)
    const { head, whole } = parts(mails.taken[0]!.raw)
    assert.deepEqual(
      Object.keys(head).sort(),
      ['auto-submitted', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'subject', 'to'].sort(),
    )
    assert.equal(head['auto-submitted'], 'auto-generated')
    assert.equal(head['to'], 'nora@mail.example')
    assert.equal(head['subject'], 'You have a secure message from Riverside Clinic')
    assert.doesNotMatch(whole, /<img|https?:\/\/(?!messages\.clinic\.test\/m\/TOKEN)/i)
    assert.match(head['message-id']!, /@clinic\.test>$/)
  })

  test('117. wrong cert -> not taken for now, nothing was sent', async () => {
    assert.match(await sendOne(mails, { trusted: false }), /^\w+ for now mail not taken: \w+$/)
    assert.deepEqual(mails.taken, [])
  })

  for (const [step, code, outcome] of [
    ['to', 550, 'refused for good'],
    ['content', 554, 'refused for good'],
    ['to', 450, 'later for now'],
    ['content', 451, 'later for now'],
  ] as const)
    test(`117. ${code} to its ${step} -> ${outcome}, by class and without the server's words`, async () => {
      mails.mood[step] = code
      assert.equal(await sendOne(mails), `${outcome} mail not taken: ${outcome.split(' ')[0]}`)
      assert.deepEqual(mails.taken, [])
    })

  test('114. Name with CRLF, bare CR, encoded-word -> one header, one recipient', async () => {
    for (const name of [
      'Clinic\r\nBcc: evil@else.example',
      'Clinic\rBcc: evil@else.example',
      'Clinic\nX-Evil: 1',
      '=?utf-8?q?a=0d=0aBcc:_evil@else.example?=',
      'Clinic" <evil@else.example>, "x',
    ]) {
      mails.taken.length = 0
      assert.equal(await sendOne(mails, { ORGANISATION_NAME: name }), 'taken', name)
      const { head } = parts(mails.taken[0]!.raw)
      assert.deepEqual(
        [mails.taken[0]!.from, mails.taken[0]!.to],
        ['messages@clinic.test', ['nora@mail.example']],
        name,
      )
      assert.equal(head['bcc'], undefined, name)
      assert.equal(head['x-evil'], undefined, name)
      assert.match(head['from']!, /<messages@clinic\.test>$/, name)
    }
  })
})

describe('A mail server that cannot be trusted', () => {
  test('117. TLS missing -> queued; nothing was sent, not even the address', async () => {
    const mails = await startMailServer({ startTls: false })
    try {
      assert.equal(await sendOne(mails), 'ETLS for now mail not taken: ETLS')
      assert.deepEqual([mails.taken, mails.named], [[], []])
    } finally {
      await mails.stop()
    }
  })

  test('117. STARTTLS answered with 5xx -> queued, not given up', async () => {
    const fake = await startLiar((line) => (/^STARTTLS/i.test(line) ? '502 5.5.1 not here' : undefined))
    try {
      assert.equal(await sendOne(fake), 'ETLS for now mail not taken: ETLS')
      assert.doesNotMatch(fake.heard.join('\n'), /MAIL FROM|RCPT|AUTH/i)
    } finally {
      fake.stop()
    }
  })

  test('117. options in the address of the server cannot switch TLS off', async () => {
    const mails = await startMailServer({ startTls: false })
    try {
      for (const options of ['ignoreTLS=true', 'requireTLS=false&opportunisticTLS=true'])
        assert.match(await sendOne(mails, { options: `?${options}` }), /for now/, options)
      assert.deepEqual([mails.taken, mails.named], [[], []])
    } finally {
      await mails.stop()
    }
  })

  test('117. down -> queued', async () => {
    const mails = await startMailServer()
    await mails.stop()
    assert.match(await sendOne(mails, { trusted: false }), /^\w+ for now /)
  })

  test('a login that is refused is the operator’s to mend: queued, not given up', async () => {
    const mails = await startMailServer({ login: true })
    mails.mood.login = 535
    try {
      assert.equal(await sendOne(mails, { user: 'letterlock:a-secret@' }), 'EAUTH for now mail not taken: EAUTH')
      assert.deepEqual(mails.named, [])
      delete mails.mood.login
      assert.equal(await sendOne(mails, { user: 'letterlock:a-secret@' }), 'taken')
    } finally {
      await mails.stop()
    }
  })
})

interface How {
  trusted?: boolean
  options?: string
  user?: string
  ORGANISATION_NAME?: string
}

/** @returns what the program said of it */
async function sendOne(mails: { port: number; certificateFile?: string }, how: How = {}): Promise<string> {
  const { trusted = true, options = '', user = '', ORGANISATION_NAME = 'Riverside Clinic' } = how
  const env = {
    ...bareEnvironment(),
    NODE_ENV: 'production',
    BASE_URL: 'https://messages.clinic.test',
    MAIL_FROM: 'messages@clinic.test',
    MASTER_KEY: `1:${'A'.repeat(43)}`,
    SMTP_URL: `smtp://${user}localhost:${mails.port}${options}`,
    ORGANISATION_NAME,
    ORGANISATION_PHONE: '555-0100',
    ORGANISATION_HOURS: 'Monday to Friday, 8 am to 5 pm',
    EMERGENCY_PHONE: '911',
    ...(trusted && mails.certificateFile ? { NODE_EXTRA_CA_CERTS: mails.certificateFile } : {}),
  }
  const child = spawn(process.execPath, [PROGRAM, 'nora@mail.example', LINK], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let complained = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (complained += chunk.toString()))
  await once(child, 'close')
  assert.doesNotMatch(said + complained, /somebody@else\.example|nora@mail\.example/)
  return said || complained
}

/** A server that answers as it is told, or 250. */
async function startLiar(answer: (line: string) => string | undefined) {
  const heard: string[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write('220 liar\r\n')
    socket.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\r\n').filter(Boolean)) {
        heard.push(line)
        socket.write(`${answer(line) ?? (/^EHLO/i.test(line) ? '250-liar\r\n250 STARTTLS' : '250 ok')}\r\n`)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, heard, stop }
}

/** The headers by lower-case name, and the whole with its quoted-printable undone. */
function parts(raw: string) {
  const end = raw.search(/\r?\n\r?\n/)
  const lines = raw
    .slice(0, end)
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
  const head = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const whole = raw
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
  return { head, whole }
}
