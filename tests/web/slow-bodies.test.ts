/** Bodies that stand still, and downloads that are under way when the server is told to stop. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as ask, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import express from 'express'
import { keepPace } from '../../server/web/keep-pace.ts'
import { startChildServer, type ChildServer } from '../faults/child-server.ts'
import { writeTo } from '../support/letters.ts'
import { signedIn, type Visitor } from '../support/visitor.ts'

describe('93. slow 1 B/s -> refused', () => {
  const app = express()
  app.use(keepPace(500, 50))
  let slowReader: (() => void) | undefined
  app.post('/read', (request, response) => request.resume().once('end', () => response.end('whole')))
  app.post('/wait', (request, response) => {
    slowReader = () => request.resume().once('end', () => response.end('whole'))
  })
  const server = createServer(app)
  let port: number

  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  after(() => server.close())

  function begin(path: string, length: number) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`)
    let said = ''
    socket.on('data', (chunk) => (said += chunk.toString()))
    socket.on('error', () => {})
    return { socket, closed: once(socket, 'close'), said: () => said }
  }

  test('a byte now and then is cut off', async () => {
    const { socket, closed, said } = begin('/read', 1_000_000)
    const timer = setInterval(() => socket.write('x'), 50)
    await closed
    clearInterval(timer)
    assert.equal(said(), '')
  })

  test('a slow line that goes on is not, nor is one whose bytes wait here', async () => {
    const steady = begin('/read', 7000)
    for (let count = 0; count < 70; count++) {
      steady.socket.write('x'.repeat(100))
      await new Promise((done) => setTimeout(done, 20))
    }
    await steady.closed
    assert.match(steady.said(), /whole$/)
    const waiting = begin('/wait', 100_000)
    waiting.socket.write('x'.repeat(100_000))
    while (!slowReader) await new Promise((done) => setTimeout(done, 10))
    await new Promise((done) => setTimeout(done, 1200))
    slowReader()
    await waiting.closed
    assert.match(waiting.said(), /whole$/)
  })
})

describe('183. SIGTERM with 1,000 open downloads -> drains 30 s, no 502', () => {
  const content = Buffer.alloc(3 * 1024 * 1024, 'A fictitious line.\n')
  let server: ChildServer
  let maria: Visitor
  let id: string

  before(async () => {
    server = await startChildServer()
    const dana = await signedIn(server, server.cast.dana)
    maria = await signedIn(server, server.cast.maria)
    const files = [{ name: 'long.txt', type: 'text/plain', bytes: content }]
    const message = await writeTo(dana, { to: server.cast.maria.email, files })
    const [row] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message])
    id = row!.id
  })
  after(() => server.stop())

  /** Begun, and then not read until it is told to. */
  async function beginDownload(): Promise<IncomingMessage> {
    const cookie = [...maria.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const outgoing = ask({
      host: '127.0.0.1',
      port: server.port,
      path: `/attachments/${id}/download`,
      headers: { host: `localhost:${server.port}`, cookie },
    })
    outgoing.end()
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    assert.equal(incoming.statusCode, 200)
    return incoming
  }

  test('twelve that are under way come to their end whole, and only then does the program end', async () => {
    const open = await Promise.all(Array.from({ length: 12 }, beginDownload))
    const ended = server.end()
    await assert.rejects(
      async () => {
        // It takes nobody new.
        for (;;) await maria.ask('/health/live')
      },
      (error: { code?: string }) => ['ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? ''),
    )
    await Promise.all(
      open.map(async (incoming) => {
        let got = 0
        for await (const chunk of incoming) got += (chunk as Buffer).length
        assert.equal(got, content.length)
      }),
    )
    await ended
  })
})
