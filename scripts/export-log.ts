/**
 * npm run export-log -- FILE: the access log with its proofs: FILE, FILE.checkpoints and FILE.vkey, which scripts/verify-log.mjs checks anywhere. Beside a
 * running server or without one. It is in the log itself before it is written.
 */
import { parseArgs } from 'node:util'
import { exportLog } from '../server/audit/export-log.ts'
import { openStores } from '../server/start.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const [file, ...more] = parseArgs({ allowPositionals: true }).positionals
  if (!file || more.length > 0) throw new Error('Say where to: npm run export-log -- FILE')
  await openStores(say, stops)
  const { events, waiting, refused } = await exportLog(file)
  say(`${file}: ${events} events. Their checkpoints are in ${file}.checkpoints, the key in ${file}.vkey.`)
  say(`Check it on any machine with Node: node scripts/verify-log.mjs ${file} --checkpoint KEPT --key KEPT_KEY`)
  if (waiting > 0) say(`${waiting} events have no place in it yet. Ask again in a minute.`)
  if (refused) {
    say(`It is not what was signed before: ${refused}. What is in it was not signed now.`)
    process.exitCode = 2
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  process.stderr.write(`${code === 'EEXIST' ? 'There is a file of that name already. Name another one.' : message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
