/** What somebody who writes the database, and has no key, gains for a sign-in by it: nothing. Rows of other tables: tampering.test.ts. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestServerFromBefore, type TestServer } from '../support/server.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { everybodyIn } from '../support/letters.ts'
import { Visitor, letCodesCountAgain, signedIn } from '../support/visitor.ts'
import { choosePassword, keyOnPage, writeTo } from '../enrolment/newcomer.ts'
import { askHelpFor, idOf, makeCode, newPatient, press, readyRequest, untilTheApp } from '../help-sign-in/helping.ts'

/** The database as the version before left it: without a MAC in any row. */
const BEFORE = `
  ALTER TABLE accounts DROP COLUMN mac, DROP COLUMN session_endings;
  ALTER TABLE passkeys DROP COLUMN mac, ADD COLUMN prf boolean NOT NULL DEFAULT false;
  ALTER TABLE assisted_resets DROP COLUMN mac;
  ALTER TABLE password_resets DROP COLUMN mac;
  ALTER TABLE address_changes DROP COLUMN mac;
  DELETE FROM installation WHERE name = 'rows';
  DELETE FROM schema_migrations WHERE name = '0012-bound-rows.sql';`

let server: TestServer
let dana: Visitor
let sam: Visitor
let victim: Person
let attacker: Person
const ids = new Map<Person, string>()

before(async () => {
  server = await startTestServerFromBefore(BEFORE)
  ;({ maria: victim, felix: attacker } = server.cast)
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  for (const person of Object.values(server.cast)) ids.set(person, (await findAccountByEmail(person.email))!.id)
  ;({ dana, sam } = await everybodyIn(server, { dana: server.cast.dana, sam: server.cast.sam }))
})
after(() => server.stop())

/** Changes rows while `work` looks, and puts back what was there. */
async function changed(
  table: string,
  key: string,
  id: unknown,
  values: Record<string, unknown>,
  work: () => Promise<void>,
) {
  const names = Object.keys(values)
  const [was] = await server.sql(`SELECT * FROM ${table} WHERE ${key} = $1`, [id])
  assert.ok(was, `no such row of ${table}`)
  const put = (to: Record<string, unknown>) =>
    server.sql(`UPDATE ${table} SET ${names.map((name, at) => `${name} = $${at + 2}`).join(', ')} WHERE ${key} = $1`, [
      id,
      ...names.map((name) => to[name]),
    ])
  await put(values)
  try {
    await work()
  } finally {
    await put(was)
  }
}

async function refusals(): Promise<number> {
  const [row] = await server.sql<{ count: number }>(
    `SELECT count(*)::int FROM access_events WHERE act = 'envelope.refused' AND outcome = 'failed'`,
  )
  return row!.count
}

async function password(person: Person, secret = person.password) {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const { status, location } = await visitor.submit('/sign-in', '/sign-in', { email: person.email, password: secret })
  return { visitor, status, location }
}

const credentialOf = async (person: Person) =>
  (await server.sql<Record<string, unknown>>('SELECT * FROM credentials WHERE account_id = $1', [ids.get(person)]))[0]!

describe('An upgrade', () => {
  test('rows from before get a MAC at the first start, once; one that has none later counts as changed', async () => {
    for (const table of ['accounts', 'passkeys', 'assisted_resets', 'password_resets', 'address_changes'])
      assert.deepEqual(await server.sql(`SELECT FROM ${table} WHERE mac IS NULL`), [], table)
    const { bindEarlierRows } = await import('../../server/audit/bind-earlier-rows.ts')
    await changed('accounts', 'id', ids.get(victim), { mac: null }, async () => {
      await bindEarlierRows()
      assert.equal((await password(victim)).status, 500)
    })
    assert.equal((await password(victim)).status, 303)
  })
})

