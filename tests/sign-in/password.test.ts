/** Passwords: every character counts, whatever it is, and what is stored opens nothing. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '../../server/lib/ids.ts'
import { stretchForReal } from '../support/remembered-stretching.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  stretchForReal()
  server = await startTestServer() // for the pepper
})
after(() => server.stop())

const password = () => import('../../server/sign-in/password.ts')

async function assertOnly(right: string, wrong: string[], alsoRight: string[] = []) {
  const { checkPassword, hashPassword } = await password()
  const id = newId()
  const { stored, opener } = await hashPassword(right, id)
  const opened = (typed: string) => checkPassword(typed, id, stored)
  for (const same of await Promise.all([right, ...alsoRight].map(opened))) assert.deepEqual(same, opener)
  const refused = await Promise.all(wrong.map(opened))
  for (const [index, other] of wrong.entries()) assert.equal(refused[index], undefined, JSON.stringify(other))
}

test('22. 128-char, emoji, spaces, NUL inside, 73+ bytes sharing the first 72 -> full length counts', async () => {
  const long = 'correct horse battery staple '.repeat(5).slice(0, 128)
  await assertOnly(long, [long.slice(0, -1), `${long.slice(0, -1)}x`, long.slice(0, 72), `${long} `])
  const bytes = 'a'.repeat(72)
  await assertOnly(`${bytes}bc`, [bytes, `${bytes}b`, `${bytes}bd`])
  await assertOnly('🔑🗝️🚪 key to the door', [
    '🔑🗝️🚪 key to the doo',
    '🗝️🔑🚪 key to the door',
    '🔑🗝🚪 key to the door',
  ])
  await assertOnly('before\0after the nul', ['before', 'before\0', 'before\0after the nuL'])
  await assertOnly('  spaces all around  ', ['spaces all around', '  spaces all around', 'spaces all around  '])
})

test('23. NFC vs NFD of the same password -> both work; different case -> fails', async () => {
  const typed = 'Ünïcödé Straße Ångström'
  await assertOnly(typed.normalize('NFC'), [typed.toLowerCase(), 'Unicode Strasse Angstrom'], [typed.normalize('NFD')])
  await assertOnly(typed.normalize('NFD'), [typed.toUpperCase()], [typed.normalize('NFC')])
  // Only canonical forms are the same; look-alikes are not (NFC, not NFKC).
  await assertOnly('ﬁrst and ｗide letters', ['first and wide letters'])
})

test('a password belongs to its account: with the same salt it neither verifies nor opens for another', async () => {
  const { checkPassword, hashPassword } = await password()
  const { stored, opener } = await hashPassword('three random words 7', newId())
  assert.equal(await checkPassword('three random words 7', newId(), stored), undefined)
  assert.notDeepEqual(opener, stored.passwordVerifier)
  assert.equal(opener.length, 32)
  assert.equal(stored.passwordParameters, 'm=65536,t=3,p=1')
})

test('no stored password takes as long as a wrong one', async () => {
  const { checkPassword, hashPassword } = await password()
  const id = newId()
  const { stored } = await hashPassword('three random words 7', id)
  const took = async (work: () => Promise<unknown>) => {
    const times = []
    for (let times_ = 0; times_ < 5; times_++) {
      const start = performance.now()
      assert.equal(await work(), undefined)
      times.push(performance.now() - start)
    }
    return times.sort((a, b) => a - b)[0]!
  }
  const wrong = await took(() => checkPassword('a wrong password', id, stored))
  const nobody = await took(() => checkPassword('a wrong password', 'nobody', undefined))
  assert.ok(nobody > wrong / 2, `${nobody.toFixed()} ms for nobody, ${wrong.toFixed()} ms for somebody`)
})

test('a few runs at once and a short queue, then "try again in a moment"', async () => {
  const { checkPassword } = await password()
  const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => checkPassword('x', 'nobody', undefined)))
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  assert.equal(refused.length, 8, 'two run, twenty wait')
  for (const { reason } of refused) assert.equal((reason as { status: number }).status, 429)
  assert.equal(await checkPassword('x', 'nobody', undefined), undefined, 'and then it goes on')
})
