/** Erasing for good, its certificates, and legal holds, which win over it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { projectRoot } from '../../server/lib/root.ts'
import { makePng } from '../support/files.ts'
import { everybodyIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { plain, type Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let ada: Visitor
let felix: Visitor

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, ada, felix } = await everybodyIn(server, {
    dana: cast.dana,
    maria: cast.maria,
    ada: cast.ada,
    felix: cast.felix,
  }))
})
after(() => server.stop())

const files = [{ name: 'photo.png', type: 'image/png', bytes: makePng() }]
const recall = (who: Visitor, id: string) => who.submit('/help', `/messages/${id}/recall`, {})
const erase = (id: string, fields: Record<string, string> = {}) =>
  ada.submit('/help', `/admin/erasures/${id}/erase`, { reason: 'Sent to the wrong ward', word: 'erase', ...fields })
const hold = (fields: Record<string, string>) =>
  ada.submit('/help', '/admin/holds/new', { reason: 'A lawsuit', message: '', email: '', ...fields })

async function lift(answer: { location: string }) {
  const id = /placed=(.+)$/.exec(answer.location)![1]!
  assert.equal((await ada.submit('/help', `/admin/holds/${id}/lift`, { reason: 'It is over' })).status, 303)
}

async function rowOf(id: string) {
  return (await server.sql<Record<string, unknown>>('SELECT * FROM messages WHERE id = $1', [id]))[0]!
}

async function outcomes(act: string, id: string) {
  const rows = await server.sql<{ outcome: string }>(
    'SELECT outcome FROM access_events WHERE act = $1 AND subject_id = $2 ORDER BY at, id',
    [act, id],
  )
  return rows.map(({ outcome }) => outcome)
}

/** Runs the verifier as somebody who has nothing but the file and the key. */
async function check(note: string, key: string | undefined, beside?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'))
  try {
    const file = join(folder, 'certificate.txt')
    writeFileSync(file, note)
    if (beside) writeFileSync(`${file}.vkey`, beside)
    const script = join(projectRoot, 'scripts/verify-certificate.mjs')
    // The server is in this process, so nobody waits for a script by standing still.
    const child = spawn(process.execPath, [script, file, ...(key ? ['--key', key] : [])], {
      cwd: folder,
      env: { PATH: '/nowhere' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = once(child, 'close')
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    const [status] = (await ended) as [number | null]
    return { status, said: `${stdout}${stderr}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const verifierOn = async () => plain(/id="verifier">([^<]+)</.exec((await ada.ask('/admin/erasures')).body)![1]!)

describe('Erasing by an administrator', () => {
  test('destroys what was opened too, with its files; both sides see that it was done; a certificate stays', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, subject: 'To go', body: 'Must not stay', files })
    assert.equal((await maria.ask(`/messages/${id}`)).status, 200)
    const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id])
    assert.equal((await maria.ask(`/attachments/${file!.id}/download`)).status, 200)
    const found = await ada.submit('/admin/erasures/new', '/admin/erasures/new', { message: ` ${id} ` })
    assert.equal(found.location, `/admin/erasures/${id}/erase`)
    const asked = await ada.ask(found.location)
    assert.equal(asked.h1, 'Erase this message for good?')
    assert.match(plain(asked.body), /Diabetes team.*cannot be undone/)
    assert.doesNotMatch(asked.body, /To go|Must not stay|Maria|photo/)
    assert.equal((await erase(id)).location, `/admin/erasures?erased=${id}`)
    const row = await rowOf(id)
    for (const column of ['key_wrapped', 'subject_sealed', 'body_sealed']) assert.equal(row[column], null, column)
    assert.equal(row['erased_why'], 'erased')
    assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE message_id = $1', [id]), [])
    for (const who of [dana, maria]) {
      const page = await who.ask(`/messages/${id}`)
      assert.deepEqual([page.status, page.h1], [200, 'Erased'])
      assert.match(plain(page.body), /An administrator erased this message and its files on/)
      assert.doesNotMatch(page.body, /Must not stay|To go|photo\.png/)
    }
    assert.match((await dana.ask(`/messages/${id}`)).body, new RegExp(`href="/messages/${id}/certificate"`))
    assert.equal((await maria.ask(`/messages/${id}/certificate`)).status, 404)
    assert.equal((await maria.ask(`/attachments/${file!.id}/download`)).status, 404)
    assert.deepEqual(await outcomes('message.erased', id), ['done'])
    const list = plain((await felix.ask('/admin/erasures')).body)
    assert.match(list, new RegExp(`${id}.*Erased by ${server.cast.ada.name}.*Sent to the wrong ward`))
    assert.match(plain((await erase(id)).body), /Nothing is left to erase/)
  })

  test('asks for a reason and for the word, says what is missing, and erases nothing until both are there', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    for (const [fields, text] of [
      [{ reason: ' ' }, 'Enter a reason'],
      [{ word: 'yes' }, 'Type the word “erase”'],
      [{ reason: 'x'.repeat(501) }, 'Use 500 characters or fewer'],
    ] as const) {
      const answer = await erase(id, fields)
      assert.equal(answer.status, 422)
      assert.ok(plain(answer.body).includes(text), text)
    }
    assert.notEqual((await rowOf(id))['key_wrapped'], null)
    const unknown = await ada.submit('/help', '/admin/erasures/new', {
      message: '0199c1d2-0000-7000-8000-000000000000',
    })
    assert.match(plain(unknown.body), /There is no message of this number/)
    assert.match(plain((await ada.submit('/help', '/admin/erasures/new', { message: 'x' })).body), /Enter the number/)
  })

  test('asks who they are again when that is more than five minutes ago, and lets an auditor only look', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    assert.equal((await felix.ask(`/admin/erasures/${id}/erase`)).status, 404)
    assert.equal(
      (await felix.submit('/help', `/admin/erasures/${id}/erase`, { reason: 'x', word: 'erase' })).status,
      404,
    )
    assert.doesNotMatch((await felix.ask('/admin/erasures')).body, /admin\/erasures\/new/)
    const { changeSessions } = await import('../sign-in/session-rows.ts')
    await changeSessions(server, { provedAt: 1 }, ({ sess }) => sess['role'] !== 'patient')
    assert.match((await ada.ask(`/admin/erasures/${id}/erase`)).location, /^\/prove\?/)
    assert.equal((await erase(id)).status, 403)
    assert.notEqual((await rowOf(id))['key_wrapped'], null)
    await changeSessions(server, { provedAt: Date.now() })
  })
})

describe('A certificate of destruction', () => {
  test('is checked offline by one file and the key, holds nothing of the message, and says what it cannot promise', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, subject: 'Canary', body: 'Canary body', files })
    const [before] = await server.sql<{ wrap: Buffer }>('SELECT key_wrapped AS wrap FROM messages WHERE id = $1', [id])
    const backup = '0199c1d2-0000-7000-8000-00000000000b'
    await server.sql(
      `INSERT INTO backups (id, made_at, kept_until, master_key_version) VALUES ($1, now(), now() + interval '400 days', 1)`,
      [backup],
    )
    await recall(dana, id)
    const certificate = await dana.ask(`/messages/${id}/certificate`)
    assert.equal(certificate.status, 200)
    assert.match(String(certificate.headers['content-disposition']), /attachment; filename="?certificate-/)
    assert.equal((await felix.ask(`/admin/erasures/${id}/certificate`)).body, certificate.body)
    assert.doesNotMatch(certificate.body, /Canary|photo|Maria|Dana/)
    const { createHash } = await import('node:crypto')
    assert.ok(certificate.body.includes(createHash('sha256').update(before!.wrap).digest('hex')))
    const good = await check(certificate.body, await verifierOn())
    assert.equal(good.status, 0, good.said)
    assert.match(
      good.said,
      /^GOOD: signed with this key, and not changed since\.\n {2}localhost:\d+\/destruction\+\S+\n/,
    )
    assert.match(good.said, /The key came from the command line/)
    assert.match(good.said, new RegExp(`${id}[^]*taken back by its sender[^]*What it does not prove[^]*${backup}`))
    const until = new Date(/Until (\S+) backups/.exec(good.said)![1]!)
    assert.ok(until.getTime() > Date.now() + 399 * 24 * 60 * 60 * 1000)
  })

  test('that was changed anywhere, is of another kind, or is held against another key is not good', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    await recall(dana, id)
    const { body } = await dana.ask(`/messages/${id}/certificate`)
    const key = await verifierOn()
    const { signNote, verifierKey } = await import('../../server/vault/log-key.ts')
    const name = key.slice(0, key.indexOf('+'))
    for (const [what, note, by, says] of [
      [
        'another id',
        body.replace(
          id,
          id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        ),
        key,
        'NOT GOOD',
      ],
      ['a limit left out', body.replace(/limit: .*\n/, ''), key, 'NOT GOOD'],
      ['no signature', body.slice(0, body.lastIndexOf('\n\n') + 1), key, 'NOT GOOD'],
      ['another key', body, verifierKey('other.example/destruction'), 'NOT GOOD'],
      ['a key for another kind', body, verifierKey('localhost/restore-drill'), 'another kind of note'],
      ['a note of another kind', signNote(name, 'Letterlock: restore drill\n'), key, 'no certificate of destruction'],
      ['half a key', body, key.slice(0, -4), 'no verifier key'],
    ] as const) {
      const { status, said } = await check(note, by)
      assert.equal(status, 1, what)
      assert.ok(said.includes(says), `${what}: ${said}`)
    }
    for (const where of [0, 40, 200, body.indexOf('backups-until') + 16, body.length - 30, body.length - 1]) {
      const bytes = Buffer.from(body)
      bytes[where] = bytes[where]! ^ 1
      assert.equal((await check(bytes.toString(), key)).status, 1, `byte ${where}`)
    }
    for (const more of ['\n', 'limit: none\n', ' '])
      assert.equal((await check(body + more, key)).status, 1, `more: ${more}`)
    assert.match((await check(body, undefined)).said, /key of whoever issued it is needed/)
    assert.match((await check(body, undefined, key)).said, /^GOOD[^]*key was beside the certificate/)
  })
})

describe('192. Legal hold vs retention vs erasure -> hold wins, logged', () => {
  test('a message, a conversation, a person: each keeps it from its sender and from the administrator, until it is lifted', async () => {
    for (const what of ['message', 'thread', 'account'] as const) {
      const id = await writeTo(dana, { to: server.cast.maria.email, body: 'Kept' })
      const named: Record<string, string> = what === 'account' ? { email: server.cast.maria.email } : { message: id }
      const placed = await hold({ what, ...named })
      assert.match(placed.location, /^\/admin\/holds\?placed=/, what)
      const refused = await recall(dana, id)
      assert.equal(refused.status, 409, what)
      assert.match(plain(refused.body), /kept because of a legal hold, so it cannot be taken back now/)
      assert.match(plain((await dana.ask(`/messages/${id}/recall`)).body), /kept because of a legal hold/)
      const tried = await erase(id)
      assert.equal(tried.status, 409, what)
      assert.match(plain(tried.body), /It is kept because of a legal hold/)
      assert.deepEqual(await outcomes('message.recalled', id), ['failed'])
      assert.deepEqual(await outcomes('message.erased', id), ['failed'])
      assert.notEqual((await rowOf(id))['key_wrapped'], null)
      assert.deepEqual(await server.sql('SELECT 1 FROM destruction_certificates WHERE message_id = $1', [id]), [])
      await lift(placed)
      assert.equal((await recall(dana, id)).status, 303, what)
    }
  })

  test('a patient who takes a reply back is told no more than that it cannot be taken back now', async () => {
    const { answerTo, idIn } = await import('../support/letters.ts')
    const id = await writeTo(dana, { to: server.cast.maria.email })
    const reply = idIn(await answerTo(maria, id, { body: 'A slip' }))
    const placed = await hold({ what: 'thread', message: id })
    const refused = await recall(maria, reply)
    assert.equal(refused.status, 409)
    assert.match(plain(refused.body), /It cannot be taken back now/)
    assert.doesNotMatch(plain(refused.body), /legal/)
    await lift(placed)
  })

  test('a hold and an erasure at the same moment have one winner', async () => {
    for (let round = 0; round < 6; round++) {
      const id = await writeTo(dana, { to: server.cast.maria.email })
      const [held, erased] = await Promise.all([hold({ what: 'message', message: id }), erase(id)])
      const gone = (await rowOf(id))['key_wrapped'] === null
      assert.equal(erased.status, gone ? 303 : 409)
      assert.equal(held.status, 303)
    }
  })

  test('a hold waits for an erasure that is under way, and an erasure for a hold that is being placed', async () => {
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { keepEverything, keepHoldsAsTheyAre } = await import('../../server/messages/legal-hold.store.ts')
    const id = await writeTo(dana, { to: server.cast.maria.email })
    const waiting = async () =>
      (await server.sql(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).length === 1
    const holding = await inTransaction(async (transaction) => {
      await keepHoldsAsTheyAre(transaction)
      const answer = hold({ what: 'message', message: id })
      await until(waiting, 'the hold waits')
      return { answer }
    })
    const placed = await holding.answer
    assert.equal(placed.status, 303)
    await lift(placed)
    const erasing = await inTransaction(async (transaction) => {
      await keepEverything(transaction)
      const answer = erase(id)
      await until(waiting, 'the erasure waits')
      assert.notEqual((await rowOf(id))['key_wrapped'], null)
      return { answer }
    })
    assert.equal((await erasing.answer).status, 303)
  })

  test("an erasure whose commit failed behind the ledger's line is done again within a minute, with one certificate", async () => {
    const { finishErasures } = await import('../../server/messages/erase-again.ts')
    const id = await writeTo(dana, { to: server.cast.maria.email, files })
    await server.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$`)
    await server.sql(
      'CREATE CONSTRAINT TRIGGER refuses AFTER UPDATE ON messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()',
    )
    assert.equal((await recall(dana, id)).status, 500)
    assert.notEqual((await rowOf(id))['key_wrapped'], null)
    await server.sql('DROP TRIGGER refuses ON messages')
    await finishErasures()
    assert.equal((await rowOf(id))['key_wrapped'], null)
    assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE message_id = $1', [id]), [])
    assert.equal((await server.sql('SELECT 1 FROM destruction_certificates WHERE message_id = $1', [id])).length, 1)
    await finishErasures()
    assert.deepEqual(await outcomes('message.erased', id), ['done'])
  })

  test('what an administrator is shown of a message or a hold, and whom they tried, is in the log', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    const count = async (act: string) => (await server.sql(`SELECT 1 FROM access_events WHERE act = $1`, [act])).length
    const before = [await count('message.erase-asked'), await count('holds.listed'), await count('hold.placed')]
    assert.equal((await erase(id, { reason: '' })).status, 422)
    assert.equal((await hold({ what: 'account', email: 'not.here@mail.example' })).status, 422)
    const placed = await hold({ what: 'message', message: id })
    const path = `/admin/holds/${/placed=(.+)$/.exec(placed.location)![1]!}/lift`
    assert.equal((await ada.ask(path)).status, 200)
    const after = [await count('message.erase-asked'), await count('holds.listed'), await count('hold.placed')]
    assert.deepEqual(
      after.map((each, at) => each - before[at]!),
      [1, 1, 2],
    )
    await lift(placed)
  })

  test('holds are listed with their reasons, also lifted ones, and the form says what is missing', async () => {
    const placed = await hold({ what: 'account', email: server.cast.maria.email })
    assert.match(plain((await felix.ask('/admin/holds')).body), /A person.*A lawsuit/)
    await lift(placed)
    assert.match(plain((await felix.ask('/admin/holds')).body), /Lifted.*A lawsuit.*It is over/)
    assert.doesNotMatch((await felix.ask('/admin/holds')).body, /admin\/holds\/new/)
    for (const [fields, text] of [
      [{ what: 'message' }, 'Enter the number of a message'],
      [{ what: 'account' }, 'whole e-mail address'],
      [{ what: 'account', email: 'nobody@mail.example' }, 'Nobody here has this'],
      [{ what: 'thread', message: '0199c1d2-0000-7000-8000-000000000000' }, 'no message of this number'],
      [{ what: 'account', email: server.cast.maria.email, reason: '' }, 'Enter a reason'],
      [{ what: 'everything' }, 'Choose what to keep'],
    ] as const) {
      const answer = await hold(fields)
      assert.equal(answer.status, 422, text)
      assert.ok(plain(answer.body).includes(text), text)
    }
  })
})
