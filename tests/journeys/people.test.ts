/** The pages of people and teams as an administrator meets them, light and dark, from a small phone to a desk; and by keyboard alone, without scripts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { openWindow } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import { enterOn, tabTo, typeInto } from '../support/keyboard.ts'
import { enrol, linkIn, mailsTo, writeTo } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { serverAndBrowser } from '../support/server-and-browser.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'
import { AXE } from '../views/look-at-page.ts'
import { makeLook, SHOWN } from './look-around.ts'
import { makeWalker, SUBMIT, type Window } from './walker.ts'

let server: TestServer
let browser: Browser
serverAndBrowser((both) => ({ server, browser } = both))

const BUTTON = 'main form:not(.filter) button[type=submit]'

test('every page of people and teams is whole, readable and reachable by keyboard, light and dark, from 320 to 1280 pixels', async (t) => {
  const { look, reached } = await makeLook(t)
  const { signIn, open, press } = makeWalker(server, browser, look, { initScript: AXE })
  const admin = await signIn(server.cast.ada)
  const { page } = admin
  const fill = (name: string, text: string) => page.fill(`[name=${name}]`, text)
  const follow = (text: string, name: string, h1: string) => press(admin, `main a:has-text("${text}")`, name, 200, h1)

  await open(admin, '/admin/people', 'people/people', 200, 'People')
  await press(admin, 'form.filter[method=post] button', 'people/people, nothing typed', 422, 'People')
  await fill('text', 'nobody of this name')
  await press(admin, 'form.filter[method=post] button', 'people/people, nobody found', 200, 'People')
  await manyByTable()
  const leo = await leaver()
  await aPerson()
  await teams()
  assert.deepEqual(
    SHOWN.people.filter((path) => !reached.has(path)),
    [],
  )

  async function manyByTable() {
    await open(admin, '/admin/people', 'people/people, on the way to many', 200, 'People')
    await follow('Invite many', 'people/import', 'Invite many people')
    await press(admin, BUTTON, 'people/import, nothing brought', 422, 'Invite many people')
    await fill('pasted', 'name;email\nKim;kim@riverside.example')
    await press(admin, BUTTON, 'people/import, wrong columns', 422, 'Invite many people')
    await fill('pasted', `name,email,role,team\n${'A very long name '.repeat(8)},no address,boss,\nKim,kim@,provider,`)
    await press(admin, BUTTON, 'people/import, wrong rows', 422, 'Invite many people')
    const buffer = Buffer.from(
      'name;email;role;team;phone\nKim Novak;k1m.novak@riverside.example;provider;Feet;1\nKim;kim.novak@riverside.example;auditor;;2',
    )
    await fill('pasted', '')
    await page.setInputFiles('[name=list]', { name: 'people.csv', mimeType: 'text/csv', buffer })
    await press(admin, BUTTON, 'people/import-check', 200, 'Check before you invite')
    await press(admin, BUTTON, 'people/import-check, not ticked', 422, 'Check before you invite')
    await page.check('[name=teams]')
    await page.check('[name=alike]')
    await press(admin, BUTTON, 'people/import-check, done', 200, 'Check before you invite')
  }

  /** A colleague who wrote from a mailbox of their own. */
  async function leaver() {
    const name = 'Leonora Leaver with a rather long name, and a title (fictitious)'
    const email = 'leonora.leaver.with.a.rather.long.address@riverside.example'
    await page.goto('/admin/people/invite')
    await fill('name', name)
    await fill('email', email)
    await page.check('[value=provider]')
    await fill('newTeam', 'A team with a name that is longer than most')
    await press(admin, SUBMIT, 'people/people, somebody was invited', 200, 'People')
    await follow(name, 'people/person, invited', name)
    await follow(
      'Send the invitation again',
      'people/change, an invitation again',
      `Send the invitation to ${name} again`,
    )
    await press(admin, BUTTON, 'people/person, invited again', 200, name)
    const { visitor } = await enrol(server, linkIn((await mailsTo(server, email))[0]!))
    await page.reload()
    await follow('A team with a name', 'people/team', 'A team with a name that is longer than most')
    await follow(
      'Remove',
      'people/change, the last member',
      `Remove ${name} from A team with a name that is longer than most`,
    )
    await press(admin, BUTTON, 'people/team, without members', 200, 'A team with a name that is longer than most')
    await writeTo(visitor, { to: server.cast.maria.email })
    return name
  }

  async function aPerson() {
    await page.goto('/admin/people')
    await follow(leo, 'people/person, of no team', leo)
    await follow('Hand over', 'people/change, handing over', `Hand over the conversations of ${leo}`)
    await press(
      admin,
      BUTTON,
      'people/change, handing over, nothing chosen',
      422,
      `Hand over the conversations of ${leo}`,
    )
    await page.selectOption('[name=to]', { label: 'Team: Diabetes team' })
    await fill('reason', 'She leaves.')
    await press(admin, BUTTON, 'people/person, handed over', 200, leo)
    await follow('Change the role', 'people/change, a role', `Change the role of ${leo}`)
    await press(admin, BUTTON, 'people/change, a role, no reason', 422, `Change the role of ${leo}`)
    await page.check('[value=auditor]')
    await fill('reason', 'Another task.')
    await press(admin, BUTTON, 'people/person, another role', 200, leo)
    await follow('Suspend access', 'people/change, suspending', `Suspend access of ${leo}`)
    await fill('reason', 'A leave.')
    await press(admin, BUTTON, 'people/person, suspended', 200, leo)
    await follow('Give access back', 'people/change, giving back', `Give access back to ${leo}`)
    await fill('reason', 'She is back.')
    await press(admin, BUTTON, 'people/person, given back', 200, leo)
    await follow('Close access', 'people/change, closing', `Close access of ${leo}`)
    await press(admin, BUTTON, 'people/change, closing, nothing given', 422, `Close access of ${leo}`)
    await fill('reason', 'She left.')
    await page.check('[name=sure]')
    await press(admin, BUTTON, 'people/person, closed', 200, leo)
    await page.goto('/admin/people')
    await follow('Access that ended', 'people/ended', 'Access that ended')
    await press(admin, 'td form button', 'people/ended, told', 200, 'Access that ended')
    await page.goto('/admin/people')
    await follow('Ada', 'people/person, oneself', 'Ada Moss, administrator')
  }

  async function teams() {
    await page.goto('/admin/people')
    await follow('Teams', 'people/teams', 'Teams')
    await follow('New team', 'people/change, a new team', 'New team')
    await press(admin, BUTTON, 'people/change, a new team, without a name', 422, 'New team')
    await fill('name', 'Ear clinic')
    await press(admin, BUTTON, 'people/team, new', 200, 'Ear clinic')
    await follow('Add a member', 'people/change, a member', 'Add a member to Ear clinic')
    await press(admin, BUTTON, 'people/change, a member, nobody chosen', 422, 'Add a member to Ear clinic')
    await page.goBack()
    await page.goBack()
    await follow('Rename', 'people/change, renaming', 'Rename Ear clinic')
  }
})

