/** A program for `s3-store.test.ts`: writes one object into a bucket, and says how much memory it took at most, in kilobytes. */
import { Readable } from 'node:stream'
import { s3Store } from '../../server/attachments/s3-store.ts'
import type { S3Settings } from '../../server/config.ts'

const { BUCKET = '', NAME = '', MEGABYTES = '' } = process.env

function* megabytes() {
  for (let given = 0; given < 4 * Number(MEGABYTES); given++) yield Buffer.alloc(250_000, given)
}

await s3Store(JSON.parse(BUCKET) as S3Settings).write(NAME, Readable.from(megabytes(), { objectMode: false }))
process.stdout.write(String(process.resourceUsage().maxRSS))
process.exit(0)
