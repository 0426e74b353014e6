/**
 * A real clamd as a process of its own, with one rule: EICAR's, the harmless file that every scanner takes for malware. Debian ships no rules.
 * And a stand-in that breaks the protocol, for what a real one does not do on demand.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'

const PROGRAM = '/usr/sbin/clamd'

/** Why the tests with a real one are skipped, or false. */
export const noClamd = existsSync(PROGRAM) ? false : 'clamd is not installed: apt-get install clamav-daemon'

/** In two parts, so that no scanner takes this repository for malware. */
export const EICAR = Buffer.from(['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!$H+H*'].join(''))

export interface Clamd {
  socket: string
  stop(): Promise<void>
}

export async function startClamd(): Promise<Clamd> {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-clamd-'))
  const socket = join(folder, 'clamd.sock')
  writeFileSync(join(folder, 'eicar.ndb'), `Eicar-Test:0:*:${EICAR.toString('hex')}\n`)
  const settings = {
    LocalSocket: socket,
    DatabaseDirectory: folder,
    TemporaryDirectory: folder,
    Foreground: 'yes',
    AlertExceedsMax: 'yes',
    StreamMaxLength: '8M',
  }
  const file = join(folder, 'clamd.conf')
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  )
  const program = spawn(PROGRAM, ['--config-file', file], { stdio: 'ignore' })
  const ended = new Promise<void>((done) => program.once('close', () => done()))
  await until(() => existsSync(socket), 'clamd')
  return {
    socket,
    async stop() {
      program.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Something that listens where clamd should; `answer` is given each connection. */
export async function standIn(answer: (connection: Socket) => void): Promise<{ port: number; stop(): Promise<void> }> {
  const connections = new Set<Socket>()
  const server: Server = createServer((connection) => {
    connections.add(connection)
    connection.on('error', () => {})
    answer(connection)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as { port: number }).port,
    stop: () =>
      new Promise((done) => {
        for (const each of connections) each.destroy()
        server.close(() => done())
      }),
  }
}
