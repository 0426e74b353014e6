/** Stored bytes that somebody changed, cut, moved or swapped: nothing of them is shown, and the log says so. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { changeSession, copyOf, rowOf, sidOf } from '../sign-in/session-rows.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { everybodyIn, textFile, writeTo } from '../support/letters.ts'
import { Visitor, letCodesCountAgain, signedIn, type Answer } from '../support/visitor.ts'
import { until } from '../support/until.ts'

const BODY = 'The body that nobody may see in part. '.repeat(400)
const SUBJECT = 'A subject that stays whole'
const FILE = 'a line of the sealed file\n'.repeat(40_000)

let server: TestServer
let withMac: (digest: string, content: object) => object
let dana: Visitor
let maria: Visitor
let message: string
let other: string
let file: string
const accounts = new Map<string, string>()

before(async () => {
  server = await startTestServer()
  ;({ withMac } = await import('../../server/sign-in/session-mac.ts'))
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  for (const { email } of Object.values(server.cast)) accounts.set(email, (await findAccountByEmail(email))!.id)
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  const to = server.cast.maria.email
  message = await writeTo(dana, { to, subject: SUBJECT, body: BODY, files: [textFile('notes.txt', FILE)] })
  other = await writeTo(dana, { to, subject: 'Another subject', body: 'Another body', files: [textFile('b.txt', 'b')] })
  file = (await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message]))[0]!.id
  // From the first opening on the thread's key is wrapped in the quick way: the one that most readings meet.
  assert.equal((await maria.ask(`/messages/${message}`)).status, 200)
})
after(() => server.stop())

/** One column of one row, as it is and as somebody might leave it. */
interface Place {
  table: string
  column: string
  where: string
}

const place = (table: string, column: string, where: string): Place => ({ table, column, where })
const inMessage = (column: string) => place('messages', column, `id = '${message}'`)
const inFile = (column: string) => place('attachments', column, `id = '${file}'`)
const inWrap = () =>
  place(
    'thread_key_wraps',
    'wrap',
    `thread_key_id = (SELECT thread_key_id FROM messages WHERE id = '${message}') AND mailbox_id = (${mailboxOf('maria')})`,
  )
const mailboxOf = (name: 'maria' | 'dana' | 'sam') =>
  `SELECT m.id FROM mailboxes m WHERE m.account_id = '${accounts.get(server.cast[name].email)!}'`

async function read({ table, column, where }: Place): Promise<Buffer> {
  const rows = await server.sql<{ bytes: Buffer }>(`SELECT ${column} AS bytes FROM ${table} WHERE ${where}`)
  assert.equal(rows.length, 1, `${table}.${column}`)
  return rows[0]!.bytes
}

async function write({ table, column, where }: Place, bytes: Buffer): Promise<void> {
  await server.sql(`UPDATE ${table} SET ${column} = $1 WHERE ${where}`, [bytes])
}

/** Leaves `bytes` there while `work` looks, then puts back what was there. */
async function changed(at: Place, bytes: Buffer, work: () => Promise<void>): Promise<void> {
  const right = await read(at)
  await write(at, bytes)
  try {
    await work()
  } finally {
    await write(at, right)
  }
}

/** The ways in which somebody might leave it, by name. */
function damaged(bytes: Buffer): Record<string, Buffer> {
  const flipped = (at: number) => {
    const copy = Buffer.from(bytes)
    copy[at]! ^= 1
    return copy
  }
  return {
    'first bit flipped': flipped(0),
    'a bit in the middle flipped': flipped(bytes.length >> 1),
    'last bit flipped': flipped(bytes.length - 1),
    'last byte cut': bytes.subarray(0, -1),
    halved: bytes.subarray(0, bytes.length >> 1),
    emptied: Buffer.alloc(0),
    lengthened: Buffer.concat([bytes, Buffer.alloc(1)]),
    'put in place of random bytes': randomBytes(bytes.length),
  }
}

