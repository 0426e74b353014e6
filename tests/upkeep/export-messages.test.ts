/** The export at the end of a contract, and the decryptor that shares no line with the server: what was sent comes out, and nothing that was changed does. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { projectRoot } from '../../server/lib/root.ts'
import { answerTo, everybodyIn, idIn, textFile, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import type { Visitor } from '../support/visitor.ts'
import { beginScript, folderBeside, runScript, type Said } from './operate.ts'

const PROGRAM = join(projectRoot, 'scripts/decrypt-message.mjs')
const PASSPHRASE = 'six fictitious wörds for a safe'
const WORD = `word${randomBytes(9).toString('hex')}`
const LARGE = randomBytes(700_000)
// Ends as padding looks, so that whoever takes the wrong end off is found out.
LARGE.set([0x80, 0, 0, 0], LARGE.length - 4)

let server: TestServer
let folder: string
let dana: Visitor
let maria: Visitor
let message: string
let reply: string
let recalled: string

before(async () => {
  server = await startTestServer()
  folder = folderBeside(server)
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  const files = [
    textFile(`${WORD}-ä.txt`, `${WORD} in a file\n`),
    { name: '../large.txt', type: '', bytes: asText(LARGE) },
  ]
  message = await writeTo(dana, {
    to: server.cast.maria.email,
    subject: `${WORD} subject`,
    body: `${WORD} body é`,
    files,
  })
  reply = idIn(await answerTo(maria, message, { body: `${WORD} reply` }))
  recalled = await writeTo(dana, { to: 'taken.back@mail.example', subject: 'Taken back', body: `${WORD} taken back` })
  await dana.submit(`/messages/${recalled}/recall`, `/messages/${recalled}/recall`, {})
  writeFileSync(join(folder, 'passphrase'), `${PASSPHRASE}\n`)
})
after(() => server.stop())

const asText = (bytes: Buffer) => Buffer.from(bytes.toString('base64'))
const environment = () => ({ DATA_DIR: server.dataDir, PORT: String(server.port) })
const exported = (...args: string[]) => runScript('export-messages', args, environment())
const withPassphrase = (name: string, ...more: string[]) =>
  exported(join(folder, name), '--passphrase-file', join(folder, 'passphrase'), ...more)

/** Runs the decryptor somewhere else, with no setting of ours. */
async function decrypt(...args: string[]): Promise<Said> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: '/', env: {}, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

const openAll = (name: string, to: string) =>
  decrypt(join(folder, name), '--passphrase-file', join(folder, 'passphrase'), '--to', join(folder, to))

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

function written(to: string, id: string): Record<string, Buffer> {
  const place = filesIn(join(folder, to)).filter((path) => path.includes(id))
  return Object.fromEntries(place.map((path) => [path.split('/').at(-1)!, readFileSync(path)]))
}

/** The second file, whose name tried to lead out of the folder. */
function largeIn(files: Record<string, Buffer>): Buffer {
  const [name, bytes] = Object.entries(files).find(([each]) => each.startsWith('2-'))!
  assert.match(name, /^2-[\w.-]*large\.txt$/)
  return bytes
}

