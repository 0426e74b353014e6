import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeSpokenCode, readSpokenCode } from '../../server/lib/spoken-code.ts'

test('a code has its length, without letters that look or sound alike, and every letter of the alphabet comes up', () => {
  const letters = new Set<string>()
  for (let times = 0; times < 500; times++) {
    const code = makeSpokenCode(8)
    assert.match(code, /^[0-9A-HJKMNP-TV-Z]{8}$/)
    assert.equal(readSpokenCode(code, 8), code)
    for (const letter of code) letters.add(letter)
  }
  assert.equal(letters.size, 32)
})

test('case, spaces and hyphens do not matter, and look-alikes are what they look like', () => {
  for (const typed of ['01AB-CD01', ' oi ab cd ol ', 'OLab--cdOI', '0-1-a-b-c-d-0-1'])
    assert.equal(readSpokenCode(typed, 8), '01ABCD01', typed)
})

test('anything else is no code', () => {
  for (const typed of [
    '',
    '01ABCD0',
    '01ABCD011',
    '01ABCDU1',
    '０1ABCD01',
    '01ABCD01\n',
    '01ABCD0é',
    '01AB_CD01',
    '01ABCD0ı',
  ])
    assert.equal(readSpokenCode(typed, 8), undefined, JSON.stringify(typed))
})
