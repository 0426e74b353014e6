/** A device with a lock, as Chromium plays one: what the browser asks it, it answers at once. */
import type { CDPSession, Page } from 'playwright-core'

export interface Authenticator {
  id: string
  client: CDPSession
}

/** @param prf whether it makes secrets (WebAuthn, extension `prf`) */
export async function giveAuthenticator(page: Page, { prf = true, answers = true } = {}): Promise<Authenticator> {
  const client = await page.context().newCDPSession(page)
  await client.send('WebAuthn.enable', { enableUI: false })
  const { authenticatorId } = await client.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      hasPrf: prf,
      isUserVerified: true,
      automaticPresenceSimulation: answers,
    },
  })
  return { id: authenticatorId, client }
}

/** What the device keeps, to be put into another browser's as a synchronised passkey is. */
export async function passkeysIn({ client, id }: Authenticator) {
  const { credentials } = await client.send('WebAuthn.getCredentials', { authenticatorId: id })
  return credentials
}
