import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'letterlock-first-'))
chmodSync(folder, 0o755) // the database's own user passes through it when the tests run as root
after(() => rmSync(folder, { recursive: true, force: true }))

/** What is said while database and vault are opened. */
async function open(): Promise<string> {
  const { openStores } = await import('../../server/start.ts')
  const stops: (() => Promise<void> | void)[] = []
  const said: string[] = []
  try {
    await openStores((line) => said.push(line), stops)
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
  return said.join('\n')
}

test('the first start makes the master key where MASTER_KEY_FILE says, and says that losing it loses the mail', async () => {
  const file = join(folder, 'keys', 'master.key')
  Object.assign(process.env, { DATA_DIR: join(folder, 'data'), MASTER_KEY_FILE: file, LOG_LEVEL: 'error' })
  const said = await open()
  assert.ok(said.includes(`The master key is the file ${file}. Whoever loses it loses the mail`), said)
  assert.match(said, /Make a copy for the safe before anybody writes: npm run export-master-key -- FILE/)
  assert.match(readFileSync(file, 'utf8'), /^1:[\w-]{43}\n$/)
})
