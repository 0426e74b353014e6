/** The store of files in a bucket, against a real S3 server. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { after, before, describe, test } from 'node:test'
import type { FileStore } from '../../server/attachments/file-store.ts'
import { s3Store } from '../../server/attachments/s3-store.ts'
import { NoRoom, Unavailable } from '../../server/errors.ts'
import { newId } from '../../server/lib/ids.ts'
import { until } from '../support/until.ts'
import { startS3, whyNoS3, type S3Bucket, type S3Server } from '../support/start-s3.ts'
import { describeFileStore } from './file-store-contract.ts'

const skip = whyNoS3()
let s3: S3Server
let bucket: S3Bucket
let store: FileStore

describe('Where there is an S3 server', { skip }, () => {
  before(async () => {
    s3 = await startS3()
    bucket = await s3.newBucket()
    store = s3Store(bucket)
  })
  after(() => s3.stop())

  describeFileStore(
    'A bucket',
    () => ({
      store,
      async held() {
        const objects = await s3.objectsOf(bucket.bucket)
        const whole = objects.filter((line) => line.startsWith(`${bucket.bucket}/`)).length
        return { whole, halves: objects.length - whole }
      },
      async holding(names) {
        const other = await s3.newBucket()
        await s3.fillList(other.bucket, names)
        return s3Store(other)
      },
    }),
    20_000_000,
  )

  describe('A bucket of files', () => {
    const name = newId()
    const read = async () => buffer(await store.read(name))

    test('what a signature does not fit, and what is not our bucket, is a store that cannot be used, and no missing file', async () => {
      await store.write(name, Readable.from([Buffer.from('kept')]))
      for (const wrong of [
        { ...bucket, secretAccessKey: 'another-secret' },
        { ...bucket, accessKeyId: 'clinic:nobody' },
        { ...bucket, bucket: 'never-made' },
      ]) {
        const other = s3Store(wrong)
        await assert.rejects(other.read(name), Unavailable)
        await assert.rejects(other.size(name), Unavailable)
        await assert.rejects(other.write(newId(), Readable.from([Buffer.alloc(10)])), Unavailable)
        await assert.rejects(other.remove(name), Unavailable)
        await assert.rejects(other.removeHalves(new Date()), Unavailable)
        await assert.rejects(async () => {
          for await (const { name } of other.list()) assert.fail(name)
        }, Unavailable)
      }
      assert.equal(String(await read()), 'kept')
    })

    test('while it is away everything is Unavailable, and afterwards as it was', async () => {
      await s3.goAway()
      try {
        await assert.rejects(store.read(name), Unavailable)
        await assert.rejects(store.size(name), Unavailable)
        const bytes = Readable.from(Array.from({ length: 400 }, () => randomBytes(100_000)))
        await assert.rejects(store.write(newId(), bytes), Unavailable)
        assert.ok(bytes.destroyed)
      } finally {
        await s3.comeBack()
      }
      assert.equal(String(await read()), 'kept')
    })

    test('an upload whose process is killed leaves no object; what it left open is swept when it is old, and only then', async () => {
      const other = await s3.newBucket()
      const child = spawn(process.execPath, [program('one-object.js')], {
        env: { BUCKET: JSON.stringify(other), NAME: newId(), MEGABYTES: '100000' },
        stdio: 'ignore',
      })
      const ended = once(child, 'exit')
      await until(async () => (await s3.objectsOf(other.bucket)).length > 2, 'some parts have gone up')
      child.kill('SIGKILL')
      await ended
      const own = s3Store(other)
      for await (const { name } of own.list()) assert.fail(name)
      await own.removeHalves(new Date(Date.now() - 60 * 60_000))
      assert.ok((await s3.objectsOf(other.bucket)).length > 2)
      await own.removeHalves(new Date(Date.now() + 60_000))
      // Swift takes a part away that came in while the process was killed with the next sweep.
      await until(async () => (await s3.objectsOf(other.bucket)).length === 0, 'nothing is left')
    })

    test('a bucket without room says so, and keeps nothing', async () => {
      const full = await s3.newBucket()
      await s3.limit(full.bucket, 1000)
      await assert.rejects(s3Store(full).write(newId(), Readable.from([Buffer.alloc(2000)])), NoRoom)
      assert.deepEqual(await s3.objectsOf(full.bucket), [])
    })

    test('an upload holds a few parts in memory, however long it is', async () => {
      const peak = async (megabytes: number) => {
        const run = promisify(execFile)(process.execPath, [program('one-object.js')], {
          env: { BUCKET: JSON.stringify(bucket), NAME: newId(), MEGABYTES: String(megabytes) },
        })
        return Number((await run).stdout)
      }
      const [small, large] = [await peak(1), await peak(150)]
      assert.ok(large - small < 96_000, `${small} KB with 1 MB, ${large} KB with 150 MB`)
    })
  })
})

const program = (name: string) => fileURLToPath(new URL(name, import.meta.url))
