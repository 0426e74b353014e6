/** A whole Letterlock with its files in a bucket of a real S3 server. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { FileStore } from '../../server/attachments/file-store.ts'
import { newId } from '../../server/lib/ids.ts'
import { answerTo, everybodyIn, idIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { startS3, whyNoS3, type S3Bucket, type S3Server } from '../support/start-s3.ts'
import { bareEnvironment } from '../support/template.ts'
import { until } from '../support/until.ts'
import type { Visitor } from '../support/visitor.ts'

const MARK = 'a-line-of-the-file-that-nobody-may-see;'
const CONTENT = Buffer.from(MARK.repeat(20_000))
const NAME = 'canary-in-the-name.txt'
const skip = whyNoS3()

describe('Files in a bucket', { skip }, () => {
  let s3: S3Server
  let bucket: S3Bucket
  let store: FileStore
  let server: TestServer
  let dana: Visitor
  let maria: Visitor
  let message: string
  let file: string
  let other: string
  let settings: Record<string, string>

  before(async () => {
    s3 = await startS3()
    bucket = await s3.newBucket()
    store = (await import('../../server/attachments/s3-store.ts')).s3Store(bucket)
    settings = {
      FILE_STORE: 's3',
      S3_ENDPOINT: bucket.endpoint,
      S3_BUCKET: bucket.bucket,
      S3_ACCESS_KEY_ID: bucket.accessKeyId,
      S3_SECRET_ACCESS_KEY: bucket.secretAccessKey,
    }
    server = await startTestServer(settings)
    ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
    const to = server.cast.maria.email
    message = await writeTo(dana, { to, body: 'The text itself', files: [textFile(NAME, CONTENT)] })
    file = await fileOf(message)
    other = await fileOf(await writeTo(dana, { to, files: [textFile('other.txt', Buffer.from('another text'))] }))
  })
  after(async () => {
    await server.stop()
    await s3.stop()
  })

  const textFile = (name: string, bytes: Buffer) => ({ name, type: 'text/plain', bytes })
  const fileOf = async (id: string) =>
    (await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id]))[0]!.id
  const download = (id: string) => maria.ask(`/attachments/${id}/download`)
  const refusals = async () =>
    (await server.sql(`SELECT 1 FROM access_events WHERE act = 'envelope.refused' AND outcome = 'failed'`)).length
  const namesIn = async (store: FileStore) => {
    const names: string[] = []
    for await (const { name } of store.list()) names.push(name)
    return names.sort()
  }
  const script = (name: string, more: Record<string, string>, ...args: string[]) => {
    const path = fileURLToPath(new URL(`../../scripts/${name}.js`, import.meta.url))
    const env = { ...bareEnvironment(), LOG_LEVEL: 'error', DATA_DIR: server.dataDir, ...settings, ...more }
    return { path, args: [path, ...args], env }
  }
  const run = async (...what: Parameters<typeof script>) => {
    const { args, env } = script(...what)
    return promisify(execFile)(process.execPath, args, { env }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    )
  }

  test('go there and nowhere else, and come back byte for byte', async () => {
    assert.deepEqual(await namesIn(store), [file, other].sort())
    assert.ok(!existsSync(join(server.dataDir, 'files')))
    assert.ok(Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('/@aws-sdk/')))
    assert.ok((await download(file)).bytes.equals(CONTENT))
    assert.equal((await maria.ask(`/attachments/${file}`)).status, 200)
  })

  test("no clear byte and no name of a file is on the S3 server's disks", () => {
    const paths = readdirSync(s3.disks, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    assert.ok(paths.some((path) => path.endsWith('.data')))
    for (const path of paths) {
      const bytes = readFileSync(path)
      for (const mark of [MARK.slice(0, 20), NAME, 'The text itself', 'another text', server.cast.maria.email])
        assert.ok(!bytes.includes(mark), `${mark} in ${path}`)
    }
  })

  test('177. Blob store down: text mail readable, attachment says try later', async () => {
    const before = await refusals()
    await s3.goAway()
    try {
      const page = await maria.ask(`/messages/${message}`)
      assert.equal(page.status, 200)
      assert.match(page.body, /The text itself/)
      for (const path of [`/attachments/${file}`, `/attachments/${file}/download`]) {
        const answer = await maria.ask(path)
        assert.equal(answer.status, 503, path)
        assert.match(
          answer.body,
          /We cannot open this file at the moment[^]*canary-in-the-name\.txt[^]*try again in a few/,
        )
        assert.match(answer.body, /555-0100/)
      }
      const kept = await answerTo(maria, message, { body: 'A long answer' }, [textFile('answer.txt', CONTENT)])
      assert.equal(kept.status, 422)
      assert.match(kept.body, /We cannot take “answer\.txt” at the moment/)
      assert.match(kept.body, /A long answer<\/textarea>/)
      idIn(await answerTo(maria, message, { body: 'An answer without a file' }))
    } finally {
      await s3.comeBack()
    }
    assert.equal(await refusals(), before, 'a store that is away is no change of a file')
    assert.ok((await download(file)).bytes.equals(CONTENT))
  })

  test('177. a store that takes connections and never answers is as one that is down', async () => {
    s3.fallSilent()
    try {
      assert.equal((await maria.ask(`/attachments/${file}`)).status, 503)
      assert.equal((await maria.ask(`/messages/${message}`)).status, 200)
    } finally {
      s3.goOn()
    }
    assert.equal((await maria.ask(`/attachments/${file}`)).status, 200)
  })

  test('141. Blob store loses/renames/truncates/returns another blob -> integrity event, others unaffected', async () => {
    const right = await buffer(await store.read(file))
    const put = (bytes: Buffer) => store.write(file, Readable.from([bytes], { objectMode: false }))
    const flipped = Buffer.from(right)
    flipped[200]! ^= 1
    const renamed = newId()
    const ways: [string, () => Promise<void>][] = [
      ['lost', () => store.remove(file)],
      ['another blob', async () => store.write(file, await store.read(other))],
      ['truncated', () => put(right.subarray(0, 500))],
      ['empty', () => put(Buffer.alloc(0))],
      ['altered', () => put(flipped)],
      [
        'renamed',
        async () => {
          await store.write(renamed, await store.read(file))
          await store.remove(file)
        },
      ],
    ]
    for (const [what, change] of ways) {
      await put(right)
      await change()
      const before = await refusals()
      const answer = await download(file)
      assert.equal(answer.status, 500, what)
      assert.match(answer.body, /This file cannot be opened[^]*canary-in-the-name\.txt[^]*555-0100/, what)
      assert.doesNotMatch(answer.body, /a-line-of-the-file/, what)
      assert.equal(await refusals(), before + 1, what)
      assert.equal((await download(other)).body, 'another text', what)
      assert.match((await maria.ask(`/messages/${message}`)).body, /The text itself/, what)
    }
    await store.remove(renamed)
    await put(right)
    assert.ok((await download(file)).bytes.equals(CONTENT))
  })

  test("141. an object that went from the server's own disk is a lost one", async () => {
    const right = await buffer(await store.read(other))
    const [line] = (await s3.objectsOf(bucket.bucket)).filter((line) => line.startsWith(`${bucket.bucket}/${other} `))
    unlinkSync(line!.split(' ')[1]!)
    const before = await refusals()
    assert.match((await download(other)).body, /This file cannot be opened/)
    assert.equal(await refusals(), before + 1)
    await store.write(other, Readable.from([right], { objectMode: false }))
    assert.equal((await download(other)).body, 'another text')
  })

  test('check-files says which file is missing or has another length, and records it; a sound store it calls sound', async () => {
    const sound = await run('check-files', {})
    assert.deepEqual([sound.code, sound.stderr.replace(/.*AWS[^]*/, '')], [0, ''], sound.stderr)
    assert.match(sound.stdout, /Checked 2 files: all are there/)
    const right = [await buffer(await store.read(file)), await buffer(await store.read(other))] as const
    await store.remove(file)
    await store.write(other, Readable.from([right[1].subarray(1)], { objectMode: false }))
    const before = await refusals()
    const found = await run('check-files', {})
    assert.equal(found.code, 1)
    assert.match(found.stdout, new RegExp(`File ${file}, message ${message}: not there`))
    assert.match(found.stdout, new RegExp(`File ${other}, message .*: another length`))
    assert.match(found.stderr, /2 are missing or changed/)
    assert.equal(await refusals(), before + 2)
    await store.write(file, Readable.from([right[0]], { objectMode: false }))
    await store.write(other, Readable.from([right[1]], { objectMode: false }))
  })

  test('orphans are swept, in the bucket and in the folder; what belongs to a message stays', async () => {
    const { sweepUploads } = await import('../../server/attachments/sweep-uploads.job.ts')
    const { folderStore } = await import('../../server/attachments/folder-store.ts')
    const folder = folderStore(join(server.dataDir, 'files'))
    for (const each of [store, folder]) await each.write(newId(), Readable.from([Buffer.alloc(1000)]))
    await sweepUploads()
    assert.equal((await namesIn(store)).length, 3, 'it may belong to a form that is being sent')
    await sweepUploads(new Date(Date.now() + 25 * 60 * 60 * 1000))
    assert.deepEqual(await namesIn(store), [file, other].sort())
    assert.deepEqual(await namesIn(folder), [])
  })

  test('move-files moves them to the folder and back while the server runs, killed in the middle and asked again', async () => {
    const { folderStore } = await import('../../server/attachments/folder-store.ts')
    const folder = folderStore(join(server.dataDir, 'files'))
    const refused = await run('move-files', {}, '--from', 's3', '--to', 'folder')
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    assert.match(refused.stderr, /First set FILE_STORE=folder/)
    const back = await run('move-files', { FILE_STORE: 'folder' }, '--from', 's3', '--to', 'folder')
    assert.match(back.stdout, /Moved 2 files \(\d+ bytes\) from s3 to folder/, back.stderr)
    assert.deepEqual([await namesIn(store), await namesIn(folder)], [[], [file, other].sort()])
    assert.ok((await download(file)).bytes.equals(CONTENT))

    // Sealed with nothing: what is moved is never looked into.
    const many = new Map<string, Buffer>()
    for (let count = 0; count < 60; count++) {
      const [name, bytes] = [newId(), Buffer.alloc(20_000 + count, count)]
      await folder.write(name, Readable.from([bytes], { objectMode: false }))
      many.set(name, bytes)
    }
    const all = [...many.keys(), file, other].sort()
    for (const least of [1, 15]) {
      const { args, env } = script('move-files', {}, '--from', 'folder', '--to', 's3')
      const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
      const ended = once(child, 'exit')
      await until(async () => (await namesIn(store)).length >= least, 'some were moved')
      child.kill('SIGKILL')
      await ended
      assert.deepEqual([...new Set([...(await namesIn(store)), ...(await namesIn(folder))])].sort(), all)
      assert.ok((await download(file)).bytes.equals(CONTENT))
    }
    assert.ok((await namesIn(folder)).length > 0, 'it was killed before it was done')
    const done = await run('move-files', {}, '--from', 'folder', '--to', 's3')
    assert.match(done.stdout, /Moved \d+ files .* None is left/, done.stderr)
    assert.deepEqual([await namesIn(store), await namesIn(folder)], [all, []])
    for (const [name, bytes] of many) assert.ok((await buffer(await store.read(name))).equals(bytes))
    assert.ok((await download(file)).bytes.equals(CONTENT))
  })
})