async function refusals(): Promise<number> {
  const rows = await server.sql<{ count: string }>(
    `SELECT count(*) FROM access_events WHERE act = 'envelope.refused' AND outcome = 'failed'`,
  )
  return Number(rows[0]!.count)
}

/** Asks, and expects a 500 that shows nothing, and one more refusal in the log. */
async function refused(visitor: Visitor, path: string, what: string): Promise<void> {
  const before = await refusals()
  const answer = await visitor.ask(path)
  assert.equal(answer.status, 500, what)
  assertNothingShown(answer, what)
  assert.equal(await refusals(), before + 1, `${what}: refusals in the log`)
}

/** The page names the file and whom to call, and shows nothing that was in it. */
function assertSaysWhich({ status, page }: { status: number; page: string }) {
  assert.equal(status, 500)
  assert.match(page, /This file cannot be opened[^]*notes\.txt[^]*555-0100/)
  assert.doesNotMatch(page, /a line of the sealed file/)
}

/** What breaks while it streams is recorded beside the stream. */
async function oneMoreRefusal(before: number, what: string): Promise<void> {
  await until(async () => (await refusals()) > before, `${what}: a refusal in the log`)
  assert.equal(await refusals(), before + 1, `${what}: refusals in the log`)
}

function assertNothingShown(answer: Answer, what: string) {
  assert.doesNotMatch(
    answer.body,
    /nobody may see|stays whole|sealed file|Another|notes\.txt|EnvelopeRefused|at .*\.js/,
    what,
  )
}

