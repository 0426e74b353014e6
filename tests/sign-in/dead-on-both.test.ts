/** Sessions end on every process at once, whatever ended them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Account } from '../../server/accounts/account.store.ts'
import { onAnother, startSecondProcess, type SecondProcess } from '../support/second-process.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { signedIn, type Visitor } from '../support/visitor.ts'

let server: TestServer
let second: SecondProcess

before(async () => {
  server = await startTestServer()
  second = await startSecondProcess(server)
})
after(async () => {
  await second?.stop()
  await server?.stop()
})

const lives = async (visitor: Visitor) => (await visitor.ask('/help')).body.includes('id="sign-out"')

test('48. Stolen cookie after logout, password change, disable, delete, role change -> dead within 1 s on both nodes', async () => {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { endSessionsOf } = await import('../../server/sign-in/sessions.ts')
  const { sam } = server.cast
  const { id } = (await findAccountByEmail(sam.email))!
  const set = (name: keyof Account, value: string) =>
    server.sql(`UPDATE accounts SET ${name} = $2 WHERE id = $1`, [id, value])
  const ways: [string, (owner: Visitor) => Promise<unknown>, () => Promise<unknown>][] = [
    ['sign-out', (owner) => owner.submit('/help', '/sign-out', {}), async () => {}],
    // What every change of a password, of an address and every reset calls in its transaction.
    ['password change', () => endSessionsOf(id), async () => {}],
    [
      'sign out everywhere',
      (owner) => owner.submit('/account/devices', '/account/devices/end-all', {}),
      async () => {},
    ],
    ['closing', () => set('state', 'closed'), () => set('state', 'active')],
    ['role change', () => set('role', 'admin'), () => set('role', 'provider')],
    [
      'deletion of the row',
      () => server.sql(`DELETE FROM sessions WHERE sess->>'accountId' = $1`, [id]),
      async () => {},
    ],
  ]
  for (const [name, end, undo] of ways) {
    const owner = await signedIn(server, sam)
    const thieves = [onAnother(server, owner), onAnother(second, owner)]
    for (const thief of thieves) assert.equal(await lives(thief), true, `before: ${name}`)
    await end(owner)
    const ended = Date.now()
    for (const thief of thieves) {
      const { status, location } = await thief.ask('/messages')
      assert.deepEqual([status, location], [303, '/sign-in'], name)
    }
    assert.ok(Date.now() - ended < 1000, `${name}: ${Date.now() - ended} ms`)
    await undo()
    for (const thief of thieves) assert.equal(await lives(thief), false, `${name}: it does not come back`)
  }
})