describe('An account', () => {
  test('a role raised in the database signs nobody in as an administrator, and ends what its session could do', async () => {
    const visitor = await signedIn(server, attacker)
    await changed('accounts', 'id', ids.get(attacker), { role: 'admin' }, async () => {
      const before = await refusals()
      const { status } = await password(attacker)
      assert.equal(status, 500)
      assert.equal(await refusals(), before + 1)
      for (const path of ['/admin/people', '/messages']) assert.equal((await visitor.ask(path)).status, 500)
    })
    // The MAC of somebody who is one.
    const [admin] = await server.sql<{ mac: Buffer }>('SELECT mac FROM accounts WHERE id = $1', [
      ids.get(server.cast.ada),
    ])
    await changed('accounts', 'id', ids.get(attacker), { role: 'admin', mac: admin!.mac }, async () => {
      assert.equal((await password(attacker)).status, 500)
    })
    assert.equal((await password(attacker)).status, 303)
  })

  test('a sign-in that was made is not made again by putting the account back to "invited", and an invited one is not made active', async () => {
    const { message, link } = await writeTo(server, dana, 'state.changed@mail.example')
    const [row] = await server.sql<{ id: string }>(
      'SELECT account_id AS id FROM mailboxes JOIN message_recipients ON mailbox_id = mailboxes.id WHERE message_id = $1',
      [message],
    )
    await changed('accounts', 'id', row!.id, { state: 'active' }, async () => {
      assert.equal((await new Visitor(server).ask(link)).status, 500)
    })
    await changed('accounts', 'id', ids.get(victim), { state: 'invited' }, async () => {
      assert.equal((await password(victim)).status, 500)
    })
  })
})