describe('128. Flip/cut/swap/splice any ciphertext -> refused, logged, no partial', () => {
  for (const [what, at] of [
    ['body', () => inMessage('body_sealed')],
    ['subject', () => inMessage('subject_sealed')],
    ["the message's key", () => inMessage('key_wrapped')],
    ["the thread key's wrap", inWrap],
    ["the file's key", () => inFile('key_wrapped')],
    ["the file's label", () => inFile('label_sealed')],
  ] as const)
    test(`${what}: the thread's page`, async () => {
      for (const [how, bytes] of Object.entries(damaged(await read(at()))))
        await changed(at(), bytes, () => refused(maria, `/messages/${message}`, `${what} ${how}`))
      assert.equal((await maria.ask(`/messages/${message}`)).status, 200)
    })

  test('subject and its keys: the inbox', async () => {
    for (const at of [inMessage('subject_sealed'), inMessage('key_wrapped'), inWrap()])
      for (const [how, bytes] of Object.entries(damaged(await read(at))))
        await changed(at, bytes, () => refused(maria, '/messages', `${at.column} ${how}`))
  })

  test("the file's page, and its download before the first byte", async () => {
    for (const at of [inFile('key_wrapped'), inFile('label_sealed')]) {
      const right = await read(at)
      const flipped = Buffer.from(right)
      flipped[40]! ^= 1
      await changed(at, flipped, async () => {
        await refused(maria, `/attachments/${file}`, at.column)
        await refused(maria, `/attachments/${file}/download`, at.column)
      })
    }
  })

  test('a draft', async () => {
    const saved = await dana.upload('/messages/new', '/messages', {
      draft: '',
      to: '',
      subject: '',
      body: BODY,
      action: 'save',
    })
    const draft = /draft=([\w-]+)/.exec(saved.location)![1]!
    const at = place('drafts', 'envelope', `id = '${draft}'`)
    for (const [how, bytes] of Object.entries(damaged(await read(at))))
      await changed(at, bytes, () => refused(dana, `/messages/new?draft=${draft}`, `draft ${how}`))
  })

  test('a sealed file on the disk: the connection breaks, a whole file is never pretended', async () => {
    const path = sealedFile(file)
    const right = readFileSync(path)
    const SEGMENT = 262_144
    assert.ok(right.length > 3 * SEGMENT, 'more than three segments')
    const spliced = Buffer.from(right)
    right.copy(spliced, 74, 74 + SEGMENT, 74 + 2 * SEGMENT)
    const flipped = (at: number) => {
      const copy = Buffer.from(right)
      copy[at]! ^= 1
      return copy
    }
    const ways: Record<string, Buffer> = {
      'its header': flipped(50),
      'its first segment': flipped(100),
      'its third segment': flipped(74 + 2 * SEGMENT + 100),
      'its last byte': flipped(right.length - 1),
      'the second segment in place of the first': spliced,
      'cut at the end of a segment': right.subarray(0, 74 + 2 * SEGMENT),
      'cut within a segment': right.subarray(0, right.length - 10),
      'cut after its header': right.subarray(0, 74),
      empty: Buffer.alloc(0),
      'the file of another message': readFileSync(sealedFile(await fileOf(other))),
    }
    try {
      for (const [what, bytes] of Object.entries(ways)) {
        truncateSync(path)
        writeFileSync(path, bytes)
        const before = await refusals()
        const got = await brokenDownload(maria, file)
        assert.ok(got.broken, `${what}: ended cleanly with ${got.status} and ${got.bytes.length} bytes`)
        assert.ok(FILE.startsWith(got.bytes.toString()), `${what}: something else than what was sealed came out`)
        assert.ok(got.bytes.length < FILE.length, what)
        if (got.page) assertSaysWhich(got)
        await oneMoreRefusal(before, what)
      }
    } finally {
      writeFileSync(path, right)
    }
    assert.equal((await maria.ask(`/attachments/${file}/download`)).body, FILE)
  })

  test('141. Blob store loses a blob -> integrity event, others unaffected, and no clean download', async () => {
    const path = sealedFile(file)
    const right = readFileSync(path)
    rmSync(path)
    try {
      const before = await refusals()
      const got = await brokenDownload(maria, file)
      assertSaysWhich(got)
      await oneMoreRefusal(before, 'a lost file')
      const page = await maria.ask(`/attachments/${file}`)
      assertSaysWhich({ status: page.status, page: page.body })
      assert.equal(await refusals(), before + 2)
      assert.equal((await maria.ask(`/attachments/${await fileOf(other)}/download`)).body, 'b')
    } finally {
      writeFileSync(path, right, { mode: 0o600 })
    }
  })
})

