/** What a mailed link can do: find, and nothing else. Looking at it, by whomever and however often, stores nothing. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { openWindow, startBrowser } from '../support/browser.ts'
import type { Person } from '../support/cast.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { mailsTo } from '../support/letters.ts'
import { signedIn, Visitor } from '../support/visitor.ts'
import { allThatIsStored, choosePassword, enrol, linkOf, withoutNumbers, writeTo } from '../enrolment/newcomer.ts'
import { changeRows } from '../support/bound-rows.ts'

let server: TestServer
let dana: Visitor
let maria: Person
/** To somebody who has no sign-in yet, to Maria who has one, to Dana's team, and to an invited colleague. */
let links: { newcomer: string; enrolled: string; team: string; colleague: string }

const newcomer = 'nora.newcomer@mail.example'
const colleague = 'carl.colleague@riverside.example'

before(async () => {
  server = await startTestServer()
  maria = server.cast.maria
  dana = await signedIn(server, server.cast.dana)
  const first = await writeTo(server, dana, newcomer)
  const second = await writeTo(server, dana, maria.email)
  const reader = await signedIn(server, maria)
  const [, submission] = /name="submission" value="([^"]+)"/.exec(
    (await reader.ask(`/messages/${second.message}`)).body,
  )!
  const answer = await reader.upload(`/messages/${second.message}`, `/messages/${second.message}/replies`, {
    submission: submission!,
    body: 'Thank you.',
    action: 'send',
  })
  const ada = await signedIn(server, server.cast.ada)
  const invitation = { name: 'Carl', email: colleague, role: 'auditor', team: '', newTeam: '' }
  const invited = new URL(
    (await ada.submit('/admin/people/invite', '/admin/people/invite', invitation)).location,
    server.baseUrl,
  )
  const { linkToken } = await import('../../server/vault/vault.ts')
  links = {
    newcomer: first.link,
    enrolled: second.link,
    team: await linkOf(server, answer.location.split('/')[2]!),
    colleague: `/m/${linkToken('invitation', invited.searchParams.get('invited')!)}`,
  }
  await mailTo(colleague)
})
after(() => server.stop())

async function mailTo(address: string): Promise<{ text: string; html: string }> {
  return (await mailsTo(server, address))[0]!
}

async function assertStillGood() {
  const landing = await new Visitor(server).ask(links.newcomer)
  assert.deepEqual([landing.status, landing.h1], [200, 'You have a secure message'])
  assert.equal((await new Visitor(server).ask(links.colleague)).h1, 'You have a secure message')
  assert.equal((await new Visitor(server).ask(links.enrolled)).h1, 'Sign in to read your message')
  const team = await new Visitor(server).ask(links.team)
  assert.match(team.location, /^\/sign-in\?next=%2Fmessages%2F[0-9a-f-]{36}$/)
}

test('the mail holds the link of its message, and the landing shows a masked address and nothing of the message', async () => {
  const mail = await mailTo(newcomer)
  assert.ok(mail.text.includes(`${server.baseUrl}${links.newcomer}`))
  const landing = await new Visitor(server).ask(links.newcomer)
  assert.match(landing.body, /n…\u2060@mail\.example/)
  assert.doesNotMatch(landing.body, /nora|newcomer|Your result|It is fine|Dana|Diabetes/i)
  const known = await new Visitor(server).ask(links.enrolled)
  assert.match(known.body, /m…\u2060@mail\.example/)
  assert.doesNotMatch(known.body, /maria|gomez|Your result/i)
})

test('6. GET a notice link or an enrolment link 100 times as a scanner does (HEAD, GET, prefetch, Sec-Purpose) -> nothing stored, still good', async () => {
  const before = await allThatIsStored(server)
  const dresses: Record<string, string>[] = [
    {},
    { 'sec-purpose': 'prefetch;prerender', purpose: 'prefetch' },
    { 'x-moz': 'prefetch' },
    { 'user-agent': 'Mozilla/5.0 (compatible; LinkScanner/1.0)', accept: '*/*' },
  ]
  for (const link of Object.values(links))
    for (let times = 0; times < 25; times++)
      for (const method of ['GET', 'HEAD']) {
        const path = times % 3 === 2 ? `${link}/password` : link
        const answer = await new Visitor(server).ask(path, { method, headers: dresses[times % dresses.length]! })
        assert.ok([200, 303].includes(answer.status), `${method} ${path}: ${answer.status}`)
        assert.equal(answer.headers['cache-control'], 'no-store')
      }
  assert.deepEqual(await allThatIsStored(server), before)
  await assertStillGood()
})

