/** Notices of changes to a sign-in: one for each change, ten a day, and the link by which somebody says that it was not them. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { SecurityChange } from '../../server/jobs/names.ts'
import { outbox } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, signedIn, Visitor } from '../support/visitor.ts'
import { eventsOf, idOf, jobsDone, mailAbout, pathIn } from '../own-account/account-mails.ts'
import { changeRows } from '../support/bound-rows.ts'

const SUBJECT = 'About your sign-in'
let server: TestServer
let marias: string

before(async () => {
  server = await startTestServer()
  marias = await idOf(server.cast.maria.email)
})
after(() => server.stop())
beforeEach(async () => {
  await letCodesCountAgain(server)
  await server.sql('DELETE FROM security_links')
})

async function tell(change: SecurityChange, at = new Date(), now = at) {
  const { sendSecurityNotice } = await import('../../server/notices/send-security-notice.job.ts')
  await sendSecurityNotice({ accountId: marias, change, at: at.toISOString() }, now)
}

const notices = async () =>
  (await outbox(server)).filter(({ to, subject }) => to === server.cast.maria.email && subject.includes(SUBJECT))

describe('A notice of a change', () => {
  test('says what changed and when, and nothing of content, device or network; its host is the settings’', async () => {
    await tell('password-changed', new Date('2026-11-20T15:04:00Z'), new Date('2026-11-20T15:05:00Z'))
    const mail = await mailAbout(server, server.cast.maria.email, SUBJECT)
    assert.ok(mail.subject.length <= 60 + '[Demo] '.length)
    assert.match(mail.text, /Your password was changed on Friday 20 November, 3:04 pm\./)
    assert.ok(mail.text.includes(`${server.baseUrl}/not-me/`))
    assert.doesNotMatch(mail.text, /127\.0\.0\.1|::1|Mozilla|Maria/)
    assert.equal(plain(/<main>([\s\S]*)<\/main>/.exec(mail.html)![1]!), mail.text.replace(/\s+/g, ' ').trim())
  })

  test('of tries by which nobody got in says so and leads to a new password; there is nothing to lock', async () => {
    for (const change of ['many-wrong-tries', 'many-wrong-codes'] as const) {
      await tell(change)
      const { text, html } = await mailAbout(server, server.cast.maria.email, SUBJECT)
      assert.match(text, /They did not get in, and nothing was opened\./)
      assert.match(text, /choose a new password/)
      assert.ok(text.includes(`${server.baseUrl}/account/password`))
      assert.doesNotMatch(text + html, /not-me|press the button/)
    }
  })

  test('is one for one change, also when its job runs again, or in several places at once', async () => {
    const at = new Date()
    const before = (await notices()).length
    await Promise.all(Array.from({ length: 4 }, () => tell('passkey-added', at)))
    await tell('passkey-added', at, new Date(at.getTime() + 1000))
    assert.equal((await notices()).length, before + 1)
    await tell('passkey-added', new Date(at.getTime() + 1))
    assert.equal((await notices()).length, before + 2)
  })

  test('comes at most ten times a day: the tenth says that there were many, and the log has what followed', async () => {
    const start = Date.now()
    const before = (await notices()).length
    for (let each = 0; each < 13; each++) await tell('passkey-removed', new Date(start + each))
    const mails = await notices()
    assert.equal(mails.length, before + 10)
    assert.match(mails[0]!.text, /changed many times today/)
    assert.match(mails[1]!.text, /screen lock was removed on/)
    const failed = await eventsOf(server, 'security-notice.failed', marias)
    assert.deepEqual(failed, Array(3).fill({ outcome: 'failed' }))
    await server.sql(`UPDATE security_links SET made_at = made_at - interval '1 day'`)
    await tell('passkey-removed', new Date(start + 60_000))
    assert.equal((await notices()).length, before + 11)
  })

  test('of a new device, or of wrong tries, comes three times a day, and takes no change’s place', async () => {
    const start = Date.now()
    const before = (await notices()).length
    for (let each = 0; each < 12; each++)
      for (const change of ['new-device', 'many-wrong-tries'] as const) await tell(change, new Date(start + each))
    assert.equal((await notices()).length, before + 6)
    await tell('recovery-codes-made', new Date(start + 20))
    assert.ok((await notices()).some(({ text }) => text.includes('New recovery codes were made on')))
  })

  test('of new recovery codes comes three times a day; the first of a kind comes whatever was told before', async () => {
    const start = Date.now()
    const before = (await notices()).length
    for (let each = 0; each < 5; each++) await tell('recovery-codes-made', new Date(start + each))
    assert.equal((await notices()).length, before + 3)
    for (let each = 0; each < 12; each++) await tell('passkey-removed', new Date(start + 10 + each))
    assert.equal((await notices()).length, before + 10)
    await tell('passkey-added', new Date(start + 30))
    await tell('passkey-added', new Date(start + 31))
    const mails = await notices()
    assert.equal(mails.length, before + 11)
    assert.ok(mails.slice(0, 11).some(({ text }) => text.includes('screen lock was added on')))
  })

  test('does not go to an account that is closed', async () => {
    await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE id = $1`, [marias])
    const before = (await notices()).length
    await tell('password-changed')
    assert.equal((await notices()).length, before)
    await changeRows(server, `UPDATE accounts SET state = 'active' WHERE id = $1`, [marias])
  })
})

describe('“This was not me”', () => {
  async function link(change: SecurityChange = 'password-changed') {
    const { linkToken } = await import('../../server/vault/vault.ts')
    await tell(change)
    const [row] = await server.sql<{ id: string }>('SELECT id FROM security_links ORDER BY made_at DESC LIMIT 1')
    return `/not-me/${linkToken('not-me', row!.id)}`
  }

  test('signs everybody out, forgets devices, stops a change of address, is recorded, and says what to do next', async () => {
    const { maria } = server.cast
    const path = await link()
    const visitor = await signedIn(server, maria)
    await visitor.submit('/account/address', '/account/address', { email: 'thief@new.example' })
    const nobody = new Visitor(server)
    const page = await nobody.ask(path)
    assert.deepEqual([page.status, page.h1], [200, 'Was this not you?'])
    assert.match(plain(page.body), /Your password was changed on /)
    const answer = await nobody.submit(path, path, {})
    assert.deepEqual([answer.status, answer.location], [303, path])
    const done = await nobody.ask(path)
    assert.equal(done.h1, 'We locked others out')
    assert.match(plain(done.body), /Sign in and choose a new password\..*555-0100/)
    assert.doesNotMatch(plain(done.body), /address is back/)
    const onward = 'href="/sign-in?after=not-me&amp;next=%2Faccount%2Fpassword"'
    assert.ok(done.body.includes(onward))
    const signIn = await nobody.ask('/sign-in?after=not-me&next=%2Faccount%2Fpassword')
    assert.match(plain(signIn.body), /Everybody who was signed in as you is out.*choose a new password/)
    assert.doesNotMatch(plain((await nobody.ask('/sign-in?after=%3Cb%3E')).body), /<b>|signIn\.after/)
    assert.equal((await visitor.ask('/messages')).status, 303)
    assert.deepEqual(await server.sql('SELECT 1 FROM address_changes WHERE cancelled_at IS NULL'), [])
    assert.deepEqual(await server.sql('SELECT 1 FROM known_devices WHERE account_id = $1', [marias]), [])
    assert.deepEqual(await eventsOf(server, 'account.disowned-change', marias), [{ outcome: 'done' }])
    await signedIn(server, maria)
  })

  test('brings back an address that was changed within 72 hours, from a notice that went to the old one', async () => {
    const { maria } = server.cast
    const path = await link('new-device')
    const thief = await signedIn(server, maria)
    await thief.submit('/account/address', '/account/address', { email: 'thief.2@new.example' })
    const confirm = pathIn(await mailAbout(server, 'thief.2@new.example', 'Confirm your new address'))
    await thief.submit(confirm, confirm, {})
    await changeRows(
      server,
      `UPDATE address_changes SET ends_at = now() - interval '1 second' WHERE cancelled_at IS NULL`,
    )
    const { finishAddressChanges } = await import('../../server/own-account/finish-address-changes.job.ts')
    await finishAddressChanges()
    const { findAccount } = await import('../../server/accounts/account.store.ts')
    assert.equal((await findAccount(marias))!.email, 'thief.2@new.example')
    await new Visitor(server).submit(path, path, {})
    assert.match(plain((await new Visitor(server).ask(path)).body), /Your earlier e-mail address is back\./)
    assert.equal((await findAccount(marias))!.email, maria.email)
    await jobsDone(server)
  })

  test('a link that went to a mailbox that was left ends: when an address is taken back, and 72 hours after a change', async () => {
    const { maria } = server.cast
    const early = await link()
    const visitor = await signedIn(server, maria)
    await visitor.submit('/account/address', '/account/address', { email: 'thief.3@new.example' })
    const confirm = pathIn(await mailAbout(server, 'thief.3@new.example', 'Confirm your new address'))
    await visitor.submit(confirm, confirm, {})
    await changeRows(
      server,
      `UPDATE address_changes SET ends_at = now() - interval '1 second' WHERE cancelled_at IS NULL`,
    )
    const { finishAddressChanges } = await import('../../server/own-account/finish-address-changes.job.ts')
    await finishAddressChanges()
    await jobsDone(server)
    const [kept] = await server.sql<{ hours: number }>(
      'SELECT round(extract(epoch FROM max(expires_at) - now()) / 3600)::int AS hours FROM security_links WHERE made_at < (SELECT max(changed_at) FROM address_changes)',
    )
    assert.equal(kept!.hours, 72)
    const late = await link('new-device')
    assert.equal((await new Visitor(server).ask(late)).status, 200)
    const { takeBackAddressChanges } = await import('../../server/own-account/address-change.ts')
    await takeBackAddressChanges({ kind: 'anonymous', strength: 'none' }, marias, new Date())
    const again = await signedIn(server, maria)
    assert.equal((await new Visitor(server).ask(late)).status, 404)
    assert.equal((await again.submit('/help', late, {})).status, 404)
    assert.equal((await again.ask('/messages')).status, 200)
    assert.equal((await new Visitor(server).ask(early)).status, 200)
    await jobsDone(server)
  })

  test('stops help with a sign-in that somebody asked for, and links that set a new password', async () => {
    const { askHelpFor, resetRow } = await import('../help-sign-in/helping.ts')
    const help = await askHelpFor(await signedIn(server, server.cast.dana), server.cast.maria.email)
    await new Visitor(server).submit('/sign-in/forgot', '/sign-in/forgot', { email: server.cast.maria.email })
    await jobsDone(server)
    assert.equal((await server.sql('SELECT 1 FROM password_resets WHERE account_id = $1', [marias])).length, 1)
    const path = await link()
    await new Visitor(server).submit(path, path, {})
    assert.notEqual((await resetRow(server, help))['cancelled_at'], null)
    assert.deepEqual(await server.sql('SELECT 1 FROM password_resets WHERE account_id = $1', [marias]), [])
  })

  test('6. Opened 100 times as a scanner does, its form sent without a token -> nothing happens, still good', async () => {
    const path = await link()
    const visitor = await signedIn(server, server.cast.maria)
    const scanner = new Visitor(server)
    for (let times = 0; times < 50; times++)
      for (const method of ['GET', 'HEAD'])
        assert.equal((await scanner.ask(path, { method, headers: { 'sec-purpose': 'prefetch' } })).status, 200)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.equal((await new Visitor(server).ask(path, { method: 'POST', headers })).status, 403)
    assert.equal((await visitor.ask('/messages')).status, 200)
    const [row] = await server.sql('SELECT used_at FROM security_links')
    assert.deepEqual(row, { used_at: null })
    assert.equal((await new Visitor(server).submit(path, path, {})).status, 303)
    assert.equal((await visitor.ask('/messages')).status, 303)
  })

  test('is good once, and for thirty days: pressed again it signs nobody out', async () => {
    const path = await link()
    await new Visitor(server).submit(path, path, {})
    const visitor = await signedIn(server, server.cast.maria)
    const again = await visitor.submit('/help', path, {})
    assert.equal(again.status, 303)
    assert.equal((await visitor.ask('/messages')).status, 200)
    await server.sql(`UPDATE security_links SET expires_at = now() - interval '1 second', used_at = NULL`)
    assert.equal((await new Visitor(server).ask(path)).status, 404)
    assert.equal((await visitor.submit('/help', path, {})).status, 404)
    const { findSecurityLink } = await import('../../server/sign-in/security-link.store.ts')
    assert.equal(await findSecurityLink(path.split('/').at(-1)!, new Date(Date.now() - 3600 * 1000)), undefined)
  })

  test('10. Another token, one letter changed, other case -> same as unknown', async () => {
    const path = await link()
    const at = '/not-me/'.length
    const unknown = await new Visitor(server).ask(`/not-me/${'A'.repeat(43)}`)
    for (const token of [
      path.slice(at).toLowerCase(),
      `${path.slice(at)}.`,
      `${path.slice(at)}%00`,
      'x',
      path.slice(at + 1),
    ]) {
      const answer = await new Visitor(server).ask(`/not-me/${token}`)
      assert.deepEqual([answer.status, answer.h1], [404, unknown.h1])
    }
    const stored = await server.sql<{ row: string }>(
      'SELECT row_to_json(security_links)::text AS row FROM security_links',
    )
    assert.ok(!stored.some(({ row }) => row.includes(path.slice(at))))
  })
})