describe("129. Swap two rows' ciphertext (field, message, recipient) -> refused", () => {
  async function swapped(one: Place, two: Place, work: () => Promise<void>) {
    const [first, second] = [await read(one), await read(two)]
    await changed(one, second, () => changed(two, first, work))
  }

  for (const column of ['body_sealed', 'subject_sealed', 'key_wrapped'])
    test(`${column} of two messages`, async () => {
      const two = place('messages', column, `id = '${other}'`)
      await swapped(inMessage(column), two, async () => {
        await refused(maria, `/messages/${message}`, column)
        await refused(maria, `/messages/${other}`, column)
      })
    })

  test('all sealed columns of two messages at once: their binding still tells them apart', async () => {
    const columns = ['body_sealed', 'subject_sealed', 'key_wrapped', 'thread_key_id']
    const list = columns.join(', ')
    const exchange = () =>
      server.sql(
        `UPDATE messages m SET (${list}) = (SELECT ${columns.map((column) => `o.${column}`).join(', ')} FROM messages o
         WHERE o.id = CASE WHEN m.id = $1 THEN $2::uuid ELSE $1::uuid END) WHERE m.id IN ($1, $2)`,
        [message, other],
      )
    await exchange()
    try {
      await refused(maria, `/messages/${message}`, 'everything')
    } finally {
      await exchange()
    }
    assert.equal((await maria.ask(`/messages/${message}`)).status, 200)
  })

  test('subject and body of one message', async () => {
    await swapped(inMessage('subject_sealed'), inMessage('body_sealed'), () =>
      refused(maria, `/messages/${message}`, 'fields'),
    )
  })

  test('the wraps of two recipients of one thread', async () => {
    const [row] = await server.sql<{ id: string }>('SELECT from_mailbox_id AS id FROM messages WHERE id = $1', [
      message,
    ])
    const theirs = place(
      'thread_key_wraps',
      'wrap',
      inWrap().where.replace(mailboxOf('maria'), `SELECT '${row!.id}'::uuid`),
    )
    await swapped(inWrap(), theirs, () => refused(maria, `/messages/${message}`, 'wraps'))
  })

  test('the wraps of two threads of one mailbox', async () => {
    const theirs = place('thread_key_wraps', 'wrap', inWrap().where.replaceAll(message, other))
    await swapped(inWrap(), theirs, () => refused(maria, `/messages/${message}`, 'wraps'))
  })

  test('the labels and the keys of two files', async () => {
    for (const column of ['label_sealed', 'key_wrapped']) {
      const theirs = place('attachments', column, `id = '${await fileOf(other)}'`)
      await swapped(inFile(column), theirs, () => refused(maria, `/messages/${message}`, column))
    }
  })

  test('the name and the address of two people: neither is shown under the other’s', async () => {
    for (const column of ['name_sealed', 'email_sealed']) {
      const of = (name: 'dana' | 'sam') => place('accounts', column, `id = '${accounts.get(server.cast[name].email)!}'`)
      await swapped(of('dana'), of('sam'), async () => {
        const answer = await new Visitor(server).submit('/sign-in', '/sign-in', {
          email: server.cast.dana.email,
          password: server.cast.dana.password,
        })
        assert.equal(answer.status, 500, column)
        assert.doesNotMatch(answer.body, /Dana|Sam|riverside\.example/)
      })
    }
  })
})

describe('130. Old key version replaced by lower, suite byte changed, zero-length, header parameters changed -> refused', () => {
  const HEADER = { 'the cipher': 0, 'the key derivation': 1, 'the segment length': 4, 'the length of the IV': 9 }
  for (const [what, byte] of Object.entries(HEADER))
    test(`${what} in the header of a body`, async () => {
      const bytes = Buffer.from(await read(inMessage('body_sealed')))
      bytes[byte]! ^= 1
      await changed(inMessage('body_sealed'), bytes, () => refused(maria, `/messages/${message}`, what))
    })

  test('every accepted segment length but the one that it was sealed with', async () => {
    const right = await read(inMessage('body_sealed'))
    for (const length of [0, 4096, 262_144, 1_048_576, 0xffffffff]) {
      const bytes = Buffer.from(right)
      bytes.writeUInt32BE(length, 2)
      await changed(inMessage('body_sealed'), bytes, () => refused(maria, `/messages/${message}`, `${length}`))
    }
  })

  test('the version of the master key in a wrap: lower, or one that does not exist', async () => {
    const right = await read(inWrap())
    assert.equal(right.readUInt32BE(0), 1)
    for (const version of [0, 2, 0xffffffff]) {
      const bytes = Buffer.from(right)
      bytes.writeUInt32BE(version)
      await changed(inWrap(), bytes, async () => {
        const answer = await maria.ask(`/messages/${message}`)
        assert.equal(answer.status, 500)
        assertNothingShown(answer, `version ${version}`)
      })
    }
  })

  test('the kind of a wrap: one to the private half is not one to the public half', async () => {
    await server.sql(`UPDATE thread_key_wraps SET kind = 'public' WHERE ${inWrap().where}`)
    try {
      await refused(maria, `/messages/${message}`, 'kind')
    } finally {
      await server.sql(`UPDATE thread_key_wraps SET kind = 'private' WHERE ${inWrap().where}`)
    }
  })
})

