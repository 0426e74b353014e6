/** Another address for a sign-in: both mailboxes hear of it, either can be waited for, and the old one can take it back. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Person } from '../support/cast.ts'
import { mailsTo, outbox, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, signedIn, Visitor } from '../support/visitor.ts'
import { eventsOf, idOf, jobsDone, mailAbout, noticeSaying, pathIn } from './account-mails.ts'
import { changeRows } from '../support/bound-rows.ts'

const PAGE = '/account/address'
const CONFIRM = 'Confirm your new address'
const ASKED = 'A change of your address'
const GONE = 'Your address was changed'

let server: TestServer
let maria: Person
let mariasId: string
let count = 0

before(async () => {
  server = await startTestServer()
  maria = server.cast.maria
  mariasId = await idOf(maria.email)
})
after(() => server.stop())
beforeEach(() => letCodesCountAgain(server))

/** Asks for a new address. @returns the paths in the mails to both */
async function ask(visitor: Visitor, email = `maria.${++count}@new.example`) {
  const old = (await accountOf(mariasId)).email
  const before = (await mailsTo(server, old, 0)).filter(({ subject }) => subject.includes(ASKED)).length
  const answer = await visitor.submit(PAGE, PAGE, { email })
  assert.deepEqual([answer.status, answer.location], [303, PAGE])
  const confirm = pathIn(await mailAbout(server, email, CONFIRM))
  const watch = pathIn(await mailAbout(server, old, ASKED, before + 1))
  return { email, confirm, watch, old }
}

async function accountOf(id: string) {
  const { findAccount } = await import('../../server/accounts/account.store.ts')
  return (await findAccount(id))!
}

/** Behind the product's back: as if everything about changes had happened so much earlier. */
const letHoursPass = (hours: number) =>
  changeRows(
    server,
    `UPDATE address_changes SET asked_at = asked_at - make_interval(hours => $1), ends_at = ends_at - make_interval(hours => $1),
    changed_at = changed_at - make_interval(hours => $1)`,
    [hours],
  )

async function clock() {
  const { finishAddressChanges } = await import('../../server/own-account/finish-address-changes.job.ts')
  await finishAddressChanges()
}