describe("One's own way in, put in the place of somebody else's", () => {
  test('a password: neither opens the account', async () => {
    const own = await credentialOf(attacker)
    const { password_salt, password_parameters, password_verifier } = own
    const values = { password_salt, password_parameters, password_verifier }
    await changed('credentials', 'account_id', ids.get(victim), values, async () => {
      for (const secret of [attacker.password, victim.password])
        assert.equal((await password(victim, secret)).status, 422)
    })
  })

  test('a code app: the right password does not come past its second step with it', async () => {
    const { totp_secret_sealed } = await credentialOf(attacker)
    await changed('credentials', 'account_id', ids.get(victim), { totp_secret_sealed }, async () => {
      const before = await refusals()
      const { visitor, status } = await password(victim)
      assert.equal(status, 500)
      assert.equal(await refusals(), before + 1)
      assert.equal((await visitor.ask('/sign-in/code')).location, '/sign-in')
    })
  })

  test('recovery codes: they are found for the mailbox that they were made for, and for no other', async () => {
    const { makeRecoveryCodes } = await import('../../server/sign-in/recovery-code.ts')
    const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
    const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const mine = (await findMailboxOf({ accountId: ids.get(attacker)! }))!
    const theirs = (await findMailboxOf({ accountId: ids.get(victim)! }))!
    const pair = await openMailboxByRecovery(mine)
    const codes = await inTransaction((transaction) => makeRecoveryCodes({ ...mine, ...pair }, new Date(), transaction))
    await server.sql(`UPDATE openers SET mailbox_id = $2 WHERE mailbox_id = $1 AND kind = 'recovery-code'`, [
      mine.id,
      theirs.id,
    ])
    const { visitor } = await password(victim)
    const step = '/sign-in/recovery-code'
    assert.equal((await visitor.submit(step, step, { code: codes[0]! })).status, 422)
    await server.sql(`DELETE FROM openers WHERE mailbox_id = $1 AND kind = 'recovery-code'`, [theirs.id])
  })

  test('a passkey: in another account, or with another key, it is none, is offered nowhere, and the log says so', async () => {
    const { findPasskeyByCredential, insertPasskey, listPasskeys } =
      await import('../../server/sign-in/passkey.store.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { newId } = await import('../../server/lib/ids.ts')
    const passkey = (accountId: string) => ({
      id: newId(),
      accountId,
      credentialId: newId(),
      publicKey: Buffer.alloc(77),
      counter: 0,
      transports: ['internal'],
      backedUp: false,
      name: 'A phone',
      addedAt: new Date(),
      lastUsedAt: null,
    })
    const [own, theirs] = [passkey(ids.get(attacker)!), passkey(ids.get(victim)!)]
    for (const each of [own, theirs]) await inTransaction((transaction) => insertPasskey(each, transaction))
    const gone = async (credentialId: string) => {
      assert.equal(await findPasskeyByCredential(credentialId), undefined)
      return (await listPasskeys(ids.get(victim)!)).map(({ id }) => id)
    }
    const before = await refusals()
    await changed('passkeys', 'id', own.id, { account_id: ids.get(victim) }, async () => {
      assert.deepEqual(await gone(own.credentialId), [theirs.id])
      assert.equal((await password(victim)).status, 303)
    })
    await changed('passkeys', 'id', theirs.id, { public_key: Buffer.alloc(77, 1) }, async () => {
      assert.deepEqual(await gone(theirs.credentialId), [])
    })
    assert.equal(await refusals(), before + 2)
    assert.deepEqual(
      (await listPasskeys(ids.get(victim)!)).map(({ id }) => id),
      [theirs.id],
    )
    await server.sql('DELETE FROM passkeys')
  })
})

describe('A link or an attempt that was led to somebody else', () => {
  test('the link of one’s own notice does not make the sign-in of another', async () => {
    const mine = await writeTo(server, dana, 'own.link@mail.example')
    const other = await writeTo(server, dana, 'other.link@mail.example')
    const { lookupDigest } = await import('../../server/vault/vault.ts')
    const digest = lookupDigest('link', mine.link.replace('/m/', ''))
    const [row] = await server.sql<{ account_id: string }>('SELECT account_id FROM links WHERE message_id = $1', [
      other.message,
    ])
    const before = await refusals()
    await changed('links', 'digest', digest, { account_id: row!.account_id }, async () => {
      assert.equal((await new Visitor(server).ask(mine.link)).status, 404)
      assert.equal(await choosePasswordStatus(mine.link), 404)
    })
    assert.equal(await refusals(), before + 1)
    assert.equal((await new Visitor(server).ask(mine.link)).status, 200)
  })

  async function choosePasswordStatus(link: string) {
    return (await new Visitor(server).ask(`${link}/password`)).status
  }

  test('a half-made sign-in that was put in another’s name makes nobody’s', async () => {
    const mine = await writeTo(server, dana, 'own.attempt@mail.example')
    const other = await writeTo(server, dana, 'other.attempt@mail.example')
    const visitor = new Visitor(server)
    await choosePassword(visitor, mine.link, 'quiet lamps in the old harbour 7')
    const totpSecret = await keyOnPage(visitor)
    const token = await visitor.tokenOn('/enrol/second-factor')
    const accountOf = async (message: string) =>
      (await server.sql<{ id: string }>('SELECT account_id AS id FROM links WHERE message_id = $1', [message]))[0]!.id
    const target = await accountOf(other.message)
    await server.sql('UPDATE enrolments SET account_id = $2 WHERE account_id = $1', [
      await accountOf(mine.message),
      target,
    ])
    const done = await visitor.ask('/enrol/second-factor', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ _csrf: token, code: codeOf({ totpSecret }) }).toString(),
    })
    assert.equal(done.location, '/sign-in')
    assert.deepEqual(await server.sql('SELECT state FROM accounts WHERE id = $1', [target]), [{ state: 'invited' }])
  })

  test('a link for a new password that was led to another account, or was given more time, is dead', async () => {
    const { replaceReset } = await import('../../server/sign-in/password-reset.store.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { newToken } = await import('../../server/lib/token.ts')
    const token = newToken()
    const now = new Date()
    const reset = { accountId: ids.get(attacker)!, askedAt: now, expiresAt: new Date(now.getTime() + 60_000) }
    await inTransaction((transaction) => replaceReset(token, reset, transaction))
    const status = async () => (await new Visitor(server).ask(`/sign-in/reset/${token}`)).status
    assert.equal(await status(), 200)
    const own = ids.get(attacker)
    await changed('password_resets', 'account_id', own, { expires_at: new Date(now.getTime() + 9e9) }, async () =>
      assert.equal(await status(), 404),
    )
    await server.sql('UPDATE password_resets SET account_id = $2 WHERE account_id = $1', [own, ids.get(victim)])
    assert.equal(await status(), 404)
    await server.sql('DELETE FROM password_resets')
  })

  test('a change of one’s own address that was put in another’s name brings nobody an address', async () => {
    const { addressChangeToken, insertAddressChange, listDueAddressChanges, findAddressChange } =
      await import('../../server/accounts/address-change.store.ts')
    const { stopAddressChangeByLink, finishAddressChange } = await import('../../server/own-account/address-change.ts')
    const { findAccount } = await import('../../server/accounts/account.store.ts')
    const { system } = await import('../../server/audit/actor.ts')
    const { NotFound } = await import('../../server/errors.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { newId } = await import('../../server/lib/ids.ts')
    const now = new Date()
    const change = {
      id: newId(),
      accountId: ids.get(attacker)!,
      oldEmail: 'evil@mail.example',
      newEmail: attacker.email,
      askedAt: now,
      endsAt: new Date(now.getTime() + 9e6),
    }
    await inTransaction((transaction) => insertAddressChange(change, transaction))
    const moved = { account_id: ids.get(victim), changed_at: now }
    await changed('address_changes', 'id', change.id, moved, async () => {
      await assert.rejects(stopAddressChangeByLink(system, addressChangeToken(change.id, 'old')), NotFound)
    })
    // Nobody confirmed it, and its time has not come.
    const due = { new_confirmed_at: now, ends_at: new Date(now.getTime() - 1000) }
    await changed('address_changes', 'id', change.id, due, async () => {
      assert.deepEqual(await listDueAddressChanges(now), [change.id])
      assert.equal(await findAddressChange(change.id), undefined)
      await finishAddressChange(change.id, now)
    })
    for (const person of [victim, attacker]) assert.equal((await findAccount(ids.get(person)!))!.email, person.email)
    await server.sql('DELETE FROM address_changes')
  })
})