describe('An export with its keys', () => {
  test('is whole, for its owner only, recorded first, and holds no clear byte', async () => {
    const { code, said } = await withPassphrase('bundle')
    assert.equal(code, 0, said)
    assert.match(said, /bundle is whole: \d+ messages in \d+ conversations, with 2 files/)
    for (const path of filesIn(join(folder, 'bundle'))) {
      assert.equal(statSync(path).mode & 0o777, 0o600, path)
      const bytes = readFileSync(path)
      for (const word of [WORD, server.cast.maria.email, 'Maria', Buffer.from(WORD).toString('base64').slice(0, -4)])
        assert.ok(!bytes.includes(word), `${word} in ${path}`)
    }
    assert.equal(statSync(join(folder, 'bundle')).mode & 0o777, 0o700)
    assert.equal((await server.sql(`SELECT FROM access_events WHERE act = 'message.exported'`)).length, 1)
    assert.match(readFileSync(join(folder, 'bundle/README.txt'), 'utf8'), /decrypt-message\.mjs/)
    assert.equal((await decrypt(join(folder, 'bundle'), '--check')).code, 0)
  })

  test('opens with the passphrase alone: every text, every file byte for byte, who it was, and no more', async () => {
    const { code, said } = await openAll('bundle', 'opened')
    assert.equal(code, 0, said)
    const { 'message.txt': text, ...files } = written('opened', message)
    assert.match(text!.toString(), new RegExp(`Subject: ${WORD} subject\n`))
    assert.match(text!.toString(), new RegExp(`\n\n${WORD} body é\n`))
    assert.match(text!.toString(), /From: .*Dana/)
    assert.equal(files[`1-${WORD}-ä.txt`]?.toString(), `${WORD} in a file\n`)
    assert.ok(largeIn(files).equals(asText(LARGE)))
    assert.match(written('opened', reply)['message.txt']!.toString(), new RegExp(`${WORD} reply`))
    assert.deepEqual(written('opened', recalled), {})
    const [{ kept }] = (await server.sql<{ kept: number }>(
      'SELECT count(*)::int AS kept FROM messages WHERE key_wrapped IS NOT NULL',
    )) as [{ kept: number }]
    assert.match(said, new RegExp(`Opened ${kept} messages with 2 files; 1 were taken back or erased, 0 do not open`))
    for (const path of filesIn(join(folder, 'opened'))) assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  test('one text is printed, by the passphrase or by its own key', async () => {
    const bundle = join(folder, 'bundle')
    const printed = await decrypt(bundle, '--message', reply, '--passphrase-file', join(folder, 'passphrase'))
    assert.match(printed.said, new RegExp(`${WORD} reply`))
    assert.ok(!printed.said.includes(`${WORD} body`))
    const { readerOf } = await import('../support/letters.ts')
    const { openMessageKeys } = await import('../../server/messages/open-thread.ts')
    const { claimMessage } = await import('../../server/messages/message.store.ts')
    const reader = await readerOf(server.cast.maria.email)
    const claimed = (await claimMessage(reader, reply))!
    const key = (await openMessageKeys(reader, [claimed.message])).get(reply)!
    writeFileSync(join(folder, 'key'), key.toString('base64url'))
    const one = await decrypt(bundle, '--message', reply, '--key', join(folder, 'key'))
    assert.equal(one.code, 0, one.said)
    assert.match(one.said, new RegExp(`${WORD} reply`))
    assert.equal((await decrypt(bundle, '--message', message, '--key', join(folder, 'key'))).code, 1)
  })

  test('another passphrase, a short one, a folder that is there: refused in a sentence', async () => {
    writeFileSync(join(folder, 'wrong'), 'another passphrase than that')
    const wrong = await decrypt(
      join(folder, 'bundle'),
      '--passphrase-file',
      join(folder, 'wrong'),
      '--to',
      join(folder, 'no'),
    )
    assert.equal(wrong.code, 1)
    assert.match(wrong.said, /passphrase is not the one of this export/)
    assert.ok(!existsSync(join(folder, 'no')))
    const there = await withPassphrase('bundle')
    assert.equal(there.code, 1)
    assert.match(there.said, /is there already/)
    writeFileSync(join(folder, 'short'), 'too short\n')
    const short = await exported(join(folder, 'short-one'), '--passphrase-file', join(folder, 'short'))
    assert.equal(short.code, 1)
    assert.match(short.said, /at least 16 characters/)
    assert.ok(!existsSync(join(folder, 'short-one')))
  })
})

describe('An export that somebody changed is refused', () => {
  /** The bundle once more, changed; the list is made to fit where `fit` says so, as whoever changes it could. */
  async function changed(how: (copy: string) => void, fit: boolean): Promise<Said> {
    const copy = join(folder, 'changed')
    cpSync(join(folder, 'bundle'), copy, { recursive: true })
    how(copy)
    if (fit) fitList(copy)
    try {
      // Without a list that fits, the digests alone find it, and nobody has to wait for the passphrase.
      return fit ? await openAll('changed', 'from-changed') : await decrypt(copy, '--check')
    } finally {
      rmSync(copy, { recursive: true })
      rmSync(join(folder, 'from-changed'), { recursive: true, force: true })
    }
  }

  function fitList(copy: string) {
    const names = filesIn(copy)
      .map((path) => path.slice(copy.length + 1))
      .filter((name) => name !== 'SHA256SUMS' && name !== 'keys.sealed')
    const lines = names.map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(copy, name)))
          .digest('hex')}  ${name}\n`,
    )
    writeFileSync(join(copy, 'SHA256SUMS'), lines.join(''))
  }

  const flip = (path: string, at = 0.5) => {
    const bytes = readFileSync(path)
    bytes[Math.floor(bytes.length * at)]! ^= 1
    writeFileSync(path, bytes)
  }
  const first = (copy: string, part: string) => filesIn(join(copy, part)).sort()[0]!

  const WAYS: Record<string, (copy: string) => void> = {
    'a conversation': (copy) => flip(first(copy, 'threads')),
    'a file': (copy) => flip(first(copy, 'files')),
    'a file that was cut': (copy) =>
      writeFileSync(first(copy, 'files'), readFileSync(first(copy, 'files')).subarray(0, -1)),
    'a conversation that is gone': (copy) => rmSync(first(copy, 'threads')),
    'something that was added': (copy) => writeFileSync(join(copy, 'threads/more.txt'), 'more'),
    'the facts': (copy) => flip(join(copy, 'bundle.json')),
  }
  for (const [what, how] of Object.entries(WAYS))
    test(what, async () => {
      for (const fit of [false, true]) {
        const { code, said } = await changed(how, fit)
        assert.equal(code, 1, `${what}, list made to fit: ${fit}: ${said}`)
        assert.doesNotMatch(said, /\n\s+at /)
      }
    })

  test('the file of keys: any of it changed, cut, or gone', async () => {
    for (const at of [0.01, 0.2, 0.5, 0.999])
      assert.equal((await changed((copy) => flip(join(copy, 'keys.sealed'), at), true)).code, 1)
    const cut = (copy: string) =>
      writeFileSync(join(copy, 'keys.sealed'), readFileSync(join(copy, 'keys.sealed')).subarray(0, -40))
    assert.equal((await changed(cut, true)).code, 1)
    assert.equal((await changed((copy) => rmSync(join(copy, 'keys.sealed')), true)).code, 1)
  })

  test('a list that is gone: it is no whole export', async () => {
    const { code, said } = await changed((copy) => rmSync(join(copy, 'SHA256SUMS')), false)
    assert.equal(code, 1)
    assert.match(said, /no whole export/)
  })

  test('two sealed files that were swapped, with a list that fits, by somebody who has only the key of a message', async () => {
    const { readerOf } = await import('../support/letters.ts')
    const { openMessageKeys } = await import('../../server/messages/open-thread.ts')
    const { claimMessage } = await import('../../server/messages/message.store.ts')
    const reader = await readerOf(server.cast.maria.email)
    const row = (await claimMessage(reader, message))!.message
    writeFileSync(join(folder, 'key'), (await openMessageKeys(reader, [row])).get(message)!.toString('hex'))
    const copy = join(folder, 'swapped')
    cpSync(join(folder, 'bundle'), copy, { recursive: true })
    const [one, two] = filesIn(join(copy, 'files')) as [string, string]
    renameSync(one, `${one}-`)
    renameSync(two, one)
    renameSync(`${one}-`, two)
    fitList(copy)
    const args = ['--message', message, '--key', join(folder, 'key'), '--to', join(folder, 'from-swapped')]
    const { code, said } = await decrypt(copy, ...args)
    assert.equal(code, 1, said)
    assert.match(said, /of another key or another place/)
    assert.deepEqual(Object.keys(written('from-swapped', message)), ['message.txt'])
  })
})

describe('An export without keys', () => {
  test("opens with the private half of a mailbox that took part, and with the recovery key; with another's half nothing does", async () => {
    const { code, said } = await exported(join(folder, 'wraps'), '--without-keys')
    assert.equal(code, 0, said)
    const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
    const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
    const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
    const { recoveryKeyPair } = await import('../../server/vault/vault.ts')
    const halfOf = async (email: string) =>
      (await openMailboxByRecovery((await findMailboxOf({ accountId: (await findAccountByEmail(email))!.id }))!))
        .privateKey
    const half = async (name: string, key: Buffer, option = '--mailbox-key') => {
      writeFileSync(join(folder, name), key.toString('base64url'))
      return decrypt(join(folder, 'wraps'), option, join(folder, name), '--to', join(folder, `by-${name}`))
    }
    // Her wraps are of the quick kind after she read, and of the other before: both kinds are in the export.
    const hers = await half('maria', await halfOf(server.cast.maria.email))
    assert.equal(hers.code, 0, hers.said)
    assert.match(written('by-maria', message)['message.txt']!.toString(), new RegExp(`${WORD} body`))
    assert.ok(largeIn(written('by-maria', message)).equals(asText(LARGE)))
    const his = await half('felix', await halfOf(server.cast.felix.email))
    assert.deepEqual(written('by-felix', message), {}, his.said)
    const all = await half('recovery', (await recoveryKeyPair()).privateKey, '--recovery-key')
    assert.match(all.said, /Opened \d+ messages with 2 files; 1 were taken back or erased, 0 do not open/)
    const kinds = filesIn(join(folder, 'wraps/threads')).flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/"kind":"(\w+)"/g)].map(([, kind]) => kind),
    )
    assert.deepEqual([...new Set(kinds)].sort(), ['private', 'public'])
  })
})

test('a file that the store lost is named, told by the exit, and in the log; all others are there', async () => {
  const [row] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1 ORDER BY position', [
    message,
  ])
  const path = join(server.dataDir, 'files', row!.id.slice(-2), row!.id)
  renameSync(path, `${path}-away`)
  try {
    const { code, said } = await withPassphrase('with-a-gap')
    assert.equal(code, 2, said)
    assert.match(said, new RegExp(`Not in the store of files although a message has them: ${row!.id}`))
    const events = await server.sql(`SELECT FROM access_events WHERE act = 'envelope.refused' AND subject_id = $1`, [
      row!.id,
    ])
    assert.equal(events.length, 1)
    const opened = await openAll('with-a-gap', 'opened-with-a-gap')
    assert.equal(opened.code, 2, opened.said)
    assert.ok(largeIn(written('opened-with-a-gap', message)).equals(asText(LARGE)))
  } finally {
    renameSync(`${path}-away`, path)
  }
})

test('killed in the middle: there is no folder of that name, what is left opens as nothing, and the next one says so', async () => {
  const { child, ended } = beginScript(
    'export-messages',
    [join(folder, 'killed'), '--passphrase-file', join(folder, 'passphrase')],
    environment(),
  )
  await until(() => existsSync(join(folder, 'killed.unfinished/threads')), 'the first conversation')
  child.kill('SIGKILL')
  await ended
  assert.ok(!existsSync(join(folder, 'killed')))
  const opened = await openAll('killed.unfinished', 'from-killed')
  assert.equal(opened.code, 1)
  assert.match(opened.said, /no whole export/)
  for (const path of filesIn(join(folder, 'killed.unfinished'))) assert.ok(!readFileSync(path).includes(WORD))
  const again = await withPassphrase('killed')
  assert.equal(again.code, 1)
  assert.match(again.said, /killed\.unfinished is there: an export that was cut off left it/)
})

test('in sealed mode it takes the shares; without them only the sealed rows go', async () => {
  mkdirSync(join(folder, 'shares'), { mode: 0o700 })
  const sealed = await runScript(
    'seal-recovery',
    ['--shares', '3', '--needed', '2', '--yes', '--to', join(folder, 'shares')],
    environment(),
  )
  assert.equal(sealed.code, 0, sealed.said)
  const none = await withPassphrase('sealed')
  assert.equal(none.code, 1)
  assert.match(none.said, /--share FILE/)
  assert.ok(!existsSync(join(folder, 'sealed.unfinished')))
  const shares = filesIn(join(folder, 'shares')).filter((path) => /share/.test(path.split('/').at(-1)!))
  const { code, said } = await withPassphrase('sealed', ...shares.slice(0, 2).flatMap((path) => ['--share', path]))
  assert.equal(code, 0, said)
  assert.equal((await openAll('sealed', 'opened-sealed')).code, 0)
  assert.match(written('opened-sealed', message)['message.txt']!.toString(), new RegExp(`${WORD} body`))
})
