/** The copy of the master key for the safe: what it holds, what is refused, and that it can be typed from paper. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { config } from '../../server/config.ts'
import { refuseEasyPassphrase } from '../../server/upkeep/easy-passphrase.ts'
import { importMasterKey, refusePlace } from '../../server/upkeep/export-master-key.ts'
import { keyCopyText, openKeyCopy, readKeyCopy, sealKeyCopy } from '../../server/upkeep/key-copy.ts'
import { fileKeyProvider } from '../../server/vault/file-key-provider.ts'
import { FIELD_SEGMENT, sealEnvelope } from '../../server/vault/floe.ts'
import { masterVersionHead } from '../../server/vault/master-key.ts'
import { keyFromPassphrase } from '../../server/vault/passphrase-key.ts'

const PASSPHRASE = 'seven herons walk over wet slate'
const folder = mkdtempSync(join(tmpdir(), 'letterlock-copy-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const versions = new Map([
  [3, randomBytes(32)],
  [12, randomBytes(32)],
])
let text: string
before(async () => {
  const about = { organisation: 'Riverside Clinic', made: new Date(), versions: [...versions.keys()] }
  text = keyCopyText(await sealKeyCopy(versions, PASSPHRASE), about)
})

const emptyPlace = () => fileKeyProvider(join(mkdtempSync(join(folder, 'place-')), 'master.key'))

test('it gives every version again, with its passphrase alone, and nothing of it is clear', async () => {
  assert.deepEqual(await openKeyCopy(readKeyCopy(text), PASSPHRASE), versions)
  const bare = text.replace(/\s/g, '')
  for (const key of versions.values())
    for (const form of ['hex', 'base64', 'base64url'] as const) assert.ok(!bare.includes(key.toString(form)))
  const place = emptyPlace()
  await assert.rejects(
    importMasterKey(place, text, 'eight herons walk over wet slate'),
    /does not open with this passphrase\. Nothing was changed/,
  )
  assert.equal((await place.read()).size, 0)
})

test('typed from paper: its order, its case, its spaces and 0 for O do not matter', async () => {
  const lines = text.split('\n').filter((line) => /^(Lines|Line \d+|Salt):/.test(line))
  const typed = lines.reverse().map((line) => {
    const [label, value] = line.split(': ') as [string, string]
    return label === 'Lines' ? line : `  ${label}:${value.toUpperCase().replace(/0/g, 'O').replace(/ /g, '')}`
  })
  const place = emptyPlace()
  assert.deepEqual(await importMasterKey(place, typed.join('\r\n'), PASSPHRASE), [3, 12])
  assert.deepEqual(await place.read(), versions)
  assert.deepEqual(await importMasterKey(place, text, PASSPHRASE), [], 'they are there already')
})

test('each line that is mistyped, missing, or in the place of another is named', () => {
  const labels = [...text.matchAll(/^(Salt|Line \d+):/gm)].map(([, label]) => label!)
  assert.ok(labels.length > 5, text)
  for (const label of labels) {
    const line = new RegExp(`^${label}: (.)(.*)\n`, 'm')
    const named = new RegExp(`The line "${label}:" of the copy is missing, damaged or mistyped`)
    const mistyped = (_: string, digit: string, rest: string) => `${label}: ${digit === '0' ? '1' : '0'}${rest}\n`
    assert.throws(() => readKeyCopy(text.replace(line, mistyped)), named)
    assert.throws(() => readKeyCopy(text.replace(line, '')), named)
  }
  const swapped = text.replace(/^Line 1:(.*)\nLine 2:(.*)\n/m, 'Line 1:$2\nLine 2:$1\n')
  assert.notEqual(swapped, text)
  assert.throws(() => readKeyCopy(swapped), /The line "Line 1:"/)
  assert.throws(() => readKeyCopy('a letter about something else'), /This is no copy of a master key/)
})

test('into another installation it puts nothing', async () => {
  const place = emptyPlace()
  await place.putBack(12, randomBytes(32))
  const before = await place.read()
  await assert.rejects(
    importMasterKey(place, text, PASSPHRASE),
    /another key of version 12 already\. Nothing was changed/,
  )
  assert.deepEqual(await place.read(), before)
})

test('what is no key of 32 bytes with a version of one to nine digits is neither sealed nor put back', async () => {
  const key = randomBytes(32)
  for (const wrong of [new Map([[1, randomBytes(31)]]), new Map([[0, key]]), new Map([[1_000_000_000, key]])])
    await assert.rejects(sealKeyCopy(wrong, PASSPHRASE), /no version of a master key/)
  const salt = randomBytes(16)
  const stretched = await keyFromPassphrase(PASSPHRASE, { N: 2 ** 17, r: 8, p: 1, salt })
  const one = (version: number) => Buffer.concat([masterVersionHead(version), key])
  for (const packed of [
    Buffer.alloc(0),
    one(1).subarray(0, 35),
    Buffer.concat([one(1), one(2).subarray(0, 10)]),
    one(0),
    one(1_000_000_000),
    Buffer.concat([one(1), one(1)]),
  ])
    await assert.rejects(
      openKeyCopy({ salt, sealed: sealEnvelope(stretched, 'master-key-copy/1', packed, FIELD_SEGMENT) }, PASSPHRASE),
      /what is in it is no master key\. Nothing was changed/,
    )
})

test('takes the place of nothing, lies in no folder of the data, and is not made under an easy passphrase', () => {
  const there = join(folder, 'there')
  writeFileSync(there, 'something')
  assert.throws(() => refusePlace(there), /is there already\. A copy takes the place of nothing/)
  for (const beside of ['copy', 'keys/copy'])
    assert.throws(() => refusePlace(join(config().dataDir, beside)), /A copy beside the key is none/)
  refusePlace(join(folder, 'elsewhere'))
  for (const [easy, sentence] of [
    ['short', /at least 16 characters/],
    ['aaaaaaaaaaaaaaaaaaaa', /easy to guess/],
    ['letterlock password', /easy to guess/],
  ] as const)
    assert.throws(() => refuseEasyPassphrase(easy), sentence)
  refuseEasyPassphrase(PASSPHRASE)
})
