/** What people write is text on every page that shows it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makePng } from '../support/files.ts'
import {
  answerTo,
  enrol,
  everybodyIn,
  idIn,
  linkIn,
  mailsTo,
  replyFields,
  textFile,
  writeTo,
} from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let ada: Visitor
let felix: Visitor

before(async () => {
  server = await startTestServer()
  const { cast } = server
  ;({ dana, maria, ada, felix } = await everybodyIn(server, {
    dana: cast.dana,
    maria: cast.maria,
    ada: cast.ada,
    felix: cast.felix,
  }))
})
after(() => server.stop())

const MARKUP = `</title></textarea>"'><script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>`
const TEMPLATE =
  '{{constructor.constructor "return process.env"}} {{{this}}} {{#each this}}{{@key}}{{/each}} {{> layouts/admin}} ${7*7} <%= 7 %> #{7}'

/** The page holds what was written, and nothing in it became part of the page. */
function assertText(page: { status: number; body: string }, shows: string, where: string, status = 200) {
  assert.equal(page.status, status, where)
  assert.doesNotMatch(page.body, /<script>alert|<img src=x|<svg onload|<\/title><\/textarea>/, where)
  assert.ok(shown(page.body).includes(shows), `${where} does not show it`)
}

/** A page's text with all characters back. */
const shown = (body: string) => plain(body.replaceAll('&#x3D;', '=').replaceAll('&#x60;', '`'))

describe('120. HTML and script', () => {
  test('in subject, body and file name -> text on every page of both sides', async () => {
    const file = { name: `${MARKUP}.png`, type: 'image/png', bytes: makePng() }
    const kept = await dana.upload(
      '/messages/new',
      '/messages',
      { draft: '', to: server.cast.maria.email, subject: MARKUP, body: MARKUP, action: 'check' },
      [file],
    )
    const draft = kept.location.split('/')[2]!
    assertText(await dana.ask(`/drafts/${draft}/check`), MARKUP, 'check')
    assertText(await dana.ask(`/messages/new?draft=${draft}`), MARKUP, 'draft')
    assertText(await dana.ask('/messages'), MARKUP, 'list of drafts')
    const sent = await dana.submit(`/drafts/${draft}/check`, `/drafts/${draft}/send`, {})
    const id = idIn(sent)
    const [row] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [id])
    assertText(await dana.ask(`/messages/${id}/recall`), MARKUP, 'recall')
    assertText(await maria.ask('/messages'), MARKUP, "patient's list")
    assertText(await maria.ask(`/messages/${id}`), MARKUP, "patient's thread")
    assertText(await maria.ask(`/attachments/${row!.id}`), `${MARKUP.replaceAll('/', '_')}.png`, 'file')
    assertText(await dana.ask('/messages?show=all'), MARKUP, "team's list")
    const reply = idIn(await answerTo(maria, id, { body: MARKUP }))
    assertText(await dana.ask(`/messages/${reply}`), MARKUP, 'reply')
    const again = await answerTo(maria, id, { ...(await replyFields(maria, id)), body: MARKUP }, [
      textFile(`${MARKUP}.exe`, 'x'),
    ])
    assertText(again, MARKUP, 'form shown again', 422)
    for (const mail of await mailsTo(server, server.cast.dana.email))
      assert.doesNotMatch(mail.html + mail.text + mail.subject, /alert|onerror/)
  })

  test('in a recipient address or any other field that is wrong -> the form again, with the text as text', async () => {
    const compose = await dana.upload('/messages/new', '/messages', {
      draft: '',
      to: MARKUP,
      subject: MARKUP,
      body: '',
      action: 'check',
    })
    assert.equal(compose.status, 422)
    assert.doesNotMatch(compose.body, /<script>alert|<img src=x|<svg onload/)
    assert.ok(compose.body.includes('&lt;script&gt;alert(1)'))
    const invite = await ada.submit('/admin/people/invite', '/admin/people/invite', {
      name: MARKUP,
      email: MARKUP,
      role: MARKUP,
      team: MARKUP,
      newTeam: MARKUP,
    })
    assert.equal(invite.status, 422)
    assert.doesNotMatch(invite.body, /<script>alert|<img src=x|<svg onload/)
    const answer = await new Visitor(server).submit('/sign-in', '/sign-in', { email: MARKUP, password: 'x' })
    assert.equal(answer.status, 422)
    assert.doesNotMatch(answer.body, /<script>alert|<img src=x|<svg onload/)
  })

  test("in the log's search fields -> text; in an address of our own -> not on the page at all", async () => {
    for (const field of ['who', 'patient', 'network'])
      assertValue(await felix.submit('/admin/access-events', '/admin/access-events', { [field]: MARKUP }), 422)
    assertValue(await felix.submit('/admin', '/admin/patients', { email: MARKUP }), 422)
    assert.equal((await felix.ask(`/admin/access-events?what=${encodeURIComponent(MARKUP)}`)).status, 400)
    for (const path of [
      `/help?x=${encodeURIComponent(MARKUP)}`,
      `/${encodeURIComponent(MARKUP)}`,
      `/sign-in?next=${encodeURIComponent(MARKUP)}`,
    ]) {
      const answer = await felix.ask(path)
      assert.ok(!answer.body.includes('alert(1)'), path)
    }
  })

  test("in a colleague's and a team's name -> text for administrators, auditors, colleagues and patients, and in the invitation", async () => {
    const page = '/admin/people/invite'
    const email = 'marked.up@riverside.example'
    const name = `<script>alert(1)</script> "Quoted"`
    const newTeam = `Team <img src=x onerror=alert(2)>`
    const invited = await ada.submit(page, page, { name, email, role: 'provider', team: '', newTeam })
    assert.equal(invited.status, 303)
    assertText(await ada.ask(invited.location), name, 'people')
    assertText(await ada.ask('/admin/people'), newTeam, 'teams')
    assertText(await ada.ask(page), newTeam, 'choice of teams')
    const [mail] = await mailsTo(server, email)
    assert.doesNotMatch(mail!.html, /<script|<img/)
    const { visitor } = await enrol(server, linkIn(mail!))
    assertText(await visitor.ask('/messages'), newTeam, 'own heading')
    const id = await writeTo(visitor, { to: server.cast.maria.email, subject: 'By an odd name' })
    assertText(await maria.ask(`/messages/${id}`), name, "author's name")
    assertText(await maria.ask('/messages'), newTeam, "patient's list")
    assertText(await felix.ask('/admin/access-events'), name, 'log')
    const notice = (await mailsTo(server, server.cast.maria.email))[0]!
    assert.doesNotMatch(notice.html + notice.text + notice.subject, /alert|Quoted/)
  })

  test('in the header of a browser -> text in the log, one line', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email })
    await maria.ask(`/messages/${id}`, { headers: { 'user-agent': MARKUP, 'x-forwarded-for': MARKUP } })
    assert.doesNotMatch((await felix.ask('/admin/access-events')).body, /alert\(1\)<\/script>|<img src=x/)
  })
})

