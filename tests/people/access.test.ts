/** Suspending, giving back and closing access, and roles: through the pages, with every door tried afterwards. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { answerTo, enrol, everybodyIn, linkIn, mailsTo, outbox, readerOf, writeTo } from '../support/letters.ts'
import type { Person } from '../support/cast.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { letCodesCountAgain, plain, signedIn, Visitor, type Answer } from '../support/visitor.ts'

let server: TestServer
let ada: Visitor
let dana: Visitor
let maria: Visitor
let team: string
const ids: Record<string, string> = {}

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ ada, dana, maria } = await everybodyIn(server, { ada: cast.ada, dana: cast.dana, maria: cast.maria }))
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  for (const [name, { email }] of Object.entries(cast)) ids[name] = (await findAccountByEmail(email))!.id
  const { listTeams } = await import('../../server/accounts/team.store.ts')
  team = (await listTeams()).find(({ name }) => name === 'Diabetes team')!.id
})
after(() => server.stop())

const page = (name: string, move = '') => `/admin/people/${ids[name]}${move && `/${move}`}`
const does = (by: Visitor, name: string, move: string, fields: Record<string, string> = {}) =>
  by.submit(page(name, move), page(name, move), { reason: 'a fictitious reason', ...fields })
const eventsOf = (name: string, act: string) =>
  server.sql<{ outcome: string }>(`SELECT outcome FROM access_events WHERE act = $1 AND subject_id = $2`, [
    act,
    ids[name],
  ])
/** Invites somebody and makes their sign-in. */
async function colleague(name: string, role: string): Promise<{ visitor: Visitor; person: Person }> {
  const email = `${name}@riverside.example`
  const fields = { name: `${name} (fictitious)`, email, role, team: role === 'provider' ? team : '', newTeam: '' }
  const answer = await ada.submit('/admin/people/invite', '/admin/people/invite', fields)
  ids[name] = answer.location.split('invited=')[1]!
  const { visitor, person } = await enrol(server, linkIn((await mailsTo(server, email))[0]!))
  return { visitor, person: { ...person, email } }
}
async function detailsOf(name: string, act: string): Promise<Record<string, string>> {
  const { unsealField } = await import('../../server/vault/vault.ts')
  const [event] = await server.sql<{ id: string; details_sealed: Buffer }>(
    'SELECT id, details_sealed FROM access_events WHERE act = $1 AND subject_id = $2 ORDER BY at DESC LIMIT 1',
    [act, ids[name]],
  )
  return JSON.parse(unsealField(`access-event/${event!.id}`, event!.details_sealed)) as Record<string, string>
}
const anybody = () => new Visitor(server)
const withoutOwn = ({ body }: Answer) =>
  body
    .replace(/name="_csrf" value="[^"]*"/g, '')
    .replace(/value="[^"]*@[^"]*"/g, '')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '')

describe('A colleague’s page', () => {
  test('says what they are, sign in with and may do, and looking at it is in the log; a patient has none', async () => {
    const { body, h1, status } = await ada.ask(page('dana'))
    assert.equal(status, 200)
    assert.equal(h1, 'Dana Ortiz, nurse')
    const text = plain(body)
    for (const part of [
      'dana.ortiz@riverside.example',
      'Password and code app',
      'Diabetes team',
      'Reads and writes messages for a team.',
    ])
      assert.ok(text.includes(part), part)
    assert.equal((await eventsOf('dana', 'person.read')).length, 1)
    assert.equal((await ada.ask(page('maria'))).status, 404)
    assert.deepEqual(await eventsOf('maria', 'person.read'), [{ outcome: 'denied' }])
  })

  test('is found by a part of the name, which stands sealed in the log and in no address', async () => {
    const answer = await ada.submit('/admin/people', '/admin/people', { text: 'ortíz DANA' })
    assert.equal(answer.location, `/admin/people?found=${ids['dana']}`)
    assert.match(plain((await ada.ask(answer.location)).body), /1 person found\. .*Dana Ortiz, nurse/)
    assert.equal(
      (await ada.submit('/admin/people', '/admin/people', { text: 'maria' })).location,
      '/admin/people?found=',
    )
    assert.match((await ada.ask('/admin/people?found=')).body, /Nobody fits/)
    const { unsealField } = await import('../../server/vault/vault.ts')
    const [event] = await server.sql<{ id: string; details_sealed: Buffer }>(
      `SELECT id, details_sealed FROM access_events WHERE act = 'people.looked-up' ORDER BY at LIMIT 1`,
    )
    assert.match(unsealField(`access-event/${event!.id}`, event!.details_sealed), /ortíz DANA/)
  })
})