test('7. The same links opened by headless Chromium that runs scripts and waits -> nothing stored, still good', async () => {
  const before = await allThatIsStored(server)
  const browser = await startBrowser()
  try {
    const pages = await Promise.all(
      Object.values(links).map(async (link) => {
        const { page } = await openWindow(browser, server.baseUrl)
        assert.equal((await page.goto(link))?.status(), 200)
        return page
      }),
    )
    await Promise.all(pages.map((page) => page.waitForLoadState('networkidle')))
    // Some scanners press what looks like a button.
    await pages[0]!.click('main button[type=submit]')
    assert.equal(await pages[0]!.textContent('h1'), 'Make your sign-in')
  } finally {
    await browser.close()
  }
  assert.deepEqual(await allThatIsStored(server), before)
  await assertStillGood()
})

test('8. A scanner posts their forms without cookie or CSRF token -> 403, nothing stored, still good', async () => {
  const before = await allThatIsStored(server)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const link of Object.values(links))
    for (const path of [link, `${link}/password`])
      for (const body of [
        '',
        'password=a+good+long+password',
        '_csrf=&password=a+good+long+password',
        `_csrf=${'x'.repeat(52)}`,
      ]) {
        const answer = await new Visitor(server).ask(path, { method: 'POST', headers, body })
        assert.equal(answer.status, 403, `${path} ${body}`)
      }
  const token = await new Visitor(server).tokenOn(links.newcomer)
  const withoutCookie = await new Visitor(server).ask(`${links.newcomer}/password`, {
    method: 'POST',
    headers,
    body: `_csrf=${token}&password=a+good+long+password`,
  })
  assert.equal(withoutCookie.status, 403)
  assert.deepEqual(await allThatIsStored(server), before)
  await assertStillGood()
})

test('pressing the button and posting garbage with a token stores nothing', async () => {
  const before = await allThatIsStored(server)
  const visitor = new Visitor(server)
  const pressed = await visitor.submit(links.newcomer, links.newcomer, { anything: 'at all' })
  assert.deepEqual([pressed.status, pressed.location], [303, `${links.newcomer}/password`])
  for (const password of ['', 'short', 'x'.repeat(200), 'nora.newcomer@mail.example'])
    assert.equal((await choosePassword(visitor, links.newcomer, password)).status, 422)
  const twice = await visitor.ask(`${links.newcomer}/password`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `_csrf=${await visitor.tokenOn(links.newcomer)}&password=a&password=b`,
  })
  assert.equal(twice.status, 400)
  const known = await visitor.submit(links.enrolled, links.enrolled, {})
  assert.deepEqual([known.status, known.location], [303, links.enrolled])
  assert.deepEqual(await allThatIsStored(server), before)
})

test('10. Link with one bit changed, other case, trailing dot, %00, unicode look-alike -> same as unknown', async () => {
  const token = links.newcomer.slice('/m/'.length)
  const swap = token.replace(/[a-z]/, (letter) => letter.toUpperCase())
  const flip = `${String.fromCharCode(token.charCodeAt(0) ^ 1).replace(/[^\w-]/, 'Q')}${token.slice(1)}`
  // The last letter carries two bits that base64url drops; a link is compared letter by letter.
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const sameBytes = token.slice(0, -1) + letters[letters.indexOf(token.at(-1)!) ^ 1]!
  const unknown = await new Visitor(server).ask(`/m/${'A'.repeat(43)}`)
  assert.equal(unknown.status, 404)
  const others = [
    flip,
    sameBytes,
    swap,
    `${token}.`,
    `${token}%00`,
    `${token}%20`,
    `%20${token}`,
    `${token}=`,
    token.slice(1),
    `${token}A`,
    `%D0%B0${token.slice(1)}`,
    `%EF%BC%A1${token.slice(1)}`,
    `${token};x`,
    `${token}%2f`,
    `..%2f${token}`,
    'a',
    "'--",
    '%F0%9F%92%8C',
  ]
  for (const other of others)
    for (const path of [`/m/${other}`, `/m/${other}/password`]) {
      const answer = await new Visitor(server).ask(path)
      assert.equal(answer.status, 404, path)
      assert.equal(withoutNumbers(answer), withoutNumbers(unknown), path)
      assert.deepEqual(Object.keys(answer.headers), Object.keys(unknown.headers), path)
      assert.equal(answer.headers['content-length'], unknown.headers['content-length'], path)
    }
  for (const path of [`${links.newcomer}/`, links.newcomer.toUpperCase(), `/M/${token}`])
    assert.equal((await new Visitor(server).ask(path)).status, 404, path)
  assert.equal((await new Visitor(server).ask('/m/%')).status, 400)
})

