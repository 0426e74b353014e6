/** Exports of the access log: asked for, prepared by a job, sealed while they rest, taken away by those who may, and gone after a day. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { verifyLog } from '../audit/log-alone.ts'
import { changeSessions } from '../sign-in/session-rows.ts'
import { everybodyIn, writeTo } from '../support/letters.ts'
import { textOfPdf } from '../support/read-pdf.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { plain, type Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let ada: Visitor
let felix: Visitor
let message: string
let ids: { felix: string }
const HOME = '/admin/exports'

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, ada, felix } = await everybodyIn(server, {
    dana: cast.dana,
    maria: cast.maria,
    ada: cast.ada,
    felix: cast.felix,
  }))
  message = await writeTo(dana, { to: cast.maria.email, subject: 'Export canary', body: 'Export canary body' })
  await maria.ask(`/messages/${message}`)
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  ids = { felix: (await findAccountByEmail(cast.felix.email))!.id }
})
after(() => server.stop())

const NOTHING = { who: '', what: '', patient: '', outcome: '', address: '', from: '', to: '', format: 'csv' }

/** Asks for an export and waits until it is over. @returns its page's address */
async function exportOf(filter: Partial<typeof NOTHING> = {}, who = felix): Promise<string> {
  const asked = await who.submit(`${HOME}/new`, `${HOME}/new`, { ...NOTHING, ...filter })
  assert.equal(asked.status, 303, plain(asked.body))
  await until(async () => {
    const { body } = await who.ask(`${asked.location}/state`)
    return (JSON.parse(body) as { state: string }).state !== 'preparing'
  }, 'the export')
  return asked.location
}

async function linkOn(page: string, who = felix): Promise<string> {
  const { body } = await who.ask(page)
  const href = /href="(\/admin\/exports\/[^"]+\/files\/[^"]+)"/.exec(body)?.[1]
  assert.ok(href, plain(body))
  return href.replaceAll('&#x3D;', '=')
}

async function csvOf(filter: Partial<typeof NOTHING> = {}): Promise<Record<string, string>[]> {
  const { bytes } = await felix.ask(await linkOn(await exportOf(filter)))
  return parse(bytes, { bom: true, columns: true })
}

/** The text of each page, as a reader of PDFs finds it. */
async function pdfPages(link: string): Promise<string[]> {
  const { bytes } = await felix.ask(link)
  return textOfPdf(bytes)
}