describe('97. Handlebars: `{{constructor...}}`', () => {
  test('in subject, body, name of a file and name of a team -> text', async () => {
    const files = [{ name: '{{constructor}} {{@root.csrf}}.png', type: 'image/png', bytes: makePng() }]
    const id = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: TEMPLATE.slice(0, 190),
      body: TEMPLATE,
      files,
    })
    for (const [who, path] of [
      [maria, `/messages/${id}`],
      [dana, `/messages/${id}`],
    ] as const) {
      const text = shown((await who.ask(path)).body)
      assert.ok(text.includes(TEMPLATE), path)
      assert.ok(text.includes('{{constructor}} {{@root.csrf}}.png'), path)
    }
    assert.ok(plain((await maria.ask('/messages')).body).includes('{{{this}}}'))
  })

  test('98. Template name or layout from query or cookie -> ignored', async () => {
    // Nor the seconds that are left of the session.
    const strip = (body: string) => body.replace(/name="_csrf" value="[^"]*"|data-(idle|last)="\d+"/g, '')
    const usual = strip((await maria.ask('/help')).body)
    const asked = await maria.ask(
      '/help?template=reports/access-events&layout=../../../../etc/passwd&view=errors/error&partials[x]=y&cache=0&settings[views]=/tmp',
      {
        headers: {
          cookie:
            [...maria.cookies].map(([name, value]) => `${name}=${value}`).join('; ') +
            '; template=reports/access-events; layout=admin',
        },
      },
    )
    assert.equal(asked.status, 200)
    assert.equal(strip(asked.body), usual)
  })
})

describe('125. Plain text with one long line, bidi controls, zalgo', () => {
  test('-> shown whole, and the page can still be used', async () => {
    const line = 'x'.repeat(19_000)
    const marks =
      'Z\u0351\u036b\u0343a\u0334\u0321l\u0358\u0318g\u0322o\u0321 \u202eobservo\u202c \u2066isolate \u05d0\u05d1\u05d2 \u0627\u0644\u0633\u0644\u0627\u0645 \u{1f469}\u200d\u2695\ufe0f'
    const id = await writeTo(dana, {
      to: server.cast.maria.email,
      subject: `Odd ${marks}`,
      body: `${line}\n\n${marks}`,
    })
    const page = await maria.ask(`/messages/${id}`)
    assert.equal(page.status, 200)
    assert.ok(page.body.includes(line))
    assert.ok(page.body.includes(marks))
    assert.match(page.body, /<h2 id="reply"/)
    assert.match(page.body, /<p dir="auto">/)
    idIn(await answerTo(maria, id, { body: marks }))
    assert.ok((await dana.ask(`/messages/${id}`)).body.includes(marks))
  })

  test('and line ends of every kind make paragraphs and lines, not markup', async () => {
    const id = await writeTo(dana, { to: server.cast.maria.email, body: 'one\r\ntwo\r\rthree\n\n\n\nfour' })
    const written = /<div class="written"[^>]*>([\s\S]*?)<\/div>/.exec((await maria.ask(`/messages/${id}`)).body)![1]!
    assert.equal(written.replace(/ dir="auto"/g, '').replace(/\s+/g, ''), '<p>one<br>two</p><p>three</p><p>four</p>')
  })
})

function assertValue(page: { status: number; body: string }, status = 200) {
  assert.equal(page.status, status)
  assert.doesNotMatch(page.body, /<script>alert|<img src=x|<svg onload/)
  assert.ok(page.body.includes('&lt;script&gt;alert(1)&lt;/script&gt;'))
}