describe('Openers and public halves', () => {
  const openerOf = (name: 'maria' | 'sam', kind: string) =>
    place('openers', 'envelope', `mailbox_id = (${mailboxOf(name)}) AND kind = '${kind}'`)

  async function password(name: 'maria' | 'sam') {
    await letCodesCountAgain(server)
    const { email, password: secret } = server.cast[name]
    return new Visitor(server).submit('/sign-in', '/sign-in', { email, password: secret })
  }

  test('132. opener whose bytes were changed -> refused; the right password opens nothing, and the log says why', async () => {
    const at = openerOf('maria', 'password')
    for (const [how, bytes] of Object.entries(damaged(await read(at))))
      await changed(at, bytes, async () => {
        const before = await refusals()
        const answer = await password('maria')
        assert.equal(answer.status, 500, how)
        assert.equal(answer.location, '', how)
        assert.equal(await refusals(), before + 1, `${how}: refusals in the log`)
      })
    assert.equal((await password('maria')).status, 303)
  })

  test("129. two people's password openers swapped -> refused for both", async () => {
    const [one, two] = [openerOf('maria', 'password'), openerOf('sam', 'password')]
    const [first, second] = [await read(one), await read(two)]
    await changed(one, second, () =>
      changed(two, first, async () => {
        assert.equal((await password('maria')).status, 500)
        assert.equal((await password('sam')).status, 500)
      }),
    )
  })

  test('an opener of one kind does not pass for another, nor of one mailbox for another', async () => {
    const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
    const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
    const { EnvelopeRefused } = await import('../../server/vault/floe.ts')
    const of = async (name: 'maria' | 'sam') =>
      (await findMailboxOf({ accountId: accounts.get(server.cast[name].email)! }))!
    const [mine, theirs] = [openerOf('maria', 'recovery'), openerOf('sam', 'recovery')]
    await openMailboxByRecovery(await of('maria'))
    await changed(mine, await read(theirs), () =>
      assert.rejects(async () => openMailboxByRecovery(await of('maria')), EnvelopeRefused),
    )
    await changed(mine, await read(openerOf('maria', 'password')), () =>
      assert.rejects(async () => openMailboxByRecovery(await of('maria')), EnvelopeRefused),
    )
  })

  test("a team's opener of one member, put in place of another's, opens nothing for them", async () => {
    const member = (name: 'dana' | 'sam') =>
      place('openers', 'envelope', `kind = 'member' AND account_id = '${accounts.get(server.cast[name].email)!}'`)
    const sam = await signedIn(server, server.cast.sam)
    assert.equal((await sam.ask('/messages')).status, 200)
    await changed(member('sam'), await read(member('dana')), () => refused(sam, '/messages', 'member opener'))
  })

  test('a public half that was swapped in the database is refused before anything is sealed to it', async () => {
    const { makeKeyPair } = await import('../../server/vault/hpke.ts')
    const at = place('mailbox_keys', 'public_half', `mailbox_id = (${mailboxOf('maria')})`)
    const counts = () =>
      server.sql(
        'SELECT (SELECT count(*) FROM messages) AS m, (SELECT count(*) FROM threads) AS t, (SELECT count(*) FROM links) AS l',
      )
    const press = await letterToMaria('Swapped')
    const before = await counts()
    await changed(at, makeKeyPair().publicKey, async () => {
      assert.equal((await press()).status, 500)
      assert.deepEqual(await counts(), before)
    })
    const mac = place('mailbox_keys', 'public_mac', at.where)
    for (const [how, bytes] of Object.entries(damaged(await read(mac))))
      await changed(mac, bytes, async () => assert.equal((await press()).status, 500, how))
    assert.deepEqual(await counts(), before)
    assert.equal((await press()).status, 303)
  })

  test('two mailboxes whose owners were swapped in the database are refused before anything is sealed to them', async () => {
    const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
    const { EnvelopeRefused } = await import('../../server/vault/floe.ts')
    const ids = [accounts.get(server.cast.maria.email)!, accounts.get(server.cast.sam.email)!] as const
    const press = await letterToMaria('Owner')
    const before = await refusals()
    await exchanged('mailboxes', 'account_id', ids, async () => {
      for (const accountId of ids) await assert.rejects(async () => findMailboxOf({ accountId }), EnvelopeRefused)
      assert.equal((await press()).status, 500)
      assert.equal(await refusals(), before + 1)
    })
    assert.equal((await press()).status, 303)
  })

  test('two addresses whose digests were swapped in the database find nobody, and the log says why', async () => {
    const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
    const { EnvelopeRefused } = await import('../../server/vault/floe.ts')
    const { maria, sam } = server.cast
    const rows = await server.sql<{ id: string; digest: Buffer }>(
      'SELECT id, email_digest AS digest FROM accounts WHERE id = ANY($1)',
      [[accounts.get(maria.email), accounts.get(sam.email)]],
    )
    await exchanged('accounts', 'email_digest', [rows[0]!.digest, rows[1]!.digest], async () => {
      for (const { email } of [maria, sam]) await assert.rejects(async () => findAccountByEmail(email), EnvelopeRefused)
      const before = await refusals()
      assert.equal((await password('maria')).status, 500)
      assert.equal(await refusals(), before + 1)
    })
    assert.equal((await password('maria')).status, 303)
  })

  test('a row in team_members that was not written here lets nobody in: colleagues seal it nothing, and the log says why', async () => {
    const { findMailboxOf, listReadableMailboxes } = await import('../../server/accounts/mailbox.store.ts')
    const { listMembers } = await import('../../server/accounts/team.store.ts')
    const [team] = await server.sql<{ id: string; joined: Date; mac: Buffer }>(
      'SELECT team_id AS id, joined_at AS joined, mac FROM team_members WHERE account_id = $1',
      [accounts.get(server.cast.sam.email)],
    )
    const box = (await findMailboxOf({ teamId: team!.id }))!
    const openersOf = (accountId: string) =>
      server.sql('SELECT 1 FROM openers WHERE mailbox_id = $1 AND account_id = $2', [box.id, accountId])
    const put = (accountId: string, joined: Date, mac: Buffer) =>
      server.sql('INSERT INTO team_members (team_id, account_id, joined_at, mac) VALUES ($1, $2, $3, $4)', [
        team!.id,
        accountId,
        joined,
        mac,
      ])
    const outsiders = (['maria', 'ada'] as const).map((name) => accounts.get(server.cast[name].email)!)
    const before = await refusals()
    await put(outsiders[0]!, team!.joined, team!.mac)
    await put(outsiders[1]!, new Date(), Buffer.alloc(0))
    assert.equal((await dana.ask('/messages')).status, 200)
    for (const accountId of outsiders) {
      assert.deepEqual(await openersOf(accountId), [])
      assert.ok(!(await listReadableMailboxes(accountId)).some(({ id }) => id === box.id))
      assert.ok(!(await listMembers(team!.id)).includes(accountId))
    }
    assert.equal(await refusals(), before + outsiders.length)
    await server.sql('DELETE FROM team_members WHERE account_id = ANY($1)', [outsiders])
  })

  test('a member whose joining was moved to another time is a member no more until it is put back', async () => {
    const { listReadableMailboxes } = await import('../../server/accounts/mailbox.store.ts')
    const sam = accounts.get(server.cast.sam.email)!
    const teams = async () => (await listReadableMailboxes(sam)).filter(({ teamId }) => teamId).length
    const move = (by: string) =>
      server.sql(`UPDATE team_members SET joined_at = joined_at + $2::interval WHERE account_id = $1`, [sam, by])
    assert.equal(await teams(), 1)
    const before = await refusals()
    await move('1 second')
    assert.equal(await teams(), 0)
    assert.equal(await refusals(), before + 1)
    await move('-1 second')
    assert.equal(await teams(), 1)
  })

  test('50. Session table dump -> opens no key', async () => {
    const rows = await server.sql<{ sid: string; sess: { mailboxKey?: string } }>('SELECT sid, sess FROM sessions')
    const dump = JSON.stringify(rows)
    const holders = rows.filter(({ sess }) => sess.mailboxKey)
    assert.ok(holders.length >= 2)
    for (const visitor of [dana, maria]) {
      const cookie = decodeURIComponent(visitor.cookies.get('__Host-session')!)
      const token = /^s:([^.]+)\./.exec(cookie)![1]!
      assert.ok(!dump.includes(token), 'the token stands in the table')
    }
    const { deriveKey } = await import('../../server/vault/derive.ts')
    const { unsealEnvelope, EnvelopeRefused } = await import('../../server/vault/floe.ts')
    for (const { sid, sess } of holders) {
      const sealed = Buffer.from(sess.mailboxKey!, 'base64')
      for (const key of [sid, Buffer.from(sid, 'base64url')])
        assert.throws(
          () => unsealEnvelope(deriveKey(Buffer.from(key as never), 'session'), 'session/mailbox-key', sealed),
          EnvelopeRefused,
        )
      // What the row calls itself does not resume it either.
      const thief = new Visitor(server)
      for (const value of [sid, `s:${sid}`]) {
        thief.cookies.set('__Host-session', encodeURIComponent(value))
        assert.equal((await thief.ask('/messages')).location, '/sign-in')
      }
    }
  })

  test("132. session envelope of another session -> refused: one person's cookie does not open another's row", async () => {
    const mine = (await rowOf(server, dana))!
    const theirs = (await rowOf(server, maria))!.sess
    const put = (sess: object) =>
      server.sql('UPDATE sessions SET sess = $1 WHERE sid = $2', [JSON.stringify(sess), mine.sid])
    // As it is, it is the row of another cookie; with a MAC of ours, another cookie's envelope.
    for (const [sess, status] of [
      [theirs, 303],
      [withMac(mine.sid, theirs), 500],
    ] as const) {
      await put(sess)
      const before = await refusals()
      const answer = await copyOf(server, dana).ask('/messages')
      await put(mine.sess)
      assert.equal(answer.status, status)
      assertNothingShown(answer, 'the inbox of somebody else')
      assert.equal(await refusals(), before + 1)
    }
    assert.equal((await dana.ask('/messages')).status, 200)
  })

  test('a row of sessions that was changed in the database is no session: not another account, a role, a step, a proof or a beginning', async () => {
    const { sid, sess } = (await rowOf(server, dana))!
    const put = (to: object) => server.sql('UPDATE sessions SET sess = $1 WHERE sid = $2', [JSON.stringify(to), sid])
    const ways: Record<string, unknown>[] = [
      { accountId: accounts.get(server.cast.ada.email) },
      { role: 'admin' },
      { stage: 'code' },
      { strength: 'password+passkey' },
      { provedAt: Date.now() },
      { startedAt: Date.now(), seenAt: Date.now() },
      { movedAt: undefined, seenAt: Date.now() + 1 },
      { mustAddPasskey: false },
      { mac: undefined },
      { mac: 'bm90IG91cnM=' },
    ]
    for (const change of ways) {
      await put({ ...sess, ...change })
      const answer = await copyOf(server, dana).ask('/messages')
      assert.equal(answer.location, '/sign-in', JSON.stringify(change))
    }
    // The right content under the digest of another cookie.
    const thief = new Visitor(server)
    await thief.submit('/sign-in', '/sign-in', { email: server.cast.sam.email, password: server.cast.sam.password })
    await server.sql('UPDATE sessions SET sess = $1 WHERE sid = $2', [JSON.stringify(sess), sidOf(thief)])
    const before = await refusals()
    assert.equal((await thief.ask('/messages')).location, '/sign-in')
    assert.equal(await refusals(), before + 1)
    await put(sess)
    assert.equal((await dana.ask('/messages')).status, 200)
  })

  test('moving the end of a row of sessions forward revives nothing: not a session that has ended, and not a row that has lapsed', async () => {
    await letCodesCountAgain(server)
    const visitor = await signedIn(server, server.cast.sam)
    const { sess } = (await rowOf(server, visitor))!
    const hours = 60 * 60_000
    const forward = () =>
      server.sql(`UPDATE sessions SET expire = now() + interval '10 years' WHERE sid = $1`, [sidOf(visitor)])
    await changeSession(server, visitor, { startedAt: Date.now() - 13 * hours })
    await forward()
    const ended = await visitor.ask('/sign-in')
    assert.match(ended.body, /You were signed out/)
    assert.equal((await visitor.ask('/messages')).status, 303)
    await changeSession(server, visitor, { ...sess, startedAt: Date.now() - (12 + 25) * hours })
    await forward()
    assert.doesNotMatch((await copyOf(server, visitor).ask('/sign-in')).body, /You were signed out/)
  })
})

