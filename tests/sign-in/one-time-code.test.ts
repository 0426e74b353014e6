/** Codes of authenticator apps against the vectors of RFC 6238 and RFC 4226, as far as six digits and SHA-1 go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeAddress, currentCode, makeCodeSecret, readCode, stepOfCode } from '../../server/sign-in/one-time-code.ts'

/** "12345678901234567890" in base32: the secret of both RFCs. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

// RFC 6238 appendix B, the rows of SHA-1. It lists eight digits; the last six are what an app with six digits shows (RFC 4226 section 5.3).
const RFC_6238 = [
  [59, '94287082'],
  [1111111109, '07081804'],
  [1111111111, '14050471'],
  [1234567890, '89005924'],
  [2000000000, '69279037'],
  [20000000000, '65353130'],
] as const

// RFC 4226 appendix D, counters 0 to 9.
const RFC_4226 = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489']

test('36. RFC 6238 vectors of SHA-1, in both directions', async () => {
  for (const [seconds, digits] of RFC_6238) {
    const now = new Date(seconds * 1000)
    assert.equal(currentCode(SECRET, now).code, digits.slice(-6), `at ${seconds}`)
    assert.equal(await stepOfCode(SECRET, digits.slice(-6), 0, now), Math.floor(seconds / 30))
  }
})

test('36. RFC 4226 vectors as the steps of the first five minutes', () => {
  for (const [step, code] of RFC_4226.entries()) {
    assert.equal(currentCode(SECRET, new Date(step * 30_000)).code, code, `step ${step}`)
    assert.equal(currentCode(SECRET, new Date(step * 30_000 + 29_999)).code, code, `end of step ${step}`)
  }
})

test('29. Only the step of this moment and the one before count, up to their last second', async () => {
  const step = 41_152_263
  const code = (offset: number) => currentCode(SECRET, new Date((step + offset) * 30_000)).code
  for (const now of [new Date(step * 30_000), new Date(step * 30_000 + 15_500), new Date(step * 30_000 + 29_999)]) {
    assert.equal(await stepOfCode(SECRET, code(0), 0, now), step)
    assert.equal(await stepOfCode(SECRET, code(-1), 0, now), step - 1)
    for (const offset of [-3, -2, 1, 2]) assert.equal(await stepOfCode(SECRET, code(offset), 0, now), undefined)
  }
})

test('26. A step that was used, and any before it, does not count', async () => {
  const now = new Date(41_152_263 * 30_000)
  const { code } = currentCode(SECRET, now)
  assert.equal(await stepOfCode(SECRET, code, 41_152_262, now), 41_152_263)
  for (const last of [41_152_263, 41_152_264]) assert.equal(await stepOfCode(SECRET, code, last, now), undefined)
})

test('27. Spaces and hyphens are dropped, then it is six ASCII digits or nothing', () => {
  for (const typed of ['123456', '123 456', ' 1-2-3-4-5-6 ', '123-456', '  123456'])
    assert.equal(readCode(typed), '123456')
  const odd = [
    '',
    ' ',
    '12345',
    '1234567',
    '１２３４５６',
    '١٢٣٤٥٦',
    '12345a',
    '123\u00a0456',
    '123\u2013456',
    '123.456',
    '+12345',
    '123456\n',
    '\t123456',
    '12345６',
    '0x1234',
    '1e5',
  ]
  for (const typed of odd) assert.equal(readCode(typed), undefined, JSON.stringify(typed))
})

test('a secret has 160 random bits, and its address says whose it is', () => {
  const secrets = Array.from({ length: 20 }, makeCodeSecret)
  for (const secret of secrets) assert.match(secret, /^[A-Z2-7]{32}$/)
  assert.equal(new Set(secrets).size, 20)
  const address = new URL(codeAddress(SECRET, 'Clinic & Sons: "North"', 'maria+x@mail.example'))
  assert.equal(address.protocol, 'otpauth:')
  assert.equal(address.searchParams.get('secret'), SECRET)
  assert.equal(address.searchParams.get('issuer'), 'Clinic & Sons: "North"')
  assert.match(decodeURIComponent(address.pathname), /maria\+x@mail\.example$/)
})