describe('Suspended access', () => {
  test('191. Staff access ended -> sessions dead 1 s; report entry for the 24 h notice', async () => {
    const sam = await signedIn(server, server.cast.sam)
    assert.equal((await sam.ask('/messages')).status, 200)
    const answer = await does(ada, 'sam', 'suspend')
    assert.equal(answer.location, `${page('sam')}?done=suspended`)
    // With the answer to who did it, and not some time after.
    const dead = await sam.ask('/messages')
    assert.match(dead.location, /^\/sign-in/)
    assert.deepEqual(await server.sql(`SELECT 1 FROM sessions WHERE sess->>'accountId' = $1`, [ids['sam']]), [])
    const mail = await until(
      async () => (await mailsTo(server, server.cast.sam.email)).find(({ text }) => /was suspended on/.test(text)),
      'the mail about it',
    )
    assert.doesNotMatch(mail.text, /fictitious reason/)
    // Whoever else has to hear of it within 24 hours is told from a list, and that they were is kept.
    const felix = await signedIn(server, server.cast.felix)
    const entry = plain((await felix.ask('/admin/people/ended')).body)
    assert.match(entry, /Sam .* Access was suspended\. .* By Ada .*: a fictitious reason Tell others until/)
    const [change] = await server.sql<{ id: string }>('SELECT id FROM access_changes WHERE account_id = $1', [
      ids['sam'],
    ])
    const told = `/admin/people/ended/${change!.id}/told`
    assert.equal((await felix.submit('/help', told, {})).status, 404)
    assert.equal((await ada.submit('/admin/people/ended', told, {})).status, 303)
    assert.match(plain((await felix.ask('/admin/people/ended')).body), /Told on .* by Ada/)
    await server.sql(
      `UPDATE access_changes SET told_at = NULL, told_by = NULL, changed_at = now() - interval '25 hours'`,
    )
    assert.match(plain((await felix.ask('/admin/people/ended')).body), /Not told\. It was due on/)
  })

  test('no way in is left, and each answers as it does to nobody at all', async () => {
    await letCodesCountAgain(server)
    const { sam } = server.cast
    const tried = async (email: string, password: string) => {
      const answer = await anybody().submit('/sign-in', '/sign-in', { email, password })
      return [answer.status, withoutOwn(answer)]
    }
    assert.deepEqual(await tried(sam.email, sam.password), await tried('nobody@riverside.example', sam.password))
    const before = (await outbox(server)).length
    const forgot = async (email: string) => {
      const answer = await anybody().submit('/sign-in/forgot', '/sign-in/forgot', { email })
      return [answer.status, answer.location]
    }
    assert.deepEqual(await forgot(sam.email), await forgot('nobody@riverside.example'))
    await writeTo(dana, { to: server.cast.maria.email })
    assert.ok((await mailsTo(server, server.cast.maria.email)).length > 0)
    assert.deepEqual(
      (await outbox(server)).slice(0, -before || undefined).filter(({ to }) => to === sam.email),
      [],
      'no mail that leads in',
    )
  })

  test('what was begun before leads in no more: half a sign-in, a link for a new password, "this was not me"', async () => {
    const uma = await colleague('uma', 'provider')
    const { email, password } = uma.person
    await letCodesCountAgain(server)
    const half = anybody()
    assert.equal((await half.submit('/sign-in', '/sign-in', { email, password })).location, '/sign-in/code')
    await anybody().submit('/sign-in/forgot', '/sign-in/forgot', { email })
    const pathIn = (pattern: RegExp) =>
      until(async () => {
        const texts = (await mailsTo(server, email)).map(({ text }) => pattern.exec(text)?.[0])
        return texts.find(Boolean)
      }, String(pattern))
    const reset = await pathIn(/\/sign-in\/reset\/[\w-]+/)
    const device = anybody()
    await letCodesCountAgain(server)
    assert.equal((await device.signIn(uma.person)).status, 303)
    const notMe = await pathIn(/\/not-me\/[\w-]+/)
    assert.equal((await anybody().ask(reset)).status, 200)
    assert.equal((await anybody().ask(notMe)).status, 200)

    assert.equal((await does(ada, 'uma', 'suspend')).status, 303)
    await letCodesCountAgain(server)
    const token = /name="_csrf" value="([^"]+)"/.exec((await half.ask('/sign-in/code')).body)
    assert.equal(token, null, 'half a sign-in has no page to go on from')
    assert.notEqual((await anybody().ask(reset)).status, 200)
    assert.equal((await anybody().ask(notMe)).status, 404)
    assert.match((await device.ask('/messages')).location, /^\/sign-in/)
    assert.equal((await anybody().signIn(uma.person)).status, 422)

    // Whoever writes the database without the keys gives nothing back.
    await server.sql(`UPDATE accounts SET state = 'active' WHERE id = $1`, [ids['uma']])
    await letCodesCountAgain(server)
    assert.notEqual((await anybody().signIn(uma.person)).status, 303)
    await server.sql(`UPDATE accounts SET state = 'suspended' WHERE id = $1`, [ids['uma']])
  })

  test('is given back, and everything is as before', async () => {
    assert.equal((await does(ada, 'sam', 'reopen')).location, `${page('sam')}?done=reopened`)
    const sam = await signedIn(server, server.cast.sam)
    assert.equal((await sam.ask('/messages')).status, 200)
    assert.match(plain((await ada.ask(page('sam'))).body), /Access was given back\. By Ada .*a fictitious reason/)
  })
})

