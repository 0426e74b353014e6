/**
 * Files in a bucket of an S3-compatible store, one object a file, named as the file and nothing else. The bucket sees ciphertext only. What is
 * larger than a part goes up in parts, and is an object only when all of them are there. Loaded only where the settings name a bucket.
 */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { Readable } from 'node:stream'
import type { S3Settings } from '../config.ts'
import { NoRoom, TellableError, Unavailable } from '../errors.ts'
import { logWarning } from '../lib/logger.ts'
import { FileMissing, isFileName, type FileStore, type StoredFile } from './file-store.ts'

export function s3Store({ endpoint, bucket, region, accessKeyId, secretAccessKey }: S3Settings): FileStore {
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 2,
    // Each attempt, until the answer begins. How long a body may take depends on who reads it.
    requestHandler: {
      connectionTimeout: 3000,
      requestTimeout: PATIENCE,
      throwOnRequestTimeout: true,
      socketTimeout: 0,
    },
    // Every request is signed with the digest of its body, which the store compares. The newer checksums not every store knows.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })

  async function write(name: string, bytes: Readable): Promise<void> {
    let broken: { error: unknown } | undefined
    /** Read ahead while a part goes up; and an error of the source is told from one of the store. */
    async function* source() {
      const pieces = bytes[Symbol.asyncIterator]() as AsyncIterator<Buffer>
      const next = () =>
        pieces.next().catch((error: unknown) => {
          broken = { error }
          throw error
        })
      for (let piece = await next(); !piece.done; piece = await next()) yield piece.value
    }
    try {
      const Key = keyOf(name)
      const Body = Readable.from(source(), { objectMode: false, highWaterMark: READ_AHEAD })
      // One part at a time: when it fails, nothing more is read, and nothing is under way when the parts are given up.
      await new Upload({ client, params: { Bucket: bucket, Key, Body }, partSize: PART, queueSize: 1 }).done()
    } catch (error) {
      bytes.destroy()
      throw broken ? broken.error : inOurWords(error)
    }
  }

  async function read(name: string, from = 0, to = Infinity): Promise<Readable> {
    const Key = keyOf(name)
    // A range that is empty cannot be asked for.
    if (to <= from && (await size(name)) !== undefined) return Readable.from([])
    const range = from === 0 && to === Infinity ? {} : { Range: `bytes=${from}-${to === Infinity ? '' : to - 1}` }
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key, ...range }), SOON)
      return steadily(Body as Readable)
    } catch (error) {
      // It begins behind the end.
      if (statusOf(error) === 416) return Readable.from([])
      if (nameOf(error) === 'NoSuchKey') throw new FileMissing()
      throw inOurWords(error)
    }
  }

  async function size(name: string): Promise<number | undefined> {
    const Key = keyOf(name)
    try {
      return (await client.send(new HeadObjectCommand({ Bucket: bucket, Key }), SOON)).ContentLength ?? 0
    } catch (error) {
      if (statusOf(error) !== 404) throw inOurWords(error)
      // An answer without a body does not say what is not there, and without its bucket no file is missing.
      await client.send(new HeadBucketCommand({ Bucket: bucket }), SOON).catch((error: unknown) => {
        throw inOurWords(error)
      })
      return undefined
    }
  }

  async function remove(name: string): Promise<void> {
    const Key = keyOf(name)
    try {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }), SOON)
    } catch (error) {
      if (nameOf(error) !== 'NoSuchKey') throw inOurWords(error)
    }
  }

  async function* list(): AsyncIterable<StoredFile> {
    let next: string | undefined
    do {
      const command = new ListObjectsV2Command({ Bucket: bucket, ...(next ? { ContinuationToken: next } : {}) })
      const page: ListObjectsV2CommandOutput = await client.send(command).catch((error: unknown) => {
        throw inOurWords(error)
      })
      for (const { Key, LastModified } of page.Contents ?? [])
        if (Key && LastModified && isFileName(Key)) yield { name: Key, writtenAt: LastModified }
      next = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (next)
  }

  async function removeHalves(before: Date): Promise<void> {
    try {
      for await (const { Key, UploadId } of openUploads(before))
        await client
          .send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }))
          .catch((error: unknown) => {
            if (nameOf(error) !== 'NoSuchUpload') throw error
          })
    } catch (error) {
      throw inOurWords(error)
    }
  }

  /** The list is read to its end before anything is given up, because its pages go by what is in it. */
  async function* openUploads(before: Date) {
    const found: { Key: string; UploadId: string }[] = []
    let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
    while (next) {
      const page: ListMultipartUploadsCommandOutput = await client.send(
        new ListMultipartUploadsCommand({ Bucket: bucket, ...next }),
      )
      for (const { Key, UploadId, Initiated } of page.Uploads ?? [])
        if (Key && UploadId && Initiated && isFileName(Key) && Initiated < before) found.push({ Key, UploadId })
      next =
        page.IsTruncated && page.NextKeyMarker
          ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker ?? '' }
          : undefined
    }
    yield* found
  }

  return { write, read, size, remove, list, removeHalves }
}

/** Of 1,000 parts, which is the most that some stores take, 6 GB; an upload holds about three in memory. */
const PART = 6 * 1024 * 1024
const PATIENCE = 60_000
/** Where somebody waits for a page. */
const SOON = { requestTimeout: 5000 }

function keyOf(name: string): string {
  if (!isFileName(name)) throw new TypeError('A sealed file is named by an id')
  return name
}

/** The bytes of an answer. A store that falls silent while somebody waits for more ends them with an error; a slow reader does not. */
function steadily(body: Readable): Readable {
  async function* pieces() {
    const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    try {
      for (;;) {
        const timer = setTimeout(() => body.destroy(new Unavailable('the store fell silent')), PATIENCE)
        const { done, value } = await iterator.next().finally(() => clearTimeout(timer))
        if (done) return
        yield value
      }
    } finally {
      body.destroy()
    }
  }
  return Readable.from(pieces(), { objectMode: false, highWaterMark: READ_AHEAD })
}

const READ_AHEAD = 1048576

/** Whatever the store says but "there is no such file": it is full, or it cannot be used now. Why stands in the log, by the store's own word for it. */
function inOurWords(error: unknown): unknown {
  if (error instanceof TellableError || error instanceof TypeError) return error
  const full = statusOf(error) === 507 || FULL.includes(nameOf(error))
  logWarning(full ? 'The object store has no room' : 'The object store did not do as asked', {
    code: nameOf(error),
    status: statusOf(error),
  })
  return full ? new NoRoom() : new Unavailable(`the object store: ${nameOf(error)}`)
}

/** The last is what Swift calls it; nothing of ours is too large by itself. */
const FULL = ['QuotaExceeded', 'InsufficientStorage', 'StorageFull', 'XMinioStorageFull', 'EntityTooLarge']

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode
}

function nameOf(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: string; code?: string }
  return (name === 'Error' ? code : name) ?? 'unknown'
}
