import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seeded } from '../support/seeded.ts'
import { tryMutants } from './mutate.ts'

describe('128. Flip/cut/swap/splice any ciphertext -> refused (a short form of npm run mutants)', () => {
  test('three thousand random mutants of fields, texts, openers, wraps, thread keys and files; 129. of other rows; 130. of other versions and header parameters', async () => {
    const seed = Date.now() % 2 ** 31
    const { survivors, tried } = await tryMutants(3000, seeded(seed))
    assert.deepEqual(survivors, [], `seed ${seed}`)
    for (const kind of [
      'a field',
      'a text of several segments',
      'a wrap',
      'a thread key, quick',
      'another row in its place',
      'an older or other version',
      'emptied',
    ])
      assert.ok((tried.get(kind) ?? 0) > 20, `${kind}: ${tried.get(kind)}, seed ${seed}`)
  })

  test('the same seed gives the same mutants', () => {
    const draw = (seed: number) => [seeded(seed).bytes(20).toString('hex'), seeded(seed).below(1e9)]
    assert.deepEqual(draw(7), draw(7))
    assert.notDeepEqual(draw(7), draw(8))
  })
})
