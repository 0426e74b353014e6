/** The log as an operator exports it and as anybody checks it: scripts, processes and files as they are in use. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { askAs, startChildServer, stopDatabase, type ChildServer } from '../faults/child-server.ts'
import { writeTo } from '../support/letters.ts'
import { signedIn } from '../support/visitor.ts'
import { folderBeside, runScript } from '../upkeep/operate.ts'
import { verifyLog } from './log-alone.ts'

let server: ChildServer
let folder: string
const inFolder = (name: string) => join(folder, name)
/** Under another address than the server's: the log keeps the name that it had first. */
const exportLog = (name: string) => runScript('export-log', [inFolder(name)], { DATA_DIR: server.dataDir })
const linesOf = (name: string) => readFileSync(inFolder(name), 'utf8').trimEnd().split('\n')

before(async () => {
  server = await startChildServer()
  folder = folderBeside(server)
  const dana = await signedIn(server, server.cast.dana)
  await writeTo(dana, { to: server.cast.maria.email, body: 'Before the first export' })
})
after(() => server.stop())

describe('An exported log', () => {
  test('has every event up to its own export, and is found good beside a running server', async () => {
    const { code, said } = await exportLog('first')
    assert.equal(code, 0, said)
    const events = linesOf('first')
      .slice(1)
      .map((line) => (JSON.parse(line) as { event: string[] }).event)
    assert.equal(events.at(-1)![7], 'log.exported')
    assert.equal(events.filter((event) => event[0] === 'letterlock-event-1').length, events.length)
    const rows = await server.sql<{ id: string }>('SELECT id FROM access_events')
    assert.deepEqual(new Set(events.map((event) => event[1])), new Set(rows.map(({ id }) => id)))
    const found = await verifyLog(inFolder('first'))
    assert.equal(found.code, 0, found.said)
    assert.match(
      found.said,
      new RegExp(`^GOOD: ${events.length} events\\. The first ${events.length} are what was signed`),
    )
    assert.match(found.said, /Hold it against one that left the machine earlier/)
  })

  test('holds nothing of a message, an address or a name', () => {
    const text = readFileSync(inFolder('first'), 'utf8')
    for (const secret of ['Before the first export', server.cast.dana.email, server.cast.maria.email])
      assert.ok(!text.includes(secret))
  })

  test('is found good against a checkpoint inside a saved mail, with the ends of lines that mails have', async () => {
    const note = readFileSync(inFolder('first.checkpoints'), 'utf8')
    writeFileSync(inFolder('mail.txt'), `Good day,\n\nplease keep this.\n\n${note}\nRegards\n`.replaceAll('\n', '\r\n'))
    const found = await verifyLog(
      inFolder('first'),
      '--checkpoint',
      inFolder('mail.txt'),
      '--key',
      inFolder('first.vkey'),
    )
    assert.equal(found.code, 0, found.said)
    assert.doesNotMatch(found.said, /lay beside/)
  })

  test('is not written over what is there', async () => {
    const { code, said } = await exportLog('first')
    assert.equal(code, 1)
    assert.match(said, /There is a file of that name already/)
  })

  test('150. Truncate tail to before last anchor; fork; rollback; renumber; re-sign with other key -> detected', async () => {
    const [head, ...lines] = linesOf('first')
    const write = (changed: string[], first = head!) => {
      writeFileSync(inFolder('changed'), `${[first, ...changed].join('\n')}\n`)
      return verifyLog(
        inFolder('changed'),
        '--checkpoint',
        inFolder('first.checkpoints'),
        '--key',
        inFolder('first.vkey'),
      )
    }
    assert.equal((await write(lines)).code, 0)
    const size = lines.length
    const said = (found: { code: number | null; said: string }) => {
      assert.equal(found.code, 1, found.said)
      return found.said
    }
    const cut = lines.slice(0, -2)
    assert.match(said(await write(cut)), new RegExp(`^Leaf ${size - 2}: the export ends here`))
    assert.match(
      said(await write(cut, head!.replace(`:${size}}`, `:${size - 2}}`))),
      new RegExp(`^Leaf ${size - 2}: the log ends here, and \\d+ events were signed`),
    )
    const renumbered = lines
      .toSpliced(3, 1)
      .map((line) =>
        line.replace(/"leaf":(\d+)/, (_, leaf: string) => `"leaf":${Number(leaf) > 3 ? Number(leaf) - 1 : leaf}`),
      )
    assert.match(said(await write(renumbered, head!.replace(`:${size}}`, `:${size - 1}}`))), /^Leaf \d+: /)
    assert.match(said(await write(lines.toSpliced(3, 2, lines[4]!, lines[3]!))), /^Leaf 3: it is missing, or not where/)
    assert.match(said(await write(lines.toSpliced(5, 1, lines[5]!.replace('done', 'denied')))), /^Leaf 5: event /)

    // Another key signs what lies beside it, under the same name.
    const { createHash, generateKeyPairSync, sign } = await import('node:crypto')
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const raw = Buffer.concat([Buffer.from([1]), publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)])
    const name = readFileSync(inFolder('first.vkey'), 'utf8').split('+')[0]!
    const id = createHash('sha256').update(`${name}\n`).update(raw).digest().subarray(0, 4)
    const text = readFileSync(inFolder('first.checkpoints'), 'utf8').split('\n\n')[0]! + '\n'
    const signature = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString('base64')
    writeFileSync(inFolder('changed'), `${[head, ...lines].join('\n')}\n`)
    writeFileSync(inFolder('changed.checkpoints'), `${text}\n— ${name} ${signature}\n`)
    writeFileSync(inFolder('changed.vkey'), `${name}+${id.toString('hex')}+${raw.toString('base64')}\n`)
    assert.equal((await verifyLog(inFolder('changed'))).code, 0, 'by itself it is whole')
    assert.match(
      said(await verifyLog(inFolder('changed'), '--key', inFolder('first.vkey'))),
      /is not signed with the key/,
    )
    assert.match(
      said(await verifyLog(inFolder('changed'), '--checkpoint', inFolder('first.checkpoints'))),
      /is not signed/,
    )
  })
})