describe('Help with a sign-in', () => {
  test('a request that nobody made gives one member of staff no code, however far it says it has come', async () => {
    await newPatient(server, dana, 'own.request@mail.example')
    await askHelpFor(dana, 'own.request@mail.example')
    const [own] = await server.sql<{ id: string; mac: Buffer }>('SELECT id, mac FROM assisted_resets')
    const forged = '01999999-0000-7000-8000-000000000001'
    await server.sql(
      `INSERT INTO assisted_resets (id, account_id, asked_by, asked_at, reason_sealed, approved_by, approved_at, ready_at, cancel_digest, mac)
       SELECT $1, $2, $3, now() - interval '2 days', reason_sealed, $4, now() - interval '2 days', now() - interval '1 hour', '\\x00', mac
       FROM assisted_resets WHERE id = $5`,
      [forged, ids.get(victim), ids.get(server.cast.sam), ids.get(server.cast.dana), own!.id],
    )
    const before = await refusals()
    const token = await dana.tokenOn('/help-sign-in')
    const made = await dana.ask(`/help-sign-in/requests/${forged}/code`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ _csrf: token }).toString(),
    })
    assert.equal(made.status, 404)
    assert.equal(await refusals(), before + 1)
    // The person is not told of what nobody asked for, and signs in as always.
    assert.equal((await signedIn(server, victim)).cookies.has('__Host-session'), true)
    await server.sql('DELETE FROM assisted_resets WHERE id = $1', [forged])
    await press(dana, `/help-sign-in/requests/${own!.id}`, 'stop')
  })

  test('a request that was asked for is not approved, and its wait does not end, by a change in the database', async () => {
    const path = await askHelpFor(sam, victim.email)
    const long = new Date(Date.now() - 3_600_000)
    const approved = { approved_by: ids.get(server.cast.dana), approved_at: long, ready_at: long }
    await changed('assisted_resets', 'id', idOf(path), approved, async () => {
      for (const staff of [sam, dana]) assert.equal((await staff.ask(path)).status, 404)
    })
    assert.equal((await sam.ask(path)).status, 200)
    await press(sam, path, 'stop')
  })

  test('what a code began for oneself does not end in another’s account', async () => {
    const email = 'own.help@mail.example'
    await newPatient(server, dana, email)
    const path = await readyRequest(server, dana, sam, email)
    const { visitor, person } = await untilTheApp(server, email, await makeCode(dana, path))
    const before = (await credentialOf(victim))['password_verifier']
    await changed('assisted_resets', 'id', idOf(path), { account_id: ids.get(victim) }, async () => {
      const token = /name="_csrf" value="([^"]+)"/.exec((await visitor.ask('/sign-in/staff-code')).body)![1]!
      const done = await visitor.ask('/sign-in/staff-code/second-factor', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ _csrf: token, code: codeOf(person) }).toString(),
      })
      assert.equal(done.location, '/sign-in/staff-code?over')
    })
    assert.deepEqual((await credentialOf(victim))['password_verifier'], before)
  })
})