describe('Closed access', () => {
  test('forgets every way in; the team reads on, and what it writes from then on is under keys that the leaver never had', async () => {
    const nina = await colleague('nina', 'provider')
    const message = await writeTo(nina.visitor, {
      to: server.cast.maria.email,
      team,
      subject: 'From Nina',
      body: 'Nina wrote this.',
    })
    const reader = await readerOf(nina.person.email)
    const mailbox = reader.mailboxes.find(({ teamId }) => teamId === team)!
    const carriedAway = await reader.keyOf(mailbox.id)
    const before = await dana.ask(`/messages/${message}`)
    assert.match(before.body, /Nina wrote this/)

    const empty = await ada.submit(page('nina', 'close'), page('nina', 'close'), { reason: '' })
    assert.equal(empty.status, 422)
    assert.match(empty.body, /href="#reason"[\s\S]*href="#sure"/)
    assert.equal((await does(ada, 'nina', 'close', { sure: 'yes' })).location, `${page('nina')}?done=closed`)

    assert.match((await nina.visitor.ask('/messages')).location, /^\/sign-in/)
    const rows = async (table: string) =>
      (await server.sql(`SELECT 1 FROM ${table} WHERE account_id = $1`, [ids['nina']])).length
    for (const table of [
      'credentials',
      'passkeys',
      'known_devices',
      'enrolments',
      'password_resets',
      'team_members',
      'openers',
    ])
      assert.equal(await rows(table), 0, table)
    const openers = await server.sql<{ kind: string }>(
      'SELECT kind FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id WHERE m.account_id = $1',
      [ids['nina']],
    )
    assert.deepEqual(openers, [{ kind: 'recovery' }])
    await letCodesCountAgain(server)
    const { email, password } = nina.person
    const again = await anybody().submit('/sign-in', '/sign-in', { email, password })
    const unknown = await anybody().submit('/sign-in', '/sign-in', { email: 'nobody@riverside.example', password })
    assert.equal(again.status, unknown.status)
    assert.equal(withoutOwn(again), withoutOwn(unknown))
    assert.equal((await anybody().ask(linkIn((await mailsTo(server, nina.person.email, 2)).at(-1)!))).status, 404)

    // Both of the team, one who was there and the patient, read what was and what comes.
    const answer = await answerTo(maria, message, { body: 'After Nina left.' })
    assert.equal(answer.status, 303)
    const sam = await signedIn(server, server.cast.sam)
    for (const member of [dana, sam]) {
      const { body } = await member.ask(`/messages/${message}`)
      assert.match(body, /Nina wrote this[\s\S]*After Nina left/)
    }
    const { listWrapsOf } = await import('../../server/messages/thread-key.store.ts')
    const { unwrapThreadKey } = await import('../../server/messages/thread-key.ts')
    const keys = await server.sql<{ id: string }>(
      `SELECT k.id FROM thread_keys k JOIN messages m ON m.thread_id = k.thread_id WHERE m.id = $1 ORDER BY k.id`,
      [message],
    )
    assert.equal(keys.length, 2, 'a new thread key')
    const wrapFor = async (id: string) => (await listWrapsOf(id)).find(({ mailboxId }) => mailboxId === mailbox.id)!
    const [first, second] = await Promise.all(keys.map(({ id }) => wrapFor(id)))
    assert.equal(first!.mailboxVersion, mailbox.version)
    assert.equal(unwrapThreadKey(carriedAway, first!).length, 32, 'what was carried away opens what was')
    assert.equal(second!.mailboxVersion, mailbox.version + 1)
    assert.throws(() => unwrapThreadKey(carriedAway, second!))
  })

  test('somebody who joins later reads what was written before', async () => {
    const { visitor } = await colleague('otto', 'provider')
    const message = await server.sql<{ id: string }>(`SELECT id FROM messages WHERE author_account_id = $1`, [
      ids['nina'],
    ])
    assert.match((await visitor.ask(`/messages/${message[0]!.id}`)).body, /Nina wrote this[\s\S]*After Nina left/)
  })

  test('an invitation is taken back: its link leads nowhere', async () => {
    const email = 'ivy@riverside.example'
    const invite = { name: 'Ivy (fictitious)', email, role: 'auditor', team: '', newTeam: '' }
    ids['ivy'] = (await ada.submit('/admin/people/invite', '/admin/people/invite', invite)).location.split(
      'invited=',
    )[1]!
    const link = linkIn((await mailsTo(server, email))[0]!)
    assert.equal((await does(ada, 'ivy', 'invite-again')).location, `${page('ivy')}?done=invited`)
    assert.equal(linkIn((await mailsTo(server, email, 2))[0]!), link)
    assert.match((await ada.ask(page('ivy', 'close'))).body, /Take back the invitation of Ivy/)
    assert.equal((await does(ada, 'ivy', 'close', { sure: 'yes' })).status, 303)
    assert.equal((await anybody().ask(link)).status, 404)
  })
})

