/** Addresses: one plain address or nothing, and the same person under the same address only. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskEmailAddress, readEmailAddress } from '../../server/accounts/email-address.ts'

test('plain addresses are read as they are typed, around them spaces do not matter', () => {
  for (const [typed, address] of [
    ['maria@mail.example', 'maria@mail.example'],
    ['  maria@mail.example\t', 'maria@mail.example'],
    ["o'brien+x_y-z.1@sub.mail.example", "o'brien+x_y-z.1@sub.mail.example"],
    ['a@b.co', 'a@b.co'],
    ['1@2.example', '1@2.example'],
    [`${'x'.repeat(64)}@mail.example`, `${'x'.repeat(64)}@mail.example`],
    ['maria@bücher.example', 'maria@xn--bcher-kva.example'],
    ['maria@xn--bcher-kva.example', 'maria@xn--bcher-kva.example'],
  ] as const)
    assert.equal(readEmailAddress(typed), address, typed)
})

test('16. Address with CR/LF/%0d%0a/NUL/unicode line separator -> refused', () => {
  for (const odd of [
    '\r',
    '\n',
    '\r\n',
    '%0d%0a',
    '%0a',
    '\0',
    '%00',
    '\u2028',
    '\u2029',
    '\u0085',
    '\v',
    '\f',
    '\t',
    ' ',
    '\u00a0',
    '\u200b',
    '\ufeff',
    '\u202e',
  ])
    for (const typed of [
      `a${odd}b@mail.example`,
      `a@ma${odd}il.example`,
      `a@mail.example${odd}Bcc: b@evil.example`,
      `a${odd}@mail.example`,
      `a@${odd}mail.example`,
    ])
      assert.equal(readEmailAddress(typed), undefined, JSON.stringify(typed))
})

test('17. Address `a@x.org,b@evil`, `"a"@x`, `a@x@evil`, `=?utf-8?q?..?=` (nodemailer CVE-2025-13033 kind) -> refused', () => {
  for (const typed of [
    'a@x.org,b@evil.example',
    'a@x.org;b@evil.example',
    'a@x.org b@evil.example',
    '"a"@mail.example',
    '"a@evil.example"@mail.example',
    '"a@evil.example x"@mail.example',
    'a@x.org@evil.example',
    '=?utf-8?q?a=40evil.example?=@mail.example',
    'a=?utf-8?b?QA==?=@mail.example',
    'a%evil.example@mail.example',
    '=?utf-8?q?a@evil.example?=',
    'Maria <a@mail.example>',
    '<a@mail.example>',
    'a@mail.example (comment)',
    'a(comment)@mail.example',
    'a@(comment)mail.example',
    'a@[127.0.0.1]',
    'a@127.0.0.1',
    'a@localhost',
    'a@mail',
    'a@.example',
    'a@mail..example',
    'a@mail.example.',
    'a@-mail.example',
    'a@mail-.example',
    'a@mail.example:25',
    'a@mail.example/path',
    'a@mail.example?subject=x',
    'a@mail.example#x',
    'user:password@mail.example',
    'mailto:a@mail.example',
    '.a@mail.example',
    'a.@mail.example',
    'a..b@mail.example',
    'a\\@mail.example',
    '@mail.example',
    'a@',
    '@',
    '',
    'a',
    'a%40evil.example@mail.example',
    `${'x'.repeat(65)}@mail.example`,
    `a@${'x'.repeat(64)}.example`,
    `a@${'x.'.repeat(130)}example`,
    'a@mail.exam_ple',
    'a@%65vil.example',
    'a@evil\u3002example',
    'a@evil\uff0eexample',
    'a@ⓔvil.example',
  ])
    assert.equal(readEmailAddress(typed), undefined, typed)
})

test('18. Two addresses that differ by domain case or ASCII case are one person; by dots, plus or look-alike letters (ſ, ı, K) two', () => {
  const maria = readEmailAddress('maria.gomez@mail.example')
  for (const same of ['Maria.Gomez@mail.example', 'MARIA.GOMEZ@MAIL.EXAMPLE', 'maria.gomez@Mail.Example'])
    assert.equal(readEmailAddress(same), maria)
  for (const other of ['mariagomez@mail.example', 'maria.gomez+x@mail.example', 'maria-gomez@mail.example']) {
    assert.ok(readEmailAddress(other))
    assert.notEqual(readEmailAddress(other), maria)
  }
  // Letters that turn into plain ones by changing case or by compatibility: Kelvin sign, long s, dotless i, full width, ligature.
  for (const [plain, likes] of [
    ['kim@mail.example', ['\u212Aim@mail.example', 'k\u0131m@mail.example', 'kim@mail.example'.replace('k', '\uff4b')]],
    ['sim@mail.example', ['\u017Fim@mail.example', 's\u0130m@mail.example']],
    [
      'ada@kiosk.example',
      ['ada@\u212Aiosk.example', 'ada@kio\u017Fk.example', 'ada@\uff4biosk.example', 'аda@kiosk.example'],
    ],
    ['fin@fish.example', ['ﬁn@fish.example', 'fin@ﬁsh.example']],
  ] as const)
    for (const like of likes) assert.notEqual(readEmailAddress(like), plain, like)
  assert.notEqual(readEmailAddress('ada@раураl.example'), readEmailAddress('ada@paypal.example'), 'Cyrillic')
  assert.match(readEmailAddress('ada@раураl.example') ?? 'xn--', /xn--/)
})

test('an address takes as long to read however odd it is', () => {
  for (const odd of [
    `${'a.'.repeat(50_000)}@mail.example`,
    `a@${'a-'.repeat(50_000)}.example`,
    '@'.repeat(100_000),
    `${'a'.repeat(100_000)}`,
  ]) {
    // The quickest of five, of what this process has worked: a busy machine takes its time now and then, a slow pattern always.
    const times = Array.from({ length: 5 }, () => {
      const start = process.cpuUsage()
      assert.equal(readEmailAddress(odd), undefined)
      return process.cpuUsage(start).user / 1000
    })
    assert.ok(Math.min(...times) < 50, `${Math.min(...times).toFixed()} ms`)
  }
})

test('a masked address keeps the first letter and the domain', () => {
  assert.equal(maskEmailAddress('maria.gomez@mail.example'), 'm…\u2060@mail.example')
  assert.equal(maskEmailAddress('a@b.example'), 'a…\u2060@b.example')
})
