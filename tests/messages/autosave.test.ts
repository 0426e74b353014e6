/** What the page's script asks when it saves by itself, and how a draft is deleted, with scripts and without. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Person } from '../support/cast.ts'
import { makePdf } from '../support/files.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { letCodesCountAgain, plain, signedIn, type Answer, type Visitor } from '../support/visitor.ts'
import { changeSession, rowOf } from '../sign-in/session-rows.ts'

const MINUTE = 60_000

let server: TestServer
let maria: Person
let dana: Person
let letter: string

before(async () => {
  server = await startTestServer()
  ;({ maria, dana } = server.cast)
  const reader = await signedIn(server, maria)
  letter = /href="(\/messages\/[0-9a-f-]{36})"/.exec((await reader.ask('/messages')).body)![1]!
})
after(() => server.stop())

/** The hidden fields of the page's form that saves by itself. */
async function fieldsOn(visitor: Visitor, page: string): Promise<Record<string, string>> {
  const form = /<form[^>]*data-autosave[\s\S]*?<\/form>/.exec((await visitor.ask(page)).body)![0]
  return Object.fromEntries(
    [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map((match) => [match[1]!, match[2]!]),
  )
}

/** Without the token, which `upload` takes from the page itself. */
function withoutToken({ _csrf: _, ...fields }: Record<string, string>) {
  return fields
}

function autosave(visitor: Visitor, action: string, fields: Record<string, string>, typed = true): Promise<Answer> {
  return visitor.ask(action, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      'sec-fetch-mode': 'cors',
      'sec-fetch-site': 'same-origin',
      ...(typed ? { 'x-typed': 'yes' } : {}),
    },
    body: new URLSearchParams({ ...fields, action: 'save' }).toString(),
  })
}

const told = (answer: Answer) =>
  JSON.parse(answer.body) as {
    saved: string
    removeHref: string
    place: string
    ended?: string
    left: { idle: number; last: number }
  }
const drafts = async () => (await server.sql<{ id: string }>('SELECT id FROM drafts ORDER BY id')).map(({ id }) => id)
const messages = async () => (await server.sql<{ many: number }>('SELECT count(*)::int AS many FROM messages'))[0]!.many

test('a reply is saved by itself: a line instead of a page, one draft, the later text wins, and it is on the page', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  const before = await drafts()
  const first = await autosave(visitor, `${letter}/replies`, { ...fields, body: 'My foot' })
  assert.equal(first.status, 200)
  assert.match(told(first).saved, /^Draft saved \w+ \d+:\d\d [ap]m\. It stays in this conversation\.$/)
  assert.ok(told(first).left.idle > 890 && told(first).left.last > 40_000)
  const second = await autosave(visitor, `${letter}/replies`, { ...fields, body: 'My foot hurts <b>.' })
  assert.equal(second.status, 200)
  assert.equal((await drafts()).length, before.length + 1)
  const page = await visitor.ask(letter)
  assert.match(page.body, /<textarea[^>]*>\nMy foot hurts &lt;b&gt;\.<\/textarea>/)
  assert.match(page.body, /<p class="saved" role="status"[^>]*>Draft saved /)
  assert.match(page.body, new RegExp(`data-delete href="${told(second).removeHref}"`))
  assert.equal((await autosave(visitor, `${letter}/replies`, { ...fields, body: ' \n' })).status, 200)
  assert.deepEqual(await drafts(), before, 'nothing written is no draft')
})

test('a save that arrives after Send makes no draft of what was sent', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  const before = await drafts()
  const sent = await visitor.ask(`${letter}/replies`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...fields, body: 'All of it.', action: 'send' }).toString(),
  })
  assert.match(sent.location, /\/sent$/)
  const late = await autosave(visitor, `${letter}/replies`, { ...fields, body: 'All of' })
  assert.deepEqual([late.status, told(late).saved], [200, ''])
  assert.deepEqual(await drafts(), before)
})

