import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadInput } from '../../server/errors.ts'
import { readForm, typed, typedList } from '../../server/lib/form.ts'
import { signInByEmail } from '../../server/sign-in/sign-in.form.ts'

test('a form is its values, or its errors in the order of its fields and one for each', () => {
  assert.deepEqual(readForm(signInByEmail, { email: 'a@b.example', password: 'x', other: 'y' }), {
    values: { email: 'a@b.example', password: 'x' },
    errors: [],
  })
  assert.deepEqual(readForm(signInByEmail, {}), {
    values: undefined,
    errors: [
      { field: 'email', key: 'sign-in:signIn.errors.email' },
      { field: 'password', key: 'sign-in:signIn.errors.password' },
    ],
  })
  for (const nothing of [undefined, null]) assert.equal(readForm(signInByEmail, nothing).errors.length, 2)
})

test('a field that is not a text fits no page of ours', () => {
  for (const email of [['a@b.example'], { $ne: '' }, 7, true, null])
    assert.throws(() => readForm(signInByEmail, { email, password: 'x' }), BadInput)
  assert.throws(() => typed({ a: ['x'] }, 'a'), BadInput)
  assert.throws(() => typedList({ a: ['x', { b: 1 }] }, 'a'), BadInput)
})

test('only own names of a body are read', () => {
  for (const name of ['toString', 'constructor', '__proto__', 'hasOwnProperty']) {
    assert.equal(typed({}, name), '')
    assert.deepEqual(typedList({}, name), [])
  }
  assert.equal(typed(Object.create({ password: 'inherited' }), 'password'), '')
  assert.deepEqual(typedList({ a: 'x' }, 'a'), ['x'])
  assert.deepEqual(typedList({ a: ['x', 'y'] }, 'a'), ['x', 'y'])
})
