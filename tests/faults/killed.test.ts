/** Letterlock as a process: killed at any moment, or only its database, started with the wrong key, looked at from outside. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { findServer } from '../../server/database/embedded-server.ts'
import { makeMasterKey } from '../../server/vault/master-key.ts'
import { answerTo, mailsTo, outbox, replyFields, writeTo } from '../support/letters.ts'
import { signedIn, type Answer, type Visitor } from '../support/visitor.ts'
import { passwordsOf, startChildServer, startInVain, type ChildServer } from './child-server.ts'
import { until } from '../support/until.ts'

let server: ChildServer
before(async () => {
  server = await startChildServer()
})
after(() => server.stop())

describe('144. `ps e`, /proc/PID/environ -> no secret', () => {
  test('neither of the server nor of any process of PostgreSQL, and the folder is closed to everybody else', async () => {
    const master = readFileSync(join(server.dataDir, 'master.key'), 'utf8').trim()
    const secrets = [master, master.slice(2), ...Object.values(passwordsOf(server.dataDir)), server.cast.dana.password]
    const postmaster = findServer(join(server.dataDir, 'postgres'))!.pid
    const ours = [server.pid(), postmaster, ...childrenOf(postmaster), ...childrenOf(server.pid())]
    assert.ok(ours.length > 5, `${ours.length} processes`)
    for (const pid of ours)
      for (const part of ['cmdline', 'environ']) {
        const shown = readQuietly(`/proc/${pid}/${part}`)
        for (const secret of secrets) assert.ok(!shown.includes(secret), `${part} of ${pid}`)
      }
    const listed = execFileSync('ps', ['eww', '-A', '-o', 'args'], { maxBuffer: 1e8 }).toString()
    for (const secret of secrets) assert.ok(!listed.includes(secret))
    assert.ok(readQuietly(`/proc/${server.pid()}/environ`).includes('DATA_DIR='), 'there was something to read')
    assert.equal(statSync(join(server.dataDir, 'master.key')).mode & 0o777, 0o600)
    assert.equal(statSync(server.dataDir).mode & 0o777, 0o700)
    assert.equal(statSync(join(server.dataDir, 'demo.json')).mode & 0o777, 0o600)
  })
})

describe('173. kill -9 app -> nothing acknowledged is lost, nothing doubled, nothing half shown', () => {
  /** What was acknowledged, by the words in it. */
  const acknowledged: { word: string; message: string }[] = []
  const tried: string[] = []
  let dana: Visitor

  /** Sends a message or a reply, and kills the server after so many milliseconds, or as soon as the answer is there. */
  async function sendAndKill(milliseconds: number | undefined, thread?: string) {
    const word = `word-${randomUUID()}`
    tried.push(word)
    const sending = (
      thread
        ? answerTo(dana, thread, { body: word }).then(
            (answer: Answer) => /^\/messages\/([\w-]{36})\/sent$/.exec(answer.location)?.[1],
          )
        : writeTo(dana, { to: server.cast.maria.email, subject: 'Killed', body: word })
    ).then(
      (message) => message && acknowledged.push({ word, message }),
      () => undefined,
    )
    await (milliseconds === undefined ? sending : pause(milliseconds))
    await server.kill()
    await sending
    await server.startAgain()
  }

  test('at once after it was acknowledged, its notice goes out after the restart, once', async () => {
    dana = await signedIn(server, server.cast.dana)
    const before = (await mailsOf()).length
    await sendAndKill(undefined)
    assert.equal(acknowledged.length, 1)
    await settled()
    assert.equal((await mailsOf()).length, before + 1)
  })

  test('at fixed and at random moments of a drop and of a reply', async () => {
    const thread = acknowledged[0]!.message
    for (const milliseconds of [5, 60, 110, randomInt(1, 200)]) await sendAndKill(milliseconds)
    for (const milliseconds of [10, 60, randomInt(1, 120)]) await sendAndKill(milliseconds, thread)
    await settled()
    const maria = await signedIn(server, server.cast.maria)
    const inbox = await maria.open('/messages')
    assert.equal(inbox.status, 200)
    const kept = await server.sql<{ id: string; key: Buffer; files: number }>(
      'SELECT id, key_wrapped AS key, file_count AS files FROM messages',
    )
    const shown = new Map<string, string>()
    for (const { id } of kept) {
      const page = await maria.ask(`/messages/${id}`)
      if (page.status === 200) shown.set(id, page.body)
    }
    const everything = [...new Set(shown.values())]
    for (const { word, message } of acknowledged)
      assert.ok(shown.get(message)?.includes(word), 'an acknowledged message is lost')
    for (const word of tried) {
      const times = Math.max(...everything.map((page) => page.split(word).length - 1), 0)
      assert.ok(times <= 1, `${word} is there ${times} times`)
    }
  })

  test('no notice for what was not kept, no message without one, and no link that leads nowhere', async () => {
    const [row] = await server.sql<{
      jobs: string
      unnoticed: string
      links: string
      events: string
      messages: string
      dropped: string
    }>(
      `SELECT (SELECT count(*) FROM graphile_worker.jobs WHERE task_identifier = 'send-notice') AS jobs,
        (SELECT count(*) FROM message_recipients WHERE noticed_at IS NULL AND opened_at IS NULL) AS unnoticed,
        (SELECT count(*) FROM links l WHERE message_id IS NOT NULL AND NOT EXISTS (SELECT FROM messages m WHERE m.id = l.message_id)) AS links,
        (SELECT count(*) FROM access_events e WHERE act = 'message.dropped' AND NOT EXISTS (SELECT FROM messages m WHERE m.id = e.subject_id)) AS events,
        (SELECT count(*) FROM messages) AS messages, (SELECT count(*) FROM access_events WHERE act = 'message.dropped') AS dropped`,
    )
    assert.deepEqual([row!.jobs, row!.unnoticed, row!.links, row!.events], ['0', '0', '0', '0'])
    assert.equal(row!.messages, row!.dropped)
  })

  test('174. PostgreSQL killed with it: the same', async () => {
    const message = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: 'Both killed',
      body: 'still-here-after-both',
    })
    await server.killEverything()
    await server.startAgain()
    await settled()
    const maria = await signedIn(server, server.cast.maria)
    assert.match((await maria.ask(`/messages/${message}`)).body, /still-here-after-both/)
    assert.ok((await replyFields(maria, message)).submission)
  })

  const mailsOf = async () => (await outbox(server)).filter(({ to }) => to === server.cast.maria.email)

  /** Waits until no job is left. Two minutes and more have passed as far as the queue can see, so what a killed process held is given back. */
  async function settled() {
    await server.sql(
      `UPDATE graphile_worker._private_jobs SET locked_at = locked_at - interval '3 minutes', run_at = now()`,
    )
    await server.sql(`SELECT graphile_worker.add_job('free-stuck-jobs', '{}')`)
    await until(
      async () =>
        (await server.sql<{ c: string }>('SELECT count(*) AS c FROM graphile_worker._private_jobs'))[0]!.c === '0',
      'an empty queue',
    )
    await mailsTo(server, server.cast.maria.email)
  }
})

