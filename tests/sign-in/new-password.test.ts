/** Which passwords may be chosen: length, the common ones, the person's own words, runs and repeats; and what the page says of them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { brotliDecompressSync, gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { readForm } from '../../server/lib/form.ts'
import { projectRoot } from '../../server/lib/root.ts'
import { isCommon, problemOf } from '../../server/sign-in/easy-password.ts'
import { newPassword, ownWordsOf } from '../../server/sign-in/sign-in.form.ts'
import { openWindow, startBrowser } from '../support/browser.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { signedIn, Visitor } from '../support/visitor.ts'
import { allThatIsStored, choosePassword, writeTo } from '../enrolment/newcomer.ts'

/** What is hashed here has gone through `newPassword`, or was right before (raise-password). */
const SETS_PASSWORDS = [
  'own-account/change-password.ts',
  'enrolment/enrol.ts',
  'help-sign-in/helped-sign-in.ts',
  'sign-in/password.ts',
  'sign-in/raise-password.ts',
  'sign-in/reset-password.ts',
]

const listed = () =>
  brotliDecompressSync(readFileSync(join(projectRoot, 'server/sign-in/common-passwords.txt.br')))
    .toString()
    .split('\n')

let server: TestServer
let browser: Browser
let link: string
before(async () => {
  server = await startTestServer()
  browser = await startBrowser()
  link = (await writeTo(server, await signedIn(server, server.cast.dana), 'nora.newcomer@mail.example')).link
})
after(async () => {
  await browser.close()
  await server.stop()
})

test('24. Top 3,000 and breached passwords -> refused at set', async () => {
  const list = listed()
  assert.ok(list.length > 43_000, `${list.length} in the list`)
  assert.deepEqual(list, [...new Set(list)].sort(), 'sorted, each once')
  assert.ok(list.every((word) => word === word.toLowerCase() && [...word].length >= 12))
  for (const word of list) assert.equal(problemOf(word, []), [...word].length > 128 ? 'long' : 'common', word)
  for (const word of ['unbelievable', 'UnBelievable', 'QWERTYUIOP123', '1q2w3e4r5t6y', 'Manchester1', 'letmein']) {
    const answer = await choosePassword(new Visitor(server), link, word)
    assert.equal(answer.status, 422, word)
    assert.match(answer.body, word.length < 12 ? /Too short/ : /Many people use that password/)
  }
})

test('24. Top 3,000 and breached passwords -> refused at reset and change too: every form that takes a new password asks the same', async () => {
  const { resetForm } = await import('../../server/sign-in/reset-password.form.ts')
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(server.cast.maria.email))!
  for (const [password, problem] of [
    ['qwertyuiop123', 'common'],
    [account.email, 'own-words'],
  ] as const)
    assert.deepEqual(readForm(resetForm(account), { password, code: '123456' }).errors, [
      { field: 'password', key: `sign-in:password.errors.${problem}` },
    ])
  const forms = readdirSync(join(projectRoot, 'views'), { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      file.endsWith('.hbs') && readFileSync(join(projectRoot, 'views', file), 'utf8').includes('="new-password"'),
  )
  assert.ok(forms.length >= 3, forms.join())
  const server_ = readdirSync(join(projectRoot, 'server'), { recursive: true, encoding: 'utf8' })
  const hashing = server_.filter(
    (file) => file.endsWith('.ts') && /\bhashPassword\(/.test(readFileSync(join(projectRoot, 'server', file), 'utf8')),
  )
  assert.deepEqual(hashing.filter((file) => !SETS_PASSWORDS.includes(file)).sort(), [], 'a new way to set a password')
})

test('21. 1 MiB password -> 400 fast, no argon2 run, nothing stored', async () => {
  const visitor = new Visitor(server)
  const before = await allThatIsStored(server)
  for (const [size, status] of [
    [2 ** 20, 400],
    [1001, 400],
    [1000, 422],
    [129, 422],
  ] as const) {
    const body = `_csrf=${await visitor.tokenOn(`${link}/password`)}&password=${'a1'.repeat(size / 2 + 1).slice(0, size)}`
    const start = process.cpuUsage()
    const answer = await visitor.ask(`${link}/password`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    })
    assert.equal(answer.status, status, `${size}`)
    // Of this process, in which the server runs; argon2id would be in another, and has a test of its own.
    const { user, system } = process.cpuUsage(start)
    assert.ok(user + system < 1_000_000, `${size}: ${(user + system) / 1000} ms of a core`)
  }
  assert.deepEqual(await allThatIsStored(server), before)
})

test('the list is answered from memory in under a millisecond, whatever is asked', () => {
  isCommon('read it once')
  const asked = [...listed().slice(0, 500), ...Array.from({ length: 500 }, (_, at) => `not in the list ${at}`)]
  const start = process.cpuUsage()
  for (const word of asked) problemOf(word, ['maria', 'gomez', 'riverside', 'clinic'])
  const each = process.cpuUsage(start).user / 1000 / asked.length
  assert.ok(each < 1, `${each} ms`)
})

