/** A real SMTP server with a certificate of its own, whose mood a test can change. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SMTPServer } from 'smtp-server'

export interface TakenMail {
  from: string
  to: string[]
  /** Whether it came over TLS. */
  secure: boolean
  raw: string
}

/** Refuses: `to` with this answer to RCPT, `content` with this answer after DATA, `login` with this answer to AUTH. */
export type Mood = { to?: number; content?: number; login?: number }

export interface MailServer {
  port: number
  /** Of the certificate, for NODE_EXTRA_CA_CERTS. */
  certificateFile: string
  taken: TakenMail[]
  /** Addresses that were named to it, whether or not their mail was then taken. */
  named: string[]
  mood: Mood
  stop(): Promise<void>
}

export async function startMailServer({ startTls = true, port = 0, login = false } = {}): Promise<MailServer> {
  const { folder, key, certificateFile } = makeCertificate()
  const taken: TakenMail[] = []
  const named: string[] = []
  const mood: Mood = {}
  const refusal = (code: number) =>
    Object.assign(new Error('the server says somebody@else.example'), { responseCode: code })
  const server = new SMTPServer({
    key,
    cert: readFileSync(certificateFile),
    authOptional: !login,
    disabledCommands: [...(startTls ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])],
    allowInsecureAuth: true,
    logger: false,
    closeTimeout: 100,
    onAuth: ({ username }, _session, done) => (mood.login ? done(refusal(mood.login)) : done(null, { user: username })),
    onRcptTo({ address }, _session, done) {
      named.push(address)
      done(mood.to ? refusal(mood.to) : null)
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        if (mood.content) return done(refusal(mood.content))
        const { mailFrom, rcptTo } = session.envelope
        taken.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          raw: Buffer.concat(chunks).toString(),
        })
        done()
      })
    },
  })
  server.on('error', () => {}) // a client that breaks off is what some tests are about
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return {
    port: (server.server.address() as AddressInfo).port,
    certificateFile,
    taken,
    named,
    mood,
    async stop() {
      await new Promise<void>((done) => server.close(done))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function makeCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-mail-'))
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', keyFile, '-out', certificateFile], {
    stdio: 'ignore',
  })
  return { folder, key: readFileSync(keyFile), certificateFile }
}
