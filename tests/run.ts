/**
 * npm test: finds the compiled tests, prepares one try-out that every test file copies, and runs node's test runner. Node 20 knows no globs, so
 * the files are listed here. Arguments narrow it down: `npm test -- messages sign-in`. What needs an S3 server or takes minutes runs only when it is
 * asked for: by its name, or by `npm run s3-tests` and `npm run long-tests`.
 */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import chromium from '@sparticuz/chromium'
import { projectRoot } from '../server/lib/root.ts'
import { LONG_TESTS } from './long-tests.ts'
import { endLeftovers } from './support/leftovers.ts'
import { reportOn, type RunEvent } from './support/report.ts'
import { makeTemplate, removeTemplate } from './support/template.ts'

/** A file that takes longer hangs. */
const PATIENCE = 600_000

/** They run for minutes beside a real S3 server: `npm run s3-tests`. */
const NEED_S3 = /(^|\/)[a-z-]*s3[a-z-]*\.test\.js$/

const folder = fileURLToPath(new URL('./', import.meta.url))
const long = process.argv[2] === '--long'
const wanted = process.argv.slice(long ? 3 : 2)
const isLong = (file: string) => file.replace(/\.test\.js$/, '') in LONG_TESTS
const files = (readdirSync(folder, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) =>
    wanted.length > 0 ? wanted.some((word) => file.includes(word)) : !NEED_S3.test(file) && isLong(file) === long,
  )
  // What was compiled from a file that is no longer there stays in dist.
  .filter((file) => existsSync(join(projectRoot, 'tests', file.replace(/\.js$/, '.ts'))))
  .sort()
  .map((file) => join(folder, file))

if (files.length === 0) {
  process.stderr.write(`No test file has ${wanted.join(' or ')} in its name.\n`)
  process.exit(1)
}
// The browser unpacks itself at its first use, and whoever comes while it does finds half of it: once, before anybody comes.
const [template] = await Promise.all([makeTemplate(), chromium.executablePath()])
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leave(130))
Object.assign(process.env, { TEST_TEMPLATE: template, LOG_LEVEL: 'error' })
const report = reportOn(folder)
for await (const event of run({ files, concurrency: 2, timeout: PATIENCE })) print(report.take(event as RunEvent))
const left = endLeftovers(dirname(template))
if (left > 0) print([`${left} processes were left running and were ended.`])
print(report.end())
leave(report.failed() ? 1 : 0)

function print(lines: string[]) {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

function leave(code: number): never {
  endLeftovers(dirname(template))
  removeTemplate(template)
  process.exit(code)
}
