/** The code that staff tell by phone, and the new sign-in that it begins. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { codeOf } from '../support/cast.ts'
import { everybodyIn, mailsTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../support/visitor.ts'
import {
  accountId,
  assertShownAgain,
  countEvents,
  idOf,
  makeCode,
  newPatient,
  press,
  readyRequest,
  resetRow,
  typeAppCode,
  typeStaffCode,
  untilTheApp,
  withoutVariables,
} from './helping.ts'
import { changeRows } from '../support/bound-rows.ts'

let server: TestServer
let dana: Visitor
let sam: Visitor
let ada: Visitor

before(async () => {
  server = await startTestServer()
  ;({ dana, sam, ada } = await everybodyIn(server, {
    dana: server.cast.dana,
    sam: server.cast.sam,
    ada: server.cast.ada,
  }))
})
after(() => server.stop())

async function addPasskey(account: string) {
  const { insertPasskey } = await import('../../server/sign-in/passkey.store.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const { newId } = await import('../../server/lib/ids.ts')
  const passkey = {
    id: newId(),
    accountId: account,
    credentialId: 'Zm9yZ290dGVu',
    publicKey: Buffer.alloc(77),
    counter: 0,
    transports: ['internal'],
    backedUp: false,
    name: 'A lost phone',
    addedAt: new Date(),
    lastUsedAt: null,
  }
  await inTransaction((transaction) => insertPasskey(passkey, transaction))
}

describe('The code', () => {
  test('is for one of the two only; three at most; the newest only', async () => {
    const email = 'three.codes@mail.example'
    await newPatient(server, dana, email)
    const path = await readyRequest(server, dana, sam, email)
    assert.equal((await ada.submit('/help-sign-in', `${path}/code`, {})).status, 404, 'somebody who took no part')
    const first = await makeCode(dana, path)
    const second = await makeCode(sam, path)
    await letCodesCountAgain(server)
    assert.equal((await typeStaffCode(new Visitor(server), email, first)).status, 422)
    const { visitor, person } = await untilTheApp(server, email, second)
    const third = await makeCode(sam, path)
    assert.equal((await visitor.ask('/sign-in/staff-code/second-factor')).location, '/sign-in/staff-code?over')
    assert.equal((await visitor.ask('/sign-in/staff-code?over')).status, 200)
    const helpers = [await press(dana, path, 'code'), await press(sam, path, 'code')]
    for (const answer of helpers) assert.deepEqual([answer.status, answer.location], [303, path])
    assert.equal((await resetRow(server, path))['codes_made'], 3)
    await letCodesCountAgain(server)
    assert.equal((await untilTheApp(server, email, third)).person.email, person.email)
    const mails = (await mailsTo(server, email, 4)).filter(({ subject }) => /A code for your new sign-in/.test(subject))
    assert.equal(mails.length, 3, 'the person hears of each')
    for (const { text } of mails) for (const code of [first, second, third]) assert.ok(!text.includes(code))
    assert.match((await dana.ask(path)).body, /No more codes|A code was made/)
  })

  test('is stored as a digest, dies after 15 minutes, and takes any spelling', async () => {
    const email = 'old.code@mail.example'
    await newPatient(server, dana, email)
    const path = await readyRequest(server, dana, sam, email)
    const code = await makeCode(dana, path)
    const [stored] = await server.sql<{ row: string; minutes: number }>(
      `SELECT r::text AS row, extract(epoch FROM code_expires_at - now()) / 60 AS minutes FROM assisted_resets r WHERE id = $1`,
      [idOf(path)],
    )
    assert.ok(Number(stored!.minutes) > 14.8 && Number(stored!.minutes) <= 15, String(stored!.minutes))
    for (const spelling of [code, code.replace('-', '')])
      assert.ok(!stored!.row.includes(spelling) && !stored!.row.includes(Buffer.from(spelling).toString('hex')))
    await letCodesCountAgain(server)
    await changeRows(server, `UPDATE assisted_resets SET code_expires_at = now() - interval '1 second' WHERE id = $1`, [
      idOf(path),
    ])
    const late = await typeStaffCode(new Visitor(server), email, code)
    assertShownAgain(late, 'code', /do not fit together/)
    assert.ok(!late.body.includes(code), 'the code is not shown again')
    await changeRows(server, `UPDATE assisted_resets SET code_expires_at = now() + interval '1 minute' WHERE id = $1`, [
      idOf(path),
    ])
    const sloppy = ` ${code.toLowerCase().replace('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')} `
    assert.equal((await typeStaffCode(new Visitor(server), email, sloppy)).location, '/sign-in/staff-code/password')
    assert.equal((await typeStaffCode(new Visitor(server), email, code)).status, 422, 'once')
  })

  test('of an older request opens nothing in a newer one', async () => {
    const email = 'older.request@mail.example'
    await newPatient(server, dana, email)
    const older = await readyRequest(server, dana, sam, email)
    const code = await makeCode(dana, older)
    await press(dana, older, 'stop')
    const newer = await readyRequest(server, dana, sam, email)
    await makeCode(dana, newer)
    await letCodesCountAgain(server)
    assert.equal((await typeStaffCode(new Visitor(server), email, code)).status, 422)
    assert.equal((await resetRow(server, newer))['attempt_id'], null)
  })

  test('unknown address, nobody helped, and a wrong code are answered alike; five tries an hour; wrong ones end nothing', async () => {
    const email = 'five.tries@mail.example'
    await newPatient(server, dana, email)
    const path = await readyRequest(server, dana, sam, email)
    const code = await makeCode(dana, path)
    await letCodesCountAgain(server)
    const wrong = await typeStaffCode(new Visitor(server), email, '00000000')
    for (const other of ['nobody.at.all@mail.example', server.cast.maria.email, server.cast.ada.email]) {
      const answer = await typeStaffCode(new Visitor(server), other, code)
      assert.equal(answer.status, 422)
      assert.equal(withoutVariables(answer, other), withoutVariables(wrong, email))
      assert.equal(answer.bytes.length - other.length, wrong.bytes.length - email.length)
    }
    assertShownAgain(await typeStaffCode(new Visitor(server), email, 'short'), 'code', /eight letters and digits/)
    assertShownAgain(await typeStaffCode(new Visitor(server), '', code), 'email', /Enter your e-mail address/)
    for (let times = 2; times <= 5; times++)
      assert.equal((await typeStaffCode(new Visitor(server), email, '11111111')).status, 422)
    assert.equal((await typeStaffCode(new Visitor(server), email, code)).status, 429)
    await letCodesCountAgain(server)
    assert.equal((await typeStaffCode(new Visitor(server), email, code)).location, '/sign-in/staff-code/password')
    assert.ok((await countEvents(server, 'help.refused', email, 'denied')) >= 5)
  })

  test('strangers who know the address do not lock the owner out, from however many networks they try', async () => {
    const email = 'locked.out@mail.example'
    await newPatient(server, dana, email)
    const code = await makeCode(dana, await readyRequest(server, dana, sam, email))
    await letCodesCountAgain(server)
    const { beginHelped } = await import('../../server/help-sign-in/helped-sign-in.ts')
    const { SlowDown } = await import('../../server/errors.ts')
    const from = (network: number) => ({ kind: 'anonymous', strength: 'none', address: `192.0.2.${network}` }) as const
    for (let times = 1; times <= 5; times++) assert.equal(await beginHelped(from(1), email, '11111111'), undefined)
    await assert.rejects(beginHelped(from(1), email, code), SlowDown)
    const many = Array.from({ length: 41 * 5 }, (_, index) => beginHelped(from(2 + (index % 41)), email, '11111111'))
    assert.deepEqual(await Promise.all(many), Array<undefined>(many.length).fill(undefined))
    assert.ok(await beginHelped(from(100), email, code))
  })
})

describe('The new sign-in', () => {
  test('everything is swapped at the last step and not before; old password, app, codes, sessions and half-made steps are gone; old mail is there', async () => {
    const email = 'new.sign-in@mail.example'
    const { visitor: oldDevice, person: old, message } = await newPatient(server, dana, email)
    const id = await accountId(email)
    const kept = async () => ({
      credential: await server.sql(
        'SELECT password_salt, password_verifier, totp_secret_sealed FROM credentials WHERE account_id = $1',
        [id],
      ),
      openers: await server.sql(
        'SELECT o.* FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id WHERE m.account_id = $1 ORDER BY o.id',
        [id],
      ),
    })
    await addPasskey(id)
    const devicesBefore = await server.sql('SELECT digest FROM known_devices WHERE account_id = $1', [id])
    assert.equal(devicesBefore.length, 1)
    const before = await kept()
    await letCodesCountAgain(server)
    const path = await readyRequest(server, dana, sam, email)
    const { visitor, person } = await untilTheApp(server, email, await makeCode(sam, path))
    assert.deepEqual(await kept(), before, 'nothing has changed before the last step')
    assert.equal((await oldDevice.ask('/messages')).status, 200)
    assert.equal((await visitor.ask('/messages')).location, '/sign-in/staff-code/password', 'half made opens nothing')
    const wrong = await visitor.submit('/sign-in/staff-code/second-factor', '/sign-in/staff-code/second-factor', {
      code: '000000',
    })
    assert.ok([422].includes(wrong.status))
    const done = await typeAppCode(visitor, person)
    assert.equal(done.location, '/enrol/recovery-codes')
    const page = await visitor.ask('/enrol/recovery-codes')
    assert.equal([...page.body.matchAll(/<li><code dir="ltr">/g)].length, 10)
    assert.equal((await visitor.submit(done.location, done.location, { saved: 'yes' })).location, '/messages')
    assert.match(
      (await visitor.ask(`/messages/${message}`)).body,
      /Written before everything was lost/,
      'managed: old mail is there',
    )

    assert.deepEqual(await server.sql('SELECT id FROM passkeys WHERE account_id = $1', [id]), [], 'old passkeys')
    const devices = await server.sql('SELECT digest FROM known_devices WHERE account_id = $1', [id])
    assert.equal(devices.length, 1, 'the new device is known, and the old one is not')
    assert.notDeepEqual(devices, devicesBefore)
    assert.equal((await oldDevice.ask('/messages')).location, '/sign-in', 'every session ended')
    await letCodesCountAgain(server)
    assert.equal(
      (await new Visitor(server).submit('/sign-in', '/sign-in', { email, password: old.password })).status,
      422,
    )
    const half = new Visitor(server)
    assert.equal(
      (await half.submit('/sign-in', '/sign-in', { email, password: person.password })).location,
      '/sign-in/code',
    )
    assert.equal(
      (await half.submit('/sign-in/code', '/sign-in/code', { code: codeOf(old) })).status,
      422,
      'the old app',
    )
    assert.ok(await signedIn(server, person))
    for (const act of ['help.used', 'mailbox.recovered']) assert.equal(await countEvents(server, act, email), 1, act)
    const openers = await server.sql(
      'SELECT kind, count(*)::int AS many FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id WHERE m.account_id = $1 GROUP BY 1 ORDER BY 1',
      [id],
    )
    assert.deepEqual(openers, [
      { kind: 'password', many: 1 },
      { kind: 'recovery', many: 1 },
      { kind: 'recovery-code', many: 10 },
    ])
    assert.ok(
      (await kept()).openers.every(
        ({ id: opener }) => !before.openers.some((each) => each['kind'] !== 'recovery' && each['id'] === opener),
      ),
    )
    const told = (await mailsTo(server, email, 4)).filter(({ text }) => /with the help of our staff/.test(text))
    assert.equal(told.length, 1, 'the person hears of it')
    assert.match((await dana.ask('/help-sign-in')).body, /Has a new sign-in/, 'and so does who asked')
    assert.notEqual((await resetRow(server, path))['used_at'], null)
    const { cancelToken } = await import('../../server/accounts/assisted-reset.store.ts')
    assert.equal(
      (await new Visitor(server).ask(`/stop-help/${cancelToken(idOf(path))}`)).h1,
      'A new sign-in was made already',
    )
    assert.equal((await press(dana, path, 'code')).location, path)
  })

  test('what is half made rests under its cookie: neither the password nor the key of the app stands in the table of sessions', async () => {
    const email = 'under.the.cookie@mail.example'
    await newPatient(server, dana, email)
    await letCodesCountAgain(server)
    const path = await readyRequest(server, dana, sam, email)
    const { person } = await untilTheApp(server, email, await makeCode(dana, path))
    const [session] = await server.sql<{ sess: string }>(
      `SELECT sess::text FROM sessions WHERE sess->>'stage' = 'helped' AND sess->>'halfMade' IS NOT NULL ORDER BY expire DESC LIMIT 1`,
    )
    assert.ok(session && !session.sess.includes(person.totpSecret) && !session.sess.includes(person.password))
    const { totpSecret } = person
    assert.ok(!session.sess.includes(Buffer.from(totpSecret).toString('base64').slice(0, 20)))
  })

  test('the password rules hold here too, and nobody gets to a later step without the earlier ones', async () => {
    const email = 'rules.here@mail.example'
    await newPatient(server, dana, email)
    await letCodesCountAgain(server)
    const path = await readyRequest(server, dana, sam, email)
    for (const step of ['password', 'second-factor']) {
      const page = `/sign-in/staff-code/${step}`
      assert.equal((await new Visitor(server).ask(page)).location, '/sign-in/staff-code')
      assert.equal(
        (
          await new Visitor(server).submit('/sign-in/staff-code', page, {
            password: 'three random words 7',
            code: '123456',
          })
        ).location,
        '/sign-in/staff-code',
      )
    }
    const visitor = new Visitor(server)
    const { location } = await typeStaffCode(visitor, email, await makeCode(dana, path))
    assertShownAgain(await visitor.submit(location, location, { password: 'short' }), 'password', /12 or more/)
    assertShownAgain(await visitor.submit(location, location, { password: email }), 'password', /easy to guess/)
    assert.equal((await visitor.ask('/sign-in/staff-code/second-factor')).location, '/sign-in/staff-code?over')
  })

  test('a session from before the code is replaced at each step', async () => {
    const email = 'new.ids@mail.example'
    await newPatient(server, dana, email)
    await letCodesCountAgain(server)
    const path = await readyRequest(server, dana, sam, email)
    const visitor = new Visitor(server)
    const ids = new Set<string | undefined>()
    const note = () => ids.add(visitor.cookies.get('__Host-session'))
    const { location } = await typeStaffCode(visitor, email, await makeCode(dana, path))
    note()
    await visitor.submit(location, location, { password: 'three random words 7' })
    note()
    assert.equal(ids.size, 2)
    assert.ok(!ids.has(undefined))
  })
})