describe('Roles', () => {
  test('48. role change -> sessions dead at once, and the log has what it was and became', async () => {
    const rosa = await colleague('rosa', 'provider')
    const same = await does(ada, 'rosa', 'role', { role: 'provider' })
    assert.equal(same.status, 422)
    for (const role of ['patient', 'superuser', ''])
      assert.equal((await does(ada, 'rosa', 'role', { role })).status, 422, role)
    assert.match(plain((await ada.ask(page('rosa', 'role'))).body), /What will happen .* They leave: Diabetes team/)
    assert.equal((await does(ada, 'rosa', 'role', { role: 'auditor' })).location, `${page('rosa')}?done=role`)
    assert.match((await rosa.visitor.ask('/messages')).location, /^\/sign-in/)
    const auditor = await signedIn(server, rosa.person)
    assert.equal((await auditor.ask('/admin/access-events')).status, 200)
    assert.equal((await auditor.ask('/messages/new')).status, 404)
    assert.deepEqual(await server.sql('SELECT 1 FROM team_members WHERE account_id = $1', [ids['rosa']]), [])
    const { unsealField } = await import('../../server/vault/vault.ts')
    const [event] = await server.sql<{ id: string; details_sealed: Buffer }>(
      `SELECT id, details_sealed FROM access_events WHERE act = 'account.role-changed' AND subject_id = $1`,
      [ids['rosa']],
    )
    const details = JSON.parse(unsealField(`access-event/${event!.id}`, event!.details_sealed)) as object
    assert.deepEqual(details, { ...details, before: 'provider', after: 'auditor', said: 'a fictitious reason' })
  })

  test('the log names the role that somebody was invited as, and the team that they joined and left', async () => {
    assert.equal((await detailsOf('rosa', 'account.invited'))['after'], 'provider')
    assert.equal((await detailsOf('rosa', 'team.joined'))['after'], 'Diabetes team')
    assert.equal((await detailsOf('rosa', 'team.left'))['before'], 'Diabetes team')
    assert.equal((await detailsOf('ivy', 'account.invited'))['after'], 'auditor', 'also when invited again')
  })

  test('whoever has conversations of their own becomes neither administrator nor auditor before somebody takes them over', async () => {
    const tess = await colleague('tess', 'provider')
    const out = `/admin/teams/${team}/remove/${ids['tess']}`
    assert.equal((await ada.submit(out, out, {})).status, 303)
    const message = await writeTo(tess.visitor, { to: server.cast.maria.email })
    const asked = await ada.ask(page('tess', 'role'))
    assert.match(
      plain(asked.body),
      /administrators and auditors read no messages\. Hand the conversations over first\./,
    )
    assert.ok(asked.body.includes(`href="${page('tess', 'hand-over')}"`))
    for (const role of ['admin', 'auditor']) {
      const fields = { _csrf: await ada.tokenOn('/help'), role, reason: 'a fictitious reason' }
      const refused = await ada.ask(page('tess', 'role'), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
        body: new URLSearchParams(fields).toString(),
      })
      assert.equal(refused.status, 409, role)
    }
    assert.equal((await detailsOf('tess', 'account.access-refused'))['reason'], 'own-conversations')
    assert.equal((await tess.visitor.ask(`/messages/${message}`)).status, 200, 'they are the care team still')
    const over = page('tess', 'hand-over')
    assert.equal((await ada.submit(over, over, { to: `team.${team}`, reason: 'Another task.' })).status, 303)
    assert.equal((await does(ada, 'tess', 'role', { role: 'auditor' })).location, `${page('tess')}?done=role`)
    const auditor = await signedIn(server, tess.person)
    assert.equal((await auditor.ask(`/messages/${message}`)).status, 404)
  })

  test('nobody changes their own access, and no patient is a colleague', async () => {
    for (const [move, fields] of [
      ['suspend', {}],
      ['close', { sure: 'yes' }],
      ['role', { role: 'auditor' }],
    ] as const) {
      const answer = await does(ada, 'ada', move, fields)
      assert.equal(answer.status, 409, move)
      assert.match(answer.body, /This is your own access/)
      const token = await ada.tokenOn('/help')
      const forged = await ada.ask(page('maria', move), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
        body: new URLSearchParams({ _csrf: token, reason: 'x', ...fields }).toString(),
      })
      assert.equal(forged.status, 404, move)
    }
    assert.deepEqual(
      await server.sql('SELECT role, state FROM accounts WHERE id = ANY($1) ORDER BY role', [
        [ids['ada'], ids['maria']],
      ]),
      [
        { role: 'admin', state: 'active' },
        { role: 'patient', state: 'active' },
      ],
    )
  })

  test('two administrators who shut each other out, 50 times in parallel: one stays, and stays an administrator', async () => {
    const { visitor: bea } = await colleague('bea', 'admin')
    const race = async (move: string, fields: Record<string, string>) => {
      const by = async (visitor: Visitor, name: string) => {
        const token = await visitor.tokenOn('/help')
        const headers = {
          'content-type': 'application/x-www-form-urlencoded',
          origin: `http://localhost:${server.port}`,
        }
        const body = new URLSearchParams({ _csrf: token, reason: 'a race', ...fields }).toString()
        return () => visitor.ask(page(name, move), { method: 'POST', headers, body })
      }
      const [one, other] = [await by(ada, 'bea'), await by(bea, 'ada')]
      await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 ? one() : other())))
    }
    await race('suspend', {})
    const left = await server.sql<{ id: string }>(`SELECT id FROM accounts WHERE role = 'admin' AND state = 'active'`)
    assert.equal(left.length, 1)
    assert.equal(
      (
        await server.sql(`SELECT 1 FROM access_changes WHERE kind = 'suspended' AND account_id = ANY($1)`, [
          [ids['ada'], ids['bea']],
        ])
      ).length,
      1,
    )
    const winner = left[0]!.id === ids['ada'] ? ada : bea
    assert.equal((await winner.ask('/admin/people')).status, 200)
  })
})
