/** One's own account: the page, the name, another password and another code app. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { currentCode } from '../../server/sign-in/one-time-code.ts'
import { codeOf } from '../support/cast.ts'
import { writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, signedIn, Visitor } from '../support/visitor.ts'
import { eventsOf, idOf, jobsDone, letProofsLapse, noticeSaying } from './account-mails.ts'
import { changeSession } from '../sign-in/session-rows.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

const NEW_PASSWORD = 'green lantern by the lake'

describe('The account page', () => {
  test('says how each thing stands, with one link to change it, for every role', async () => {
    for (const person of Object.values(server.cast)) {
      const visitor = await signedIn(server, person)
      const { status, body } = await visitor.ask('/account')
      assert.equal(status, 200)
      for (const told of [person.name, person.email, 'Set on', 'Set up', 'English'])
        assert.ok(plain(body).includes(told), told)
      for (const path of [
        'name',
        'address',
        'password',
        'code-app',
        'passkeys',
        'recovery-codes',
        'devices',
        'openings',
      ])
        assert.equal(body.split(`href="/account/${path}"`).length, 2, path)
      assert.match(body, /<a href="\/account" aria-current="page">Account<\/a>/)
      assert.doesNotMatch(body, /<select/, 'one language is no choice')
    }
  })

  test('leads only to pages that are there', async () => {
    const visitor = await signedIn(server, server.cast.maria)
    const { body } = await visitor.ask('/account')
    const paths = [...body.matchAll(/href="(\/account\/[^"]+)"/g)].map((match) => match[1]!)
    assert.ok(paths.length >= 5)
    for (const path of paths) assert.equal((await visitor.ask(path)).status, 200, path)
  })

  test('changes what is secret only with a proof of the last five minutes; 25. a stale step-up -> 403', async () => {
    const { sam } = server.cast
    const visitor = await signedIn(server, sam)
    const token = await visitor.tokenOn('/account/name')
    await letProofsLapse(server, await idOf(sam.email))
    for (const path of ['/account/name', '/account/password', '/account/code-app', '/account/address']) {
      const page = await visitor.ask(path)
      assert.deepEqual([page.status, page.location], [303, `/prove?next=${encodeURIComponent(path)}`])
      const fields = {
        _csrf: token,
        name: 'Mallory',
        current: sam.password,
        password: NEW_PASSWORD,
        code: '123456',
        email: 'm@evil.example',
      }
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const sent = await visitor.ask(path, { method: 'POST', headers, body: new URLSearchParams(fields).toString() })
      assert.equal(sent.status, 403, path)
    }
    assert.equal((await new Visitor(server).signIn(sam)).status, 422, 'the code of this moment is used up')
    await letCodesCountAgain(server)
    assert.equal((await new Visitor(server).signIn(sam)).status, 303)
  })
})

describe('One’s name', () => {
  const change = (visitor: Visitor, name: string) => visitor.submit('/account/name', '/account/name', { name })

  test('is changed, sealed, recorded, and greets at once', async () => {
    const { maria } = server.cast
    const visitor = await signedIn(server, maria)
    const answer = await change(visitor, '  Zoë O’Brien-李  ')
    assert.deepEqual([answer.status, answer.location], [303, '/account?done=name'])
    const { body } = await visitor.ask('/account?done=name')
    assert.ok(plain(body).includes('Your name was changed.'))
    assert.ok(plain(body).includes('You are signed in as Zoë O’Brien-李.'))
    const [row] = await server.sql<{ sealed: Buffer }>('SELECT name_sealed AS sealed FROM accounts WHERE id = $1', [
      await idOf(maria.email),
    ])
    assert.ok(!row!.sealed.includes('Zoë'))
    assert.deepEqual(await eventsOf(server, 'account.name-changed', await idOf(maria.email)), [{ outcome: 'done' }])
    assert.equal((await change(visitor, maria.name)).status, 303)
  })

  test('has 1 to 80 characters of any script; none that breaks a line, hides or turns what follows', async () => {
    const visitor = await signedIn(server, server.cast.maria)
    for (const name of [
      '',
      '   ',
      '...',
      'x'.repeat(81),
      'a\nb',
      'a\u0000b',
      'a\u202eb',
      'a\u2066b',
      'a\u2028b',
      'a\u0085b',
    ]) {
      const answer = await change(visitor, name)
      assert.equal(answer.status, 422, JSON.stringify(name))
      assert.match(answer.body, /id="name-error"/)
    }
    for (const name of ['x'.repeat(80), '𠮷'.repeat(80), 'محمد', 'Ng', server.cast.maria.name])
      assert.equal((await change(visitor, name)).status, 303, name)
  })

  test('68. A request that names another’s id -> ignored', async () => {
    const { maria, dana } = server.cast
    const visitor = await signedIn(server, maria)
    const fields = { name: maria.name, id: await idOf(dana.email), email: dana.email, role: 'admin', state: 'closed' }
    assert.equal((await visitor.submit('/account/name', '/account/name', fields)).status, 303)
    const rows = await server.sql('SELECT role, state FROM accounts WHERE id = ANY($1)', [
      [await idOf(maria.email), await idOf(dana.email)],
    ])
    assert.deepEqual(rows.map((row) => `${row['role'] as string} ${row['state'] as string}`).sort(), [
      'patient active',
      'provider active',
    ])
  })
})

describe('Another password', () => {
  const PAGE = '/account/password'

  test('25. Password change without the current one, or with a stale step-up -> 403', async () => {
    const { maria } = server.cast
    const visitor = await signedIn(server, maria)
    for (const current of ['', 'not my password', maria.password.toUpperCase()]) {
      const answer = await visitor.submit(PAGE, PAGE, { current, password: NEW_PASSWORD })
      assert.equal(answer.status, 403, current)
      assert.match(answer.body, /id="current-error"/)
      assert.doesNotMatch(answer.body, /green lantern/)
    }
    assert.equal((await visitor.submit(PAGE, PAGE, { password: NEW_PASSWORD })).status, 403)
    assert.equal((await visitor.submit(PAGE, PAGE, { current: maria.password, password: 'short' })).status, 422)
    const refused = await eventsOf(server, 'identity.prove-refused', await idOf(maria.email))
    assert.deepEqual(
      refused.map(({ outcome }) => outcome),
      ['denied', 'denied', 'denied', 'denied'],
    )
    assert.equal((await signedIn(server, maria).then((same) => same.ask('/messages'))).status, 200)
  })

  test('whoever proved by password on the way to it is not asked for it twice in a row, and the next time again', async () => {
    const { sam } = server.cast
    const visitor = await signedIn(server, sam)
    await letProofsLapse(server, await idOf(sam.email))
    const asked = (await visitor.ask(PAGE)).location
    await letCodesCountAgain(server)
    const proof = { password: sam.password, code: codeOf(sam) }
    assert.equal((await visitor.submit(asked, asked, proof)).location, PAGE)
    assert.doesNotMatch((await visitor.ask(PAGE)).body, /name="current"/)
    assert.equal((await visitor.submit(PAGE, PAGE, { password: 'short' })).status, 422)
    const changed = await visitor.submit(PAGE, PAGE, { password: NEW_PASSWORD })
    assert.deepEqual([changed.status, changed.location], [303, '/account?done=password'])
    assert.match((await visitor.ask(PAGE)).body, /name="current"/)
    assert.equal((await visitor.submit(PAGE, PAGE, { password: sam.password })).status, 403)
    const back = { current: NEW_PASSWORD, password: sam.password }
    assert.equal((await visitor.submit(PAGE, PAGE, back)).status, 303)
    await letCodesCountAgain(server)
  })

  test('guesses at the current one are counted: ten in ten minutes', async () => {
    const { sam } = server.cast
    const visitor = await signedIn(server, sam)
    const { limit } = await import('../../server/web/rate-limits.ts')
    for (let tries = 0; tries < 10; tries++) await limit('current-password', 10, 600, 600).count(await idOf(sam.email))
    assert.equal((await visitor.submit(PAGE, PAGE, { current: sam.password, password: NEW_PASSWORD })).status, 429)
    await letCodesCountAgain(server)
  })

  test('48. Changing it ends every other session at once; this one goes on under a new id, and old mail stays readable', async () => {
    const { maria, dana } = server.cast
    const message = await writeTo(await signedIn(server, dana), { to: maria.email, body: 'Written before the change.' })
    const [here, there] = [await signedIn(server, maria), await signedIn(server, maria)]
    const before = here.cookies.get('__Host-session')
    const answer = await here.submit(PAGE, PAGE, { current: maria.password, password: NEW_PASSWORD })
    assert.deepEqual([answer.status, answer.location], [303, '/account?done=password'])
    assert.deepEqual(await there.ask('/messages').then(({ status, location }) => [status, location]), [303, '/sign-in'])
    assert.notEqual(here.cookies.get('__Host-session'), before)
    const old = new Visitor(server)
    old.cookies.set('__Host-session', before!)
    assert.equal((await old.ask('/messages')).status, 303)
    assert.match((await here.ask(`/messages/${message}`)).body, /Written before the change\./)
    const changed = { ...maria, password: NEW_PASSWORD }
    assert.equal((await new Visitor(server).signIn(maria)).status, 422, 'the old password is dead')
    const again = await signedIn(server, changed)
    assert.match((await again.ask(`/messages/${message}`)).body, /Written before the change\./)
    assert.deepEqual(await eventsOf(server, 'password.changed', await idOf(maria.email)), [{ outcome: 'done' }])
    await noticeSaying(server, maria.email, /Your password was changed on /)
    assert.equal((await again.submit(PAGE, PAGE, { current: NEW_PASSWORD, password: maria.password })).status, 303)
  })

  test('24. Known and breached passwords and one’s own words -> refused at a change', async () => {
    const { maria } = server.cast
    const visitor = await signedIn(server, maria)
    for (const password of ['passwordpassword', '123456789012', maria.email, `${maria.name}1`])
      assert.equal((await visitor.submit(PAGE, PAGE, { current: maria.password, password })).status, 422, password)
  })
})

describe('Another code app', () => {
  const PAGE = '/account/code-app'
  const keyOn = (body: string) => plain(/<p class="key"[^>]*>([\s\S]*?)<\/p>/.exec(body)![1]!).replace(/\s/g, '')

  test('shows a new secret, never the one in use; a reload shows no old one; nothing is kept by the browser', async () => {
    const { dana } = server.cast
    const visitor = await signedIn(server, dana)
    const first = await visitor.ask(PAGE)
    assert.equal(first.headers['cache-control'], 'no-store')
    assert.equal(keyOn(first.body).length, 32)
    assert.equal(keyOn((await visitor.ask(PAGE)).body), keyOn(first.body))
    assert.notEqual(keyOn(first.body), dana.totpSecret)
    assert.notEqual(
      keyOn((await (await signedIn(server, dana)).ask(PAGE)).body),
      keyOn(first.body),
      'another session’s is another',
    )
    const [row] = await server.sql<{ sess: string }>(
      `SELECT sess::text FROM sessions WHERE sess->>'codeSecret' IS NOT NULL AND sess->>'accountId' = $1 LIMIT 1`,
      [await idOf(dana.email)],
    )
    assert.ok(!row!.sess.includes(keyOn(first.body)))
  })

  test('34. Pending secret after 15 min; QR page reload -> new secret or gone; page no-store', async () => {
    const { dana } = server.cast
    const visitor = await signedIn(server, dana)
    const secret = keyOn((await visitor.ask(PAGE)).body)
    await changeSession(server, visitor, { codeSecretUntil: Date.now() - 1 })
    const token = await visitor.tokenOn('/account/name')
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = new URLSearchParams({ _csrf: token, code: codeOf({ totpSecret: secret }) }).toString()
    const late = await visitor.ask(PAGE, { method: 'POST', headers, body })
    assert.equal(late.status, 422)
    assert.match(plain(late.body), /open for too long/)
    assert.notEqual(keyOn(late.body), secret)
    assert.equal(late.headers['cache-control'], 'no-store')
    assert.deepEqual(await eventsOf(server, 'code-app.replaced', await idOf(dana.email)), [])
  })

  test('33. TOTP enrol POST for another user id; second enrol while active without step-up -> 403', async () => {
    const { dana, maria } = server.cast
    const visitor = await signedIn(server, dana)
    const secret = keyOn((await visitor.ask(PAGE)).body)
    const token = await visitor.tokenOn('/account/name')
    await letProofsLapse(server, await idOf(dana.email))
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const fields = {
      _csrf: token,
      code: codeOf({ totpSecret: secret }),
      account: await idOf(maria.email),
      id: await idOf(maria.email),
    }
    assert.equal(
      (await visitor.ask(PAGE, { method: 'POST', headers, body: new URLSearchParams(fields).toString() })).status,
      403,
    )
    const again = await signedIn(server, dana)
    const other = keyOn((await again.ask(PAGE)).body)
    const { _csrf: _, ...named } = fields
    const answer = await again.submit(PAGE, PAGE, { ...named, code: codeOf({ totpSecret: other }) })
    assert.equal(answer.status, 303)
    assert.equal((await signedIn(server, maria)).cookies.size > 0, true, 'Maria’s app is untouched')
    await server.sql(`DELETE FROM security_links`)
    dana.totpSecret = other
  })

  test('a right code of the new app puts it in the old one’s place; the old one and the code that proved the new one are dead', async () => {
    const { dana } = server.cast
    const old = dana.totpSecret
    const visitor = await signedIn(server, dana)
    const secret = keyOn((await visitor.ask(PAGE)).body)
    for (const code of ['', '12345', 'abcdef', '1234567', '１２３４５６'])
      assert.equal((await visitor.submit(PAGE, PAGE, { code })).status, 422, code)
    assert.equal((await visitor.submit(PAGE, PAGE, { code: codeOf(dana) })).status, 422, 'a code of the old app')
    const { code } = currentCode(secret, new Date())
    const answer = await visitor.submit(PAGE, PAGE, { code: `${code.slice(0, 3)} ${code.slice(3)}` })
    assert.deepEqual([answer.status, answer.location], [303, '/account?done=code-app'])
    const first = new Visitor(server)
    await first.submit('/sign-in', '/sign-in', { email: dana.email, password: dana.password })
    assert.equal((await first.submit('/sign-in/code', '/sign-in/code', { code })).status, 422, 'used up')
    assert.equal(
      (await first.submit('/sign-in/code', '/sign-in/code', { code: currentCode(old, new Date()).code })).status,
      422,
    )
    dana.totpSecret = secret
    await signedIn(server, dana)
    await jobsDone(server)
    await noticeSaying(server, dana.email, /A code app was set up on /)
    assert.equal((await eventsOf(server, 'code-app.replaced', await idOf(dana.email))).length, 2)
    assert.notEqual(keyOn((await visitor.ask(PAGE)).body), secret, 'the next one is another')
  })

  test('50 forms with one right code at one moment put it there once', async () => {
    const { dana } = server.cast
    const visitor = await signedIn(server, dana)
    const secret = keyOn((await visitor.ask(PAGE)).body)
    const token = await visitor.tokenOn(PAGE)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = new URLSearchParams({ _csrf: token, code: codeOf({ totpSecret: secret }) }).toString()
    const before = (await eventsOf(server, 'code-app.replaced', await idOf(dana.email))).length
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => visitor.ask(PAGE, { method: 'POST', headers, body })),
    )
    assert.equal(answers.filter(({ location }) => location === '/account?done=code-app').length, 1)
    assert.equal((await eventsOf(server, 'code-app.replaced', await idOf(dana.email))).length, before + 1)
    dana.totpSecret = secret
  })
})
