/** The address of the database: what it asks for holds for every connection, whoever makes it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, afterEach, test } from 'node:test'
import { connectDatabase, connectionPool, database, singleConnection } from '../../server/database/connection.ts'

const SSL_REQUEST = '0000000804d2162f' // eight bytes long, 80877103
const servers: Server[] = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))
after(() => database.close())

/** Listens like a PostgreSQL that has no TLS and keeps the first eight bytes of everybody who comes. */
async function listenAt(host: string) {
  const first: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      first.push(chunk.subarray(0, 8).toString('hex'))
      socket.end('N')
    })
  })
  servers.push(server)
  await once(server.listen(0, host), 'listening')
  return { first, port: (server.address() as AddressInfo).port }
}

async function firstBytesAt(host: string, inAddress: string) {
  const { first, port } = await listenAt(host)
  const url = `postgres://letterlock_app:p%40ss@${inAddress}:${port}/letterlock?sslmode=verify-full`
  connectDatabase(url)
  await assert.rejects(database.authenticate(), /does not support SSL/)
  await assert.rejects(connectionPool().query('SELECT 1'), /does not support SSL/)
  await assert.rejects(singleConnection(url), /does not support SSL/)
  await connectionPool().end()
  return first
}

test('an address with sslmode=verify-full is asked for TLS before anything else, by both pools and by a single connection', async () => {
  assert.deepEqual(await firstBytesAt('127.0.0.1', '127.0.0.1'), [SSL_REQUEST, SSL_REQUEST, SSL_REQUEST])
})

const loopback6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)
test('an IPv6 address in brackets is reached likewise', { skip: !loopback6 && 'no IPv6 here' }, async () => {
  assert.deepEqual(await firstBytesAt('::1', '[::1]'), [SSL_REQUEST, SSL_REQUEST, SSL_REQUEST])
})
