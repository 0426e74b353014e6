/** The short form of `npm run log-tampering`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../support/seeded.ts'
import { tamperWithLog } from './tamper.ts'

const TRIES = 42

test('149. Same as superuser -> verifier names the first bad leaf', async (t) => {
  const seed = Date.now() % 2 ** 31
  t.diagnostic(`seed ${seed}`)
  const seen = await tamperWithLog(TRIES, seeded(seed))
  assert.equal(
    [...seen.values()].reduce((sum, count) => sum + count, 0),
    TRIES,
  )
  for (const kind of ['change', 'deletion', 'insertion', 'reordering', 'truncation', 'fork', 'roll-back'])
    assert.ok(seen.has(kind), kind)
})