/** As if nothing had been asked, and Maria had her address of the cast again. */
async function startOver() {
  await jobsDone(server)
  await server.sql('DELETE FROM address_changes')
  await server.sql('DELETE FROM security_links')
  const { setEmail } = await import('../../server/accounts/account.store.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  await inTransaction((transaction) => setEmail(mariasId, undefined, maria.email, transaction))
}

describe('A change of address', () => {
  test('happens at once when both mailboxes have confirmed; both are told; the new address signs in and the old one does not', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { email, confirm, watch } = await ask(visitor)
    const waiting = plain((await visitor.ask('/account')).body)
    assert.ok(waiting.includes(`It is to become ${email}.`) && waiting.includes('Stop the change'))
    assert.equal((await visitor.ask(confirm)).status, 200)
    assert.equal((await accountOf(mariasId)).email, maria.email, 'looking confirms nothing')
    const first = await visitor.submit(confirm, confirm, {})
    assert.deepEqual([first.status, first.location], [303, '/account?done=address-confirmed'])
    assert.equal((await accountOf(mariasId)).email, maria.email)
    const second = await visitor.submit(watch, `${watch}/confirm`, {})
    assert.deepEqual([second.status, second.location], [303, '/account?done=address-changed'])
    assert.equal((await accountOf(mariasId)).email, email)
    assert.equal((await visitor.ask('/messages')).status, 200)
    await mailAbout(server, maria.email, GONE)
    await noticeSaying(server, email, /e-mail address of your sign-in was changed/)
    assert.equal((await new Visitor(server).submit('/sign-in', '/sign-in', maria as never)).status, 422)
    assert.equal((await signedIn(server, { ...maria, email })).cookies.size > 0, true)
    assert.deepEqual(await eventsOf(server, 'address.changed', mariasId), [{ outcome: 'done' }])
    assert.equal((await eventsOf(server, 'address.change-confirmed', mariasId)).length, 2)
  })

  test('happens by itself after 72 hours when the old mailbox keeps silent, and not before', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { email, confirm } = await ask(visitor)
    await visitor.submit(confirm, confirm, {})
    await letHoursPass(71)
    await clock()
    assert.equal((await accountOf(mariasId)).email, maria.email)
    const { finishAddressChanges } = await import('../../server/own-account/finish-address-changes.job.ts')
    await finishAddressChanges(new Date(Date.now() + 400 * 24 * 3600 * 1000))
    assert.equal((await accountOf(mariasId)).email, maria.email, 'not by a clock of ours that was set forward')
    await letHoursPass(2)
    await clock()
    assert.equal((await accountOf(mariasId)).email, email)
    await mailAbout(server, email, 'About your sign-in')
  })

  test('does not happen when the new mailbox kept silent: the change lapses after 24 hours', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { confirm, watch } = await ask(visitor)
    await visitor.submit(watch, `${watch}/confirm`, {})
    await letHoursPass(25)
    await clock()
    assert.equal((await visitor.ask(confirm)).status, 404)
    assert.doesNotMatch(plain((await visitor.ask('/account')).body), /It is to become/)
    await letHoursPass(100)
    await clock()
    assert.equal((await accountOf(mariasId)).email, maria.email)
  })

  test('is stopped on the account’s page; the links are dead then', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { confirm, watch } = await ask(visitor)
    const answer = await visitor.submit('/account', `${PAGE}/stop`, {})
    assert.deepEqual([answer.status, answer.location], [303, '/account?done=address-stopped'])
    for (const path of [confirm, watch]) assert.equal((await visitor.ask(path)).status, 404)
  })

  test('9. Address-change link used twice -> one success', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { confirm, watch } = await ask(visitor)
    const token = await visitor.tokenOn(confirm)
    const form = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `_csrf=${encodeURIComponent(token)}`,
    }
    const before = (await eventsOf(server, 'address.change-confirmed', mariasId)).length
    const answers = await Promise.all([visitor.ask(confirm, form), visitor.ask(confirm, form)])
    answers.push(await visitor.ask(confirm, form))
    assert.deepEqual(answers.map(({ location }) => location).sort(), [PAGE, PAGE, '/account?done=address-confirmed'])
    assert.equal((await eventsOf(server, 'address.change-confirmed', mariasId)).length, before + 1)
    assert.equal((await visitor.ask(confirm)).location, PAGE)
    const stop = await visitor.submit(watch, `${watch}/stop`, {})
    assert.equal(stop.status, 200)
    assert.equal((await new Visitor(server).ask(watch)).status, 404)
  })

  test('10. Link with one bit changed, other case, trailing dot, %00, unicode look-alike -> same as unknown', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { confirm, watch } = await ask(visitor)
    for (const path of [confirm, watch]) {
      const at = path.lastIndexOf('/') + 1
      const token = path.slice(at)
      const flipped = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
      const odd = [
        flipped,
        token.toLowerCase(),
        token.toUpperCase(),
        `${token}.`,
        `${token}%00`,
        token.replace(/[a-z]/, '%D0%B0'),
        token.slice(1),
      ]
      const unknown = await visitor.ask(path.slice(0, at) + 'A'.repeat(43))
      assert.equal(unknown.status, 404)
      for (const each of odd) {
        const answer = await visitor.ask(path.slice(0, at) + each)
        assert.deepEqual([answer.status, answer.h1], [404, unknown.h1], each)
      }
    }
    await visitor.submit(watch, `${watch}/stop`, {})
  })

  test('11. Address-change link 1 s after expiry; after the application clock was set back 1 h -> expired', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { confirm, watch } = await ask(visitor)
    await changeRows(server, `UPDATE address_changes SET ends_at = now() - interval '1 second'`)
    for (const path of [confirm, watch]) assert.equal((await visitor.ask(path)).status, 404, path)
    const { findAddressChangeByLink } = await import('../../server/accounts/address-change.store.ts')
    const anHourAgo = new Date(Date.now() - 3600 * 1000)
    assert.equal(await findAddressChangeByLink('new', confirm.split('/').at(-1)!, anHourAgo), undefined)
    assert.equal(await findAddressChangeByLink('old', watch.split('/').at(-1)!, anHourAgo), undefined)
    await changeRows(server, `UPDATE address_changes SET ends_at = now() + interval '1 hour'`)
    const later = new Date(Date.now() + 3601 * 1000)
    assert.equal(await findAddressChangeByLink('new', confirm.split('/').at(-1)!, later), undefined)
    assert.ok(await findAddressChangeByLink('new', confirm.split('/').at(-1)!, new Date()))
  })

  test('13. Old link after a newer change was asked for -> dead', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const first = await ask(visitor)
    const second = await ask(visitor)
    for (const path of [first.confirm, first.watch]) assert.equal((await visitor.ask(path)).status, 404)
    for (const path of [second.confirm, second.watch]) assert.equal((await visitor.ask(path)).status, 200)
    const open = await server.sql('SELECT 1 FROM address_changes WHERE changed_at IS NULL AND cancelled_at IS NULL')
    assert.equal(open.length, 1)
  })

  test('14. E-mail change: confirm link opened in a session of another user -> refused', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { confirm, watch } = await ask(visitor)
    const dana = await signedIn(server, server.cast.dana)
    assert.equal((await dana.ask(confirm)).status, 404)
    assert.equal((await dana.submit('/help', confirm, {})).status, 404)
    const page = await dana.ask(watch)
    assert.equal(page.status, 200)
    assert.doesNotMatch(page.body, /\/confirm"/)
    assert.equal((await dana.submit(watch, `${watch}/confirm`, {})).status, 404)
    const refused = await eventsOf(server, 'address.change-refused', mariasId)
    assert.deepEqual(
      refused.map(({ outcome }) => outcome),
      ['denied', 'denied', 'denied'],
    )
    const nobody = new Visitor(server)
    assert.equal((await nobody.ask(confirm)).location, `/sign-in?next=${encodeURIComponent(confirm)}`)
    assert.equal((await nobody.submit(watch, `${watch}/confirm`, {})).location, '/sign-in')
    const [row] = await server.sql(
      'SELECT new_confirmed_at, old_confirmed_at FROM address_changes WHERE cancelled_at IS NULL',
    )
    assert.deepEqual(row, { new_confirmed_at: null, old_confirmed_at: null })
  })

  test('15. E-mail change: old address gets notice with cancel; cancel within 72 h restores', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { email, confirm, watch } = await ask(visitor)
    await visitor.submit(confirm, confirm, {})
    await visitor.submit(watch, `${watch}/confirm`, {})
    assert.equal((await accountOf(mariasId)).email, email)
    await jobsDone(server)
    await letHoursPass(71)
    const nobody = new Visitor(server)
    const back = pathIn(await mailAbout(server, maria.email, GONE))
    assert.match(plain((await nobody.ask(back)).body), /Your address was changed to m…\u2060@new\.example/)
    assert.equal((await accountOf(mariasId)).email, email, 'looking restores nothing')
    const answer = await nobody.submit(back, `${back}/stop`, {})
    assert.deepEqual([answer.status, answer.h1], [200, 'Your address is back'])
    assert.equal((await accountOf(mariasId)).email, maria.email)
    assert.equal((await visitor.ask('/messages')).status, 303, 'everybody is signed out')
    assert.equal((await nobody.ask(back)).status, 404)
    assert.equal((await signedIn(server, maria)).cookies.size > 0, true)
    await noticeSaying(server, maria.email, /earlier e-mail address was put back/)
  })

  test('is not stopped from the old mailbox of somebody who does not get in any more: that link finds nothing', async () => {
    await startOver()
    const { watch } = await ask(await signedIn(server, maria))
    const { changeAccount } = await import('../../server/accounts/account.store.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const [active, suspended] = (['active', 'suspended'] as const).map((state) => ({ role: 'patient', state }) as const)
    const nobody = new Visitor(server)
    await inTransaction((transaction) => changeAccount(mariasId, active!, suspended!, transaction))
    const cancelled = (await eventsOf(server, 'address.change-cancelled', mariasId)).length
    assert.equal((await nobody.submit('/sign-in', `${watch}/stop`, {})).status, 404)
    assert.equal((await nobody.ask(watch)).status, 404)
    assert.equal((await eventsOf(server, 'address.change-cancelled', mariasId)).length, cancelled)
    await inTransaction((transaction) => changeAccount(mariasId, suspended!, active!, transaction))
    assert.equal((await nobody.submit(watch, `${watch}/stop`, {})).h1, 'The change was stopped')
  })

  test('15. After 72 h nothing restores', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { email, confirm, watch } = await ask(visitor)
    await visitor.submit(confirm, confirm, {})
    await visitor.submit(watch, `${watch}/confirm`, {})
    const token = await new Visitor(server).tokenOn(watch)
    await letHoursPass(73)
    const nobody = new Visitor(server)
    assert.equal((await nobody.ask(watch)).status, 404)
    assert.ok(token)
    const late = await visitor.submit('/help', `${watch}/stop`, {})
    assert.equal(late.status, 404)
    assert.equal((await accountOf(mariasId)).email, email)
  })

  test('an address that two changes led away from is the one that its link brings back', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const first = await ask(visitor)
    await visitor.submit(first.confirm, first.confirm, {})
    await visitor.submit(first.watch, `${first.watch}/confirm`, {})
    const second = await ask(visitor)
    await visitor.submit(second.confirm, second.confirm, {})
    await visitor.submit(second.watch, `${second.watch}/confirm`, {})
    assert.equal((await accountOf(mariasId)).email, second.email)
    const nobody = new Visitor(server)
    assert.equal((await nobody.submit(first.watch, `${first.watch}/stop`, {})).h1, 'Your address is back')
    assert.equal((await accountOf(mariasId)).email, maria.email)
    assert.equal((await nobody.ask(second.watch)).status, 404)
  })

  test('6. 8. GET a link 100 times as a scanner does, post its form without a token -> nothing stored, still good', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { confirm, watch } = await ask(visitor)
    const state = () =>
      server.sql('SELECT new_confirmed_at, old_confirmed_at, changed_at, cancelled_at, ends_at FROM address_changes')
    const before = await state()
    const scanner = new Visitor(server)
    for (const path of [confirm, watch])
      for (const headers of [{ accept: '*/*' }, { purpose: 'prefetch' }, { 'sec-purpose': 'prefetch' }] as Record<
        string,
        string
      >[])
        for (const method of ['GET', 'HEAD'])
          for (let times = 0; times < 8; times++) await scanner.ask(path, { method, headers })
    for (const path of [confirm, `${watch}/confirm`, `${watch}/stop`])
      assert.equal(
        (
          await new Visitor(server).ask(path, {
            method: 'POST',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
          })
        ).status,
        path === confirm ? 303 : 403,
      )
    assert.deepEqual(await state(), before)
    assert.equal((await visitor.submit(confirm, confirm, {})).location, '/account?done=address-confirmed')
  })
})

