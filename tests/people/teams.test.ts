/** Teams: founding, renaming, joining and leaving, and that nobody is left to read only when somebody says so. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { answerTo, enrol, everybodyIn, linkIn, mailsTo, writeTo } from '../support/letters.ts'
import { startTestServerSealed, type TestServer } from '../support/server.ts'
import { plain, type Visitor } from '../support/visitor.ts'

let server: TestServer
let ada: Visitor
let maria: Visitor
let pia: Visitor
let quin: Visitor
let team: string
const ids: Record<string, string> = {}

before(async () => {
  server = await startTestServerSealed()
  ;({ ada, maria } = await everybodyIn(server, { ada: server.cast.ada, maria: server.cast.maria }))
})
after(() => server.stop())

async function colleague(name: string, fields: Record<string, string>): Promise<Visitor> {
  const email = `${name}@riverside.example`
  const invite = { name: `${name} (fictitious)`, email, role: 'provider', team: '', newTeam: '', ...fields }
  ids[name] = (await ada.submit('/admin/people/invite', '/admin/people/invite', invite)).location.split('invited=')[1]!
  return (await enrol(server, linkIn((await mailsTo(server, email))[0]!))).visitor
}
const page = (move = '') => `/admin/teams/${team}${move && `/${move}`}`

describe('A team, in sealed mode', () => {
  test('is made and renamed, and no two have one name', async () => {
    const made = await ada.submit('/admin/teams/new', '/admin/teams/new', { name: 'Ear clinic' })
    team = /^\/admin\/teams\/([\w-]+)\?done=created$/.exec(made.location)![1]!
    for (const name of ['', 'ear CLINIC', 'x'.repeat(101)])
      assert.equal((await ada.submit('/admin/teams/new', '/admin/teams/new', { name })).status, 422, name)
    assert.equal((await ada.submit(page('rename'), page('rename'), { name: 'Diabetes team' })).status, 422)
    assert.equal((await ada.submit(page('rename'), page('rename'), { name: 'Ears (fictitious)' })).status, 303)
    assert.match(plain((await ada.ask('/admin/teams')).body), /Ears \(fictitious\) 0 0/)
    const { unsealField } = await import('../../server/vault/vault.ts')
    const [event] = await server.sql<{ id: string; details_sealed: Buffer }>(
      `SELECT id, details_sealed FROM access_events WHERE act = 'team.renamed'`,
    )
    assert.match(
      unsealField(`access-event/${event!.id}`, event!.details_sealed),
      /"before":"Ear clinic","after":"Ears \(fictitious\)"/,
    )
  })

  test('whose first member joins begins a key that is theirs: nobody has to let them in', async () => {
    pia = await colleague('pia', { team })
    const message = await writeTo(pia, { to: server.cast.maria.email, subject: 'Ears', body: 'Pia wrote this.' })
    ids['message'] = message
    assert.match((await maria.ask(`/messages/${message}`)).body, /Pia wrote this/)
    assert.match((await pia.ask(`/messages/${message}`)).body, /Pia wrote this/)
  })

  test('lets the second in by the session of the first, and only the care team can be added', async () => {
    quin = await colleague('quin', { newTeam: 'Somewhere else' })
    const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
    for (const wrong of [
      (await findAccountByEmail(server.cast.felix.email))!.id,
      (await findAccountByEmail(server.cast.maria.email))!.id,
      ids['pia']!,
      '',
    ])
      assert.equal((await ada.submit(page('add'), page('add'), { account: wrong })).status, 422)
    assert.equal(
      (await ada.submit(page('add'), page('add'), { account: ids['quin']! })).location,
      `${page()}?done=joined`,
    )
    assert.doesNotMatch((await quin.ask(`/messages/${ids['message']}`)).body, /Pia wrote this/)
    await pia.ask('/messages')
    assert.match((await quin.ask(`/messages/${ids['message']}`)).body, /Pia wrote this/)
  })

  test('begins a new key when somebody leaves; who stays reads all, and who joins then reads all too', async () => {
    const out = page(`remove/${ids['pia']}`)
    assert.match(plain((await ada.ask(out)).body), /The team begins a new key/)
    assert.equal((await ada.submit(out, out, {})).location, `${page()}?done=left`)
    assert.equal((await pia.ask(`/messages/${ids['message']}`)).status, 404)
    assert.equal((await answerTo(maria, ids['message']!, { body: 'After Pia left.' })).status, 303)
    assert.match((await quin.ask(`/messages/${ids['message']}`)).body, /Pia wrote this[\s\S]*After Pia left/)
    const rita = await colleague('rita', { team })
    await quin.ask('/messages')
    assert.match((await rita.ask(`/messages/${ids['message']}`)).body, /Pia wrote this[\s\S]*After Pia left/)
  })

  test('is left without members only when somebody says so', async () => {
    const out = (name: string) => page(`remove/${ids[name]}`)
    assert.equal((await ada.submit(out('rita'), out('rita'), {})).status, 303)
    const asked = await ada.submit(out('quin'), out('quin'), {})
    assert.equal(asked.status, 422)
    assert.match(asked.body, /href="#sure"/)
    assert.equal((await ada.submit(out('quin'), out('quin'), { sure: 'yes' })).status, 303)
    assert.match((await ada.ask(page())).body, /nobody reads what patients write to it/)
    assert.equal((await ada.ask(out('quin'))).status, 404)
  })

  test('two who remove the last two members at the same moment leave one', async () => {
    for (const name of ['quin', 'rita'])
      assert.equal((await ada.submit(page('add'), page('add'), { account: ids[name]! })).status, 303)
    const token = await ada.tokenOn('/help')
    const send = (name: string) =>
      ada.ask(page(`remove/${ids[name]}`), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${server.port}` },
        body: new URLSearchParams({ _csrf: token }).toString(),
      })
    const answers = await Promise.all([send('quin'), send('rita')])
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [303, 422])
    assert.equal((await server.sql('SELECT 1 FROM team_members WHERE team_id = $1', [team])).length, 1)
  })
})
