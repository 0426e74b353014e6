/** No room for files: on the disk, among its inodes, for the database; too few descriptors. What cannot be kept is said, and leaves nothing. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newId } from '../../server/lib/ids.ts'
import { answerTo, everybodyIn, idIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { signedIn, Visitor, type Answer } from '../support/visitor.ts'
import { startChildServer } from './child-server.ts'

/** Why no small disk can be made here, or false. */
const noSmallDisk = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder])
    return false
  } catch {
    return 'Only root may mount a small disk to fill'
  } finally {
    rmSync(folder, { recursive: true })
  }
})()
const has = (program: string) => ['/usr/bin', '/bin'].some((folder) => existsSync(join(folder, program)))

let server: TestServer
let dana: Visitor
let maria: Visitor
let message: string

before(async () => {
  server = await startTestServer()
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  message = await writeTo(dana, { to: server.cast.maria.email })
})
after(() => server.stop())

const textFile = (bytes: number) => ({
  name: 'long.txt',
  type: 'text/plain',
  bytes: Buffer.alloc(bytes, 'a line of text\n'),
})
const files = () => join(server.dataDir, 'files')
const restsOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('filler'))
const rows = async () => (await server.sql('SELECT 1 FROM attachments')).length
const reply = (bytes: number) => answerTo(maria, message, { body: 'A text that is kept' }, [textFile(bytes)])

function assertTold(answer: Answer, what: string) {
  assert.equal(answer.status, 422, what)
  assert.match(answer.body, /We have no room left for “long\.txt”/, what)
  assert.match(answer.body, /A text that is kept<\/textarea>/, what)
}

async function onSmallDisk(options: string, work: (folder: string) => Promise<void>): Promise<void> {
  mkdirSync(files(), { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', files()])
  try {
    await work(files())
  } finally {
    execFileSync('umount', [files()])
  }
}

describe('139. Disk full at each write -> clean 507/4xx, no half row/blob', () => {
  test('the first, the second and later writes of a file', { skip: noSmallDisk }, async () => {
    await onSmallDisk('size=2m', async (folder) => {
      const before = await rows()
      for (const free of [0, 100, 300, 600, 1000, 1500]) {
        writeFileSync(join(folder, 'filler'), Buffer.alloc((2048 - free) * 1024))
        assertTold(await reply(3_000_000), `${free} KiB free`)
        await until(() => restsOf(folder).length === 0, 'nothing is left')
        assert.equal(await rows(), before)
      }
      idIn(await answerTo(maria, message, { body: 'A text needs no room there' }))
      rmSync(join(folder, 'filler'))
      idIn(await reply(500_000))
    })
  })

  test('each step of a write: a folder, a flush, a name', { skip: !has('strace') && 'strace is not installed' }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'letterlock-steps-'))
    const program = fileURLToPath(new URL('./one-file.js', import.meta.url))
    const said = (inject: string[]) => {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      const options = inject.flatMap((each) => ['-e', `inject=${each}`])
      const args = ['-f', '-o', '/dev/null', '-e', 'trace=mkdir,fsync,rename', ...options, process.execPath, program]
      // strace counts the calls of each thread by itself: one thread makes all of them.
      const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
      return execFileSync('strace', [...args, join(folder, 'files'), newId()], { encoding: 'utf8', env })
    }
    try {
      assert.equal(said([]), 'kept')
      assert.equal(restsOf(folder).length, 1)
      for (const [errno, told] of [
        ['ENOSPC', 'NoRoom'],
        ['EDQUOT', 'NoRoom'],
        ['EIO', 'Unavailable'],
      ] as const)
        // mkdir tries the last folder first; the flushes are of two folders, of the file, and of its folder again.
        for (const step of [
          'mkdir:when=1',
          'fsync:when=1',
          'fsync:when=2',
          'fsync:when=3',
          'fsync:when=4',
          'rename:when=1',
        ]) {
          const [call, when] = step.split(':')
          const outcome = said([`${call}:error=${errno}:${when}`])
          if (outcome === 'kept') assert.equal(step, 'fsync:when=4', `${errno} at ${step} was not noticed`)
          else assert.equal(outcome, told, `${errno} at ${step}`)
          assert.equal(restsOf(folder).length, outcome === 'kept' ? 1 : 0, `${errno} at ${step} left something`)
        }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test("the database's disk is full -> 507, and neither a row nor a file is left", async () => {
    const before = { rows: await rows(), files: existsSync(files()) ? restsOf(files()).length : 0 }
    await server.sql(`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$`)
    const full = (table: string) =>
      server.sql(`CREATE TRIGGER no_room BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION no_room()`)
    const room = (table: string) => server.sql(`DROP TRIGGER no_room ON ${table}`)
    for (const table of ['attachments', 'messages', 'drafts']) {
      await full(table)
      const answer = await reply(300_000)
      await room(table)
      assert.equal(answer.status, 507, table)
      assert.match(answer.body, /We have no room left at the moment/)
    }
    const texts = await server.sql(`SELECT 1 FROM messages`)
    idIn(await reply(300_000))
    assert.equal((await server.sql(`SELECT 1 FROM messages`)).length, texts.length + 1)
    // What came with the form that met a full `messages` waits in its draft, as the text does: every file has its row.
    assert.equal(restsOf(files()).length - before.files, (await rows()) - before.rows)
  })
})

describe('181. inode full, fd limit 64 -> refuses work, stays up', () => {
  test('inode full', { skip: noSmallDisk }, async () => {
    await onSmallDisk('size=8m,nr_inodes=12', async (folder) => {
      const before = await rows()
      for (let count = 0; ; count++)
        try {
          writeFileSync(join(folder, `filler${count}`), '')
        } catch {
          break
        }
      assertTold(await reply(1000), 'no inode')
      assert.deepEqual(restsOf(folder), [])
      assert.equal(await rows(), before)
      for (const name of readdirSync(folder)) rmSync(join(folder, name))
      idIn(await reply(1000))
    })
  })

  test('fd limit 64', { skip: !has('prlimit') && 'prlimit is not installed' }, async () => {
    const child = await startChildServer()
    try {
      const visitor = await signedIn(child, child.cast.dana)
      const limit = (many: number) => execFileSync('prlimit', ['--pid', String(child.pid()), `--nofile=${many}:4096`])
      const open = () => readdirSync(`/proc/${child.pid()}/fd`).length
      limit(64)
      const many = Array.from({ length: 80 }, async (_, number) =>
        number % 2
          ? new Visitor(child).ask('/sign-in')
          : writeTo(visitor, { to: child.cast.maria.email, files: [textFile(400_000)] }),
      )
      const ended = await Promise.allSettled(many)
      assert.ok(
        ended.some(({ status }) => status === 'rejected') || open() < 64,
        'it came to the limit or stayed below',
      )
      limit(4096)
      await until(
        async () => (await new Visitor(child).ask('/sign-in').catch(() => undefined))?.status === 200,
        'it answers',
      )
      const written = await writeTo(visitor, { to: child.cast.maria.email, files: [textFile(400_000)] })
      const [file] = await child.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [written])
      assert.equal((await visitor.ask(`/attachments/${file!.id}/download`)).bytes.length, 400_000)
      // Every message that was sent has its file whole.
      const known = await child.sql<{ id: string }>('SELECT id FROM attachments')
      const names = restsOf(join(child.dataDir, 'files'))
      for (const { id } of known) assert.ok(names.includes(id), id)
      await until(
        () => restsOf(join(child.dataDir, 'files')).every((name) => !name.endsWith('.part')),
        'no half is left',
      )
    } finally {
      await child.stop()
    }
  })
})
