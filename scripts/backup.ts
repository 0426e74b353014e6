/**
 * npm run backup -- FILE [--kept-until YYYY-MM-DD]: one sealed file with the database and the files of one moment, while the server runs. With `-`
 * for FILE it goes to the standard output (npm run -s backup -- -), and what is said goes to the other one.
 */
import { parseArgs } from 'node:util'
import { prepareJobs } from '../server/jobs/loop.ts'
import { openStores } from '../server/start.ts'
import { makeBackup, type Progress } from '../server/upkeep/make-backup.ts'

// Beside a backup on the standard output nothing else may stand there.
const say = (line: string) => process.stderr.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []
const givingUp = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => givingUp.abort())

try {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { 'kept-until': { type: 'string' } } })
  const [file, ...more] = positionals
  if (!file || more.length > 0) throw new Error('Say where to: npm run backup -- FILE')
  const keptUntil = values['kept-until'] === undefined ? null : dayAfter(values['kept-until'])
  await openStores(say, stops)
  await prepareJobs()
  const made = await makeBackup(file === '-' ? process.stdout : file, keptUntil, {
    tell: everyTenSeconds(sayProgress),
    givenUp: givingUp.signal,
  })
  const { rows, files, bytes, swept, missing } = made.contents
  say(
    `${file === '-' ? 'The backup' : file} is whole: ${rows} rows and ${files} files (${megabytes(bytes)}) as of ${made.madeAt.toISOString()}.`,
  )
  say(`It opens with version ${made.masterKeyVersion} of the master key, which is not in it. Keep that elsewhere.`)
  if (swept.length > 0) say(`Taken back while it was made, and not in it: ${swept.length} files.`)
  if (missing.length > 0) {
    say(`Not in the store of files although a message has them, and so not in the backup: ${missing.join(', ')}.`)
    process.exitCode = 2
  }
} catch (error) {
  say(givingUp.signal.aborted ? 'The backup was given up, and nothing is left of it.' : (error as Error).message)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}

/** The end of that day, in UTC. */
function dayAfter(day: string): Date {
  const end = new Date(`${day}T24:00:00Z`)
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || Number.isNaN(end.getTime()) || end < new Date())
    throw new Error(
      '--kept-until is a day to come, such as 2031-12-31: until then the backup is kept, and then destroyed.',
    )
  return end
}

function everyTenSeconds(tell: (progress: Progress) => void): (progress: Progress) => void {
  let last = Date.now()
  return (progress) => {
    if (Date.now() - last < 10_000) return
    last = Date.now()
    tell(progress)
  }
}

function sayProgress({ rows, files, bytes }: Progress) {
  say(`… ${rows} rows, ${files} files, ${megabytes(bytes)}`)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
