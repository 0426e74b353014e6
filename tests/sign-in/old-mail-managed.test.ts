/** In managed mode nobody loses a message: the recovery key opens what the person's own ways do not, and the log says so. */
import { after, before } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'
import { testOldMail } from './old-mail.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

testOldMail('managed', () => server)
