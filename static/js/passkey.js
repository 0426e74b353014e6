// Asks the device for its lock (a passkey), and sends what it answered with the form of the page. Without this script the pages work as they are.
// The library's bundle, served out of its package; fetched only when it is needed, so that nobody waits for it who signs in another way.
const loadLibrary = async () => (await import('./simplewebauthn.js'), window.SimpleWebAuthnBrowser)
// The server's challenges live for ten minutes.
const REFRESH = 9 * 60_000
const NOT_NOW = new Error('no options')

const device = window.PublicKeyCredential
let library

for (const form of device ? document.querySelectorAll('form[data-passkey]') : []) {
  const { passkey: does, local, auto } = form.dataset
  if (local && !(await device.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false))) continue
  for (const without of document.querySelectorAll('[data-without-passkey]')) without.hidden = true
  form.hidden = false
  form.closest('[data-with-passkey]').hidden = false
  form.querySelector('button').addEventListener('click', () => {
    if (!('busy' in form.dataset)) ask(form, does === 'make' ? make : use)
  })
  if (auto) offer(form)
}

async function ask(form, way) {
  const status = form.querySelector('[role=status]')
  form.dataset.busy = ''
  status.textContent = form.dataset.working
  try {
    send(form, await way(await optionsOf(form)))
  } catch (error) {
    // Signed out meanwhile, or a proof is needed: the page says so itself.
    if (error === NOT_NOW) return location.reload()
    status.textContent = error.name === 'InvalidStateError' ? form.dataset.there : form.dataset.again
  }
  delete form.dataset.busy
}

async function optionsOf(form) {
  const asked = fetch(form.dataset.options, { headers: { Accept: 'application/json' } })
  const [answer, loaded] = await Promise.all([asked, library ?? loadLibrary()])
  library = loaded
  if (answer.redirected || !answer.ok) throw NOT_NOW
  return withBytes(await answer.json())
}

function withBytes(options) {
  const first = library.base64URLStringToBuffer(options.extensions.prf.eval.first)
  return { ...options, extensions: { ...options.extensions, prf: { eval: { first } } } }
}

async function make(optionsJSON) {
  const made = await library.startRegistration({ optionsJSON })
  const { enabled, results } = made.clientExtensionResults.prf ?? {}
  // Most devices give their secret only when the passkey is used: it is, once, at once. What is signed here is not looked at.
  return { ...made, secret: results?.first ?? (enabled && (await secretOf(made, optionsJSON))) }
}

async function secretOf({ id, response }, { rp, challenge, extensions }) {
  const allowCredentials = [{ id, type: 'public-key', transports: response.transports }]
  const optionsJSON = { rpId: rp.id, challenge, extensions, allowCredentials, userVerification: 'required' }
  try {
    return (await use(optionsJSON)).secret
  } catch {
    return undefined
  }
}

async function use(optionsJSON, useBrowserAutofill = false) {
  const used = await library.startAuthentication({ optionsJSON, useBrowserAutofill })
  return { ...used, secret: used.clientExtensionResults.prf?.results?.first }
}

function send(form, { secret, ...answer }) {
  form.elements.answer.value = JSON.stringify({ ...answer, clientExtensionResults: {} })
  form.elements.prf.value = secret ? library.bufferToBase64URLString(secret) : ''
  form.submit()
}

// Passkeys among what the browser offers in the page's fields. Asking for one by the button ends this.
async function offer(form) {
  if (!(await device.isConditionalMediationAvailable?.())) return
  const again = setTimeout(() => offer(form), REFRESH)
  try {
    const answer = await use(await optionsOf(form), true)
    clearTimeout(again)
    send(form, answer)
  } catch (error) {
    if (error.name !== 'AbortError') clearTimeout(again)
  }
}
