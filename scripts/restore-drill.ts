/**
 * npm run restore-drill -- FILE [--report FILE] [--sample NUMBER] [--in DIR]: restores a backup into a folder of its own, which is removed at the end
 * whatever happens, looks at everything, and writes a signed report beside the backup. The installation itself is not touched, but that its log says
 * which messages were tried.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { configureFileStore } from '../server/attachments/file-store.ts'
import { folderStore } from '../server/attachments/folder-store.ts'
import { config } from '../server/config.ts'
import { disconnectDatabase } from '../server/database/connection.ts'
import { startEmbeddedDatabase } from '../server/database/embedded.ts'
import { beginBeside, giveUp } from '../server/database/embedded-unfinished.ts'
import { takeMasterKey } from '../server/start.ts'
import { drillRestore } from '../server/upkeep/drill-restore.ts'
import { openBackup } from '../server/upkeep/read-backup.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []
const stop = async () => {
  for (const each of stops.splice(0).reverse()) await each()
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void stop().finally(() => process.exit(1)))

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { report: { type: 'string' }, sample: { type: 'string', default: '20' }, in: { type: 'string' } },
  })
  const [file, ...more] = positionals
  if (!file || more.length > 0) throw new Error('Say which backup: npm run restore-drill -- FILE')
  const count = Number(values.sample)
  if (!Number.isInteger(count) || count < 0) throw new Error('--sample is a number of messages.')
  const keys = await takeMasterKey()
  const backup = await openBackup(file)
  // Named by our process, so that the next drill removes what one left that was killed. What rests there is sealed.
  const scratch = await beginBeside(join(values.in ?? tmpdir(), 'letterlock-drill'))
  stops.push(() => giveUp(scratch))
  const dataDir = join(scratch, 'data')
  const embedded = await startEmbeddedDatabase({ dataDir, say: () => {} })
  stops.push(() => embedded.stop(), disconnectDatabase)
  const files = join(dataDir, 'files')
  configureFileStore(folderStore(files))
  const { applicationUrl, ownerUrl } = embedded
  const place = { applicationUrl, ownerUrl, files, keys }
  const { good, report, verifier } = await drillRestore(file, backup, place, { count, record }, say)
  const to = values.report ?? `${file}.drill-${new Date().toISOString().replace(/[:.]/g, '-')}.txt`
  await writeFile(to, report, { flag: 'wx', mode: 0o600 })
  say(report)
  say(`The report: ${to}`)
  say(`Its signature is checked with: ${verifier}`)
  if (!good) process.exitCode = 1
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await stop()
}

/** By a process of its own, because this one is joined to the restored database. */
async function record(ids: readonly string[]): Promise<boolean> {
  const { databaseUrl, dataDir } = config()
  if (!databaseUrl && !existsSync(join(dataDir, 'postgres/PG_VERSION'))) return false
  const script = fileURLToPath(new URL('record-sampled.js', import.meta.url))
  const child = spawn(process.execPath, [script, ...ids], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error('The access log could not be written, so no message was opened.')
  return true
}