describe('The address that is asked for', () => {
  test('16. Address with CR/LF/%0d%0a/NUL/unicode line separator -> 400', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    await jobsDone(server)
    const mails = (await outbox(server)).length
    for (const email of [
      'a@x.example\r\nBcc: b@evil.example',
      'a@x.example\nb',
      'a\u0000@x.example',
      'a@x.example\u2028',
      'a@x\u2029.example',
    ])
      assert.equal((await visitor.submit(PAGE, PAGE, { email })).status, 400, JSON.stringify(email))
    assert.equal((await visitor.submit(PAGE, PAGE, { email: 'a%0d%0a@x.example' })).status, 422)
    await jobsDone(server)
    assert.equal((await outbox(server)).length, mails)
  })

  test('17. Address `a@x.org,b@evil`, `"a"@x`, `a@x@evil`, `=?utf-8?q?..?=` -> refused, no mail', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    await jobsDone(server)
    const mails = (await outbox(server)).length
    for (const email of [
      'a@x.example,b@evil.example',
      '"a"@x.example',
      'a@x.example@evil.example',
      '=?utf-8?q?a?=@x.example',
      'a b@x.example',
      '<a@x.example>',
      'a',
      '',
    ]) {
      const answer = await visitor.submit(PAGE, PAGE, { email })
      assert.equal(answer.status, 422, email)
      assert.match(answer.body, /id="email-error"/)
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = `_csrf=${encodeURIComponent(await visitor.tokenOn(PAGE))}&email[]=a@x.example`
    assert.equal((await visitor.ask(PAGE, { method: 'POST', headers, body })).status, 400)
    await jobsDone(server)
    assert.equal((await outbox(server)).length, mails)
  })

  test('18. Addresses that differ by domain case or ASCII case are one; by dots, plus or look-alike letters two', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const [local, domain] = maria.email.split('@') as [string, string]
    for (const email of [maria.email.toUpperCase(), `${local}@${domain.toUpperCase()}`]) {
      const answer = await visitor.submit(PAGE, PAGE, { email })
      assert.equal(answer.status, 422)
      assert.match(plain(answer.body), /This is your address already/)
    }
    const { confirm } = await ask(visitor, `${local}+1@${domain}`)
    assert.ok(confirm)
    assert.equal(
      (await visitor.submit(PAGE, PAGE, { email: `${local.replace(/a/, 'а')}@${domain}` })).status,
      422,
      'Cyrillic',
    )
  })

  test('one that is somebody else’s is answered in the same way; its owner is told, and no link confirms it', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { dana } = server.cast
    const free = await visitor.submit(PAGE, PAGE, { email: 'nobody.has.this@new.example' })
    const page = plain((await visitor.ask(PAGE)).body)
    const taken = await visitor.submit(PAGE, PAGE, { email: dana.email })
    assert.deepEqual([taken.status, taken.location], [free.status, free.location])
    const same = plain((await visitor.ask(PAGE)).body).replaceAll(dana.email, 'nobody.has.this@new.example')
    assert.equal(same.replace(/\d+:\d\d [ap]m/g, ''), page.replace(/\d+:\d\d [ap]m/g, ''))
    const mail = await mailAbout(server, dana.email, 'Somebody named your address')
    assert.match(mail.text, /\/check-notice/)
    assert.doesNotMatch(mail.text, /confirm\/|maria/i)
    await jobsDone(server)
    assert.ok(!(await mailsTo(server, dana.email)).some(({ subject }) => subject.includes(CONFIRM)))
  })

  test('one that became somebody else’s meanwhile changes nothing, for the person and for the clock', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { email, confirm, watch } = await ask(visitor)
    await visitor.submit(watch, `${watch}/confirm`, {})
    await writeTo(await signedIn(server, server.cast.dana), { to: email })
    const answer = await visitor.submit(confirm, confirm, {})
    assert.deepEqual([answer.status, answer.h1], [409, 'This address cannot be used'])
    assert.equal((await accountOf(mariasId)).email, maria.email)
    assert.equal((await visitor.ask(confirm)).status, 404)
    const other = await ask(visitor)
    await visitor.submit(other.confirm, other.confirm, {})
    await writeTo(await signedIn(server, server.cast.dana), { to: other.email })
    await letHoursPass(73)
    await clock()
    await clock()
    assert.equal((await accountOf(mariasId)).email, maria.email)
  })

  test('an old address that became somebody else’s is not brought back, and everybody is signed out all the same', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const first = await ask(visitor)
    await visitor.submit(first.confirm, first.confirm, {})
    await visitor.submit(first.watch, `${first.watch}/confirm`, {})
    const changed = { ...maria, email: first.email }
    const second = await ask(visitor)
    await visitor.submit(second.confirm, second.confirm, {})
    await visitor.submit(second.watch, `${second.watch}/confirm`, {})
    await writeTo(await signedIn(server, server.cast.dana), { to: changed.email })
    const answer = await new Visitor(server).submit(second.watch, `${second.watch}/stop`, {})
    assert.deepEqual([answer.status, answer.h1], [200, 'We could not bring your address back'])
    assert.equal((await accountOf(mariasId)).email, second.email)
    assert.equal((await visitor.ask('/account')).status, 303)
  })

  test('is asked for five times a day; then everybody waits', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    for (let times = 0; times < 5; times++)
      assert.equal((await visitor.submit(PAGE, PAGE, { email: `often.${times}@new.example` })).status, 303)
    assert.equal((await visitor.submit(PAGE, PAGE, { email: 'often.6@new.example' })).status, 429)
    await jobsDone(server)
  })

  test('stands nowhere in clear: not in the table, not in a job', async () => {
    await startOver()
    const visitor = await signedIn(server, maria)
    const { email } = await ask(visitor)
    const stored = JSON.stringify(
      await server.sql(
        `SELECT encode(old_email_sealed, 'escape') AS a, encode(new_email_sealed, 'escape') AS b FROM address_changes`,
      ),
    )
    assert.ok(!stored.includes(email) && !stored.includes(maria.email))
    const jobs = JSON.stringify(await server.sql('SELECT * FROM graphile_worker._private_jobs'))
    assert.ok(!jobs.includes('@'))
  })
})

test('116. Notification to a changed address after send -> goes to the address of the time when it is sent, never both', async () => {
  await startOver()
  const message = await writeTo(await signedIn(server, server.cast.dana), { to: maria.email })
  await jobsDone(server)
  const [row] = await server.sql<{ mailbox_id: string }>(
    'SELECT mailbox_id FROM message_recipients WHERE message_id = $1',
    [message],
  )
  const visitor = await signedIn(server, maria)
  const { email, confirm, watch } = await ask(visitor)
  await visitor.submit(confirm, confirm, {})
  await visitor.submit(watch, `${watch}/confirm`, {})
  await jobsDone(server)
  const notices = async (to: string) =>
    (await outbox(server)).filter((mail) => mail.to === to && mail.subject.includes('secure message')).length
  const before = [await notices(maria.email), await notices(email)] as const
  // The queue's payload names the account and no address.
  const { sendNotice } = await import('../../server/notices/send-notice.job.ts')
  await sendNotice({ messageId: message, mailboxId: row!.mailbox_id, accountId: mariasId })
  assert.deepEqual([await notices(maria.email), await notices(email)], [before[0], before[1] + 1])
})