test('a new message is saved by itself into one draft, which the same form then checks and sends', async () => {
  const visitor = await signedIn(server, dana)
  const fields = await fieldsOn(visitor, '/messages/new')
  const before = await drafts()
  const first = await autosave(visitor, '/messages', { ...fields, to: 'not yet', subject: '', body: 'Dear' })
  assert.match(told(first).saved, /^Draft saved \w+ \d\d:\d\d\. You find it in your inbox\.$/)
  await autosave(visitor, '/messages', { ...fields, to: maria.email, subject: 'Visit', body: 'Dear Maria,' })
  const checked = await visitor.ask('/messages', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      ...fields,
      to: maria.email,
      subject: 'Visit',
      body: 'Dear Maria!',
      action: 'check',
    }).toString(),
  })
  assert.equal(checked.location, `/drafts/${fields['draft']}/check`)
  assert.equal(told(first).place, `/messages/new?draft=${fields['draft']}`)
  assert.equal((await drafts()).length, before.length + 1)
  assert.match((await visitor.ask(told(first).place)).body, /value="Visit"/)
  const count = await messages()
  assert.match((await visitor.submit(checked.location, `/drafts/${fields['draft']}/send`, {})).location, /\/sent$/)
  assert.equal(await messages(), count + 1)
})

test('51. Saving counts as somebody being there only when keys were pressed', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  const seenAt = async () => Number((await rowOf(server, visitor))!.sess['seenAt'])
  const long = Date.now() - 10 * MINUTE
  await changeSession(server, visitor, { seenAt: long })
  const again = await autosave(visitor, `${letter}/replies`, { ...fields, body: 'Tried again' }, false)
  assert.equal(again.status, 200)
  assert.equal(await seenAt(), long)
  assert.ok(told(again).left.idle <= 300)
  const typed = await autosave(visitor, `${letter}/replies`, { ...fields, body: 'Typed' })
  assert.ok(told(typed).left.idle > 890)
  assert.ok((await seenAt()) > long)
})

test('a save that meets an ended session is kept and told in words, one whose session is gone is led to the sign-in', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  await changeSession(server, visitor, { seenAt: Date.now() - 16 * MINUTE })
  const late = await autosave(visitor, `${letter}/replies`, { ...fields, body: 'Typed too late.' })
  assert.equal(late.status, 200)
  assert.match(told(late).ended!, /You were signed out .* We saved what you wrote\./)
  await letCodesCountAgain(server)
  assert.equal((await visitor.signIn(maria)).location, letter)
  assert.match((await visitor.ask(letter)).body, /Typed too late\.<\/textarea>/)
  const again = await fieldsOn(visitor, letter)
  await server.sql(`DELETE FROM sessions`)
  const gone = await autosave(visitor, `${letter}/replies`, { ...again, body: 'Lost?' })
  assert.equal(gone.status, 303)
  assert.match(gone.location, /^\/sign-in/)
})

test('what a browser sends that was signed out from elsewhere is given back to it, and kept nowhere', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  await server.sql(`DELETE FROM sessions`)
  const before = await drafts()
  const body = 'My foot\n\nis <b>better</b>.'
  const photo = { name: 'foot.pdf', type: 'application/pdf', bytes: makePdf() }
  const token = /name="_csrf" value="([^"]+)"/.exec((await visitor.ask('/sign-in')).body)![1]!
  for (const [action, h1] of [
    ['send', 'Your message was not sent'],
    ['save', 'Your text was not saved'],
  ]) {
    for (const files of [[], [photo]]) {
      const form = { ...withoutToken(fields), body, action: action! }
      const answer = await visitor.upload('/sign-in', `${letter}/replies`, form, files)
      assert.deepEqual([answer.status, answer.h1], [403, h1])
      assert.match(answer.body, /My foot\r?\n\r?\nis &lt;b&gt;better&lt;\/b&gt;\./)
      assert.match(plain(answer.body), /You were signed out/)
      assert.ok(answer.body.includes(`href="/sign-in?next&#x3D;${encodeURIComponent(letter)}"`))
    }
  }
  const typedOut = await visitor.ask('/messages', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ _csrf: token, to: maria.email, subject: 'Visit', body, action: 'check' }).toString(),
  })
  assert.equal(typedOut.status, 403)
  for (const words of [maria.email, 'Visit', 'My foot', `next&#x3D;${encodeURIComponent('/messages/new')}"`])
    assert.ok(typedOut.body.includes(words), words)
  const odd = await visitor.ask(`${letter}/replies`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '__proto__=1&body=odd',
  })
  assert.equal(odd.status, 400)
  assert.deepEqual(await drafts(), before)
  assert.deepEqual(await server.sql('SELECT id FROM attachments WHERE message_id IS NULL'), [])
})

