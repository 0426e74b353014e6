/** Reports: what left the organisation, who opened what, who did what, how people sign in, how a message is protected, and whose mail was touched. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { answerTo, enrol, everybodyIn, linkIn, mailsTo, textFile, writeTo } from '../support/letters.ts'
import { seeded } from '../support/seeded.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { plain, type Visitor } from '../support/visitor.ts'

const HOME = '/admin/reports'
let server: TestServer
let dana: Visitor
let sam: Visitor
let maria: Visitor
let ada: Visitor
let felix: Visitor
let other: Visitor
let message: string
let fileId: string
let ids: Record<'maria' | 'other' | 'sam' | 'dana', string>

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, sam, maria, ada, felix } = await everybodyIn(server, {
    dana: cast.dana,
    sam: cast.sam,
    maria: cast.maria,
    ada: cast.ada,
    felix: cast.felix,
  }))
  await writeTo(dana, { to: 'other.patient@mail.example', subject: 'Another canary' })
  ;({ visitor: other } = await enrol(server, linkIn((await mailsTo(server, 'other.patient@mail.example'))[0]!)))
  message = await writeTo(dana, {
    to: cast.maria.email,
    subject: 'Report canary',
    files: [textFile('canary.txt', 'x')],
  })
  const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message])
  fileId = file!.id
  await maria.ask(`/messages/${message}`)
  await maria.ask(`/attachments/${fileId}/download`)
  await sam.ask(`/messages/${message}`)
  ids = {
    maria: await idOf(cast.maria.email),
    other: await idOf('other.patient@mail.example'),
    sam: await idOf(cast.sam.email),
    dana: await idOf(cast.dana.email),
  }
})
after(() => server.stop())

async function idOf(email: string): Promise<string> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(email))!.id
}

/** The page's table as its lines of cells. */
const rowsIn = (body: string) =>
  [...(/<tbody[^>]*>([\s\S]*?)<\/tbody>/.exec(body)?.[1] ?? '').matchAll(/<tr[^>]*>([\s\S]*?)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<td[^>]*>([\s\S]*?)<\/td>/g)].map(([, cell]) => plain(cell!.replaceAll('&#x3D;', '='))),
  )

/** What a report's button leads to, as the file that it ends as. */
async function exported(fields: Record<string, string>): Promise<Record<string, string>[]> {
  const asked = await felix.submit('/admin/exports/new', '/admin/exports/new', { format: 'csv', ...fields })
  assert.equal(asked.status, 303, plain(asked.body))
  await until(async () => {
    const { body } = await felix.ask(`${asked.location}/state`)
    return (JSON.parse(body) as { state: string }).state === 'ready'
  }, 'the export')
  const link = /href="(\/admin\/exports\/[^"]+\/files\/[^"]+)"/.exec((await felix.ask(asked.location)).body)![1]!
  return parse((await felix.ask(link)).bytes, { bom: true, columns: true })
}

const lastAct = async (act: string) =>
  (
    await server.sql<{ subject_id: string | null }>(
      'SELECT subject_id FROM access_events WHERE act = $1 ORDER BY at DESC LIMIT 1',
      [act],
    )
  )[0]

