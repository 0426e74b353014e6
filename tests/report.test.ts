/** What npm test says at its end: whoever has only the last page must know what failed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, test } from 'node:test'
import { endLeftovers } from './support/leftovers.ts'
import { reportOn, type RunEvent } from './support/report.ts'

const FILES = {
  'good.test.mjs': `import test from 'node:test'; test('is well', () => {}); test.skip('is left out', () => {})`,
  'wrong.test.mjs': `import { test, describe } from 'node:test'; import assert from 'node:assert/strict'
    describe('A suite', () => { test('differs', () => assert.deepEqual({ a: 1, b: [2, 3] }, { a: 1, b: [2, 4] })); test('is well', () => {}) })`,
  'broken.test.mjs': `import nothing from './not-there.mjs'`,
  'hung.test.mjs': `import test from 'node:test'; test('never ends', () => new Promise((done) => setTimeout(done, 60_000)))`,
}

test('the end of a run names every failing test with its file and the difference, a file that broke or hung too, and then counts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-report-'))
  try {
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text)
    const { lines, end, failed } = await reportOf(folder)
    assert.equal(failed, true)
    assert.ok(lines.some((line) => /^ok +\d+\.\d s {2}good\.test\.mjs$/.test(line)))
    for (const name of ['wrong', 'broken', 'hung'])
      assert.ok(lines.some((line) => new RegExp(`^FAILED +\\d+\\.\\d s {2}${name}\\.test\\.mjs$`).test(line)))
    const text = end.join('\n')
    assert.match(end.at(-1)!, /^4 files, 2 tests passed, 3 failed, 1 skipped, in \d+ s$/)
    assert.match(text, /FAILED wrong\.test\.mjs: A suite > differs\n[^]*\+ {5}3\n *- {5}4\n/)
    assert.match(text, /FAILED broken\.test\.mjs: the file itself\n[^]*not-there\.mjs/)
    assert.match(
      text,
      /FAILED hung\.test\.mjs: the file itself\n[^]*timed out[^]*It had begun and not ended: never ends/,
    )
    assert.match(text, /The 4 slowest files: hung\.test\.mjs \d s, /)
    assert.doesNotMatch(text, /is well|is left out/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test(
  'what names the folder of a run is ended with it, and nothing else',
  { skip: process.platform !== 'linux' },
  async () => {
    const [ours, others] = ['letterlock-of-this-run', 'letterlock-of-another'].map((name) =>
      spawn(process.execPath, ['-e', 'console.log(1); setTimeout(() => {}, 60_000)', name], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    await Promise.all([ours!, others!].map((child) => new Promise((done) => child.stdout.once('data', done))))
    const ended = new Promise((done) => ours!.once('exit', (_, signal) => done(signal)))
    assert.equal(endLeftovers('letterlock-of-this-run'), 1)
    assert.equal(await ended, 'SIGKILL')
    assert.equal(others!.exitCode ?? others!.signalCode, null)
    others!.kill('SIGKILL')
  },
)

async function reportOf(folder: string) {
  const report = reportOn(folder)
  const files = Object.keys(FILES).map((name) => join(folder, name))
  // Inside a test file node's runner believes that it was started by itself, and runs nothing.
  const context = process.env['NODE_TEST_CONTEXT']
  delete process.env['NODE_TEST_CONTEXT']
  const lines: string[] = []
  for await (const event of run({ files, concurrency: 4, timeout: 5000 })) lines.push(...report.take(event as RunEvent))
  if (context !== undefined) process.env['NODE_TEST_CONTEXT'] = context
  return { lines, end: report.end(), failed: report.failed() }
}