test('174. kill -9 postgres while the server runs -> it is started again by itself, nothing acknowledged is lost, and mail goes out', async () => {
  const dana = await signedIn(server, server.cast.dana)
  const kept = await writeTo(dana, { to: server.cast.maria.email, subject: 'Before', body: 'Kept' })
  const postgres = findServer(join(server.dataDir, 'postgres'))!
  process.kill(postgres.pid, 'SIGKILL')
  const firstAnswer = (await dana.ask('/messages')).status
  assert.ok([200, 503].includes(firstAnswer), `${firstAnswer}`)
  await until(async () => (await dana.ask('/messages')).status === 200, 'the pages are back')
  assert.match(server.said(), /PostgreSQL closed its connection: .* It is started again\./)
  assert.match((await dana.ask(`/messages/${kept}`)).body, /Kept/)
  await writeTo(dana, { to: 'after.the.crash@mail.example', subject: 'After', body: 'New' })
  assert.equal((await mailsTo(server, 'after.the.crash@mail.example')).length, 1)
})

describe('133. wrong or missing master key version -> the server does not start, reads nothing, writes nothing, says key id', () => {
  const file = () => join(server.dataDir, 'master.key')
  let right: string

  before(async () => {
    await server.end()
    right = readFileSync(file(), 'utf8')
  })
  after(() => writeFileSync(file(), right, { mode: 0o600 }))

  const start = (settings: Record<string, string> = {}) =>
    startInVain({ DATA_DIR: server.dataDir, PORT: String(server.port), ...settings })

  test('another key of the same version', async () => {
    writeFileSync(file(), `${makeMasterKey(1)}\n`)
    await refusesToStart(start, /master key \(version 1\) is not the one that this database was sealed with/)
  })

  test('only a version that seals nothing here', async () => {
    writeFileSync(file(), `${makeMasterKey(2)}\n`)
    await refusesToStart(start, /Version 1 of the master key is missing/)
  })

  test('no file, and none is made', async () => {
    rmSync(file())
    await refusesToStart(start, /master key is missing: .*master\.key does not exist/)
    assert.throws(() => statSync(file()), { code: 'ENOENT' })
  })

  test('a file that was cut, is empty, or holds something else', async () => {
    for (const text of [right.trim().slice(0, -1), '', 'garbage']) {
      writeFileSync(file(), text)
      await refusesToStart(start, /master key (must be a line such as|is empty)/)
    }
  })

  test('a wrong one in the setting, beside the right file', async () => {
    writeFileSync(file(), right)
    await refusesToStart(() => start({ MASTER_KEY: makeMasterKey(1) }), /\(version 1\) is not the one/)
  })

  test('the right one still opens everything, also with a newer version beside it', async () => {
    writeFileSync(file(), `${right.trim()}\n${makeMasterKey(2)}\n`)
    await server.startAgain()
    const maria = await signedIn(server, server.cast.maria)
    assert.match((await maria.ask('/messages')).body, /Both killed/)
    await server.end()
  })

  /** Nothing that is sealed may have changed: the key's rows, and the files. */
  async function refusesToStart(starting: typeof start, sentence: RegExp) {
    const before = sealedFiles()
    const { code, said } = await starting()
    assert.equal(code, 1, said)
    assert.match(said, sentence)
    assert.doesNotMatch(said, /running at|\n\s+at /)
    assert.ok(!said.includes(right.trim().slice(2)))
    assert.deepEqual(sealedFiles(), before)
  }

  const sealedFiles = () =>
    readdirSync(join(server.dataDir), { recursive: true }).filter((path) => !String(path).startsWith('postgres'))
})

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => readQuietly(`/proc/${name}/stat`).split(') ').at(-1)?.split(' ')[1] === String(pid))
    .map(Number)
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
