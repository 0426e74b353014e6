/** A receipt: what happened to a message, told by the log and signed, so that a court or an auditor can check it without us. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { everybodyIn, textFile, writeTo } from '../support/letters.ts'
import { linkOf } from '../enrolment/newcomer.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, Visitor } from '../support/visitor.ts'
import { verifyLog } from '../audit/log-alone.ts'

let server: TestServer
let folder: string
let dana: Visitor
let maria: Visitor
let message: string
let file: string
const at = (name: string) => join(folder, name)

before(async () => {
  server = await startTestServer()
  folder = mkdtempSync(join(tmpdir(), 'letterlock-receipt-'))
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  message = await writeTo(dana, {
    to: server.cast.maria.email,
    subject: 'A fictitious finding',
    body: 'It is fine.',
    files: [textFile('sheet.txt', 'A fictitious sheet')],
  })
  file = (await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message]))[0]!.id
})
after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const rowsOf = (body: string) =>
  [...body.split('<tbody')[1]!.matchAll(/<tr role="row">([\s\S]*?)<\/tr>/g)].map((match) => plain(match[1]!))

async function download(name: string, visitor = dana): Promise<string> {
  const answer = await visitor.ask(`/messages/${message}/receipt.txt`)
  assert.equal(answer.status, 200)
  assert.match(String(answer.headers['content-disposition']), /^attachment; filename=receipt-/)
  writeFileSync(at(name), answer.body)
  return answer.body
}

describe('What a receipt says', () => {
  test('a link that a program asked for is no receipt', async () => {
    await new Visitor(server).ask(await linkOf(server, message), { headers: { 'user-agent': 'A scanner' } })
    const { body } = await dana.ask(`/messages/${message}/receipt`)
    assert.match(plain(body), /Nobody it was for has been shown it yet/)
    const fetched = rowsOf(body).find((row) => row.includes('Link in the notice asked for'))
    assert.match(fetched!, /Nobody who had signed in No$/)
    assert.ok(!body.includes('Yes'))
  })

  test('link asked for, signed in, shown and downloaded are four things, and the last two count', async () => {
    await maria.ask(`/messages/${message}`)
    await maria.ask(`/attachments/${file}/download`)
    await dana.ask(`/messages/${message}`)
    const rows = rowsOf((await dana.ask(`/messages/${message}/receipt`)).body)
    const counted = rows.map((row) => [
      /(Link|Signed in|Message shown|File downloaded)/.exec(row)?.[1],
      row.endsWith('Yes'),
    ])
    assert.deepEqual(
      counted.filter(([what]) => what),
      [
        ['Signed in', false],
        ['Link', false],
        ['Message shown', true],
        ['File downloaded', true],
      ],
    )
    assert.equal(
      rows.filter((row) => row.includes('Message shown')).length,
      1,
      "the sender's own looking is no receipt",
    )
    assert.ok(rows.filter((row) => row.endsWith('Yes')).every((row) => row.includes('Maria')))
  })

  test('nobody can push an opening out of it by asking for the link', async () => {
    const { record } = await import('../../server/audit/record.ts')
    const late = await writeTo(dana, { to: server.cast.maria.email })
    // As many as stand by themselves, from many networks, and those that one line stands for.
    for (let time = 0; time < 220; time++)
      await record(
        { kind: 'anonymous', strength: 'none', address: `192.0.2.${time}` },
        { act: 'link.fetched', subject: { kind: 'message', id: late }, times: 7 },
      )
    await maria.ask(`/messages/${late}`)
    const { body } = await dana.ask(`/messages/${late}/receipt`)
    assert.match(plain(body), /It was shown to the person it was for/)
    assert.match(plain(body), /The link was asked for 215 more times/)
    const signed = (await dana.ask(`/messages/${late}/receipt.txt`)).body
    assert.match(signed, / displayed /)
    assert.match(signed, /^more: the link was asked for 215 more times$/m)
  })

  test('whoever did not send it gets none: the log says that they asked', async () => {
    for (const path of [`/messages/${message}/receipt`, `/messages/${message}/receipt.txt`])
      assert.equal((await maria.ask(path)).status, 404)
    const rows = await server.sql(
      `SELECT FROM access_events WHERE act LIKE 'receipt.%' AND outcome = 'denied' AND subject_id = $1`,
      [message],
    )
    assert.equal(rows.length, 2)
  })

  test('looking and downloading are in the log', async () => {
    const before = await server.sql(`SELECT FROM access_events WHERE act = 'receipt.downloaded' AND outcome = 'done'`)
    await download('recorded.txt')
    const rows = await server.sql(`SELECT FROM access_events WHERE act = 'receipt.downloaded' AND outcome = 'done'`)
    assert.equal(rows.length, before.length + 1)
  })
})

describe('The signed file', () => {
  let text: string
  let key: string

  before(async () => {
    text = await download('receipt.txt')
    const { logVerifier } = await import('../../server/audit/sign-checkpoint.ts')
    key = await logVerifier()
  })

  test('is checked with nothing else of ours: every line of it stands in the signed log', async () => {
    const found = await verifyLog(at('receipt.txt'), '--key', key)
    assert.equal(found.code, 0, found.said)
    assert.match(found.said, new RegExp(`^GOOD: a receipt for message ${message}`))
    assert.match(found.said, /displayed/)
    assert.ok(text.includes(`to: ${server.cast.maria.name} <${server.cast.maria.email}>`))
    assert.ok(!text.includes('It is fine') && !text.includes('A fictitious finding') && !text.includes('sheet.txt'))
  })

  test('with a key of its own alone it says so', async () => {
    const found = await verifyLog(at('receipt.txt'))
    assert.equal(found.code, 0, found.said)
    assert.match(found.said, /The key lay in the receipt/)
  })

  test('no character of it can be changed', async () => {
    const spots = Array.from({ length: 24 }, (_, index) => Math.floor((text.length * (index + 0.5)) / 24))
    for (const spot of spots) {
      const changed = `${text.slice(0, spot)}${text[spot] === 'x' ? 'y' : 'x'}${text.slice(spot + 1)}`
      writeFileSync(at('changed.txt'), changed)
      const found = await verifyLog(at('changed.txt'), '--key', key)
      assert.equal(found.code, 1, `${spot}: ${JSON.stringify(text.slice(spot - 10, spot + 10))} ${found.said}`)
    }
  })

  test('no event can be taken out of it, and none of another message be put in', async () => {
    const [note, ...proofs] = text.split('c2sp.org/tlog-proof@v1\n')
    writeFileSync(at('fewer.txt'), [note, ...proofs.slice(0, -1)].join('c2sp.org/tlog-proof@v1\n'))
    assert.equal((await verifyLog(at('fewer.txt'), '--key', key)).code, 1)
    const other = await writeTo(dana, { to: server.cast.maria.email })
    const answer = await dana.ask(`/messages/${other}/receipt.txt`)
    const [, ...foreign] = answer.body.split('c2sp.org/tlog-proof@v1\n')
    writeFileSync(at('foreign.txt'), [note, ...proofs.slice(0, -1), foreign.at(-1)].join('c2sp.org/tlog-proof@v1\n'))
    assert.equal((await verifyLog(at('foreign.txt'), '--key', key)).code, 1)
  })

  test('is held against a checkpoint that left the machine: the same size has to be the same tree', async () => {
    const [, size] = /\/access-log\/1\n(\d+)\n/.exec(text)!
    const { signNote } = await import('../../server/vault/log-key.ts')
    const { logKeyName } = await import('../../server/audit/sign-checkpoint.ts')
    const name = await logKeyName()
    writeFileSync(at('fork'), signNote(name, `${name}/1\n${size}\n${Buffer.alloc(32, 7).toString('base64')}\n`))
    const found = await verifyLog(at('receipt.txt'), '--key', key, '--checkpoint', at('fork'))
    assert.equal(found.code, 1)
    assert.match(found.said, /another tree/)
  })

  test('a name cannot write lines of its own', async () => {
    const { receiptText } = await import('../../server/messages/receipt.ts')
    const empty = {
      messageId: 'm',
      threadId: 't',
      sentAt: new Date(0),
      sealed: undefined,
      lines: [],
      left: { fetched: 0, later: false },
    }
    const odd = receiptText(
      { ...empty, from: 'Dana\nto: Mallory', to: 'Maria\u2028limit: none' },
      new Map(),
      'k',
      new Date(0),
    )
    assert.deepEqual(
      odd.split('\n').filter((line) => line.startsWith('to:')),
      ['to: Maria limit: none'],
    )
  })

  test('what is not signed as it was before proves nothing: the receipt is refused and nothing leaves', async () => {
    await server.sql(
      'UPDATE log_tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 0 AND number = 0',
    )
    try {
      const answer = await dana.ask(`/messages/${message}/receipt.txt`)
      assert.equal(answer.status, 503)
      assert.ok(!answer.body.includes('Letterlock receipt'))
    } finally {
      await server.sql(
        'UPDATE log_tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 0 AND number = 0',
      )
    }
    assert.equal(readFileSync(at('receipt.txt'), 'utf8'), text)
  })
})
