/** Inviting many from a table: what is wrong is told by column and row, what would be done is shown, and it is done once. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { everybodyIn, mailsTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type Answer, type Visitor } from '../support/visitor.ts'

let server: TestServer
let ada: Visitor
const IMPORT = '/admin/people/import'
const HEAD = 'name,email,role,team'

before(async () => {
  server = await startTestServer()
  ;({ ada } = await everybodyIn(server, { ada: server.cast.ada }))
})
after(() => server.stop())

const paste = (rows: string) => ada.upload(IMPORT, IMPORT, { pasted: rows })
async function bring(bytes: Buffer, name = 'people.csv'): Promise<Answer> {
  const form = new FormData()
  form.set('_csrf', await ada.tokenOn(IMPORT))
  form.append('pasted', '')
  form.append('list', new Blob([Uint8Array.from(bytes)], { type: 'text/csv' }), name)
  const encoded = new Response(form)
  return ada.ask(IMPORT, {
    method: 'POST',
    headers: { 'content-type': encoded.headers.get('content-type')!, origin: `http://localhost:${server.port}` },
    body: Buffer.from(await encoded.arrayBuffer()),
  })
}
const accounts = async () => (await server.sql('SELECT 1 FROM accounts')).length
const said = async (answer: Answer) => plain((await ada.ask(answer.location)).body)
const rowsOf = ({ body }: Answer) =>
  [...body.matchAll(/<tr role="row"><td[^>]*>(\d+)<\/td><td[^>]*>(\w+)<\/td>/g)].map(
    ([, line, column]) => `${line} ${column}`,
  )

describe('A table of people', () => {
  test('that nobody can read is refused with what is wrong, and what was pasted stays', async () => {
    const before = await accounts()
    for (const [rows, problem] of [
      ['', /Choose a file, or paste the rows/],
      ['name,email\nAda,ada', /There is no column “role”/],
      ['name,name,email,role\nA,B,c@d.example,admin', /There are two columns “name”/],
      [`${HEAD}\n"Ada,x@y.example,admin,`, /quotation mark[\s\S]*near row 2/],
      [`${HEAD}\n${'A,a@b.example,admin,\n'.repeat(1001)}`, /more than 1000 rows/],
    ] as const) {
      const answer = await paste(rows)
      assert.equal(answer.status, 422, rows.slice(0, 40))
      assert.match(answer.body, problem)
    }
    assert.match((await paste('name,email\nAda,ada')).body, /<textarea[^>]*>\s*name,email\s+Ada,ada/)
    assert.match(
      (await bring(Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0, 0]), 'people.xlsx')).body,
      /not a table in text form/,
    )
    assert.match((await bring(Buffer.alloc(1024 * 1024 + 1, 97))).body, /larger than 1 MB/)
    assert.equal(await accounts(), before)
  })

  test('with wrong rows says which row, which column and why, all at once', async () => {
    const { dana, maria } = server.cast
    const answer = await paste(
      [
        HEAD,
        ',one@riverside.example,admin,',
        'Two,no address,auditor,',
        'Three,three@riverside.example,boss,',
        'Four,four@riverside.example,care team,',
        'Five,FIVE@riverside.example,auditor,',
        'Again,five@Riverside.example,auditor,',
        'Cyrillic,d\u0430na@riverside.example,auditor,',
      ].join('\n'),
    )
    assert.equal(answer.status, 422)
    assert.deepEqual(rowsOf(answer), ['2 name', '3 email', '4 role', '5 team', '7 email', '8 email'])
    assert.match(plain(answer.body), /6 rows have to be put right/)
    const patient = await paste(`${HEAD}\nM,${maria.email},admin,\nD,${dana.email},admin,`)
    assert.deepEqual(rowsOf(patient), ['2 email'])
    assert.match(patient.body, /address of a patient/)
  })

  for (const [name, bytes] of [
    ['UTF-8', Buffer.from('name;email;role;team\nJürgen Weiß;j1@riverside.example;Auditor;')],
    ['UTF-8 (with a mark)', Buffer.from('\ufeffname,email,role,team\r\nJürgen Weiß,j2@riverside.example,admin,\r\n')],
    ['UTF-16', Buffer.from('\ufeffname\temail\trole\tteam\nJürgen Weiß\tj3@riverside.example\tadmin\t', 'utf16le')],
    [
      'UTF-16 (big-endian)',
      Buffer.from('\ufeffname,email,role\nJürgen Weiß,j4@riverside.example,admin', 'utf16le').swap16(),
    ],
    ['Windows-1252', Buffer.from('name;email;role\nJürgen Weiß;j5@riverside.example;admin', 'latin1')],
  ] as const)
    test(`is read as ${name}, which is said`, async () => {
      const text = await said(await bring(bytes))
      assert.ok(text.includes(`Read as ${name},`), text)
      assert.match(text, /1 person will be invited\..*Jürgen Weiß/)
    })

  test('is shown before anything is done; then one button does it, and the same file again invites nobody', async () => {
    const file = Buffer.from(
      [
        HEAD,
        'Rita New,rita@riverside.example,care team,Eye clinic (fictitious)',
        'Rolf New,rolf@riverside.example,provider,eye clinic (fictitious)',
        'Ruth New,ruth@riverside.example,auditor,ignored',
        `Dana,${server.cast.dana.email},provider,Diabetes team`,
      ].join('\r\n'),
    )
    const before = await accounts()
    const answer = await bring(file)
    const text = await said(answer)
    assert.match(text, /3 people will be invited\. 1 person is known already/)
    assert.equal(await accounts(), before)
    const stored = await server.sql<{ list_sealed: Buffer }>('SELECT list_sealed FROM people_lists')
    assert.ok(stored.every(({ list_sealed }) => !list_sealed.includes('rita')))

    const unticked = await ada.submit(answer.location, answer.location, {})
    assert.equal(unticked.status, 422)
    assert.match(unticked.body, /href="#teams"/)
    const both = await Promise.all([1, 2].map(() => ada.submit(answer.location, answer.location, { teams: 'yes' })))
    for (const { status, location } of both) assert.deepEqual([status, location], [303, answer.location])
    assert.match(await said(answer), /3 people were invited/)
    assert.equal(await accounts(), before + 3)
    for (const name of ['rita', 'rolf', 'ruth'])
      assert.equal((await mailsTo(server, `${name}@riverside.example`)).length, 1)
    const teams = await server.sql<{ many: number }>(
      `SELECT count(*)::int AS many FROM team_members GROUP BY team_id ORDER BY min(joined_at) DESC LIMIT 1`,
    )
    assert.deepEqual(teams, [{ many: 2 }], 'one new team for both spellings')

    const again = await said(await bring(file))
    assert.match(again, /Nobody will be invited\. 4 people are known already/)
    assert.doesNotMatch(again, /Invite \d/)
    assert.equal((await server.sql(`SELECT 1 FROM access_events WHERE act = 'people-list.used'`)).length, 1)
  })

  test('with addresses that look like others asks first', async () => {
    const alike = server.cast.dana.email.replace('dana', 'd4na').replace('d4na', 'dana').replace('i', '1')
    const answer = await paste(`${HEAD}\nDana,${alike},auditor,`)
    assert.ok((await said(answer)).includes(`Row 2: ${alike} looks like ${server.cast.dana.email}.`))
    assert.equal((await ada.submit(answer.location, answer.location, {})).status, 422)
    assert.equal((await ada.submit(answer.location, answer.location, { alike: 'yes' })).status, 303)
  })

  test('of another administrator is not there, nor one that is an hour old', async () => {
    const { location } = await paste(`${HEAD}\nX,x@riverside.example,auditor,`)
    await server.sql(`UPDATE people_lists SET made_at = now() - interval '61 minutes'`)
    assert.equal((await ada.ask(location)).status, 404)
    const { removeOldPeopleLists } = await import('../../server/people/people-list.store.ts')
    await removeOldPeopleLists(new Date())
    assert.deepEqual(await server.sql('SELECT 1 FROM people_lists'), [])
  })
})
