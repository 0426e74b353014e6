/** Every page of signing in, of one's own account and of help with a sign-in, each reached as a person reaches it. */
import { mailAbout, noticeSaying, pathIn } from '../own-account/account-mails.ts'
import { letTheWaitPass } from '../help-sign-in/helping.ts'
import { giveAuthenticator } from '../support/authenticator.ts'
import { codeOf } from '../support/cast.ts'
import type { TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn } from '../support/visitor.ts'
import { changeSessions } from '../sign-in/session-rows.ts'
import { linkFor, newPatient } from '../sign-in/way-back.ts'
import { writeWithCode, writeTo } from '../enrolment/newcomer.ts'
import { SUBMIT, type Walker, type Window } from './walker.ts'

const LOCK = '#passkey'
const CODE_APP = 'Add a code app'

export async function walkWaysIn(server: TestServer, walker: Walker): Promise<void> {
  const { window, signIn, open, press, pressQuietly } = walker
  const { dana, sam } = server.cast
  const writer = await signedIn(server, dana)
  const nobody = await window()
  const patient = await newPatient(server, writer, 'a.patient.with.a.rather.long.address.for.a.small.phone')

  await forgotten()
  await newcomers()
  const own = await byRecoveryCode()
  await account(own)
  await devices(own)
  await passkeys(own)
  await recoveryCodes(own)
  await proof(own)
  await address(own)
  const nurse = await signIn(dana)
  await drafts(nurse)
  await help(nurse)
  for (const { page } of [nobody, own, nurse]) await page.context().close()

  async function forgotten() {
    await open(nobody, '/sign-in/help', 'sign-in/cannot-sign-in', 200, 'When you cannot sign in')
    await press(nobody, 'a[href="/sign-in/forgot"]', 'sign-in/forgot', 200, 'I forgot my password')
    await press(nobody, SUBMIT, 'sign-in/forgot, wrong', 422, 'I forgot my password')
    await nobody.page.fill('[name=email]', patient.person.email)
    await press(nobody, SUBMIT, 'sign-in/forgot-asked', 200, 'Look at your mail')
    const link = await linkFor(server, patient.person.email)
    await open(nobody, link, 'sign-in/reset', 200, 'Choose a new password')
    await press(nobody, SUBMIT, 'sign-in/reset, wrong', 422, 'Choose a new password')
    patient.person.password = 'an entirely new password'
    await nobody.page.fill('[name=password]', patient.person.password)
    await letCodesCountAgain(server)
    await nobody.page.fill('[name=code]', codeOf(patient.person))
    await press(nobody, SUBMIT, 'sign-in/password-set', 200, 'Your password is set')
    await open(nobody, link, 'sign-in/reset-dead', 404, 'This link does not work any more')
  }

  /** With an access code; with a device whose lock cannot open messages. */
  async function newcomers() {
    const { link, code } = await writeWithCode(server, writer, 'told.by.phone@mail.example')
    await open(nobody, link, 'sign-in/landing, an access code is asked for', 200, 'You have a secure message')
    await nobody.page.fill('[name=code]', 'AAAA AAAA')
    await press(nobody, SUBMIT, 'sign-in/landing, a wrong access code', 422, 'You have a secure message')
    await nobody.page.fill('[name=code]', code)
    await pressQuietly(nobody, SUBMIT)

    const email = 'by.lock@mail.example'
    const told = await writeTo(server, writer, email)
    const held = await window()
    const { page } = held
    await withoutOffer(held)
    await giveAuthenticator(page, { prf: false })
    await page.goto(told.link)
    await press(held, SUBMIT, 'enrolment/make-password, by a device', 200, 'Make your sign-in')
    await press(held, LOCK, 'enrolment/password-beside-passkey', 200, 'Now choose a password')
    await page.fill('[name=password]', 'three random words 7')
    await pressQuietly(held, SUBMIT)
    await page.check('[name=saved]')
    await pressQuietly(held, SUBMIT)
    await page.goto('/account/passkeys')
    await press(
      held,
      '.passkeys a:has-text("Remove")',
      'own-account/passkey-remove, last-way-in',
      200,
      'Remove Linux computer?',
    )
    await pressQuietly(held, '.masthead form button')
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', 'three random words 7')
    await press(held, SUBMIT, 'sign-in/code, a passkey only', 200, 'One more step')
    await page.goto('/sign-in')
    await press(held, LOCK, 'sign-in/password-after-passkey', 200, 'Now your password')
    await press(held, SUBMIT, 'sign-in/password-after-passkey, wrong', 422, 'Now your password')
    await page.context().close()
  }

  async function byRecoveryCode(): Promise<Window> {
    const signing = await window()
    const { page } = signing
    await withoutOffer(signing)
    await giveAuthenticator(page)
    await letCodesCountAgain(server)
    await page.goto('/sign-in')
    await page.fill('[name=email]', patient.person.email)
    await page.fill('[name=password]', patient.person.password)
    await pressQuietly(signing, SUBMIT)
    await page.click('summary')
    await pressQuietly(signing, 'a[href^="/sign-in/recovery-code"]')
    await page.fill('[name=code]', patient.codes[0]!)
    await press(signing, SUBMIT, 'own-account/recovery-code-used', 200, 'You signed in with a recovery code')
    return signing
  }

  async function account(own: Window) {
    const { page } = own
    await open(own, '/account', 'own-account/account', 200, 'Account')
    await press(own, 'a[href="/account/name"]', 'own-account/name', 200, 'Change your name')
    await press(own, SUBMIT, 'own-account/name, empty', 422, 'Change your name')
    await page.fill('[name=name]', 'Aaliyah Featherstonehaugh-Montgomery')
    await press(own, SUBMIT, 'own-account/account, the name changed', 200, 'Account')
    await press(own, 'a[href="/account/password"]', 'own-account/password', 200, 'Change your password')
    await press(own, SUBMIT, 'own-account/password, with errors', 403, 'Change your password')
    await open(own, '/account/code-app', 'own-account/code-app', 200, 'Set up another code app')
    await press(own, SUBMIT, 'own-account/code-app, wrong code', 422, 'Set up another code app')
    await open(own, '/account/openings', 'own-account/openings', 200, 'Who opened your messages')
  }

  async function devices(own: Window) {
    await signedIn(server, patient.person)
    await open(own, '/account/devices', 'own-account/devices', 200, 'Where you are signed in')
    const others = 'form[action$="/end-others"] button'
    await press(own, others, 'own-account/devices, after signing the others out', 200, 'Where you are signed in')
  }

  async function passkeys(own: Window) {
    const title = 'Face, fingerprint or screen lock'
    const { page } = own
    await open(own, '/account/passkeys', 'own-account/passkeys, none', 200, title)
    await press(own, LOCK, 'own-account/passkeys, added', 200, title)
    const name = '.passkeys a:has-text("Rename")'
    await press(own, name, 'own-account/passkey-name', 200, 'Name this device')
    await page.fill('[name=name]', '')
    await press(own, SUBMIT, 'own-account/passkey-name, nothing typed', 422, 'Name this device')
    await page.fill('[name=name]', 'The telephone that stands in the kitchen beside the clock')
    await press(own, SUBMIT, 'own-account/passkeys, renamed', 200, title)
    const removal = '.passkeys a:has-text("Remove")'
    const asked = 'Remove The telephone that stands in the kitchen beside the clock?'
    await press(own, removal, 'own-account/passkey-remove', 200, asked)
  }

  async function recoveryCodes(own: Window) {
    await open(own, '/account/recovery-codes', 'own-account/recovery-codes', 200, 'Recovery codes')
    const make = 'form[action="/account/recovery-codes"] button'
    await press(own, make, 'enrolment/recovery-codes, new ones', 200, 'Keep these codes safe')
    await own.page.check('[name=saved]')
    await pressQuietly(own, SUBMIT)
  }

  async function proof(own: Window) {
    await changeSessions(server, { provedAt: 1 })
    await open(own, '/account/name', 'sign-in/prove', 200, 'Show that it is you')
    await press(own, SUBMIT, 'sign-in/prove, wrong', 422, 'Show that it is you')
    await letCodesCountAgain(server)
    await own.page.fill('[name=password]', patient.person.password)
    await own.page.fill('[name=code]', codeOf(patient.person))
    await pressQuietly(own, SUBMIT)
  }

  async function address(own: Window) {
    const { page } = own
    const { email } = patient.person
    const next = 'another.address.that.is.long.as.well@a-provider-of-mail.example'
    await open(own, '/account/address', 'own-account/address', 200, 'Change your e‑mail address')
    await page.fill('[name=email]', 'nowhere')
    await press(own, SUBMIT, 'own-account/address, not an address', 422, 'Change your e‑mail address')
    await page.fill('[name=email]', next)
    await press(own, SUBMIT, 'own-account/address, both are waited for', 200, 'Change your e‑mail address')
    const confirm = pathIn(await mailAbout(server, next, 'Confirm your new address'))
    await open(own, confirm, 'own-account/confirm-address', 200, 'Confirm your new address')
    await press(own, SUBMIT, 'own-account/account, the old address is waited for', 200, 'Account')
    const old = pathIn(await mailAbout(server, email, 'A change of your address'))
    const asked = 'A change of your e-mail address'
    await open(own, old, 'own-account/address-change, its owner is signed in', 200, asked)
    await open(nobody, old, 'own-account/address-change', 200, asked)
    await press(
      nobody,
      'form[action$="/stop"] button',
      'own-account/address-stopped, stopped',
      200,
      'The change was stopped',
    )
    const notMe = pathIn(await noticeSaying(server, email, /\/not-me\//))
    await open(nobody, notMe, 'own-account/not-me', 200, 'Was this not you?')
    await press(nobody, SUBMIT, 'own-account/disowned', 200, 'We locked others out')
  }

  async function drafts(nurse: Window) {
    const { page } = nurse
    await page.goto('/messages/new')
    await page.fill('[name=to]', 'never.mind@mail.example')
    await page.fill('[name=body]', 'Written, and then not meant.')
    await pressQuietly(nurse, 'button[value=save]')
    await press(nurse, 'a[href$="/delete"]', 'messages/delete-draft', 200, 'Delete this draft?')
    const { message } = await writeWithCode(server, writer, 'on.paper@mail.example')
    const path = `/messages/${message}/access-code`
    await open(nurse, path, 'messages/access-code, open', 200, 'Access code')
    await press(nurse, SUBMIT, 'messages/access-code, made just now', 200, 'Access code')
    await open(nurse, '/account', 'own-account/account, for a provider', 200, 'Account')
  }

  async function help(nurse: Window) {
    const { email } = patient.person
    const list = 'Help with sign-in'
    const request = 'A request for a new sign-in'
    await open(nurse, '/help-sign-in', 'help-sign-in/help-requests, nothing to do', 200, list)
    await nurse.page.fill('[name=email]', 'nobody.here@mail.example')
    await press(nurse, SUBMIT, 'help-sign-in/help-requests, nobody found', 422, list)
    await nurse.page.fill('[name=email]', email)
    await press(nurse, SUBMIT, 'help-sign-in/help-person', 200, 'Is this the person who called?')
    await press(nurse, 'a.button', 'help-sign-in/help-ask', 200, 'Ask to help')
    await press(nurse, SUBMIT, 'help-sign-in/help-ask, box not ticked', 422, 'Ask to help')
    for (const name of ['reached', 'knows', 'told']) await nurse.page.check(`[name=${name}]`)
    await nurse.page.fill('[name=reason]', 'The phone and the paper are gone. I know the voice.')
    await press(nurse, SUBMIT, 'help-sign-in/help-request, for whoever asked', 200, request)
    const path = new URL(nurse.page.url()).pathname
    const second = await signIn(sam)
    await open(second, '/help-sign-in', 'help-sign-in/help-requests, one waits', 200, list)
    await open(second, path, 'help-sign-in/help-request, for the second person', 200, request)
    await pressQuietly(second, 'form[action$="/approve"] button')
    await second.page.context().close()
    const mail = await noticeSaying(server, email, /\/stop-help\//)
    const stop = /https?:\/\/[^/\s]+(\/stop-help\/\S+)/.exec(mail.text)![1]!
    await open(nobody, stop, 'help-sign-in/stop-help, open', 200, 'Stop help with your sign-in')
    await letCodesCountAgain(server)
    const theirs = await signIn({ ...patient.person })
    await open(theirs, '/help-asked', 'help-sign-in/help-asked', 200, 'Did you ask us for a new sign-in?')
    await theirs.page.context().close()
    await letTheWaitPass(server, path)
    await open(nurse, path, 'help-sign-in/help-request, ready', 200, request)
    await press(nurse, 'form[action$="/code"] button', 'help-sign-in/help-code', 200, 'Read this code to the person')
    await helped(email, await nurse.page.innerText('.told-code'))
  }

  async function helped(email: string, code: string) {
    const { page } = nobody
    await open(nobody, '/sign-in/staff-code', 'help-sign-in/staff-code', 200, 'Type the code from our staff')
    await page.fill('[name=email]', email)
    await page.fill('[name=code]', '0000-0000')
    await press(nobody, SUBMIT, 'help-sign-in/staff-code, wrong', 422, 'Type the code from our staff')
    await page.fill('[name=email]', email)
    await page.fill('[name=code]', code)
    await press(nobody, SUBMIT, 'enrolment/make-password, helped', 200, 'Make your sign-in')
    await page.fill('[name=password]', 'other random words 8')
    await press(nobody, SUBMIT, 'enrolment/second-factor, helped', 200, CODE_APP)
    await page.fill('[name=code]', codeOf({ totpSecret: (await page.innerText('#key')).replace(/\s/g, '') }))
    await press(nobody, SUBMIT, 'enrolment/recovery-codes, helped', 200, 'Keep these codes safe')
    await page.check('[name=saved]')
    await pressQuietly(nobody, SUBMIT)
  }
}

/** Nothing is offered in the fields: a device that answers at once would sign in before anybody presses anything. */
export async function withoutOffer({ page }: Pick<Window, 'page'>) {
  await page.addInitScript(`PublicKeyCredential.isConditionalMediationAvailable = async () => false`)
}