/** Presses "send" of a letter from Dana to Maria that is ready to be sent. */
async function letterToMaria(subject: string): Promise<() => Promise<Answer>> {
  const letter = { draft: '', to: server.cast.maria.email, subject, body: subject, action: 'check' }
  const kept = await dana.upload('/messages/new', '/messages', letter)
  assert.equal(kept.status, 303)
  const body = new URLSearchParams({ _csrf: await dana.tokenOn(kept.location) }).toString()
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    origin: `http://localhost:${server.port}`,
  }
  return () => dana.ask(kept.location.replace('/check', '/send'), { method: 'POST', headers, body })
}

/** Lets two rows change places in a column that allows a value once, while `work` looks. */
async function exchanged<Value>(
  table: string,
  column: string,
  [one, two]: readonly [Value, Value],
  work: () => Promise<void>,
): Promise<void> {
  const swap = () =>
    server.sql(
      `UPDATE ${table} SET ${column} = CASE WHEN ${column} = $1 THEN $2 ELSE $1 END WHERE ${column} IN ($1, $2)`,
      [one, two],
    )
  await server.sql(`ALTER TABLE ${table} DROP CONSTRAINT ${table}_${column}_key`)
  await swap()
  try {
    await work()
  } finally {
    await swap()
    await server.sql(`ALTER TABLE ${table} ADD CONSTRAINT ${table}_${column}_key UNIQUE (${column})`)
  }
}

