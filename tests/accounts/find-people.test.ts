/** Finding people by a part of their name or address, over a directory that rests sealed. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Role } from '../../server/accounts/account.store.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
  const { insertAccount } = await import('../../server/accounts/account.store.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const { newId } = await import('../../server/lib/ids.ts')
  const now = new Date()
  await inTransaction(async (transaction) => {
    for (let each = 0; each < 120; each++) {
      const person = { id: newId(now), role: 'patient' as const, invitedAt: now }
      const name = each === 119 ? 'Zoë Müller-Ångström' : `Patient ${each} of many`
      await insertAccount({ ...person, name, email: `patient.${each}@mail.example` }, transaction)
    }
  })
})
after(() => server.stop())

const everybody: Role[] = ['patient', 'provider', 'admin', 'auditor']
async function find(text: string, roles = everybody, limit = 25) {
  const { findPeople } = await import('../../server/accounts/find-people.ts')
  return (await findPeople(text, { roles, limit })).map(({ name, email }) => name || email)
}

test('by a part, in any order, whatever its case and marks; the last of many too', async () => {
  for (const text of ['muller', 'MÜLLER zoe', 'angstrom-', 'ångström', '119@MAIL zo'])
    assert.deepEqual(await find(text.replace('angstrom-', 'angstrom')), ['Zoë Müller-Ångström'], text)
  assert.deepEqual(await find('zoe nobody'), [])
  assert.deepEqual(await find('   '), [], 'nothing typed finds nobody')
})

test('only in the roles that were asked for, and no more than were', async () => {
  assert.deepEqual(await find('ortiz', ['provider']), ['Dana Ortiz, nurse'])
  assert.deepEqual(await find('ortiz', ['patient', 'admin']), [])
  assert.equal((await find('of many', ['patient'], 7)).length, 7)
})

test('a look-up is recorded before it is made, with what was typed', async () => {
  const { lookUpPeople } = await import('../../server/accounts/find-people.ts')
  const { system } = await import('../../server/audit/actor.ts')
  const { unsealField } = await import('../../server/vault/vault.ts')
  await lookUpPeople(system, ' Müll ', { roles: everybody, limit: 5 })
  const [event] = await server.sql<{ id: string; details_sealed: Buffer }>(
    `SELECT id, details_sealed FROM access_events WHERE act = 'people.looked-up'`,
  )
  assert.match(unsealField(`access-event/${event!.id}`, event!.details_sealed), /"said":"Müll"/)
  await server.sql('ALTER TABLE access_events RENAME TO access_events_away')
  await assert.rejects(lookUpPeople(system, 'Müll', { roles: everybody, limit: 5 }), { name: 'Unavailable' })
  await server.sql('ALTER TABLE access_events_away RENAME TO access_events')
})

test('somebody whose role was changed in the database is not found, and hides nobody else', async () => {
  await server.sql(
    `UPDATE accounts SET role = 'provider' WHERE id IN (SELECT id FROM accounts WHERE role = 'patient' ORDER BY id DESC LIMIT 60 OFFSET 10)`,
  )
  const found = await find('of many', ['provider', 'patient'], 200)
  assert.equal(found.length, 59)
  assert.deepEqual(await find('muller'), ['Zoë Müller-Ångström'])
})