describe('A superuser of the database, and the server that goes on', () => {
  const kept = () => ['--checkpoint', inFolder('first.checkpoints'), '--key', inFolder('first.vkey')]
  const asSuperuser = (text: string) => askAs(server.dataDir, 'superuser', text)

  test('a deleted event is named', async () => {
    await asSuperuser(
      'CREATE TABLE taken AS SELECT e.* FROM access_events e JOIN log_leaves l ON l.event_id = e.id WHERE l.leaf = 7',
    )
    await asSuperuser(
      'SET session_replication_role = replica; DELETE FROM access_events WHERE id IN (SELECT id FROM taken)',
    )
    assert.equal((await exportLog('deleted')).code, 0)
    const found = await verifyLog(inFolder('deleted'), ...kept())
    assert.equal(found.code, 1)
    assert.match(found.said, /^Leaf 7: event \S+ \(\S+\) was changed or taken away/)
    await asSuperuser(
      'SET session_replication_role = replica; INSERT INTO access_events SELECT * FROM taken; DROP TABLE taken',
    )
  })

  test('the database of yesterday is started on: a new epoch, the old checkpoint finds what is lost, and the new ones fit', async () => {
    const postgres = join(server.dataDir, 'postgres')
    const stopAll = async () => {
      await server.end()
      await stopDatabase(server.dataDir)
    }
    await stopAll()
    cpSync(postgres, `${postgres}-of-yesterday`, { recursive: true })
    await server.startAgain()
    const dana = await signedIn(server, server.cast.dana)
    await writeTo(dana, { to: server.cast.maria.email, body: 'Lost' })
    assert.equal((await exportLog('today')).code, 0)
    await stopAll()
    rmSync(postgres, { recursive: true })
    renameSync(`${postgres}-of-yesterday`, postgres)
    await server.startAgain()
    assert.deepEqual(await server.sql(`SELECT outcome FROM access_events WHERE act = 'log.epoch-begun'`), [
      { outcome: 'failed' },
    ])
    const { code, said } = await exportLog('came-back')
    assert.equal(code, 0, said)
    const own = await verifyLog(inFolder('came-back'), ...kept())
    assert.equal(own.code, 0, own.said)
    assert.match(own.said, /An older database came back once: follows \S+\/access-log\/1 \d+/)
    const found = await verifyLog(inFolder('came-back'), '--checkpoint', inFolder('today.checkpoints'))
    assert.equal(found.code, 1)
    assert.match(found.said, /^Leaf \d+: .*Since then an older database came back/)
  })
})
