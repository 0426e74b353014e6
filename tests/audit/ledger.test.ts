/** The ledger remembers outside the database, one line after the other, and believes nothing that was not written here. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
const file = () => join(server.dataDir, 'ledger')
const ledger = () => import('../../server/audit/ledger.ts')
const erased = (message: string) => ({ kind: 'erased', message, why: 'recalled' }) as const
const erasedIn = (lines: readonly { kind: string }[]) =>
  lines.flatMap((line) => (line.kind === 'erased' ? [(line as unknown as { message: string }).message] : []))

before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

test('what was added is read back in its order, also when fifty add at once, and only its owner can read the file', async () => {
  const { appendToLedger, readLedger } = await ledger()
  await appendToLedger(erased('first'), new Date('2026-01-01T00:00:00Z'))
  const many = Array.from({ length: 50 }, (_, number) => `many-${number}`)
  await Promise.all(many.map((message) => appendToLedger(erased(message))))
  const { lines, broken, gaps } = await readLedger()
  assert.deepEqual([broken, gaps], [0, 0])
  assert.deepEqual(
    lines.find(({ kind }) => kind === 'erased'),
    { ...erased('first'), at: new Date('2026-01-01T00:00:00Z') },
  )
  assert.deepEqual(erasedIn(lines).slice(1).sort(), many.sort())
  assert.equal(statSync(file()).mode & 0o777, 0o600)
})

test('a mark is in the database first, and its number grows', async () => {
  const { markLedger, readLedger } = await ledger()
  const numbers = await Promise.all(Array.from({ length: 12 }, () => markLedger(null)))
  assert.deepEqual(
    numbers.toSorted((one, other) => one - other),
    Array.from({ length: 12 }, (_, at) => Math.min(...numbers) + at),
  )
  const { lines, gaps } = await readLedger()
  const [row] = await server.sql<{ mark: string }>('SELECT mark FROM ledger_state')
  const mark = lines.find(({ kind }) => kind === 'mark') as { number: number }
  assert.deepEqual([mark.number, gaps], [Number(row!.mark), 0])
  assert.equal(mark.number, Math.max(...numbers))
})

test('a torn line counts as not written and takes no other one with it', async () => {
  const { appendToLedger, readLedger } = await ledger()
  const whole = erasedIn((await readLedger()).lines)
  appendFileSync(file(), '{"kind":"erased","mess')
  assert.equal((await readLedger()).broken, 1)
  await appendToLedger(erased('after the torn one'))
  const { lines, broken, gaps } = await readLedger()
  assert.deepEqual([broken, gaps], [1, 0])
  assert.deepEqual(erasedIn(lines), [...whole, 'after the torn one'])
  writeFileSync(file(), readFileSync(file(), 'utf8').replace('{"kind":"erased","mess\n', ''))
})

test('a line that was cut out, moved, changed or written without the key is found', async () => {
  const { readLedger } = await ledger()
  const text = readFileSync(file(), 'utf8')
  const lines = text.trimEnd().split('\n')
  const sound = await readLedger()
  assert.deepEqual([sound.broken, sound.gaps], [0, 0])
  const at = lines.findIndex((line) => line.includes('"first"'))
  const [line, next] = [lines[at]!, lines[at + 1]!]
  const forged = '{"kind":"erased","message":"forged","why":"erased","at":"2026-01-01T00:00:00.000Z"} - AAAA'
  const changes: [string, string[]][] = [
    ['cut', lines.toSpliced(at, 1)],
    ['cut at the beginning', lines.slice(1)],
    ['moved', lines.toSpliced(at, 2, next, line)],
    ['written twice', lines.toSpliced(at, 0, line)],
    ['changed', lines.toSpliced(at, 1, line.replace('"first"', '"other"'))],
    ['forged', lines.toSpliced(at, 0, forged)],
  ]
  for (const [what, changed] of changes) {
    writeFileSync(file(), `${changed.join('\n')}\n`)
    const read = await readLedger()
    assert.ok(read.broken + read.gaps > 0, what)
    for (const message of ['other', 'forged']) assert.ok(!erasedIn(read.lines).includes(message), what)
  }
  writeFileSync(file(), text)
})

test('136. a challenge from before an older database came back counts as used, one from after it does not', async () => {
  const { insertSpentChallenge } = await import('../../server/sign-in/passkey.store.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const TEN_MINUTES = 10 * 60 * 1000
  const spend = (madeAt: number) =>
    inTransaction((transaction) => insertSpentChallenge(`of ${madeAt}`, new Date(madeAt + TEN_MINUTES), transaction))
  const now = Date.now()
  assert.equal(await spend(now - 1000), true)
  await server.sql('UPDATE ledger_state SET older_at = $1', [new Date(now)])
  assert.equal(await spend(now - 2000), false)
  assert.equal(await spend(now + 2000), true)
  await server.sql('UPDATE ledger_state SET older_at = NULL')
})
