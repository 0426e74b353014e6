/**
 * npm test: finds the compiled tests, prepares one try-out that every test file copies, and runs node's test runner. Node 20 knows no globs, so
 * the files are listed here. Arguments narrow it down: `npm test -- messages sign-in`.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeTemplate, removeTemplate } from './support/template.ts'

const folder = fileURLToPath(new URL('./', import.meta.url))
const wanted = process.argv.slice(2)
const files = (readdirSync(folder, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((word) => file.includes(word))))
  .sort()
  .map((file) => join(folder, file))

if (files.length === 0) {
  process.stderr.write(`No test file has ${wanted.join(' or ')} in its name.\n`)
  process.exit(1)
}
const template = await makeTemplate()
const env = { ...process.env, TEST_TEMPLATE: template, LOG_LEVEL: 'error' }
const runner = spawn(process.execPath, ['--test', '--test-concurrency=2', ...files], { stdio: 'inherit', env })
runner.on('exit', (code) => {
  removeTemplate(template)
  process.exit(code ?? 1)
})