test('a new password has 12 to 128 characters as a person counts them, and no other rule', () => {
  const read = (text: string) =>
    readForm(newPassword(['maria', 'Gomez', 'Riverside', 'Clinic']), { password: text }).errors
  for (const good of [
    'three random words 7',
    'only small letters',
    '1827364550192',
    '🔑🗝🚪🏠🔑🗝🚪🏠🐈🐕🐎🐖',
    'ñ'.normalize('NFD').repeat(3) + 'ahora mismo',
    'w'.repeat(3) + 'xyz'.repeat(2) + 'other',
    'ab cd ef gh ij kl',
    ` ${'leading space'} `,
    'maria likes long walks',
    'welcome to the glass house',
    'q7 ,kI0%aD3@'.repeat(11).slice(0, 128),
    'ЗимойХолодно!',
    '三个随机的词语七八九十二',
  ])
    assert.deepEqual(read(good), [], good)
  for (const [bad, problem] of [
    ['', 'empty'],
    ['elevenchars', 'short'],
    ['🔑'.repeat(11), 'short'],
    ['ñ'.normalize('NFD').repeat(11), 'short'],
    [`${'q7 '.repeat(43)}`, 'long'],
    ['ñññññññññññññ', 'simple'],
    ['12121212121212', 'simple'],
    ['aaaaaabbbbbb', 'simple'],
    ['1234567 7654321', 'simple'],
    ['abcdefgh12345678', 'simple'],
    ['poiuytrewq09', 'simple'],
    ['maria.gomez.riverside', 'own-words'],
    ['Maria Gomez 1985', 'own-words'],
    ['01011985GOMEZ', 'own-words'],
    ['mariamariamaria', 'own-words'],
    ['gomezgomez12!', 'own-words'],
    ['Riverside Clinic!', 'own-words'],
    ['Letterlock2026!', 'common'],
    ['!!Password2026!!', 'common'],
    ['password-password', 'common'],
    ['123456789012', 'common'],
    ['qwertyuiop12', 'common'],
  ] as const)
    assert.deepEqual(
      read(bad).map(({ key }) => key.split('.').at(-1)),
      [problem],
      bad,
    )
  assert.deepEqual(read('eightxyz')[0]?.values, { count: 4 })
})

test('own words are the parts of the address, of the name and of the names we go by', () => {
  const words = ownWordsOf({ email: 'maria.gomez+post@mail.example', name: 'Mária  Gómez-Ruiz' })
  for (const word of ['maria', 'gomez', 'post', 'mail', 'Mária', 'Gómez', 'Ruiz', 'Riverside', 'Clinic'])
    assert.ok(words.includes(word), word)
})

test('the strength of a password is told in words while it is typed, politely and not at every key', async () => {
  const { page, complaints } = await openWindow(browser, server.baseUrl, { width: 390 })
  await page.goto(`${link}/password`)
  const status = page.locator('[data-tells-strength]')
  assert.equal(await status.getAttribute('role'), 'status')
  await page.evaluate(() => {
    const told = Object.assign(globalThis, { told: 0 })
    new MutationObserver(() => told.told++).observe(document.querySelector('[data-tells-strength]')!, {
      childList: true,
    })
  })
  for (const [typed, words] of [
    ['eightxyz', 'Too short: 4 more characters.'],
    ['elevenchars', 'Too short: 1 more character.'],
    ['abababababababab', 'Easy to guess: it repeats itself.'],
    ['paper lamp 42', 'Good.'],
    ['three random words 7', 'Strong: this would be very hard to guess.'],
    ['x'.repeat(64) + 'abcdefghijklm'.repeat(6).slice(0, 70), 'Too long: 6 characters fewer.'],
  ] as const) {
    await page.fill('[name=password]', '')
    await page.locator('[name=password]').pressSequentially(typed)
    await status.and(page.getByText(words, { exact: true })).waitFor()
  }
  const told = await page.evaluate(() => (globalThis as unknown as { told: number }).told)
  assert.ok(told <= 12, `it spoke ${told} times`)
  assert.deepEqual(complaints, [])
})

test('without scripts there is no empty line, and the error after sending says the same', async () => {
  const { page } = await openWindow(browser, server.baseUrl, { scripts: false })
  await page.goto(`${link}/password`)
  assert.equal(await page.locator('[data-tells-strength]').isVisible(), false)
  await page.fill('[name=password]', 'eightxyz')
  await page.press('[name=password]', 'Enter')
  assert.match(await page.innerText('#password-error'), /Too short: 4 more characters/)
})

test('the script that tells the strength is under one kilobyte', () => {
  assert.ok(gzipSync(readFileSync(join(projectRoot, 'static/js/tell-strength.js'))).length < 1024)
})

test('pasting into the field works: nothing hinders it', async () => {
  const { body } = await new Visitor(server).ask(`${link}/password`)
  assert.doesNotMatch(body, /onpaste|maxlength/i)
})
