/** As in real use: an https address, and a TLS proxy in front that says which requests came by https. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServerInRealUse, type TestServer } from '../support/server.ts'
import { Visitor } from '../support/visitor.ts'

const HOST = 'messages.riverside.example'
const BY_HTTPS = { host: HOST, 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.7' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

let server: TestServer

before(async () => {
  server = await startTestServerInRealUse({ BASE_URL: `https://${HOST}`, TRUSTED_PROXIES: '127.0.0.1' })
})
after(() => server.stop())

test('61. Page over HTTP -> 308 to HTTPS, no cookie', async () => {
  for (const [path, target] of [
    ['/sign-in', '/sign-in'],
    ['/m/abc?x=1', '/m/abc?x=1'],
    ['//evil.example/', '/evil.example/'],
    ['///evil.example', '/evil.example'],
  ] as const)
    for (const headers of [
      { host: HOST },
      { host: HOST, 'x-forwarded-proto': 'http' },
      { host: HOST.toUpperCase() },
    ] as Record<string, string>[]) {
      const answer = await new Visitor(server).ask(path, { headers })
      assert.deepEqual([answer.status, answer.location], [308, `https://${HOST}${target}`], path)
      assert.equal(answer.headers['set-cookie'], undefined)
    }
  const posted = await new Visitor(server).ask('/sign-in', {
    method: 'POST',
    headers: { ...FORM, host: HOST },
    body: 'email=a',
  })
  assert.equal(posted.status, 308)
})

test('61. Over HTTPS the page comes, with HSTS, and its cookie is Secure and __Host-', async () => {
  const answer = await new Visitor(server).ask('/sign-in', { headers: BY_HTTPS })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['strict-transport-security'], 'max-age=63072000')
  assert.match(answer.headers['content-security-policy'] as string, /;upgrade-insecure-requests$/)
  assert.match(answer.headers['set-cookie']![0]!, /^__Host-form=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
})

test('4. Other host names are refused, whatever the proxy forwards', async () => {
  for (const headers of [
    { host: 'evil.example', 'x-forwarded-proto': 'https' },
    { ...BY_HTTPS, host: `${HOST}.evil.example` },
    { ...BY_HTTPS, host: `${HOST}:8443` },
    { ...BY_HTTPS, host: `evil.example`, 'x-forwarded-host': HOST },
    { ...BY_HTTPS, host: '10.0.0.1' },
  ])
    assert.equal((await new Visitor(server).ask('/sign-in', { headers })).status, 400, JSON.stringify(headers))
  const answer = await new Visitor(server).ask('/sign-in', {
    headers: { ...BY_HTTPS, 'x-forwarded-host': 'evil.example' },
  })
  assert.equal(answer.status, 200)
  assert.doesNotMatch(answer.body, /evil/)
})

test('a whole sign-in works, and its form counts from this origin only: not from plain http, not from the machine itself', async () => {
  const visitor = new Visitor(server)
  const { maria } = server.cast
  const page = await visitor.ask('/sign-in', { headers: BY_HTTPS })
  const token = /name="_csrf" value="([^"]+)"/.exec(page.body)![1]!
  const body = new URLSearchParams({ _csrf: token, email: maria.email, password: maria.password }).toString()
  for (const origin of [
    `http://${HOST}`,
    `http://localhost:${server.port}`,
    'https://localhost',
    `https://${HOST}:8443`,
    `https://www.${HOST}`,
  ]) {
    const answer = await visitor.ask('/sign-in', { method: 'POST', headers: { ...FORM, ...BY_HTTPS, origin }, body })
    assert.equal(answer.status, 403, origin)
  }
  const answer = await visitor.ask('/sign-in', {
    method: 'POST',
    headers: { ...FORM, ...BY_HTTPS, origin: `https://${HOST}` },
    body,
  })
  assert.deepEqual([answer.status, answer.location], [303, '/sign-in/code'])
  const cookie = answer.headers['set-cookie']!.find((line) => line.startsWith('__Host-session='))
  assert.match(cookie!, /; Secure; SameSite=Lax$/)
})

test('45. The address of a visitor is what the trusted proxy says, and no more', async () => {
  const { unsealField } = await import('../../server/vault/vault.ts')
  const seen = async (forwarded: string) => {
    const visitor = new Visitor(server)
    const headers = {
      ...BY_HTTPS,
      'x-forwarded-for': forwarded,
      'x-real-ip': '198.51.100.1',
      'client-ip': '198.51.100.2',
    }
    const token = /name="_csrf" value="([^"]+)"/.exec((await visitor.ask('/sign-in', { headers })).body)![1]!
    await visitor.ask('/sign-in', {
      method: 'POST',
      headers: { ...FORM, ...headers },
      body: `_csrf=${token}&email=nobody@mail.example&password=x`,
    })
    const [row] = await server.sql<{ id: string; details_sealed: Buffer }>(
      `SELECT id, details_sealed FROM access_events WHERE act = 'sign-in.refused' ORDER BY at DESC LIMIT 1`,
    )
    return (JSON.parse(unsealField(`access-event/${row!.id}`, row!.details_sealed)) as { address: string }).address
  }
  assert.equal(await seen('203.0.113.7'), '203.0.113.7')
  assert.equal(await seen('1.2.3.4, 203.0.113.8'), '203.0.113.8', 'what the visitor wrote before it does not count')
})
