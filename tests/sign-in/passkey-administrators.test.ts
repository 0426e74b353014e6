/** In real use an administrator has a passkey; in the try-out nobody has to. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServerInRealUse, type TestServer } from '../support/server.ts'
import { giveAuthenticator } from '../support/authenticator.ts'
import { openWindow, startBrowser } from '../support/browser.ts'
import { codeOf } from '../support/cast.ts'
import { enter, enterOn, typeInto } from '../support/keyboard.ts'
import { SoftwarePasskey, type RegistrationOptions } from '../support/software-passkey.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'

let server: TestServer
before(async () => {
  server = await startTestServerInRealUse({ BASE_URL: 'https://letters.riverside.example' })
})
after(() => server.stop())

test('in a browser, by keyboard alone: the page leads to the device, and after that everything opens', async () => {
  const browser = await startBrowser()
  try {
    const { page } = await openWindow(browser, `http://localhost:${server.port}`)
    await giveAuthenticator(page)
    await letCodesCountAgain(server)
    const { email, password } = server.cast.ada
    await page.goto('/sign-in')
    await typeInto(page, '[name=email]', email)
    await typeInto(page, '[name=password]', password)
    await enter(page)
    await typeInto(page, '[name=code]', codeOf(server.cast.ada))
    await enter(page)
    assert.match(await page.innerText('main'), /As an administrator you sign in with a device/)
    await enterOn(page, '#passkey')
    assert.match(await page.innerText('.notice.ok'), /The device was added/)
    await page.goto('/admin/people')
    assert.equal(await page.textContent('h1'), 'People')
    await server.sql('DELETE FROM passkeys')
  } finally {
    await browser.close()
  }
})

test('an administrator without a passkey is led to make one, can do nothing before, and everything after', async () => {
  const ada = await signedIn(server, server.cast.ada)
  assert.equal((await ada.ask('/admin/people')).location, '/account/passkeys')
  const page = await ada.ask('/account/passkeys')
  assert.equal(page.status, 200)
  assert.match(page.body, /As an administrator you sign in with a device/)
  const refused = await ada.submit('/account/passkeys', '/admin/people/invite', { name: 'Kim' })
  assert.equal(refused.status, 403)
  const options = JSON.parse((await ada.ask('/account/passkeys/new')).body) as RegistrationOptions
  const answer = new SoftwarePasskey(server.port).create(options)
  const added = await ada.submit('/account/passkeys', '/account/passkeys', { answer, prf: '' })
  assert.equal(added.location, '/account/passkeys?done=added')
  assert.equal((await ada.ask('/admin/people')).status, 200)
  const [row] = await server.sql<{ id: string }>('SELECT id FROM passkeys')
  const kept = await ada.submit('/account/passkeys', `/account/passkeys/${row!.id}/remove`, {})
  assert.equal(kept.status, 409)
  assert.match(kept.body, /An administrator needs one at least/)
})

test('nobody else has to', async () => {
  const dana = await signedIn(server, server.cast.dana)
  assert.equal((await dana.ask('/messages')).status, 200)
})
