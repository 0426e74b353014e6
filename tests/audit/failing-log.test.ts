import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../support/seeded.ts'
import { readWithFailingLog } from './read-with-failing-log.ts'

test('152. Audit insert fails at random, or its connection, or its transaction as it ends -> no PHI sent without its event', async (t) => {
  const seed = Date.now() % 2 ** 31
  t.diagnostic(`seed ${seed}`)
  const { shown, refused, failures } = await readWithFailingLog(250, seeded(seed))
  assert.equal(shown + refused, 250)
  assert.ok(shown > 50 && refused > 20, `${shown} shown, ${refused} refused`)
  assert.ok(
    Object.values(failures).every((times) => times > 0),
    JSON.stringify(failures),
  )
})