function sealedFile(id: string): string {
  const folder = join(server.dataDir, 'files')
  return join(
    folder,
    (readdirSync(folder, { recursive: true }) as string[]).find((path) => path.endsWith(id))!,
  )
}

async function fileOf(id: string): Promise<string> {
  return (await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id]))[0]!.id
}

const NOTHING = Buffer.alloc(0)

/** Downloads, and tells whether the connection broke before the end that was announced. */
async function brokenDownload(visitor: Visitor, id: string) {
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return new Promise<{ status: number; bytes: Buffer; page: string; broken: boolean }>((done) => {
    const chunks: Buffer[] = []
    let status = 0
    const end = (broken: boolean) => {
      const all = Buffer.concat(chunks)
      done({ status, broken, ...(status === 200 ? { bytes: all, page: '' } : { bytes: NOTHING, page: String(all) }) })
    }
    const asked = request(
      {
        host: '127.0.0.1',
        port: server.port,
        path: `/attachments/${id}/download`,
        headers: { host: `localhost:${server.port}`, cookie },
      },
      (answer) => {
        status = answer.statusCode!
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', () => end(true))
        // An error page is no download at all.
        answer.on('end', () => end(status !== 200))
      },
    )
    asked.on('error', () => end(true))
    asked.end()
  })
}
