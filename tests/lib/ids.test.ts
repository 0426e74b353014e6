import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isId, newId } from '../../server/lib/ids.ts'

test('an id is a UUID version 7 that tells its millisecond and sorts by it', () => {
  // RFC 9562 appendix A.6: 22 February 2022, 19:22:22 UTC.
  const at = new Date(0x017f22e279b0)
  assert.equal(at.toISOString(), '2022-02-22T19:22:22.000Z')
  const id = newId(at)
  assert.match(id, /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.ok(isId(id))
  const ids = [1, 5, 1000, 60_000, 86_400_000].map((later) => newId(new Date(at.getTime() + later)))
  assert.deepEqual([...ids].sort(), ids)
  assert.equal(new Set(Array.from({ length: 1000 }, () => newId(at))).size, 1000)
})

test('nothing else has the shape of an id', () => {
  const id = newId()
  const odd = [
    '',
    id.toUpperCase(),
    ` ${id}`,
    `${id}\n`,
    `${id}0`,
    id.slice(1),
    id.replaceAll('-', ''),
    `{${id}}`,
    id.replace(/-7/, '-4'),
    id.replace(/^(.{19})./, '$1c'),
    `${id}'--`,
    '../etc',
    null,
    undefined,
    7,
    [id],
    { id },
  ]
  for (const text of odd) assert.equal(isId(text), false, JSON.stringify(text))
})