describe('An export', () => {
  test('equals the filtered rows, is listed with filter, lines, hash and who, and says what it is', async () => {
    const { email } = server.cast.maria
    const page = await exportOf({ who: email, what: 'message.opened' })
    const answer = await felix.ask(await linkOn(page))
    assert.equal(answer.status, 200)
    assert.match(answer.headers['content-type']!, /^text\/csv/)
    assert.match(answer.headers['content-disposition']!, /^attachment; filename="events-\d{8}T\d{4}\.csv"/)
    assert.deepEqual(answer.bytes.subarray(0, 3), Buffer.from([0xef, 0xbb, 0xbf]))
    const rows = parse(answer.bytes, { bom: true, columns: true }) as Record<string, string>[]
    const expected = await server.sql<{ id: string }>(
      `SELECT id FROM access_events WHERE act = 'message.opened' AND actor_id = (SELECT actor_id FROM access_events WHERE act = 'message.opened' AND subject_id = $1 LIMIT 1) ORDER BY at, id`,
      [message],
    )
    assert.ok(expected.length > 0)
    assert.deepEqual(
      rows.map((row) => row['Event (id)']),
      expected.map(({ id }) => id),
    )
    assert.ok(rows.every((row) => row['Who'] === 'Maria Gomez'))
    const shown = plain((await felix.ask(page)).body)
    assert.ok(shown.includes(createHash('sha256').update(answer.bytes).digest('hex')))
    const list = plain((await felix.ask(HOME)).body)
    assert.match(list, /Access log CSV Who: Maria Gomez; What: Opened a message \d+ .* Felix .* Ready/)
    // Itself in the log: what was asked for, that it was prepared, and that it was taken away.
    const acts = await server.sql<{ act: string }>(
      `SELECT act FROM access_events WHERE subject_id = $1 ORDER BY at, id`,
      [page.split('/').at(-1)],
    )
    for (const act of ['export.asked', 'export.prepared', 'export.downloaded', 'exports.listed'])
      assert.ok(
        acts.some((each) => each.act === act),
        act,
      )
    const hrefs = [...(await felix.ask(HOME)).body.matchAll(/(?:href|action)="([^"]*)"/g)].map(([, href]) => href!)
    assert.ok(hrefs.every((href) => !/%40|@|127\.0\.0/.test(href)))
  })

  test('is about one patient: what was done with their messages by anybody, and nothing of another', async () => {
    const rows = await csvOf({ patient: server.cast.maria.email, what: 'message.opened' })
    const ids = (
      await server.sql<{ id: string }>(
        `SELECT m.id FROM messages m JOIN thread_mailboxes t USING (thread_id) JOIN mailboxes b ON b.id = t.mailbox_id
         WHERE b.account_id = (SELECT actor_id FROM access_events WHERE act = 'message.opened' AND subject_id = $1 LIMIT 1)`,
        [message],
      )
    ).map(({ id }) => id)
    assert.ok(rows.length > 0)
    assert.ok(rows.every((row) => ids.includes(row['On what (id)']!)))
    assert.ok(rows.some((row) => row['On what (id)'] === message))
  })

  test('is narrowed to a network address, and to days, without either standing in an address', async () => {
    const here = await csvOf({ address: '127.0.0.1', what: 'account.signed-in' })
    assert.ok(here.length >= 4)
    assert.deepEqual(await csvOf({ address: '192.0.2.7' }), [])
    assert.deepEqual(await csvOf({ to: '2020-01-01' }), [])
  })

  test('says what is wrong with its form, and keeps what was typed', async () => {
    const wrong = {
      ...NOTHING,
      who: 'nobody@mail.example',
      patient: 'x',
      address: 'clinic',
      from: '2026-13-40',
      format: 'exe',
    }
    const answer = await felix.submit(`${HOME}/new`, `${HOME}/new`, wrong)
    assert.equal(answer.status, 422)
    for (const text of ['Enter one network address', 'Enter a day like', 'Choose as what you want it'])
      assert.ok(plain(answer.body).includes(text), text)
    const unknown = await felix.submit(`${HOME}/new`, `${HOME}/new`, { ...NOTHING, who: 'nobody@mail.example' })
    assert.equal(unknown.status, 422)
    assert.match(unknown.body, /value="nobody@mail\.example"/)
  })

  test('its link is for one person and ten minutes; the page makes a new one', async () => {
    const page = await exportOf({ what: 'message.dropped' })
    const link = await linkOn(page)
    assert.equal((await felix.ask(link)).status, 200)
    // Another one's link, and one with a changed end or mark.
    const others = await ada.ask(link)
    assert.deepEqual([others.status, others.location], [303, `${page}?link=old`])
    const [, end, mac] = /files\/(\w+)\.(.+)$/.exec(link)!
    const later = (parseInt(end!, 36) + 60_000).toString(36)
    for (const made of [`${later}.${mac}`, `${end}.${mac!.slice(0, -2)}AA`, 'x'])
      assert.equal((await felix.ask(`${page}/files/${made}`)).location, `${page}?link=old`)
    const { isGoodLink, linkFor } = await import('../../server/reports/export-link.ts')
    const [now, mine] = [Date.now(), linkFor('export', 'account').split('/').at(-1)!]
    assert.ok(isGoodLink('export', 'account', mine, now))
    assert.ok(!isGoodLink('export', 'account', mine, now + 10 * 60_000 + 1000))
    assert.ok(!isGoodLink('export', 'account', mine, now - 60_000))
    assert.match(plain((await felix.ask(`${page}?link=old`)).body), /That link is no longer good/)
    const again = await ada.ask(await linkOn(page, ada))
    assert.equal(again.status, 200)
  })

  test('needs a recent proof to be asked for and for a new link, and is nobody else’s', async () => {
    const page = await exportOf({ what: 'message.dropped' })
    const link = await linkOn(page)
    await changeSessions(server, { provedAt: 1 }, () => true)
    for (const path of [`${HOME}/new`, page]) assert.match((await felix.ask(path)).location, /^\/prove\?next=/)
    for (const visitor of [dana, maria]) {
      assert.equal((await visitor.ask(page)).status, 404)
      assert.equal((await visitor.ask(link)).status, 404)
    }
    await changeSessions(server, { provedAt: Date.now() }, () => true)
  })

  test('rests sealed: neither the store nor the database nor the log has a clear line of it', async () => {
    const page = await exportOf({ what: 'account.signed-in' })
    const id = page.split('/').at(-1)
    const [row] = await server.sql<{ file_id: string; filter_sealed: Buffer; key_sealed: Buffer }>(
      'SELECT * FROM exports WHERE id = $1',
      [id],
    )
    const { fileStore } = await import('../../server/attachments/file-store.ts')
    const resting = await buffer(await fileStore().read(row!.file_id))
    for (const clear of ['Event (id)', 'account.signed-in', 'Maria Gomez']) assert.ok(!resting.includes(clear), clear)
    assert.ok(!row!.filter_sealed.includes('account.signed-in'))
    assert.ok(
      !(
        await server.sql<{ all: string }>(`SELECT exports::text AS all FROM exports WHERE id = $1`, [id])
      )[0]!.all.includes('Gomez'),
    )
  })

  test('its file is erased after a day, and a swept store does not lose one that is younger', async () => {
    const { sweepExports, KEPT_FOR } = await import('../../server/reports/sweep-exports.job.ts')
    const { sweepUploads } = await import('../../server/attachments/sweep-uploads.job.ts')
    const { fileStore } = await import('../../server/attachments/file-store.ts')
    const page = await exportOf({ what: 'message.dropped' })
    const id = page.split('/').at(-1)
    const [row] = await server.sql<{ file_id: string }>('SELECT file_id FROM exports WHERE id = $1', [id])
    await sweepUploads(new Date(Date.now() + 2 * KEPT_FOR))
    assert.ok(await fileStore().size(row!.file_id))
    await sweepExports(new Date(Date.now() + KEPT_FOR - 60_000))
    assert.ok(await fileStore().size(row!.file_id))
    const link = await linkOn(page)
    await sweepExports(new Date(Date.now() + KEPT_FOR + 60_000))
    assert.equal(await fileStore().size(row!.file_id), undefined)
    const [gone] = await server.sql('SELECT state, file_id, key_sealed FROM exports WHERE id = $1', [id])
    assert.deepEqual(gone, { state: 'expired', file_id: null, key_sealed: null })
    assert.equal((await felix.ask(link)).location, page)
    assert.match(plain((await felix.ask(page)).body), /Erased/)
  })

  test('goes on where the process that prepared it was killed, and there is one file', async () => {
    const { writeSealedWhole } = await import('../../server/attachments/sealed-files.ts')
    const { fileStore } = await import('../../server/attachments/file-store.ts')
    const store = await import('../../server/reports/export.store.ts')
    const { prepareExport } = await import('../../server/reports/prepare-export.job.ts')
    const { sweepExports } = await import('../../server/reports/sweep-exports.job.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { newId } = await import('../../server/lib/ids.ts')
    // Without its job: whoever had it was killed in the middle of it.
    const [id, half, key] = [newId(), newId(), Buffer.alloc(32, 7)]
    await inTransaction((transaction) =>
      store.insertExport(
        {
          id,
          askedBy: ids.felix,
          askedAt: new Date(),
          kind: 'events',
          format: 'csv',
          filter: { act: 'message.dropped' },
        },
        transaction,
      ),
    )
    const first = (await store.takeTurn(id, half, key, 60))!
    await writeSealedWhole(half, 'export/half', key, Buffer.from('half of it'))
    // As long as it may still be alive nobody else begins.
    await prepareExport({ exportId: id })
    assert.equal((await store.findExport(id))!.state, 'preparing')
    assert.ok(await fileStore().size(half))
    await server.sql(`UPDATE exports SET seen_at = now() - interval '61 seconds' WHERE id = $1`, [id])
    await sweepExports()
    await until(async () => (await store.findExport(id))!.state === 'ready', 'the second try')
    assert.equal(await fileStore().size(half), undefined)
    const { file } = (await store.findExport(id))!
    assert.ok(await fileStore().size(file!.id))
    // The first one was only asleep: it says nothing any more and changes nothing.
    assert.equal(await store.noteProgress(first.turn, 5), false)
    assert.equal(
      await inTransaction((transaction) =>
        store.noteReady(first.turn, { rows: 1, bytes: 1, sha256: Buffer.alloc(32) }, new Date(), transaction),
      ),
      false,
    )
    await prepareExport({ exportId: id })
    assert.equal((await store.findExport(id))!.file!.id, file!.id)
  })

  test('given up while it is prepared, ends without a file; and one person has five under way at most', async () => {
    const store = await import('../../server/reports/export.store.ts')
    const { inTransaction } = await import('../../server/database/connection.ts')
    const { newId } = await import('../../server/lib/ids.ts')
    const { fileStore } = await import('../../server/attachments/file-store.ts')
    const { writeSealedWhole } = await import('../../server/attachments/sealed-files.ts')
    const waiting = Array.from({ length: 5 }, () => newId())
    for (const id of waiting)
      await inTransaction((transaction) =>
        store.insertExport(
          { id, askedBy: ids.felix, askedAt: new Date(), kind: 'events', format: 'csv', filter: {} },
          transaction,
        ),
      )
    const sixth = await felix.submit(`${HOME}/new`, `${HOME}/new`, NOTHING)
    assert.equal(sixth.status, 422)
    assert.match(plain(sixth.body), /Five of your exports are being prepared/)
    const [id, half] = [waiting[0]!, newId()]
    const { turn } = (await store.takeTurn(id, half, Buffer.alloc(32, 7), 60))!
    await writeSealedWhole(half, 'export/half', Buffer.alloc(32, 7), Buffer.from('half of it'))
    assert.equal(await store.noteProgress(turn, 1234, 9000), true)
    assert.match(plain((await felix.ask(`${HOME}/${id}`)).body), /Being prepared: 1,234 of 9,000 lines/)
    for (const each of waiting) await felix.submit(`${HOME}/${each}`, `${HOME}/${each}/cancel`, {})
    assert.equal(await store.noteProgress(turn, 2000), false)
    assert.equal(await fileStore().size(half), undefined)
    assert.deepEqual(
      [(await store.findExport(id))!.state, (await store.findExport(id))!.file],
      ['cancelled', undefined],
    )
    assert.match(plain((await felix.ask(`${HOME}/${id}`)).body), /Given up/)
  })

  test('155. `=cmd|..`, `+`, `-`, `@`, tab, NUL, full-width `=` at cell start in every export -> prefixed', async () => {
    const hostile = [
      "=cmd|' /C calc'!A0",
      '+1+1',
      '-2+3',
      '@SUM(A1)',
      '\t=1',
      '\r=1',
      '\0=1',
      '\uFF1D1',
      '\uFF0B1',
      '\uFF0D1',
      '\uFF201',
      ' =1',
      '\u200b=1',
    ]
    const { csvLine, guarded } = await import('../../server/reports/csv.ts')
    for (const text of hostile) assert.match(guarded(text), /^'/, JSON.stringify(text))
    for (const text of ['Maria Gomez', '2026-11-17', "O'Brien", 'a=b', '']) assert.equal(guarded(text), text)
    assert.deepEqual(parse(csvLine(['a"b', 'c,d', 'e\nf'])), [['a"b', 'c,d', 'e\\nf']])
    // As they come: a browser that calls itself so, and reasons that somebody gave.
    const { record } = await import('../../server/audit/record.ts')
    const actor = (userAgent: string) => ({
      kind: 'system' as const,
      strength: 'internal' as const,
      userAgent,
      address: '192.0.2.55',
    })
    for (const text of hostile) await record(actor(text), { act: 'page.refused', said: text })
    const rows = await csvOf({ address: '192.0.2.55' })
    assert.deepEqual(
      rows.map((row) => row['Browser']),
      hostile.map((text) => guarded(text)),
    )
    assert.ok(rows.every((row) => row['Reason']!.startsWith("'")))
  })

  test('154. Log injection CR/LF/ANSI/JSON in user agent, name, path -> one record, escaped, in every export', async () => {
    const hostile = 'x"},{"act":"forged"}\r\n2026-01-01,forged\u001b[31m\u2028\u202e\0"'
    const { record } = await import('../../server/audit/record.ts')
    await felix.ask('/no/such%0d%0apage', { headers: { 'user-agent': 'x\u001b[31m"},{' } }).catch(() => {})
    const actor = {
      kind: 'system',
      strength: 'internal',
      userAgent: hostile,
      address: '192.0.2.66',
      requestId: hostile,
    } as const
    await record(actor, { act: 'page.refused', said: hostile })
    const one = { address: '192.0.2.66' }
    const csv = (await felix.ask(await linkOn(await exportOf(one)))).body
    assert.equal(csv.trimEnd().split('\r\n').length, 2)
    assert.equal(csv.trimEnd().split('\n').length, 2)
    assert.ok(csv.includes('\\u001b[31m') && csv.includes('\\u202e'))

    assert.doesNotMatch(csv, /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u2028\u202e]/)
    const lines = (await felix.ask(await linkOn(await exportOf({ ...one, format: 'ndjson' })))).body
      .trimEnd()
      .split('\n')
    const events = lines
      .map((line) => JSON.parse(line) as { leaf?: number; says?: { userAgent: string } })
      .filter((each) => 'leaf' in each)
    assert.equal(events.length, 1)
    assert.equal(events[0]!.says!.userAgent, hostile)
    assert.equal((await pdfPages(await linkOn(await exportOf({ ...one, format: 'pdf' })))).length, 2)
    assert.match(plain((await felix.ask('/admin/access-events?what=page.refused')).body), /forged/)
  })

  test('with proofs is checked offline, each event by itself, and any change of it is found', async () => {
    const answer = await felix.ask(await linkOn(await exportOf({ what: 'message.opened', format: 'ndjson' })))
    const folder = mkdtempSync(join(tmpdir(), 'letterlock-part-'))
    try {
      const file = join(folder, 'part.ndjson')
      const check = (text: string, ...more: string[]) => {
        writeFileSync(file, text)
        return verifyLog(file, ...more)
      }
      const good = await check(answer.body)
      assert.equal(good.code, 0, good.said)
      assert.match(good.said, /^GOOD: \d+ events, each of them as it was signed/)
      const lines = answer.body.trimEnd().split('\n')
      const head = JSON.parse(lines[0]!) as { checkpoint: string; key: string }
      writeFileSync(join(folder, 'kept'), head.checkpoint)
      const kept = await check(answer.body, '--checkpoint', join(folder, 'kept'), '--key', head.key)
      assert.equal(kept.code, 0, kept.said)
      assert.doesNotMatch(kept.said, /lay in the file/)
      const at = lines.findIndex((line) => line.includes('"leaf"'))
      const event = JSON.parse(lines[at]!) as {
        leaf: number
        hash: string
        event: (string | null)[]
        proof: string[]
        details: string
      }
      const wrong: [string, object | undefined][] = [
        [
          'is not what was signed',
          { ...event, event: event.event.map((part, index) => (index === 2 ? '2026-01-01T00:00:00.000000Z' : part)) },
        ],
        ['is not what was signed', { ...event, leaf: event.leaf + 1 }],
        ['is not what was signed', { ...event, proof: event.proof.slice(1) }],
        ['details of event', { ...event, details: 'AAAA' }],
        ['the file says', undefined],
      ]
      for (const [said, changed] of wrong) {
        const found = await check(
          lines
            .flatMap((line, index) => (index === at ? (changed ? [JSON.stringify(changed)] : []) : [line]))
            .join('\n'),
        )
        assert.equal(found.code, 1)
        assert.match(found.said, new RegExp(said))
      }
      // Nothing stands beside what is proved: no second name in a line, no other kind of line, nothing in the first or the last one.
      const end = JSON.parse(lines.at(-1)!) as object
      const forged = event.event.map((part, index) => (index === 4 ? null : part))
      const first = JSON.parse(lines[0]!) as { checkpoint: string }
      const beside: [string, string[]][] = [
        [
          'none of the lines',
          [
            ...lines.slice(0, -1),
            JSON.stringify({ ...event, event: forged, checkpoint: head.checkpoint, consistency: [] }),
            lines.at(-1)!,
          ],
        ],
        ['none of the lines', [...lines.slice(0, -1), JSON.stringify({ ...end, event: forged })]],
        ['does not say what such a file says', [JSON.stringify({ ...first, event: forged }), ...lines.slice(1)]],
        [
          'not as it was written',
          lines.map((line, index) =>
            index === at ? line.replace('"event":', `"event":${JSON.stringify(forged)},"event":`) : line,
          ),
        ],
        [
          'holds no earlier checkpoint',
          [...lines.slice(0, -1), JSON.stringify({ checkpoint: head.checkpoint, consistency: [] }), lines.at(-1)!],
        ],
        [
          'hash is that of another',
          lines.map((line, index) => (index === at ? JSON.stringify({ ...event, hash: 'AAAA' }) : line)),
        ],
      ]
      for (const [said, all] of beside) {
        const found = await check(all.join('\n'))
        assert.equal(found.code, 1, said)
        assert.match(found.said, new RegExp(said))
      }
      const twice = await check([...lines.slice(0, at), lines[at], ...lines.slice(at)].join('\n'))
      assert.match(twice.said, /was there before/)
      const cut = await check(lines.slice(0, -1).join('\n'))
      assert.match(cut.said, /the file ends here/)
      // An earlier checkpoint is held too, by its proof in the file; one of another log is not.
      const earlier = JSON.parse(lines.find((line) => line.includes('"consistency"'))!) as { checkpoint: string }
      writeFileSync(join(folder, 'earlier'), earlier.checkpoint)
      assert.equal((await check(answer.body, '--checkpoint', join(folder, 'earlier'))).code, 0)
      const without = lines.filter((line) => !line.includes('"consistency"')).join('\n')
      assert.match((await check(without, '--checkpoint', join(folder, 'earlier'))).said, /no proof in this file/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('as a PDF is tagged, has its language, title and fonts, and says what it is on its first page', async () => {
    const link = await linkOn(await exportOf({ who: server.cast.maria.email, format: 'pdf' }))
    const { bytes, headers } = await felix.ask(link)
    assert.equal(headers['content-type'], 'application/pdf')
    const text = bytes.toString('latin1')
    for (const part of [
      '/Lang (en)',
      '/MarkInfo',
      '/StructTreeRoot',
      '/DisplayDocTitle true',
      '/S /Table',
      '/S /TH',
      '/FontFile2',
    ])
      assert.ok(text.includes(part), part)
    const [first, second] = await pdfPages(link)
    for (const part of [
      'Access log',
      'Who: Maria Gomez',
      'Asked for by: Felix',
      'SHA-256',
      'all people in it are made up',
    ])
      assert.ok(first!.includes(part), part)
    assert.match(second!, /Maria Gomez/)
    assert.match(second!, /page 2/)
  })

  test('of more lines than anybody prints fails as a PDF and says what helps', async () => {
    const { makeManyEvents } = await import('./many-events.ts')
    await makeManyEvents(server, 5_200, [message], [ids.felix])
    const page = await exportOf({ format: 'pdf' })
    assert.match(plain((await felix.ask(page)).body), /Failed It has more than 5,000 lines, which nobody prints/)
  })
})