for (const scripts of [true, false])
  test(`a colleague is found, suspended and given back by keyboard alone, ${scripts ? 'on a screen, with scripts' : 'on a phone, without scripts'}`, async () => {
    const sam = await signedIn(server, server.cast.sam)
    const { page, complaints, context } = await openWindow(browser, server.baseUrl, {
      scripts,
      width: scripts ? 1280 : 320,
    })
    await signInByKeyboard({ page, complaints })
    await page.goto('/admin/people')
    await typeInto(page, '[name=text]', 'reid')
    await enterOn(page, 'form.filter[method=post] button')
    assert.match((await page.textContent('[role=status]'))!, /1 person found/)
    await enterOn(page, 'td.who a')
    await enterOn(page, 'a[href$="/suspend"]')
    await typeInto(page, '[name=reason]', 'A leave.')
    await enterOn(page, BUTTON)
    assert.match((await page.textContent('.notice.ok'))!, /every session has ended/)
    assert.equal((await sam.ask('/messages')).status, 303)
    await enterOn(page, 'a[href$="/reopen"]')
    await typeInto(page, '[name=reason]', 'Back again.')
    await enterOn(page, BUTTON)
    assert.match((await page.textContent('.notice.ok'))!, /can sign in again/)
    assert.deepEqual(complaints, [])
    await context.close()
  })

async function signInByKeyboard({ page }: Window) {
  const { ada } = server.cast
  await letCodesCountAgain(server)
  await page.goto('/sign-in')
  await typeInto(page, '[name=email]', ada.email)
  await typeInto(page, '[name=password]', ada.password)
  await enterOn(page, SUBMIT)
  await tabTo(page, '[name=code]')
  await page.keyboard.type(codeOf(ada))
  await enterOn(page, SUBMIT)
}