describe('Reports', () => {
  test('are found from a person’s address, which stands in no address', async () => {
    for (const report of ['disclosures', 'openings']) {
      const { location } = await felix.submit(`${HOME}/patient`, `${HOME}/patient`, {
        email: server.cast.maria.email,
        report,
      })
      assert.equal(location, `${HOME}/patients/${ids.maria}/${report}`)
      assert.equal((await felix.ask(location)).status, 200)
    }
    for (const email of ['', 'nobody@mail.example', server.cast.dana.email]) {
      const answer = await felix.submit(`${HOME}/patient`, `${HOME}/patient`, { email, report: 'openings' })
      assert.equal(answer.status, 422)
    }
    assert.equal((await felix.ask(`${HOME}/patients/${ids.dana}/openings`)).status, 404)
    assert.equal((await felix.ask(`${HOME}/people/${ids.maria}/activity`)).status, 404)
  })

  test('188. 164.528 report for patient: dates, who, what, why, 6 years back -> complete vs generated truth', async () => {
    const { insertDisclosure, PURPOSES, withdrawDisclosure } = await import('../../server/reports/disclosure.store.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { newId } = await import('../../server/lib/ids.ts')
    const { sixYearsBefore } = await import('../../server/reports/sheets.ts')
    const { words } = await import('../../server/lib/words.ts')
    const random = seeded(188)
    const [now, YEAR] = [new Date(), 365.25 * 24 * 60 * 60 * 1000]
    const truth: { at: Date; who: string; what: string; purpose: string; why: string }[] = []
    const entries: { withdrawn: boolean; entry: Parameters<typeof insertDisclosure>[0] }[] = []
    for (let number = 0; number < 500; number++) {
      const at = new Date(now.getTime() - random.below(8 * YEAR) - 1000)
      const accountId = random.pick([ids.maria, ids.maria, ids.other])
      const purpose = random.pick(PURPOSES)
      const told = {
        recipient: `Recipient ${number}, =${number} High Street`,
        what: `What "${number}"`,
        why: `Why\n${number}`,
      }
      const id = newId()
      const withdrawn = random.below(10) === 0
      entries.push({
        withdrawn,
        entry: { id, accountId, disclosedAt: at, purpose, ...told, recordedBy: ids.dana, recordedAt: now },
      })
      if (accountId === ids.maria && !withdrawn && at >= sixYearsBefore(now))
        truth.push({
          at,
          who: told.recipient,
          what: told.what,
          purpose: words('en')(`reports:purposes.${purpose}`, {}),
          why: `Why\\n${number}`,
        })
    }
    await inTransaction(async (transaction) => {
      for (const { entry, withdrawn } of entries) {
        await insertDisclosure(entry, transaction)
        if (withdrawn) await withdrawDisclosure(entry.id, ids.dana, now, transaction)
      }
    })
    truth.sort((one, other) => one.at.getTime() - other.at.getTime())
    assert.ok(truth.length > 100)
    const rows = await exported({ kind: 'disclosures', subject: ids.maria })
    assert.deepEqual(
      rows.map((row) => ({
        at: row['Time (UTC)'],
        who: row['Who received it'],
        what: row['What'],
        purpose: row['Purpose'],
        why: row['Why'],
      })),
      truth.map(({ at, ...rest }) => ({ at: at.toISOString(), ...rest })),
    )
    // The page has the first of them, in the same order.
    const { body } = await felix.ask(`${HOME}/patients/${ids.maria}/disclosures`)
    assert.deepEqual(
      rowsIn(body).map(([, who]) => who),
      truth.slice(0, 500).map(({ who }) => who),
    )
    assert.equal((await lastAct('report.disclosures'))!.subject_id, ids.maria)
  })

  test('what an administrator writes down is in the accounting, and what was written in error is not', async () => {
    const page = `${HOME}/patients/${ids.other}/disclosures`
    const told = {
      day: '2026-11-02',
      recipient: 'County health office',
      what: 'Lab result',
      purpose: 'public-health',
      why: 'Reportable disease',
    }
    const wrong = await ada.submit(`${page}/new`, `${page}/new`, {
      ...told,
      recipient: ' ',
      day: '2999-01-01',
      purpose: '',
    })
    assert.equal(wrong.status, 422)
    const kept = await ada.submit(`${page}/new`, `${page}/new`, told)
    assert.equal(kept.location, `${page}?done=recorded`)
    const { body } = await ada.ask(kept.location)
    assert.ok(plain(body).includes('The disclosure was written down'))
    const row = rowsIn(body).find((cells) => cells.includes('County health office'))
    assert.ok(row?.includes('Lab result') && row.includes('Public health') && row.includes('Reportable disease'))
    const action = /County health office[\s\S]*?action="([^"]+\/withdraw)"/.exec(body)![1]!
    assert.equal((await ada.submit(page, action, {})).location, `${page}?done=withdrawn`)
    assert.ok(!rowsIn((await ada.ask(page)).body).some((cells) => cells.includes('County health office')))
    // An auditor reads, and changes nothing.
    assert.equal((await felix.ask(`${page}/new`)).status, 404)
    assert.doesNotMatch((await felix.ask(page)).body, /withdraw/)
  })

  test('who opened a patient’s messages: every opening by anybody, also of what was erased since, and nobody else’s', async () => {
    const doomed = await writeTo(dana, { to: server.cast.maria.email, files: [textFile('doomed.txt', 'y')] })
    const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [doomed])
    await maria.ask(`/messages/${doomed}`)
    await maria.ask(`/attachments/${file!.id}/download`)
    await ada.submit(`/admin/erasures/${doomed}/erase`, `/admin/erasures/${doomed}/erase`, {
      reason: 'A fictitious reason',
      word: 'erase',
    })
    assert.equal((await server.sql('SELECT 1 FROM attachments WHERE message_id = $1', [doomed])).length, 0)
    const { body } = await felix.ask(`${HOME}/patients/${ids.maria}/openings`)
    const rows = rowsIn(body)
    assert.ok(rows.some((cells) => cells.includes(file!.id) && cells.includes('Maria Gomez')))
    assert.ok(rows.some((cells) => cells.includes(message) && cells.includes(server.cast.sam.name)))
    const expected = await server.sql<{ id: string }>(
      `SELECT e.id FROM access_events e WHERE act IN ('message.opened', 'attachment.previewed', 'attachment.downloaded')
         AND (subject_id IN (SELECT m.id FROM messages m JOIN thread_mailboxes t USING (thread_id) JOIN mailboxes b ON b.id = t.mailbox_id WHERE b.account_id = $1)
           OR subject_id = ANY($2))`,
      [ids.maria, [file!.id, fileId]],
    )
    assert.equal(rows.length, expected.length)
    assert.equal((await exported({ kind: 'accesses', subject: ids.maria })).length, expected.length)
    assert.ok(
      !rowsIn((await felix.ask(`${HOME}/patients/${ids.other}/openings`)).body)
        .flat()
        .includes(message),
    )
  })

  test('what a colleague did: each act with how often, in the days that were asked for', async () => {
    const { location } = await felix.submit(`${HOME}/activity`, `${HOME}/activity`, {
      email: server.cast.sam.email,
      from: '',
      to: '',
    })
    const rows = rowsIn((await felix.ask(location)).body)
    const expected = await server.sql<{ count: string }>(
      `SELECT count(*) FROM access_events WHERE actor_id = $1 AND act = 'message.opened' AND outcome = 'done'`,
      [ids.sam],
    )
    const row = rows.find(([what, outcome]) => what === 'Opened a message' && outcome === 'Done')
    assert.equal(row?.[2], expected[0]!.count)
    const none = await felix.submit(`${HOME}/activity`, `${HOME}/activity`, {
      email: server.cast.sam.email,
      from: '2020-01-01',
      to: '2020-01-31',
    })
    assert.deepEqual(rowsIn((await felix.ask(none.location)).body), [])
  })

  test('how people sign in: counts without names, names only when asked for', async () => {
    const { words } = await import('../../server/lib/words.ts')
    const counted = (await felix.ask(`${HOME}/coverage`)).body
    const [{ count }] = (await server.sql<{ count: string }>(
      `SELECT count(*) FROM accounts WHERE role = 'provider' AND state = 'active'`,
    )) as [{ count: string }]
    assert.equal(rowsIn(counted).find(([role]) => role === words('en')('reports:roles.provider', {}))?.[1], count)
    const table = /<table[\s\S]*<\/table>/.exec(counted)![0]
    assert.ok(!table.includes('Dana Ortiz'))
    const named = (await felix.ask(`${HOME}/coverage?named=yes`)).body
    assert.ok(rowsIn(named).some(([name]) => name === server.cast.dana.name))
    assert.ok(!rowsIn(named).flat().includes('Maria Gomez'))
  })

  test('190. Breach query: whose PHI did session/actor/IP X touch between t1 and t2 -> list within 60 s', async () => {
    const begin = new Date(Date.now() - 60 * 60 * 1000).toISOString().slice(0, 16)
    const end = new Date(Date.now() + 60 * 60 * 1000).toISOString().slice(0, 16)
    const ask = (fields: Record<string, string>) =>
      felix.submit(`${HOME}/touched`, `${HOME}/touched`, {
        who: '',
        session: '',
        address: '',
        from: begin,
        to: end,
        ...fields,
      })
    const nothing = await ask({})
    assert.equal(nothing.status, 422)
    const bySam = await ask({ who: server.cast.sam.email })
    assert.equal(bySam.status, 200)
    const opened = await server.sql<{ id: string }>(
      `SELECT DISTINCT subject_id AS id FROM access_events WHERE actor_id = $1 AND act = 'message.opened' AND outcome = 'done'`,
      [ids.sam],
    )
    assert.deepEqual(
      rowsIn(bySam.body)
        .map((cells) => cells[1])
        .sort(),
      opened.map(({ id }) => id).sort(),
    )
    assert.ok(rowsIn(bySam.body).some(([patient, id]) => patient === 'Maria Gomez' && id === message))
    // The session that an export of the log shows, and the network address, which goes on in a form.
    const [mine] = await exported({ kind: 'events', actor: ids.sam, what: 'message.opened' })
    const bySession = await ask({ session: mine!['Session']! })
    assert.deepEqual(rowsIn(bySession.body), rowsIn(bySam.body))
    const byAddress = await ask({ address: '127.0.0.1' })
    assert.ok(rowsIn(byAddress.body).length > rowsIn(bySam.body).length)
    assert.match(byAddress.body, /name="address" value="127\.0\.0\.1"/)
    assert.doesNotMatch(byAddress.body, /href="[^"]*127/)
    assert.deepEqual(rowsIn((await ask({ address: '192.0.2.9' })).body), [])
    assert.deepEqual(
      rowsIn((await ask({ who: server.cast.sam.email, from: '2020-01-01T00:00', to: '2020-01-02T00:00' })).body),
      [],
    )
    const rows = await exported({ kind: 'touched', address: '127.0.0.1', from: begin, to: end })
    // Downloading that export was no opening of a message.
    assert.equal(rows.length, rowsIn(byAddress.body).length)
  })

  test('all of an IPv6 network is one for the breach query and an export, as it is told or as any address in it, and only what has no digest is opened', async () => {
    const { record } = await import('../../server/audit/record.ts')
    const { listOpeningsAfter } = await import('../../server/reports/exported-event.store.ts')
    const subject = { kind: 'message', id: message } as const
    const sam = { kind: 'account', id: ids.sam, role: 'provider', strength: 'password+code' } as const
    await record({ ...sam, address: '2001:db8:9:9::1' }, { act: 'message.opened', subject })
    const [from, to] = [-1, 1].map((hours) => new Date(Date.now() + hours * 60 * 60 * 1000)) as [Date, Date]
    const ask = (address: string) =>
      felix.submit(`${HOME}/touched`, `${HOME}/touched`, {
        who: '',
        session: '',
        address,
        from: from.toISOString().slice(0, 16),
        to: to.toISOString().slice(0, 16),
      })
    const told = ['2001:db8:9:9:ffff::2', '2001:db8:9:9::/64', '2001:DB8:9:9::1']
    for (const address of told)
      assert.deepEqual(rowsIn((await ask(address)).body)[0]?.slice(0, 2), ['Maria Gomez', message])
    assert.deepEqual(rowsIn((await ask('2001:db8:9:8::/64')).body), [])
    assert.equal((await ask('2001:db8::/48')).status, 422)
    for (const address of told) assert.equal((await exported({ kind: 'events', address })).length, 1, address)
    assert.equal((await listOpeningsAfter({ address: told[0]!, from, to }, undefined, 1000)).length, 1)
    const search = await felix.submit('/admin/access-events', '/admin/access-events', { network: told[1]! })
    assert.equal(search.status, 303)
    // Events from before there were digests are found by what their details say.
    const { newId } = await import('../../server/lib/ids.ts')
    const { sealField } = await import('../../server/vault/vault.ts')
    const id = newId()
    await server.sql(
      `INSERT INTO access_events (id, at, actor_kind, actor_id, strength, act, subject_kind, subject_id, outcome, details_sealed)
       VALUES ($1, now(), 'account', $2, 'password+code', 'message.opened', 'message', $3, 'done', $4)`,
      [id, ids.sam, message, sealField(`access-event/${id}`, JSON.stringify({ address: '2001:db8:7:7::1' }))],
    )
    assert.equal(rowsIn((await ask('2001:db8:7:7::2')).body).length, 1)
    assert.deepEqual(rowsIn((await ask('2001:db8:7:8::/64')).body), [])
  })

  test('how a message is protected is found out from how it rests, for both sides and for auditors, and for nobody else', async () => {
    const own = await maria.ask(`/messages/${message}/protection`)
    assert.equal(own.status, 200)
    for (const part of [
      'AES-256-GCM',
      'HKDF-Expand-SHA-384',
      'Diabetes team',
      '1 file with a key of its own',
      'recovery key on this server',
      'version 1',
    ])
      assert.ok(plain(own.body).includes(part), part)
    assert.equal((await dana.ask(`/messages/${message}/protection`)).status, 200)
    assert.equal((await other.ask(`/messages/${message}/protection`)).status, 404)
    assert.match((await maria.ask(`/messages/${message}`)).body, new RegExp(`/messages/${message}/protection`))
    const { location } = await felix.submit(`${HOME}/protection`, `${HOME}/protection`, { message })
    const seen = plain((await felix.ask(location)).body)
    assert.ok(seen.includes('Diabetes team') && !seen.includes('Maria Gomez'))
    // Computed: what is changed in the rows shows on the page.
    await server.sql(`UPDATE vault_keys SET key_wrapped = NULL WHERE name = 'recovery'`)
    assert.match(plain((await maria.ask(`/messages/${message}/protection`)).body), /recovery key is not on this server/)
    const [{ head }] = (await server.sql(`SELECT substring(body_sealed FOR 1) AS head FROM messages WHERE id = $1`, [
      message,
    ])) as [{ head: Buffer }]
    assert.equal(head[0], 0)
    await server.sql(`UPDATE messages SET body_sealed = set_byte(body_sealed, 0, 7) WHERE id = $1`, [message])
    assert.equal((await maria.ask(`/messages/${message}/protection`)).status, 500)
    await server.sql(`UPDATE messages SET body_sealed = set_byte(body_sealed, 0, 0) WHERE id = $1`, [message])
    assert.equal((await felix.submit(`${HOME}/protection`, `${HOME}/protection`, { message: 'x' })).status, 422)
  })

  test('are recorded before they are shown, and nothing is shown where that fails', async () => {
    await answerTo(maria, message, { body: 'An answer.' })
    for (const path of [
      HOME,
      `${HOME}/coverage`,
      `${HOME}/patients/${ids.maria}/openings`,
      `${HOME}/people/${ids.sam}/activity`,
    ])
      assert.equal((await felix.ask(path)).status, 200)
    await server.sql(`ALTER TABLE access_events ADD CONSTRAINT full_up CHECK (act NOT LIKE 'report%') NOT VALID`)
    try {
      for (const path of [
        HOME,
        `${HOME}/coverage`,
        `${HOME}/patients/${ids.maria}/openings`,
        `/messages/${message}/protection`,
      ]) {
        const answer = await (path.startsWith('/admin') ? felix : maria).ask(path)
        assert.equal(answer.status, 503, path)
        assert.doesNotMatch(answer.body, /AES|<table/)
      }
    } finally {
      await server.sql('ALTER TABLE access_events DROP CONSTRAINT full_up')
    }
  })
})
