/** What is sent slowly is looked at again when it is there: whoever lost their access meanwhile does nothing by a request that they had begun before. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import express, { type Request } from 'express'
import { codeOf } from '../support/cast.ts'
import { enrol, everybodyIn, linkIn, mailsTo, replyFields, textFile, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { letCodesCountAgain, signedIn, type TestFile, type Visitor } from '../support/visitor.ts'
import { changeSession, copyOf } from './session-rows.ts'

let server: TestServer
let ada: Visitor
let dana: Visitor
let letter: string
let team: string
const ids: Record<string, string> = {}

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ ada, dana } = await everybodyIn(server, { ada: cast.ada, dana: cast.dana }))
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  for (const [name, { email }] of Object.entries(cast)) ids[name] = (await findAccountByEmail(email))!.id
  const { listMemberships } = await import('../../server/accounts/team.store.ts')
  team = (await listMemberships([ids['dana']!]))[0]!.team.id
  letter = await writeTo(dana, { to: cast.maria.email, team })
})
after(() => server.stop())
beforeEach(() => letCodesCountAgain(server))

const headersOf = (visitor: Visitor) => ({
  host: `localhost:${server.port}`,
  origin: `http://localhost:${server.port}`,
  cookie: [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
})

/** Sends the head and the first half, and waits until the guards have looked: they have when a page is there that was asked for later. @returns what sends the rest, and gives the answer */
async function begin(visitor: Visitor, path: string, type: string, body: Buffer) {
  const headers = { ...headersOf(visitor), 'content-type': type, 'content-length': String(body.length) }
  const outgoing = send({ host: '127.0.0.1', port: server.port, path, method: 'POST', headers })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => {})
  const half = Math.floor(body.length / 2)
  outgoing.write(body.subarray(0, half))
  for (const page of ['/account', '/admin/people']) assert.equal((await ada.ask(page)).status, 200)
  return async () => {
    outgoing.end(body.subarray(half))
    const [incoming] = await answered
    let text = ''
    for await (const chunk of incoming) text += String(chunk)
    return { status: incoming.statusCode!, location: incoming.headers.location ?? '', body: text }
  }
}

async function beginForm(visitor: Visitor, path: string, fields: Record<string, string>) {
  const body = new URLSearchParams({ _csrf: await visitor.tokenOn('/help'), ...fields }).toString()
  return begin(visitor, path, 'application/x-www-form-urlencoded', Buffer.from(body))
}

async function beginReply(visitor: Visitor, body: string, files: TestFile[] = []) {
  const form = new FormData()
  const fields = {
    _csrf: await visitor.tokenOn('/help'),
    ...(await replyFields(visitor, letter)),
    action: 'send',
    body,
  }
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  for (const file of files)
    form.append('files', new Blob([Uint8Array.from(file.bytes)], { type: file.type }), file.name)
  const encoded = new Response(form)
  const bytes = Buffer.from(await encoded.arrayBuffer())
  return begin(visitor, `/messages/${letter}/replies`, encoded.headers.get('content-type')!, bytes)
}

const page = (name: string, move: string) => `/admin/people/${ids[name]}/${move}`
const does = (by: Visitor, name: string, move: string, fields: Record<string, string> = {}) =>
  by.submit(page(name, move), page(name, move), { reason: 'a fictitious reason', ...fields })
const kept = async () => ({
  messages: await server.sql('SELECT id FROM messages ORDER BY id'),
  drafts: await server.sql('SELECT id FROM drafts ORDER BY id'),
  files: await server.sql('SELECT id FROM attachments ORDER BY id'),
})

async function administrator(name: string): Promise<Visitor> {
  const email = `${name}@riverside.example`
  const fields = { name: `${name} (fictitious)`, email, role: 'admin', team: '', newTeam: '' }
  const answer = await ada.submit('/admin/people/invite', '/admin/people/invite', fields)
  ids[name] = answer.location.split('invited=')[1]!
  return (await enrol(server, linkIn((await mailsTo(server, email))[0]!))).visitor
}