test('a form of the sign-in before is given back too, and leads on without another sign-in', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  const again = await signedIn(server, maria)
  const answer = await again.ask(`${letter}/replies`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...fields, body: 'Before that.', action: 'send' }).toString(),
  })
  assert.deepEqual([answer.status, answer.h1], [403, 'Your message was not sent'])
  assert.match(answer.body, /Before that\./)
  assert.doesNotMatch(plain(answer.body), /You were signed out/)
  assert.ok(answer.body.includes(`href="${letter}#reply"`))
  const asked = `/sign-in?next=${encodeURIComponent(letter)}`
  assert.deepEqual([(await again.ask(asked)).location, (await again.ask('/sign-in')).location], [letter, '/messages'])
})

test('55. CSRF: a save with a missing or foreign token, or from another site -> 403, nothing kept', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  const before = JSON.stringify(await server.sql('SELECT id, saved_at FROM drafts ORDER BY id'))
  for (const token of ['', 'x'.repeat(36)])
    assert.equal(
      (await autosave(visitor, `${letter}/replies`, { ...fields, _csrf: token, body: 'forged' })).status,
      403,
    )
  const foreign = await visitor.ask(`${letter}/replies`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'cross-site', 'x-typed': 'yes' },
    body: new URLSearchParams({ ...fields, body: 'forged' }).toString(),
  })
  assert.equal(foreign.status, 403)
  assert.equal((await visitor.ask('/session/extend', { method: 'POST' })).status, 403)
  assert.equal(JSON.stringify(await server.sql('SELECT id, saved_at FROM drafts ORDER BY id')), before)
})

test('"Delete draft" asks once, without scripts too, erases the text and its files, and leads back to the conversation', async () => {
  const visitor = await signedIn(server, maria)
  const fields = await fieldsOn(visitor, letter)
  const files = async () => (await server.sql(`SELECT id FROM attachments WHERE message_id IS NULL`)).length
  const kept = await files()
  await visitor.upload(
    letter,
    `${letter}/replies`,
    { ...withoutToken(fields), body: 'Not this one.', action: 'save' },
    [{ name: 'plan.pdf', type: 'application/pdf', bytes: makePdf() }],
  )
  assert.equal(await files(), kept + 1)
  const href = /data-delete href="([^"]+)"/.exec((await visitor.ask(letter)).body)![1]!
  const other = await signedIn(server, dana)
  for (const answer of [await other.ask(href), await other.submit('/help', href, {})]) assert.equal(answer.status, 404)
  const asks = await visitor.ask(href)
  assert.equal(asks.h1, 'Delete this draft?')
  assert.match(plain(asks.body), /Not this one\. Files 1 file/)
  assert.match((await visitor.ask(letter)).body, /Not this one\./, 'asking deletes nothing')
  const answer = await visitor.submit(href, href, {})
  assert.deepEqual([answer.status, /^\/messages\/[0-9a-f-]{36}$/.test(answer.location)], [303, true])
  const page = await visitor.ask(answer.location)
  assert.doesNotMatch(page.body, /Not this one|plan\.pdf/)
  assert.match(page.body, /data-delete hidden/)
  assert.equal(await files(), kept)
  assert.equal((await visitor.ask(href)).status, 404)
})

test('a visible Save of nothing leaves no draft', async () => {
  const visitor = await signedIn(server, dana)
  const before = await drafts()
  const fields = await fieldsOn(visitor, '/messages/new')
  const answer = await visitor.upload('/messages/new', '/messages', { ...withoutToken(fields), action: 'save' })
  assert.deepEqual([answer.status, answer.location], [303, '/messages/new'])
  assert.deepEqual(await drafts(), before)
})
