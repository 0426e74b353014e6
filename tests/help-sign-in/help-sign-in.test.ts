/** Help for somebody who lost everything they sign in with, as staff give it: two of them, a wait, and a notice that can stop it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { enrol, everybodyIn, linkIn, mailsTo, outbox, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, signedIn, Visitor } from '../support/visitor.ts'
import {
  accountId,
  askHelpFor,
  assertShownAgain,
  countEvents,
  findPerson,
  idOf,
  letTheWaitPass,
  makeCode,
  newPatient,
  noticeOut,
  press,
  readyRequest,
  resetRow,
  TICKED,
  typeAppCode,
  typeStaffCode,
  untilTheApp,
  withoutVariables,
} from './helping.ts'
import { changeSession } from '../sign-in/session-rows.ts'
import { changeRows } from '../support/bound-rows.ts'

let server: TestServer
let dana: Visitor
let sam: Visitor
let ada: Visitor
let felix: Visitor

before(async () => {
  server = await startTestServer()
  ;({ dana, sam, ada, felix } = await everybodyIn(server, {
    dana: server.cast.dana,
    sam: server.cast.sam,
    ada: server.cast.ada,
    felix: server.cast.felix,
  }))
})
after(() => server.stop())

async function stopLink(email: string): Promise<string> {
  const [mail] = (await mailsTo(server, email)).filter(({ text }) => text.includes('/stop-help/'))
  return /https?:\/\/[^/\s]+(\/stop-help\/[\w-]+)/.exec(mail!.text)![1]!
}

/** Invited by the operator's script, as the first administrators are. */
async function secondAdministrator(email: string): Promise<Visitor> {
  const { inviteColleague } = await import('../../server/accounts/invite-account.ts')
  const { system } = await import('../../server/audit/actor.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const invitation = { name: 'Abel Second', email, role: 'admin' as const }
  await inTransaction((transaction) => inviteColleague(system, invitation, new Date(), transaction))
  return (await enrol(server, linkIn((await mailsTo(server, email))[0]!))).visitor
}

/** What everybody signs in with, but for the step of the last code. */
const credentials = () =>
  server.sql('SELECT account_id, password_verifier, totp_secret_sealed FROM credentials ORDER BY account_id')

describe('41. Admin resets MFA alone -> needs second admin, 24 h, notice', () => {
  test('an administrator asks for a colleague: alone they get no further, another administrator agrees, and only after 24 hours and a notice is there a code', async () => {
    const abel = await secondAdministrator('abel@riverside.example')
    const { email } = server.cast.sam
    const before = await credentials()

    const path = await askHelpFor(ada, email)
    assert.equal(await countEvents(server, 'help.asked', email), 1)
    for (const button of ['approve', 'code'] as const) {
      const alone = await press(ada, path, button)
      assert.notEqual(alone.status, 200)
      assert.equal((await resetRow(server, path))['approved_by'], null, button)
    }
    assert.equal((await press(ada, path, 'approve')).status, 404)
    assert.ok((await countEvents(server, 'help.refused', email, 'denied')) >= 1)
    // Another session of the same person, and a team's member, are no second administrator.
    const adaAgain = await signedIn(server, server.cast.ada)
    assert.equal((await press(adaAgain, path, 'approve')).status, 404)
    assert.equal((await dana.ask(path)).status, 404)
    assert.equal((await dana.submit('/help', `${path}/approve`, {})).status, 404)
    assert.equal((await resetRow(server, path))['approved_by'], null)
    assert.equal((await outbox(server)).filter(({ to, text }) => to === email && /stop-help/.test(text)).length, 0)

    assert.match((await abel.ask('/help-sign-in')).body, /1 request waits for a second person/)
    const told = /Help with sign-in 1 waits for you/
    assert.match(plain((await abel.ask('/account')).body), told, 'on whatever page they are')
    for (const other of [ada, dana, felix]) assert.doesNotMatch(plain((await other.ask('/account')).body), told)
    assert.equal((await press(abel, path, 'approve')).location, path)
    const readyAt = await noticeOut(server, path)
    const hours = (readyAt.getTime() - Date.now()) / 3_600_000
    assert.ok(hours > 23.9 && hours <= 24, `${hours} hours`)
    const mail = (await mailsTo(server, email)).find(({ text }) => /stop-help/.test(text))!
    for (const told of [/lost everything/, /From .* on, they can give/, /stop it/, /555-0100/, /Monday to Friday/])
      assert.match(mail.text, told)
    for (const helper of [ada, abel]) {
      assert.equal((await press(helper, path, 'code')).location, path, 'not before the time')
      assert.match((await helper.ask(path)).body, /A code can be made from/)
    }
    assert.equal((await resetRow(server, path))['codes_made'], 0)
    assert.deepEqual(await credentials(), before, 'nothing has changed')

    await letTheWaitPass(server, path)
    const code = await makeCode(abel, path)
    assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
    assert.equal(await countEvents(server, 'help.code-made', email), 1)
    assert.deepEqual(await credentials(), before, 'a code alone changes nothing')
    assert.equal((await press(ada, path, 'stop')).location, path)
  })

  test('an administrator invites a second self and waits: it can neither agree nor ask before it has signed in on three days, the first a week ago', async () => {
    const { isNewcomer } = await import('../../server/help-sign-in/help-sign-in.ts')
    const page = '/admin/people/invite'
    const self = { name: 'Ada Again', email: 'ada.again@riverside.example', role: 'admin', team: '', newTeam: '' }
    assert.equal((await ada.submit(page, page, self)).status, 303)
    const { visitor: again } = await enrol(server, linkIn((await mailsTo(server, self.email))[0]!))
    const email = 'second.self@mail.example'
    await newPatient(server, dana, email)
    const path = await askHelpFor(ada, email)
    assert.match((await again.ask(path)).body, /You are new here/)
    assert.equal((await press(again, path, 'approve')).status, 404)
    assert.equal((await resetRow(server, path))['approved_by'], null)
    await press(ada, path, 'stop')
    const person = await findPerson(again, email)
    assert.match((await again.ask(person)).body, /You are new here/)
    assert.equal((await again.ask(`${person}/ask`)).location, person)
    assert.equal((await again.submit(person, `${person}/ask`, TICKED)).status, 404)
    const id = await accountId(self.email)
    const { record } = await import('../../server/audit/record.ts')
    const day = 24 * 60 * 60 * 1000
    const first = Date.now()
    const signsInAfter = (days: number) =>
      record(
        { kind: 'account', id, role: 'admin', strength: 'password+code' },
        { act: 'account.signed-in' },
        undefined,
        new Date(first + days * day),
      )
    const after = (days: number) => isNewcomer(id, new Date(first + days * day))
    assert.equal(await after(70), true, 'it only waited')
    for (const days of [0, 1]) await signsInAfter(days)
    assert.equal(await after(70), true, 'two days')
    await signsInAfter(2)
    assert.equal(await after(6.9), true)
    assert.equal(await after(7), false)
  })

  test('the wait is held by the clock of the step itself: a second before nothing, at the time a code', async () => {
    const { makeCodeFor } = await import('../../server/help-sign-in/help-sign-in.ts')
    const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
    const { system } = await import('../../server/audit/actor.ts')
    await newPatient(server, dana, 'clock.patient@mail.example')
    const path = await askHelpFor(dana, 'clock.patient@mail.example')
    await press(sam, path, 'approve')
    const readyAt = await noticeOut(server, path)
    const helper = (await findAccountByEmail(server.cast.dana.email))!
    const at = (seconds: number) => new Date(readyAt.getTime() + seconds * 1000)
    assert.equal(await makeCodeFor(system, helper, idOf(path), at(-1)), undefined)
    assert.ok(await makeCodeFor(system, helper, idOf(path), at(0)))
    const week = 7 * 24 * 60 * 60
    assert.ok(await makeCodeFor(system, helper, idOf(path), at(week - 1)))
    assert.equal(await makeCodeFor(system, helper, idOf(path), at(week)), undefined, 'lapsed seven days after the wait')
  })

  test('the table itself knows no request that one person asked for and approved', async () => {
    await newPatient(server, dana, 'table.patient@mail.example')
    const path = await askHelpFor(dana, 'table.patient@mail.example')
    await assert.rejects(
      changeRows(server, 'UPDATE assisted_resets SET approved_by = asked_by, approved_at = now() WHERE id = $1', [
        idOf(path),
      ]),
      /check constraint/,
    )
    await assert.rejects(
      changeRows(server, `UPDATE assisted_resets SET ready_at = now() WHERE id = $1`, [idOf(path)]),
      /check constraint/,
    )
  })
})

describe('Who may help whom', () => {
  test('a care team finds patients and nobody else; every look is in the log; unknown, closed, colleagues and oneself are answered alike', async () => {
    const before = await server.sql(`SELECT 1 FROM access_events WHERE act = 'help.looked-up'`)
    const look = (email: string) => dana.submit('/help-sign-in', '/help-sign-in', { email })
    const { cast } = server
    const unknown = await look('nobody.at.all@mail.example')
    assertShownAgain(unknown, 'email', /nobody with this address whom you could help/)
    for (const email of [cast.sam.email, cast.ada.email, cast.felix.email, cast.dana.email]) {
      const answer = await look(email)
      assert.equal(answer.status, 422)
      assert.equal(withoutVariables(answer, email), withoutVariables(unknown, 'nobody.at.all@mail.example'))
    }
    assertShownAgain(await look('not an address'), 'email', /one whole e-mail address/)
    const after = await server.sql(`SELECT 1 FROM access_events WHERE act = 'help.looked-up'`)
    assert.equal(after.length, before.length + 5)
    const page = await dana.ask(await findPerson(dana, cast.maria.email))
    assert.equal(page.status, 200)
    assert.ok(page.body.includes(cast.maria.email) && page.body.includes(cast.maria.name))
    assert.ok((await countEvents(server, 'help.looked-up', cast.maria.email)) >= 1)
  })

  test('nobody helps themselves, auditors and patients help nobody, and an id from elsewhere is not found', async () => {
    const { cast } = server
    for (const [helper, email] of [
      [dana, cast.dana.email],
      [dana, cast.sam.email],
      [ada, cast.ada.email],
    ] as const) {
      const path = `/help-sign-in/people/${await accountId(email)}`
      assert.equal((await helper.ask(path)).status, 404, email)
      assert.equal((await helper.submit('/help', `${path}/ask`, TICKED)).status, 404, email)
    }
    const maria = await signedIn(server, cast.maria)
    for (const visitor of [felix, maria]) {
      assert.equal((await visitor.ask('/help-sign-in')).status, 404)
      const path = `/help-sign-in/people/${await accountId(cast.maria.email)}/ask`
      assert.equal((await visitor.submit('/help', path, TICKED)).status, 404)
    }
    assert.deepEqual(
      await server
        .sql('SELECT 1 FROM assisted_resets WHERE account_id = ANY($1)', [
          await Promise.all([cast.dana, cast.sam, cast.ada, cast.maria].map(({ email }) => accountId(email))),
        ])
        .then((rows) => rows.length),
      1,
      "only the administrators' request for a colleague",
    )
  })

  test('who has no sign-in yet has none to lose', async () => {
    await writeTo(dana, { to: 'invited.only@mail.example' })
    const path = await findPerson(dana, 'invited.only@mail.example')
    const page = await dana.ask(path)
    assert.match(page.body, /Has not made a sign-in yet/)
    assert.ok(!page.body.includes(`${path}/ask`))
    assert.equal((await dana.ask(`${path}/ask`)).location, path)
    assert.equal((await dana.submit('/help', `${path}/ask`, TICKED)).status, 404)
  })

  test('asking wants every step of the identity check and a reason, which is stored sealed', async () => {
    await newPatient(server, dana, 'ticks.patient@mail.example')
    const page = `${await findPerson(dana, 'ticks.patient@mail.example')}/ask`
    const reason = 'A very particular reason 7319'
    for (const [missing, text] of [
      ['reached', /Call them back/],
      ['knows', /two things/],
      ['told', /Tell them what happens/],
      ['reason', /Write what happened/],
    ] as const)
      assertShownAgain(await dana.submit(page, page, { ...TICKED, [missing]: '' }), missing, text)
    assertShownAgain(
      await dana.submit(page, page, { ...TICKED, reason: 'x'.repeat(501) }),
      'reason',
      /500 characters or fewer/,
    )
    const asked = await dana.submit(page, page, { ...TICKED, reason })
    assert.equal(asked.status, 303)
    const [stored] = await server.sql<{ row: string }>('SELECT r::text AS row FROM assisted_resets r WHERE id = $1', [
      idOf(asked.location),
    ])
    assert.ok(!stored!.row.includes(Buffer.from(reason).toString('hex')) && !stored!.row.includes(reason))
    assert.ok((await sam.ask(asked.location)).body.includes(reason), 'the second person reads it')
    const again = await dana.submit('/help', page, TICKED)
    assert.equal(again.location, page.replace('/ask', ''), 'one open request for a person')
    assert.match((await sam.ask(page.replace('/ask', ''))).body, /a request for this person already/)
  })

  test('every change wants a proof of the last five minutes', async () => {
    await newPatient(server, dana, 'proof.patient@mail.example')
    const helper = await signedIn(server, server.cast.dana)
    const path = await askHelpFor(helper, 'proof.patient@mail.example')
    const token = await helper.tokenOn('/help-sign-in')
    await changeSession(server, helper, { provedAt: Date.now() - 301_000 })
    for (const page of [path, `${await findPerson(helper, server.cast.maria.email)}/ask`])
      assert.equal((await helper.ask(page)).location, `/prove?next=${encodeURIComponent(page)}`)
    for (const button of ['approve', 'stop', 'code']) {
      const answer = await helper.ask(`${path}/${button}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ _csrf: token }).toString(),
      })
      assert.equal(answer.status, 403, button)
    }
    const found = await resetRow(server, path)
    assert.deepEqual([found['approved_by'], found['cancelled_at'], found['codes_made']], [null, null, 0])
    dana = await signedIn(server, server.cast.dana)
  })
})

describe('Stopping it', () => {
  test('the link of the mail: looking a hundred times changes nothing, the button stops it, and staff see it', async () => {
    const email = 'stop.by.link@mail.example'
    await newPatient(server, dana, email)
    const path = await askHelpFor(dana, email)
    await press(sam, path, 'approve')
    await noticeOut(server, path)
    const link = await stopLink(email)
    const before = await resetRow(server, path)
    const scanner = new Visitor(server)
    for (let times = 0; times < 100; times++)
      assert.equal(
        (await scanner.ask(link, { method: times % 2 ? 'GET' : 'HEAD', headers: { 'sec-purpose': 'prefetch' } }))
          .status,
        200,
      )
    assert.deepEqual(await resetRow(server, path), before)
    const stopped = await scanner.submit(link, link, {})
    assert.equal(stopped.location, link)
    assert.equal((await scanner.ask(link)).h1, 'This was stopped')
    assert.equal(await countEvents(server, 'help.cancelled', email), 1)
    assert.match((await dana.ask('/help-sign-in')).body, /Stopped by the person/)
    const over = plain((await dana.ask(path)).body)
    assert.match(over, /What to do next Call the person at the number from our records.* Begin again/)
    for (const button of ['approve', 'code', 'stop'] as const)
      assert.notEqual((await dana.submit('/help-sign-in', `${path}/${button}`, {})).status, 200)
    assert.equal(await countEvents(server, 'help.cancelled', email), 1, 'once')
    assert.equal((await scanner.ask('/stop-help/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')).status, 404)
    assert.equal(
      (await scanner.submit('/sign-in', '/stop-help/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', {})).status,
      404,
    )
    assert.equal((await askHelpFor(dana, email)).startsWith('/help-sign-in/requests/'), true, 'and it can begin again')
  })

  test('also when the code is made already, and when the new sign-in is half made', async () => {
    const email = 'stop.late@mail.example'
    const { person: old } = await newPatient(server, dana, email)
    for (const until of ['code', 'app'] as const) {
      await letCodesCountAgain(server)
      const path = await readyRequest(server, dana, sam, email)
      const code = await makeCode(dana, path)
      const { cancelToken } = await import('../../server/accounts/assisted-reset.store.ts')
      const link = `/stop-help/${cancelToken(idOf(path))}`
      const half = until === 'app' ? await untilTheApp(server, email, code) : undefined
      assert.equal((await new Visitor(server).submit(link, link, {})).location, link)
      if (half)
        assert.equal(
          (await typeAppCode(half.visitor, half.person).catch(() => ({ location: 'no form' }))).location,
          'no form',
        )
      else assert.equal((await typeStaffCode(new Visitor(server), email, code)).status, 422)
      if (half)
        assert.equal((await half.visitor.ask('/sign-in/staff-code/second-factor')).location, '/sign-in/staff-code')
    }
    assert.ok(await signedIn(server, old), 'the old sign-in is as it was')
  })

  test('signing in as always asks first, and "Stop it" stops it', async () => {
    const email = 'stop.by.sign-in@mail.example'
    const { person, message } = await newPatient(server, dana, email)
    const path = await askHelpFor(dana, email)
    assert.equal((await (await signedIn(server, person)).ask('/messages')).status, 200, 'nobody has approved it yet')
    await press(sam, path, 'approve')
    await noticeOut(server, path)
    const visitor = await signedIn(server, person)
    const asked = await visitor.ask(`/messages/${message}`)
    assert.equal(asked.location, `/help-asked?next=${encodeURIComponent(`/messages/${message}`)}`)
    assert.equal((await visitor.ask(asked.location)).h1, 'Did you ask us for a new sign-in?')
    const kept = await visitor.submit(asked.location, asked.location, { answer: 'keep' })
    assert.equal(kept.location, `/messages/${message}`)
    assert.equal((await visitor.ask(kept.location)).status, 200)
    assert.equal((await resetRow(server, path))['cancelled_at'], null)
    const again = await signedIn(server, person)
    const stopped = await again.submit('/help-asked?next=//evil.example', '/help-asked?next=//evil.example', {
      answer: 'stop',
    })
    assert.deepEqual([stopped.status, stopped.h1], [200, 'We stopped it'])
    assert.doesNotMatch(stopped.body, /evil/)
    assert.equal((await again.ask('/messages')).status, 200)
    assert.notEqual((await resetRow(server, path))['cancelled_at'], null)
    assert.match((await sam.ask(path)).body, /Stopped by the person/)
  })

  test('the second person may refuse, and who asked may take it back', async () => {
    const email = 'refused.request@mail.example'
    await newPatient(server, dana, email)
    for (const helper of [sam, dana]) {
      const path = await askHelpFor(dana, email)
      assert.equal((await press(helper, path, 'stop')).location, path)
      assert.match((await dana.ask(path)).body, /Stopped by staff/)
      assert.equal((await press(sam, path, 'stop')).location, path, 'too late, and nothing happens')
    }
    assert.equal(await countEvents(server, 'help.cancelled', email), 2)
  })

  test('a request that nobody goes on with lapses after a week, which is in the log, a new one can begin, and after 90 days it is forgotten', async () => {
    const { sweepSignIns } = await import('../../server/own-account/sweep-sign-ins.job.ts')
    const email = 'lapsed.request@mail.example'
    await newPatient(server, dana, email)
    const path = await askHelpFor(dana, email)
    await changeRows(server, `UPDATE assisted_resets SET asked_at = now() - interval '8 days' WHERE id = $1`, [
      idOf(path),
    ])
    await press(sam, path, 'approve')
    assert.equal((await resetRow(server, path))['approved_by'], null)
    // What cannot be swept keeps nothing else waiting.
    await server.sql('ALTER TABLE known_devices RENAME TO away')
    await sweepSignIns()
    await server.sql('ALTER TABLE away RENAME TO known_devices')
    await sweepSignIns()
    assert.equal(await countEvents(server, 'help.cancelled', email), 1)
    assert.match((await dana.ask(path)).body, /Over, nobody went on with it/)
    const next = await askHelpFor(dana, email)
    assert.ok(next)
    const askedDaysAgo = (days: number, of: string) =>
      changeRows(server, `UPDATE assisted_resets SET asked_at = now() - $1 * interval '1 day' WHERE id = $2`, [
        days,
        idOf(of),
      ])
    const isThere = async (of: string) =>
      (await server.sql('SELECT FROM assisted_resets WHERE id = $1', [idOf(of)])).length === 1
    await askedDaysAgo(89, path)
    await sweepSignIns()
    assert.ok(await isThere(path), 'over, and kept for a while')
    await askedDaysAgo(91, path)
    await sweepSignIns()
    assert.deepEqual([await isThere(path), await isThere(next)], [false, true])
  })
})

describe('The notice', () => {
  test('is sent once however often its job runs, and without it no wait begins', async () => {
    const { sendHelpNotice } = await import('../../server/notices/send-help-notice.job.ts')
    const email = 'notice.once@mail.example'
    await newPatient(server, dana, email)
    const path = await askHelpFor(dana, email)
    await sendHelpNotice({ resetId: idOf(path), step: 'asked' })
    assert.equal((await resetRow(server, path))['ready_at'], null, 'nobody has approved it')
    await press(sam, path, 'approve')
    const readyAt = await noticeOut(server, path)
    await sendHelpNotice({ resetId: idOf(path), step: 'asked' })
    const mails = (await mailsTo(server, email)).filter(({ text }) => /stop-help/.test(text))
    assert.equal(mails.length, 1)
    assert.deepEqual((await resetRow(server, path))['ready_at'], readyAt)
    assert.doesNotMatch(
      mails[0]!.text + mails[0]!.subject,
      /Lost the phone|notice\.once/,
      'nothing of the reason, no name',
    )
    assert.equal(mails[0]!.text.match(/https?:\/\//g)!.length, 1)
  })

  test('that cannot be delivered: the wait does not begin, and staff see why', async () => {
    const { noteNoticeFailed } = await import('../../server/accounts/assisted-reset.store.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const email = 'dead.mailbox@mail.example'
    await newPatient(server, dana, email)
    const path = await askHelpFor(dana, email)
    await changeRows(server, `UPDATE assisted_resets SET approved_by = $2, approved_at = now() WHERE id = $1`, [
      idOf(path),
      await accountId(server.cast.sam.email),
    ])
    await inTransaction((transaction) => noteNoticeFailed(idOf(path), new Date(), transaction))
    assert.match((await dana.ask(path)).body, /Nobody gets a new sign-in without a notice/)
    assert.equal((await press(dana, path, 'code')).location, path)
    assert.equal((await resetRow(server, path))['codes_made'], 0)
  })
})