describe('Access that ends while a form is on its way', () => {
  for (const [name, move, fields] of [
    ['bea', 'suspend', {}],
    ['cleo', 'role', { role: 'auditor' }],
    ['dora', 'close', { sure: 'yes' }],
  ] as const)
    test(`an administrator whose access ends by "${move}" changes nobody's by a form begun before`, async () => {
      const leaver = await administrator(name)
      const finish = await beginForm(leaver, page('felix', 'suspend'), { reason: 'The last thing that I do.' })
      assert.equal((await does(ada, name, move, fields)).status, 303)
      const answer = await finish()
      assert.deepEqual([answer.status, answer.location], [303, '/sign-in'])
      const [felix] = await server.sql<{ state: string }>('SELECT state FROM accounts WHERE id = $1', [ids['felix']])
      assert.equal(felix!.state, 'active')
      const events = await server.sql(`SELECT 1 FROM access_events WHERE act LIKE 'account.%' AND subject_id = $1`, [
        ids['felix'],
      ])
      assert.equal(events.length, 2, 'invited and enrolled')
    })

  test('a reply begun before its writer was suspended is no message and no draft, and its text is given back', async () => {
    const sam = await signedIn(server, server.cast.sam)
    const before = await kept()
    const finish = await beginReply(sam, 'Begun before.', [textFile('a.txt', 'A fictitious line.\n'.repeat(20_000))])
    assert.equal((await does(ada, 'sam', 'suspend')).status, 303)
    const answer = await finish()
    assert.equal(answer.status, 403)
    assert.match(answer.body, /Your message was not sent[\s\S]*Begun before\./)
    assert.deepEqual(await kept(), before)
    assert.equal((await does(ada, 'sam', 'reopen')).status, 303)
  })

  test('a reply in a thread of a team is none when its writer was taken out of the team meanwhile', async () => {
    const sam = await signedIn(server, server.cast.sam)
    const { messages } = await kept()
    const finish = await beginReply(sam, 'Not of the team any more.')
    const out = `/admin/teams/${team}/remove/${ids['sam']}`
    assert.equal((await ada.submit(out, out, {})).status, 303)
    assert.equal((await finish()).status, 404)
    assert.deepEqual((await kept()).messages, messages)
  })

  test('a reply whose session was carried elsewhere meanwhile is kept for its writer and not sent', async () => {
    const { messages } = await kept()
    const finish = await beginReply(dana, 'Kept for me.')
    await changeSession(server, dana, { movedAt: Date.now() })
    const answer = await finish()
    assert.deepEqual([answer.status, answer.location], [303, '/sign-in'])
    assert.deepEqual((await kept()).messages, messages)
    await letCodesCountAgain(server)
    dana = await signedIn(server, server.cast.dana)
    assert.match((await dana.ask(`/messages/${letter}`)).body, /Kept for me\.<\/textarea>/)
  })

  test('a reply goes on when its writer proves meanwhile, in another tab, who they are', async () => {
    const maria = await signedIn(server, server.cast.maria)
    const finish = await beginReply(copyOf(server, maria), 'On a slow line.')
    await changeSession(server, maria, { provedAt: 0 })
    await letCodesCountAgain(server)
    const fields = { password: server.cast.maria.password, code: codeOf(server.cast.maria) }
    assert.equal((await maria.submit('/prove', '/prove', fields)).status, 303)
    assert.match((await finish()).location, /\/sent$/)
  })
})

describe('A form with files whose session is ended while it arrives', () => {
  test('is cut off, and does not arrive to its end for nobody', { timeout: 60_000 }, async () => {
    const { knowActor } = await import('../../server/audit/know-actor.ts')
    const { keepSessionWhileArriving } = await import('../../server/sign-in/keep-session.ts')
    const { knowReader } = await import('../../server/sign-in/know-reader.ts')
    const { sessions } = await import('../../server/sign-in/sessions.ts')
    const { nameRequest } = await import('../../server/web/request-id.ts')
    const maria = await signedIn(server, server.cast.maria)
    await changeSession(server, maria, { seenAt: Date.now() - 45_000 })
    let arriving: Request | undefined
    const app = express()
    app.use(nameRequest, knowActor, sessions(), knowReader)
    app.post('/slow', (request) => {
      keepSessionWhileArriving(request, 20)
      request.resume()
      arriving = request
    })
    const slow = createServer(app).listen(0, '127.0.0.1')
    await once(slow, 'listening')
    const socket = connect((slow.address() as AddressInfo).port, '127.0.0.1')
    const closed = once(socket, 'close')
    socket.on('error', () => {})
    const head = Object.entries({ ...headersOf(maria), accept: 'application/json', 'content-length': '1000000' })
    socket.write(`POST /slow HTTP/1.1\r\n${head.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\n`)
    const request = await until(async () => arriving, 'the request')
    assert.ok(request.reader)
    await server.sql('DELETE FROM sessions')
    socket.write('x'.repeat(1000))
    await closed
    slow.close()
    assert.ok(request.destroyed)
  })
})