test('12. Link for deleted message/user -> same as unknown', async () => {
  const unknown = withoutNumbers(await new Visitor(server).ask(`/m/${'A'.repeat(43)}`))
  const kept = await server.sql('SELECT digest, message_id FROM links')
  const assertUnknown = async () => {
    for (const path of [links.newcomer, `${links.newcomer}/password`, links.enrolled]) {
      const answer = await new Visitor(server).ask(path)
      assert.equal(answer.status, 404, path)
      assert.equal(withoutNumbers(answer), unknown)
    }
  }
  await server.sql('UPDATE links SET message_id = gen_random_uuid() WHERE message_id IS NOT NULL')
  await assertUnknown()
  for (const link of kept)
    await server.sql('UPDATE links SET message_id = $2 WHERE digest = $1', [link['digest'], link['message_id']])
  const states = await server.sql(`SELECT id, state FROM accounts WHERE role = 'patient'`)
  await changeRows(server, `UPDATE accounts SET state = 'closed' WHERE role = 'patient'`)
  await assertUnknown()
  for (const account of states)
    await changeRows(server, 'UPDATE accounts SET state = $2 WHERE id = $1', [account['id'], account['state']])
  await assertStillGood()
})

test('13. An older notice link of the same message still finds it, and a link is not used up by enrolling', async () => {
  const written = await writeTo(server, dana, 'paul.patient@mail.example')
  const { visitor } = await enrol(server, written.link, 'paul.patient@mail.example', 'three random words 7')
  assert.equal((await visitor.ask(written.link)).location, `/messages/${written.message}`)
  assert.equal((await new Visitor(server).ask(written.link)).h1, 'Sign in to read your message')
  assert.equal(await linkOf(server, written.message), written.link)
})

test('the link of a message that was taken back says so, with the moment and whom to call, and nothing more', async () => {
  const written = await writeTo(server, dana, 'wrong.address@mail.example')
  const recall = `/messages/${written.message}/recall`
  assert.equal((await dana.submit(recall, recall, {})).status, 303)
  const before = await allThatIsStored(server)
  for (const path of [written.link, `${written.link}/password`]) {
    const answer = await new Visitor(server).ask(path)
    assert.equal(answer.status, 410)
    assert.match(answer.body, /tel:5550100/)
    assert.doesNotMatch(answer.body, /wrong\.address|Your result|Dana/i)
  }
  assert.deepEqual(await allThatIsStored(server), before)
})

test('4. A message sent with Host: evil, X-Forwarded-Host: evil, Forwarded, absolute-form URI, two Host headers -> its notice has the configured origin, or 400', async () => {
  const own = `localhost:${server.port}`
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const cookie = [...dana.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const draftTo = async (to: string) => {
    const kept = await dana.upload('/messages/new', '/messages', { to, subject: 'A', body: 'B', action: 'check' })
    return {
      action: kept.location.replace(/check$/, 'send'),
      body: `_csrf=${await dana.tokenOn(kept.location)}`,
    }
  }
  const raw = (target: string, body: string, ...hosts: string[]) =>
    say(
      [
        `POST ${target} HTTP/1.1`,
        ...hosts.map((host) => `Host: ${host}`),
        `Cookie: ${cookie}`,
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
    )

  const { action, body } = await draftTo('otto.other@mail.example')
  assert.equal(
    (await dana.ask(action, { method: 'POST', headers: { ...headers, host: 'evil.example' }, body })).status,
    400,
  )
  for (const hosts of [[own, 'evil.example'], ['evil.example', own], [own, own], [], ['']])
    assert.equal(await raw(action, body, ...hosts), 400)
  assert.equal(await raw(`http://evil.example${action}`, body, 'evil.example'), 400)
  const forwarded = {
    'x-forwarded-host': 'evil.example',
    forwarded: 'host=evil.example;proto=https',
    'x-forwarded-proto': 'https',
    'x-original-url': '/evil',
    'x-host': 'evil.example',
  }
  const sent = await dana.ask(action, { method: 'POST', headers: { ...headers, ...forwarded }, body })
  assert.match(sent.location, /^\/messages\/[0-9a-f-]{36}\/sent$/)

  const second = await draftTo('olga.other@mail.example')
  assert.equal(await raw(`http://evil.example${second.action}`, second.body, own), 303)

  for (const address of ['otto.other@mail.example', 'olga.other@mail.example']) {
    const mail = await mailTo(address)
    assert.doesNotMatch(mail.text + mail.html, /evil/)
    assert.ok(mail.text.includes(`${server.baseUrl}/m/`))
  }
})

/** One request as raw bytes. @returns the status of its answer */
function say(text: string): Promise<number> {
  return new Promise((done, fail) => {
    let heard = ''
    const socket = connect(server.port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')))
    socket.on('error', fail)
    socket.on('close', () => done(Number(/^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1])))
  })
}
